/** Checks the arrows of docs/design.md: which module may import which, and where the outside world may be accessed. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

const SRC = new URL('../src', import.meta.url).pathname

/** A module and the modules below it that it may import. Every module may import itself and the base layer. */
const ARROWS: Record<string, readonly string[]> = {
  tlog: [],
  // Every request that leaves this process.
  outgoing: [],
  sumdb: ['outgoing', 'tlog'],
  // Evidence defines how it is kept.
  store: ['evidence', 'tlog'],
  evidence: ['tlog'],
  // The contents of a module version, and the proxies that serve it.
  module: ['outgoing', 'sumdb', 'tlog'],
  // Checks files against the log; two histories that it finds become evidence.
  audit: ['module', 'outgoing', 'sumdb', 'evidence', 'tlog'],
  witness: ['sumdb', 'store', 'evidence', 'tlog'],
  // Which logs are followed, and the file that records them. Lists of logs are fetched like logs.
  logs: ['outgoing', 'keys', 'sumdb', 'tlog'],
  config: ['logs', 'tlog'],
  // The keys of one home, made, imported, or held by an ssh-agent; and files readable by their owner only.
  keys: ['tlog'],
  // The state that machines with one key share.
  postgres: ['store', 'config', 'tlog'],
  // A node's state and its problems, as one snapshot for everything that shows them.
  status: ['witness', 'store', 'evidence', 'config', 'tlog'],
  metrics: ['status'],
  // The problems that people are notified of.
  alerts: ['status', 'config', 'sumdb', 'outgoing', 'tlog'],
  // The page and its pictures, rendered from API answers.
  dashboard: ['status'],
  // Runs in the visitor's browser, and verifies there what the page shows.
  browser: ['dashboard', 'status', 'audit', 'sumdb', 'evidence', 'config', 'tlog'],
  // Notifications for owners of modules.
  watch: ['sumdb', 'config', 'tlog'],
  // The folder for web servers: it is given the answers, and requests nothing.
  publish: [],
  proxy: ['witness', 'sumdb', 'store', 'tlog'],
  // Module files from upstreams, compared with the log.
  mirror: ['module', 'proxy', 'sumdb', 'store', 'config', 'tlog'],
  // A source of heads like gossip, over HTTP: it is as careful as the client of the log, and submits what it receives.
  exchange: ['witness', 'sumdb', 'outgoing', 'config', 'tlog'],
  gossip: ['witness', 'keys', 'tlog'],
  // The go command uses sumdb's protocol, so its paths are parsed by sumdb.
  http: ['dashboard', 'proxy', 'status', 'witness', 'sumdb', 'outgoing', 'evidence', 'tlog'],
  node: [
    'alerts',
    'exchange',
    'gossip',
    'http',
    'audit',
    'mirror',
    'watch',
    'publish',
    'proxy',
    'status',
    'witness',
    'sumdb',
    'outgoing',
    'store',
    'evidence',
    'tlog',
    'config',
    'keys',
    'logs',
    'metrics',
    'postgres',
  ],
  index: ['node', 'config', 'sumdb', 'evidence', 'tlog'],
  cli: [
    'node',
    'http',
    'dashboard',
    'status',
    'gossip',
    'audit',
    'mirror',
    'watch',
    'sumdb',
    'outgoing',
    'store',
    'evidence',
    'tlog',
    'config',
    'keys',
    'logs',
    'postgres',
  ],
}
const BASE = ['errors', 'lib', 'version']
/** What the errors may import: they quote text of others. */
const BELOW_ERRORS = 'lib'

/** Packages that only one module may import. */
const PACKAGES: Record<string, readonly string[]> = {
  libp2p: ['gossip'],
  '@libp2p/': ['gossip'],
  '@chainsafe/libp2p-gossipsub': ['gossip'],
  '@multiformats/': ['gossip'],
  level: ['store', 'cli'],
  'abstract-level': ['store', 'sumdb'],
  'prom-client': ['metrics'],
  commander: ['cli'],
  yaml: ['config'],
  undici: ['outgoing'],
  typebox: ['http', 'status', 'dashboard'],
  preact: ['dashboard'],
  htm: ['dashboard'],
  'preact-render-to-string': ['dashboard'],
  'd3-scale': ['dashboard'],
  'd3-shape': ['dashboard'],
  yauzl: ['module'],
  pg: ['postgres'],
  '@noble/': ['tlog'],
}

