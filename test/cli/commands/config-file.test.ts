/** `gossum config init` and `config check`: a file with the default settings, and every mistake with its line. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../../src/config/config.js'
import { keyOf, type Setting } from '../../../src/config/setting.js'
import { IN_FILES } from '../../../src/config/sources.js'
import { settingsTemplate } from '../../../src/config/settings-template.js'
import { gossum, jsonError } from '../../helpers/cli.js'
import { scratchFolder, temporaryHome } from '../../helpers/home.js'

const { file } = scratchFolder()

interface Told {
  readonly file: string
  readonly line?: number | null
  readonly column?: number | null
  readonly code?: string
  readonly message?: string
  readonly hint?: string
  readonly problems?: number
}

async function check(path: string, env: Record<string, string> = {}): Promise<{ code: number | null; told: Told[] }> {
  const { code, stdout, stderr } = await gossum(['config', 'check', path, '--json'], { env })
  expect(stderr).toBe('')
  return {
    code,
    told: stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Told),
  }
}

/** The lines of settings, uncommented. */
const uncommented = (text: string): string => text.replaceAll(/^#(?=[a-z]|  - )/gm, '')

/** Whether the template has a value for it, rather than a placeholder. */
const hasDefault = ([name, setting]: readonly [string, Setting]): boolean =>
  name !== 'home' && !['', 'undefined'].includes(String(setting.initial({})))

describe('gossum config init', () => {
  test('writes every setting that a file may have, all commented out', async () => {
    const path = join(temporaryHome(), 'gossum.yaml')
    const result = await gossum(['config', 'init', path, '--json'])
    expect(result).toMatchObject({ code: 0, stdout: `${JSON.stringify({ file: path })}\n` })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const text = readFileSync(path, 'utf8')
    expect(text).toBe(settingsTemplate())
    expect(parse(text)).toBeNull()
    const env = { HOME: '/nonexistent' }
    expect(JSON.stringify(loadConfig({}, { file: path, env }))).toBe(JSON.stringify(loadConfig({}, { env })))
    expect(Object.keys(parse(uncommented(text)) as object)).toEqual(IN_FILES.map(([name]) => keyOf(name)))
  })

  test('gives the default in each line of a setting that has one', () => {
    const said = parse(uncommented(settingsTemplate())) as Record<string, unknown>
    const defaults = IN_FILES.filter(hasDefault).map(([name]) => keyOf(name))
    expect(defaults.length).toBeGreaterThan(8)
    // Settings of a mirror are refused without a mirror.
    const path = file('defaults.yaml', JSON.stringify(Object.fromEntries(defaults.map((name) => [name, said[name]]))))
    const env = { HOME: '/nonexistent' }
    expect(JSON.stringify(loadConfig({}, { file: path, env }))).toBe(JSON.stringify(loadConfig({}, { env })))
  })

  test('overwrites no file, and writes to stdout for -', async () => {
    const path = file('there.yaml', 'poll: 7\n')
    const result = await gossum(['config', 'init', path, '--json'])
    expect(result.code).toBe(1)
    expect(jsonError(result)).toMatchObject({ code: 'FILE_UNWRITABLE' })
    expect(readFileSync(path, 'utf8')).toBe('poll: 7\n')
    expect(await gossum(['config', 'init', '-'])).toEqual({ code: 0, stdout: settingsTemplate(), stderr: '' })
  })
})

describe('gossum config check', () => {
  test('accepts a valid file and an empty one', async () => {
    for (const text of ['poll: 7\nlisten:\n  - /ip4/127.0.0.1/tcp/0\n', '', '# nothing\n']) {
      const path = file('fine.yaml', text)
      expect(await check(path)).toEqual({ code: 0, told: [{ file: path, problems: 0 }] })
    }
  })

  test('reports all mistakes in file order, each with its line and column', async () => {
    const text = [
      'poll: x',
      'log: [a, "b"]',
      'feed:',
      '  - https://fine.example',
      '  - nowhere',
      'mdns: 7',
      'polcy: 8',
      'poll: 9',
      'name: [a]',
      'watch:',
      '  - module: m',
      '    colour: red',
    ]
    const path = file('wrong.yaml', text.join('\n'))
    const { code, told } = await check(path)
    expect(code).toBe(2)
    const places = told.map(({ line, column, message }) => [line, column, message?.split(`${line!}:${column!}: `)[1]])
    expect(places).toEqual([
      [1, 1, 'poll: seconds from 0.1 to 86400 expected'],
      [2, 7, 'log: "VKEY URL" or "VKEY URL ORIGIN" expected, got "a"'],
      [2, 10, 'log: "VKEY URL" or "VKEY URL ORIGIN" expected, got "b"'],
      [5, 5, 'feed: "nowhere" is not an http or https URL'],
      [6, 7, 'mdns: must be true or false'],
      [7, 1, 'there is no setting "polcy"'],
      [8, 1, '"poll" is listed twice'],
      [9, 7, 'name: must be a string'],
      [11, 5, expect.stringMatching(/watch: unknown key "(module|colour)"/)],
      [undefined, undefined, undefined],
    ])
    expect(told[5]).toMatchObject({ code: 'CONFIG_INVALID', hint: 'did you mean policy?', file: path })
    expect(told.at(-1)).toEqual({ file: path, problems: 9 })
    const text2 = await gossum(['config', 'check', path])
    expect(text2.code).toBe(2)
    expect(text2.stdout).toContain(`error ${path}:7:1: there is no setting "polcy"`)
    expect(text2.stdout).toContain('hint: did you mean policy?')
  })

  test.each([
    ['a tab', 'log:\n\t- x\n', 2],
    ['an unclosed bracket', 'poll: 3\nlisten: [a\n', 3],
    ['an unknown tag', 'poll: 3\nname: !!js/function "x"\n', 2],
    ['two documents', 'poll: 3\n---\npoll: 4\n', 2],
    ['an undefined alias', 'poll: 3\nname: *x\n', 2],
    ['a duplicate key in a nested mapping', 'watch:\n  - {patterns: a, patterns: b}\n', 2],
    ['a setting that conflicts with another', 'mirror: []\ncooldown: 7d\n', 2],
    ['a missing policy', 'poll: 3\npolicy: /nonexistent\n', 2],
  ])('reports the line of %s', async (_what, text, line) => {
    const { code, told } = await check(file('place.yaml', text))
    expect(code).toBe(2)
    expect(told[0]!.line, JSON.stringify(told[0])).toBe(line)
  })

  test('refuses alias bombs and deep nesting, and reports at most 100 mistakes', async () => {
    const many = (one: string): string => `[${Array.from({ length: 10 }, () => one).join(',')}]`
    const bomb = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
      .map((name, i) => `${name}: &${name} ${many(i === 0 ? 'x' : `*${String.fromCharCode(96 + i)}`)}`)
      .join('\n')
    const { code, told } = await check(file('bomb.yaml', `${bomb}\nlog: *h\n`))
    expect(code).toBe(2)
    expect(told.some(({ message }) => message?.includes('Excessive alias count'))).toBe(true)
    expect((await check(file('deep.yaml', `log: ${'['.repeat(100_000)}`))).code).toBe(2)
    const keys = Array.from({ length: 15_000 }, (_, i) => `k${i}: 1`).join('\n')
    const wide = await check(file('wide.yaml', keys))
    expect(wide.told).toHaveLength(101)
  })

  test('takes the environment into account, but still reports what it masks', async () => {
    const path = file('masked.yaml', 'poll: x\n')
    expect((await check(path, { GOSSUM_POLL: '5' })).code).toBe(2)
    const cooled = file('cooled.yaml', 'cooldown: 7d\n')
    expect((await check(cooled)).code).toBe(2)
    expect((await check(cooled, { GOSSUM_MIRROR: 'https://proxy.example' })).code).toBe(0)
  })

  test('fails for a missing file, and without any', async () => {
    expect((await gossum(['config', 'check', '/nonexistent.yaml'])).code).toBe(1)
    const none = await gossum(['config', 'check', '--json'])
    expect(none.code).toBe(2)
    expect(jsonError(none)).toMatchObject({ code: 'USAGE', hint: expect.stringContaining('config init') as string })
    const path = join(temporaryHome(), 'env.yaml')
    writeFileSync(path, 'poll: x')
    expect((await gossum(['config', 'check'], { env: { GOSSUM_CONFIG: path } })).code).toBe(2)
  })

  test('shares the line and column with other commands', async () => {
    const path = file('run.yaml', 'poll: 3\nfeed:\n  - x\n')
    for (const command of [
      ['config', 'show'],
      ['run', '--home', temporaryHome()],
    ]) {
      const result = await gossum([...command, '--json', '--config', path])
      expect([result.code, result.stdout], command[0]).toEqual([2, ''])
      expect(jsonError(result).message).toContain(`${path}:3:5: feed: "x" is not`)
    }
  })
})
