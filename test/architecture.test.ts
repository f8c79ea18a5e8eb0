/** Holds the arrows of docs/design.md: who may import whom, and where the outside world may be touched. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

const SRC = new URL('../src', import.meta.url).pathname

/** A room and the rooms below it that it may import. Every room may import itself and the ground. */
const ARROWS: Record<string, readonly string[]> = {
  tlog: [],
  sumdb: ['tlog'],
  store: ['tlog'],
  evidence: ['tlog'],
  // Checks files against the log; what it finds of two histories becomes evidence.
  audit: ['sumdb', 'evidence', 'tlog'],
  witness: ['sumdb', 'store', 'evidence', 'tlog'],
  // Where heads are exchanged outside the mesh, as it is set.
  places: ['logs', 'tlog'],
  // Which logs there are, and the file that remembers them. Lists of them are fetched as logs are.
  logs: ['private-file', 'sumdb', 'tlog'],
  'deposit-setting': [],
  config: ['deposit-setting', 'logs', 'places', 'tlog'],
  'private-file': ['tlog'],
  // What OpenSSH keeps keys in.
  ssh: ['tlog'],
  keys: ['private-file', 'ssh', 'tlog'],
  // All keys of one home.
  keyring: ['keys', 'private-file', 'ssh', 'tlog'],
  'key-import': ['keys', 'private-file', 'ssh', 'tlog'],
  metrics: [],
  proxy: ['witness', 'sumdb', 'store', 'tlog'],
  // A door like gossip, over HTTP: speaks as politely as the client of the log does, and submits what it is told.
  exchange: ['witness', 'sumdb', 'places', 'tlog'],
  gossip: ['witness', 'private-file', 'tlog'],
  // What the go command speaks are sumdb's words: its paths are parsed with them.
  http: ['proxy', 'witness', 'sumdb', 'store', 'evidence', 'tlog', 'config', 'metrics', 'logs'],
  events: ['exchange', 'witness', 'logs', 'tlog'],
  node: [
    'events',
    'exchange',
    'gossip',
    'http',
    'proxy',
    'witness',
    'sumdb',
    'store',
    'evidence',
    'tlog',
    'config',
    'keyring',
    'keys',
    'logs',
    'metrics',
  ],
  index: ['node', 'events', 'config', 'sumdb', 'evidence', 'tlog'],
  cli: [
    'node',
    'events',
    'http',
    'gossip',
    'audit',
    'sumdb',
    'store',
    'evidence',
    'tlog',
    'config',
    'keyring',
    'keys',
    'key-import',
    'logs',
  ],
}
const GROUND = ['budget', 'builtin', 'errors', 'polyfill', 'public-policy', 'timed', 'version']

/** Packages that belong to one room. */
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
  '@noble/': ['tlog'],
}

/** Files that know neither clock, chance, disk nor network. */
const PURE = [
  /^tlog\//,
  /^evidence\/(conflicts|evidence|file|go-report|kept)\.ts$/,
  /^witness\/(decide|head|outcome|source|step|deferred|deposit-(ledger|report)|frame-bytes|promise)\.ts$/,
  /^logs\/setting\.ts$/,
  /^deposit-setting\.ts$/,
  /^audit\/(gosum|proof)\.ts$/,
  /^sumdb\/(dialect|module|module-version|private)\.ts$/,
  /^http\/(add-checkpoint-body|bastion-certificate)\.ts$/,
  /^ssh\/(wire|private-key)\.ts$/,
  /^gossip\/(identity|messages|pages|promises|topics|wire)\.ts$/,
]

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

function roomOf(path: string): string {
  return path.split('/')[0]!.replace(/\.(ts|js)$/, '')
}

function importedRooms({ path, imports }: Source): string[] {
  return imports
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => roomOf(relative(SRC, normalize(join(SRC, dirname(path), specifier))).replaceAll('\\', '/')))
}

describe('arrows point down', () => {
  test.each(sources.map((source) => [source.path, source] as const))('%s', (path, source) => {
    const room = roomOf(path)
    if (GROUND.includes(room)) {
      expect(importedRooms(source)).toEqual([])
      return
    }
    expect(Object.keys(ARROWS)).toContain(room)
    const allowed = [room, ...ARROWS[room]!, ...GROUND]
    for (const imported of importedRooms(source)) expect(allowed, `${path} imports ${imported}`).toContain(imported)
  })
})

test('each package stays in its room', () => {
  for (const { path, imports } of sources) {
    for (const specifier of imports) {
      const owner = Object.keys(PACKAGES).find(
        (name) =>
          specifier === name || (name.endsWith('/') && specifier.startsWith(name)) || specifier.startsWith(`${name}/`),
      )
      if (owner !== undefined) expect(PACKAGES[owner], `${path} imports ${specifier}`).toContain(roomOf(path))
    }
  }
})

test('pure files touch neither clock, chance, disk nor network', () => {
  const impure = /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|fetch\(|console\.|process\.)/
  for (const { path, text, imports } of sources) {
    if (!PURE.some((pattern) => pattern.test(path))) continue
    expect(text.match(impure)?.[0], path).toBeUndefined()
    const platform = imports.filter((specifier) => specifier.startsWith('node:'))
    expect(platform, path).toEqual(path === 'tlog/native.node.ts' ? ['node:crypto'] : [])
  }
})

test('only the command line prints', () => {
  for (const { path, text } of sources) {
    if (roomOf(path) !== 'cli') expect(text, path).not.toMatch(/console\.|process\.(stdout|stderr)/)
  }
})

test('no cycles between files', () => {
  const graph = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) =>
          normalize(join(dirname(path), specifier))
            .replaceAll('\\', '/')
            .replace(/\.js$/, '.ts'),
        ),
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