/** Platform modules that pure files may use, which depend only on their arguments. */
const PURE_OF_NODE: Readonly<Record<string, readonly string[]>> = {
  'node:crypto': ['createPrivateKey', 'createPublicKey', 'hash', 'sign', 'verify'],
  'node:http': ['STATUS_CODES'],
  'node:net': ['BlockList', 'isIP', 'isIPv4', 'isIPv6'],
}

interface Source {
  readonly path: string
  readonly text: string
  readonly imports: readonly string[]
}

const sources: Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(SRC, path), 'utf8')
    const imports = [...text.matchAll(/(?:from|import\()\s*'([^']+)'|^import '([^']+)'/gm)].map((m) => (m[1] ?? m[2])!)
    return { path: path.replaceAll('\\', '/'), text, imports }
  })

function moduleOf(path: string): string {
  return path.split('/')[0]!.replace(/\.(ts|js)$/, '')
}

function importedModules({ path, imports }: Source): string[] {
  return imports
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => moduleOf(relative(SRC, normalize(join(SRC, dirname(path), specifier))).replaceAll('\\', '/')))
}

describe('arrows point down', () => {
  test.each(sources.map((source) => [source.path, source] as const))('%s', (path, source) => {
    const module = moduleOf(path)
    if (BASE.includes(module)) {
      expect(
        importedModules(source).filter((it) => it !== module && (module !== 'errors' || it !== BELOW_ERRORS)),
      ).toEqual([])
      return
    }
    expect(Object.keys(ARROWS)).toContain(module)
    const allowed = [module, ...ARROWS[module]!, ...BASE]
    for (const imported of importedModules(source)) expect(allowed, `${path} imports ${imported}`).toContain(imported)
  })
})

test('docs/design.md has the same arrows', () => {
  const design = readFileSync(new URL('../docs/design.md', import.meta.url), 'utf8')
  const table = design.slice(design.indexOf('## Modules'), design.indexOf('## The pipeline'))
  const rows = [...table.matchAll(/^\| `([a-z-]+)` +\|[^|]*\|([^|]*)\|$/gm)]
  const arrows = rows.map(([, module, below]) => [module, [...below!.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name)])
  expect(Object.fromEntries(arrows)).toEqual(ARROWS)
})

test('each package stays in its module', () => {
  for (const { path, imports } of sources) {
    for (const specifier of imports) {
      const owner = Object.keys(PACKAGES).find(
        (name) =>
          specifier === name || (name.endsWith('/') && specifier.startsWith(name)) || specifier.startsWith(`${name}/`),
      )
      if (owner !== undefined) expect(PACKAGES[owner], `${path} imports ${specifier}`).toContain(moduleOf(path))
    }
  }
})

