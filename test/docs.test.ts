/** Checks docs and comments against the code: tables of names, words that were given up, and flags. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { operatingPage } from '../scripts/docs/settings.js'
import { declareFlags } from '../src/cli/common-flags.js'
import { command as runCommand } from '../src/cli/commands/run.js'
import { ERRORS } from '../src/errors.js'
import { createMetrics } from '../src/metrics/metrics.js'
import { errorsPage } from '../scripts/docs/errors.js'
import { auditPage } from '../scripts/docs/rules.js'
import { RULES } from '../src/audit/rules/rules.js'
import { WALK_RULES } from '../src/audit/walk/walk-rules.js'
import * as mirrorShapes from '../src/status/mirror-shapes.js'
import * as shapes from '../src/status/shapes.js'
import { CONDITIONS, SEVERITIES } from '../src/status/conditions.js'

const ROOT = new URL('..', import.meta.url).pathname

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** The rows of all Markdown tables whose first heading is this, as their cells. */
function rowsUnder(markdown: string, heading: string): string[][] {
  let isInside = false
  return markdown.split('\n').flatMap((line) => {
    // A bar in the text is escaped.
    const cells = line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('\\|', '|'))
    const [first = ''] = cells
    if (first === heading) isInside = true
    else if (cells.length === 0) isInside = false
    else if (isInside && !/^-+$/.test(first)) return [cells]
    return []
  })
}

describe('docs/errors.md', () => {
  test('is what npm run docs writes', async () => {
    expect(read('docs/errors.md')).toBe(await errorsPage())
  })

  test('has every code, in the order of the table', () => {
    const codes = rowsUnder(read('docs/errors.md'), 'code').map(([code]) => code)
    expect(codes).toEqual(Object.keys(ERRORS).map((code) => `\`${code}\``))
  })

  test('has an instruction for each code', () => {
    for (const [code, , hint] of rowsUnder(read('docs/errors.md'), 'code')) {
      expect(hint!.split(' ').length, code).toBeGreaterThan(1)
    }
  })
})

test('docs/json.md has the events of src/node/events.ts, and no other', () => {
  const events = [...read('src/node/events.ts').matchAll(/readonly event: '([a-z-]+)'/g)].map(([, event]) => event!)
  const documented = rowsUnder(read('docs/json.md'), 'event').map(([event]) => event!.replaceAll('`', ''))
  expect(events.length).toBeGreaterThan(10)
  expect(documented.toSorted()).toEqual(events.toSorted())
})

test('docs/json.md has the fields of every event', () => {
  const union = read('src/node/events.ts')
    .split(/readonly event: '/)
    .slice(1)
  const rows = rowsUnder(read('docs/json.md'), 'event')
  for (const [i, rest] of union.entries()) {
    const event = rest.slice(0, rest.indexOf("'"))
    const end = i + 1 < union.length ? rest.length : rest.indexOf('\n)')
    const row = rows.find(([cell]) => cell === `\`${event}\``)?.join(' ') ?? ''
    // Fields of the event itself: those of nested objects are on the same line, after a brace.
    const fields = [...rest.slice(0, end).matchAll(/(?:^ {6}|[{;] )readonly ([a-zA-Z]+)\??:/gm)].map(
      ([, name]) => name!,
    )
    for (const field of fields) expect(row, `${field} of ${event}`).toMatch(new RegExp(`\\b${field}\\b`))
  }
})

test('docs/http.md has every field of the API', () => {
  const http = read('docs/http.md')
  const schemas = Object.values({ ...shapes, ...mirrorShapes }) as { readonly properties?: object }[]
  const fields = schemas.flatMap((schema) => Object.keys(schema.properties ?? {}))
  expect(fields.length).toBeGreaterThan(60)
  for (const field of fields) expect(http, field).toMatch(new RegExp(`[\x60"]${field}[\x60"]`))
})

describe('docs/metrics.md', () => {
  const declared = createMetrics()
    .declared()
    .filter(({ name }) => name.startsWith('gossum_'))
  const rows = rowsUnder(read('docs/metrics.md'), 'metric')

  test.each(declared.map((metric) => [metric.name, metric] as const))(
    'has %s as declared',
    (name, { help, type, labelNames }) => {
      const labels = labelNames.map((label) => `\`${label}\``).join(' ')
      expect(rows.filter(([cell]) => cell === `\`${name}\``)).toEqual([[`\`${name}\``, type, labels, help]])
    },
  )

  test('has no other metrics, and no other page names one', () => {
    const names = declared.map(({ name }) => name)
    expect(rows.map(([name]) => name)).toEqual(names.map((name) => `\`${name}\``))
    for (const page of readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))) {
      const told = [...read(`docs/${page}`).matchAll(/\bgossum_[a-z_]+[a-z]\b/g)].map(([name]) => name)
      for (const name of told) expect(names, page).toContain(name)
    }
  })
})