describe('a file whose header says "Pure" uses no clock, randomness, disk or network', () => {
  const isPure = ({ path, text }: Source): boolean =>
    /\bPure\b/.test(/^(?:#!.*\n)?\/\*\*[^]*?\*\//.exec(text)?.[0] ?? '') || path.startsWith('tlog/')
  const pure = sources.filter(isPure)
  const paths = new Set(pure.map(({ path }) => path))

  test('exists, and every file of tlog is one', () => {
    expect(pure.length).toBeGreaterThan(50)
    expect(pure.filter(({ text }) => !/^\/\*\*[^]*?\bPure\b[^]*?\*\//.test(text)).map(({ path }) => path)).toEqual([])
  })

  test.each(pure.map((source) => [source.path, source] as const))('%s', (path, { text }) => {
    const code = text.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, '')
    const impure =
      /\b(Date\.now|new Date\(\)|performance\.|Math\.random|crypto\.|set(Timeout|Interval|Immediate)|fetch\(|console\.|process\.)/
    expect(code.match(impure)?.[0], path).toBeUndefined()
    for (const { names, from } of valuesImported(text)) {
      if (from.startsWith('node:')) for (const name of names) expect(PURE_OF_NODE[from] ?? [], path).toContain(name)
      // Nor may the files that it imports use them.
      if (from.startsWith('.')) expect([...paths], `${path} imports ${from}`).toContain(fileOf(path, from))
    }
  })
})

/** The imports of a file that exist at run time: no types. */
function valuesImported(text: string): { names: string[]; from: string }[] {
  return [...text.matchAll(/^(?:import|export) (?!type\b)([^;'"]*?) ?from '([^']+)'/gm)].flatMap(([, what, from]) => {
    const names = what!
      .replaceAll(/[{}]/g, ' ')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type '))
      .map((name) => name.replace(/ as .*/, ''))
    return names.length === 0 ? [] : [{ names, from: from! }]
  })
}

/** The source file that a relative import refers to. */
function fileOf(path: string, specifier: string): string {
  return normalize(join(dirname(path), specifier))
    .replaceAll('\\', '/')
    .replace(/\.js$/, '.ts')
}

test('only the command line prints', () => {
  for (const { path, text } of sources) {
    if (moduleOf(path) !== 'cli') expect(text, path).not.toMatch(/console\.|process\.(stdout|stderr)/)
  }
})

test('every request leaves through one client', () => {
  for (const { path, text, imports } of sources) {
    // The operator's commands to a node go through a file on this machine.
    if (moduleOf(path) === 'outgoing' || path === 'cli/operator-client.ts') continue
    // It runs in a browser, where the page's policy allows requests to its own node only.
    if (path === 'browser/own-node.ts') continue
    const code = text.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, '')
    expect(code, path).not.toMatch(/(?<![.#\w]|async )fetch\(|globalThis\.fetch/)
    expect(imports, path).not.toContain('node:https')
    // Traffic through the socket in a home does not leave this machine.
    if (path === 'cli/operator-client.ts') continue
    expect(code, path).not.toMatch(/import \{[^}]*\b(?:get|request|Agent)\b[^}]*\} from 'node:http'/)
  }
})

test('the description of the API is loaded only on request', () => {
  const isHeavy = (path: string): boolean =>
    /^status\/([a-z]+-)?shapes\.ts$|^dashboard\/facts\.ts$/.test(path) ||
    (path.startsWith('http/schema/') && path !== 'http/schema/parameters.ts')
  for (const { path, text, imports } of sources.filter((source) => !isHeavy(source.path))) {
    for (const { from } of valuesImported(text)) {
      expect(from, path).not.toBe('typebox')
      if (from.startsWith('.')) expect(isHeavy(fileOf(path, from)), `${path} imports ${from}`).toBe(false)
    }
    const later = [...text.matchAll(/import\('([^']+)'\)/g)].map(([, specifier]) => specifier!)
    if (path !== 'http/openapi.ts')
      expect(
        later.filter((it) => isHeavy(fileOf(path, it))),
        path,
      ).toEqual([])
    expect(
      imports.filter((it) => it === 'typebox' || it.startsWith('typebox/')),
      path,
    ).toEqual([])
  }
})

test('no cycles between files', () => {
  const graph = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.filter((specifier) => specifier.startsWith('.')).map((specifier) => fileOf(path, specifier)),
    ]),
  )
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    expect(trail, `cycle: ${[...trail, path].join(' -> ')}`).not.toContain(path)
    if (done.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
})

describe('one word for one thing', () => {
  /** Each command is in the file that has its name, and is made by the function of this name. */
  const isCommand = (path: string): boolean => path.startsWith('cli/commands/')
  /** Files that replace each other, and what a folder exports. */
  const named = sources.filter(({ path }) => !/\.(node|portable|d)\.ts$|(^|\/)index\.ts$/.test(path))

  test('no two files have one name', () => {
    const names = named.filter(({ path }) => !isCommand(path)).map(({ path }) => basename(path))
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
  })

  test('no two files export one name', () => {
    const declared = named.flatMap(({ path, text }) => {
      const all = text.matchAll(/^export (?:abstract )?(?:class|interface|type|const|(?:async )?function\*?) (\w+)/gm)
      // A schema and its type count as one.
      return [...new Set([...all].map(([, name]) => name!))].filter((name) => !(isCommand(path) && name === 'command'))
    })
    expect(declared.filter((name, i) => declared.indexOf(name) !== i)).toEqual([])
  })
})