test('docs/operating.md has the conditions and their severities', () => {
  const rows = rowsUnder(read('docs/operating.md'), 'condition')
  expect(rows.map(([name, severity]) => [name, severity])).toEqual(
    Object.entries(CONDITIONS).map(([name, severity]) => [`\`${name}\``, severity]),
  )
  const severities = rowsUnder(read('docs/operating.md'), 'severity')
  expect(severities.map(([name, ready, exit]) => [name, ready, exit])).toEqual(
    Object.entries(SEVERITIES).map(([name, { ready, exit }]) => [`\`${name}\``, ready ? '200' : '503', String(exit)]),
  )
})

test('docs/operating.md has the current settings: npm run docs', async () => {
  expect(read('docs/operating.md')).toBe(await operatingPage())
})

test('docs/audit.md has the current rules: npm run docs', async () => {
  expect(read('docs/audit.md')).toBe(await auditPage())
  const rows = rowsUnder(read('docs/audit.md'), 'rule')
  expect(rows.map(([name, level]) => [name!.replaceAll('`', ''), level])).toEqual(
    Object.entries({ ...RULES, ...WALK_RULES }).map(([name, { level }]) => [name, level]),
  )
})

test('docs/operating.md has every flag of gossum run', () => {
  const operating = read('docs/operating.md')
  const command = runCommand()
  declareFlags(command, ['home', 'config'])
  const flags = command.options.flatMap(({ long }) => long ?? [])
  expect(flags.length).toBeGreaterThan(15)
  for (const flag of flags) expect(operating, flag).toMatch(new RegExp(`${flag}\\b`))
})

describe('the walk in docs/design.md', () => {
  const design = read('docs/design.md')
  /** The stages of the walk: their stated counts, and the functions that they name. */
  const stages = [...design.matchAll(/^\*\*([a-z]+) \((\d+)\)\*\*: (.*)$/gm)].map(([, name, count, rest]) => ({
    name: name!,
    count: Number(count),
    hops: [...rest!.matchAll(/`([^`:]+\.ts):([#a-zA-Z]+)`/g)].map(([, file, hop]) => ({ file: file!, hop: hop! })),
  }))

  test.each(stages)('$name: every function exists, and their number is as stated', ({ count, hops }) => {
    expect(hops).toHaveLength(count)
    for (const { file, hop } of hops) {
      const code = read(`src/${file}`).replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, '')
      expect(code, `${file}:${hop}`).toMatch(new RegExp(`(^|[^.\\w#])${hop}(<[^>]*>)?(\\(|: | = )`, 'm'))
    }
  })

  test('has correct sums', () => {
    const rows = rowsUnder(design, 'door').filter(([door]) => /^`/.test(door!))
    expect(rows).toHaveLength(7)
    for (const [door, through, sum] of rows) {
      const hops = through!.split(', ').flatMap((name) => stages.filter((stage) => stage.name === name))
      expect(hops, door).toHaveLength(through!.split(', ').length)
      expect(Number(sum), door).toBe(hops.reduce((all, { count }) => all + count, 0))
    }
  })
})

test('every page of docs/ is linked from another, and no link is broken', () => {
  const pages = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
  const linked = new Set<string>()
  for (const [from, text] of [['README.md', read('README.md')], ...pages.map((page) => [page, read(`docs/${page}`)])]) {
    for (const [, target] of text!.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
      const name = target!.replace(/^docs\//, '')
      if (!name.endsWith('.md')) continue
      if (name !== from) linked.add(name)
      expect([...pages, '../CHANGELOG.md', 'CHANGELOG.md'], `${from} links ${target}`).toContain(name)
    }
  }
  for (const page of pages) expect([...linked], page).toContain(page)
})

/** Words that were given up for those in docs/design.md, in prose and as names. */
const GIVEN_UP = /\b(corridor|heart|house|room below|crosses a room|crosses rooms|on the ground|peer book|speakers)\b/i
const GIVEN_UP_NAMES =
  /\b(Answerer|Consequences|FrameWatch|KeptPlaces|KnownLines|Liars|Outlet|ownEyes|Pace|PeerBook|Retries|relatives)\b/

test('abandoned words do not come back', () => {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `src/${path}`)
  const docs = readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
  for (const path of [...sources, ...docs, 'README.md']) {
    for (const [i, line] of read(path).split('\n').entries()) {
      const word = GIVEN_UP.exec(line)?.[0] ?? GIVEN_UP_NAMES.exec(line)?.[0]
      expect(word, `${path}:${i + 1}: ${line.trim()}`).toBeUndefined()
    }
  }
})

test('files named in comments and docs exist', () => {
  const paths = ['src', 'test', 'scripts', 'docs'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .map((path) => `${folder}/${path}`)
      .filter((path) => !path.startsWith('test/vectors/') && /\.(ts|md)$/.test(path)),
  )
  const isThere = (name: string): boolean => paths.some((path) => path === name || path.endsWith(`/${name}`))
  for (const path of [...paths, 'README.md']) {
    // Imports are checked by the compiler.
    const said = read(path).matchAll(/(?<![\w./'-])((?:[a-z0-9-]+\/)*[a-z0-9-]+(?:\.[a-z]+)?\.ts)\b(?!')/g)
    for (const [, name] of said) expect(isThere(name!), `${path} speaks of ${name}`).toBe(true)
  }
})
