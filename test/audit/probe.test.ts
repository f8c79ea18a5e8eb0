/** The probe against real servers on loopback: an honest one, servers that are no log, heads and malformed paths. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ProbeOptions, ProbeReport } from '../../src/audit/probe.js'
import { FAMOUS_MODULES } from '../../src/audit/probe-lookups.js'
import { verifyEvidence } from '../../src/evidence/evidence.js'
import { parseLookup, unescapeModule } from '../../src/sumdb/module.js'
import { concatBytes, fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { hashLeaf } from '../../src/tlog/hash.js'
import { parseNote } from '../../src/tlog/note.js'
import { parseTilePath, tilePath } from '../../src/tlog/tile.js'
import {
  endless,
  honestly,
  LyingLog,
  madeUpRecord,
  madeUpRecords,
  memoryLog,
  refuse,
  replaceBody,
  stall,
  type Behaviour,
} from '../fakes/lying-log.js'
import { readFiles, ReplayLog } from '../fakes/replay-log.js'
import { FULL, GOLANG_KEY, hasFull, SMALL } from '../sumdb/genuine.js'
import {
  ALL_OK,
  bodyAt,
  detail,
  history,
  isLookup,
  key,
  lookupOf,
  probing,
  serve,
  SIZE,
  signed,
  spelledOddly,
  signer,
  target,
  verdicts,
} from './probing.js'

// ---- honest ----------------------------------------------------------------------------------------------------

describe('an honest server', () => {
  test('passes every check', async () => {
    const log = await serve(history)
    const report = await probing(log.url)
    expect(verdicts(report)).toEqual(ALL_OK)
    expect(report).toMatchObject({ verdict: 'honest', kind: 'sumdb', head: { size: SIZE, root: await history.root() } })
    expect(report.checks.map(({ name }) => name)).toEqual(Object.keys(ALL_OK))
    expect(report.requests).toBe(log.requests.length)
    expect(detail(report, 'tiles')).toContain('3 of 3 tiles of 2 levels')
  })

  test('passes behind a GOPROXY', async () => {
    const log = await serve(history, '/some/path/sumdb/example.com/log')
    log.lie = (path) => (path.endsWith('/supported') ? (response) => response.end() : undefined)
    const report = await probing(`${log.url}/some/path/`)
    expect(verdicts(report)).toEqual(ALL_OK)
    expect(report).toMatchObject({ verdict: 'honest', kind: 'proxy' })
    expect(log.requests.slice(0, 3)).toEqual([
      'some/path/latest',
      'some/path/sumdb/example.com/log/supported',
      'some/path/sumdb/example.com/log/latest',
    ])
  })

  test.each([0, 1, 2, 255, 256, 257, 512])('of %d records passes as well', async (size) => {
    const log = await serve(await memoryLog(signer, madeUpRecords(0, size)))
    const node = { name: 'the node', url: 'http://127.0.0.1:1', head: await log.history.head() }
    const report = await probing(log.url, { references: [node] })
    // An empty log has nothing to look up.
    expect(verdicts(report)).toEqual(size === 0 ? { ...ALL_OK, lookups: 'unknown' } : ALL_OK)
  })

  test('may grow during the probe', async () => {
    const log = await serve(await memoryLog(signer, madeUpRecords(0, SIZE)))
    let grown = 0
    log.lie = () => (response, honest) => {
      void log.history.append([madeUpRecord(SIZE + grown++)]).then(() => honestly(response, honest))
    }
    const report = await probing(log.url)
    expect(verdicts(report)).toEqual(ALL_OK)
    expect(grown).toBeGreaterThan(10)
  })

  test('gets only few GET requests, for existing resources', async () => {
    const log = await serve(await memoryLog(signer, madeUpRecords(0, 3000)))
    const size = log.history.size
    const report = await probing(log.url, { samples: 5, references: [] })
    expect(new Set(log.methods)).toEqual(new Set(['GET']))
    expect(report.requests).toBeLessThan(100)
    const lookups = log.requests.filter((path) => path.startsWith('lookup/'))
    for (const path of lookups) expect(path).toMatch(/^lookup\/example\.com\/(!m|M)odule\d+@v1\.\d+\.0$/)
    expect(lookups.length).toBeGreaterThan(5)
    expect(log.history.size).toBe(size)
  })

  test('gets at most as many requests as a probe may make', async () => {
    const log = await serve(history)
    log.lie = (path) => (path.startsWith('tile/') ? refuse(404) : undefined)
    const report = await probing(log.url, { samples: 1, modules: Array.from({ length: 500 }, () => target) })
    expect(report.requests).toBe(200)
    expect(log.requests.length).toBeLessThanOrEqual(200)
    expect(detail(report, 'syntax')).toContain('the 200 requests that one probe may make are used up')
    expect(report.verdict).toBe('undecided')
  })
})

describe('without data tiles', () => {
  const withoutRecords = (path: string): Behaviour | undefined =>
    path.startsWith('tile/8/data/') ? refuse(404) : undefined

  test('named modules are looked up', async () => {
    const log = await serve(history)
    log.lie = withoutRecords
    const report = await probing(log.url, { modules: [target], famous: [madeUpRecord(7)] })
    expect(verdicts(report)).toEqual(ALL_OK)
    expect(detail(report, 'tiles')).toContain('there are no tiles of records')
    expect(log.requests.filter(isLookup)).toEqual(['lookup/example.com/!module5@v1.5.0'])
  })

  test('and named modules, famous modules are looked up', async () => {
    const log = await serve(history)
    log.lie = withoutRecords
    await probing(log.url, { famous: [madeUpRecord(7)] })
    expect(log.requests.filter(isLookup)).toEqual(['lookup/example.com/!module7@v1.7.0'])
  })

  test('and any modules to try, nothing is looked up, and the verdict is undecided', async () => {
    const log = await serve(history)
    log.lie = withoutRecords
    const report = await probing(log.url)
    expect(verdicts(report)).toEqual({ ...ALL_OK, lookups: 'unknown' })
    expect(report.verdict).toBe('undecided')
    expect(log.requests.filter((path) => path.startsWith('lookup/'))).toEqual([])
  })
})

// ---- what answers ----------------------------------------------------------------------------------------------

describe('an address that does not answer for the log', () => {
  test('is unreachable if there is no server', async () => {
    const log = await LyingLog.start(history)
    await log.close()
    const report = await probing(log.url)
    expect(report).toMatchObject({ verdict: 'unreachable', kind: null, head: null })
    expect(verdicts(report)).toMatchObject({ reachable: 'failed', head: 'unknown', history: 'unknown' })
  })

  test('is unreachable if it never answers', async () => {
    const log = await serve(history)
    log.lie = () => stall
    expect(await probing(log.url, { deadlineMs: 1000 })).toMatchObject({ verdict: 'unreachable', kind: null })
  })

  test.each([404, 410])('is undecided if a GOPROXY answers %d, which the go command bypasses', async (status) => {
    const log = await serve(history)
    log.lie = () => refuse(status)
    const report = await probing(log.url)
    expect(report).toMatchObject({ verdict: 'undecided', kind: 'proxy', head: null })
    expect(verdicts(report)).toMatchObject({ reachable: 'unknown', tiles: 'unknown' })
    expect(detail(report, 'reachable')).toContain(`(status ${status}): the go command bypasses it`)
    expect(log.requests).toEqual(['latest', 'sumdb/example.com/log/supported'])
  })

  test.each([403, 500])('is unreachable if it answers %d, where the go command stops', async (status) => {
    const log = await serve(history)
    log.lie = (path) => (path === 'latest' ? refuse(404) : refuse(status))
    const report = await probing(log.url)
    expect(report).toMatchObject({ verdict: 'unreachable', kind: null })
    expect(detail(report, 'reachable')).toContain('the go command stops here')
    expect(detail(report, 'reachable')).toContain(`status ${status}`)
  })

  test('is unreachable if it redirects, which the probe does not follow', async () => {
    const elsewhere = await serve(history)
    const log = await serve(history)
    const away: Behaviour = (response) => response.writeHead(302, { location: `${elsewhere.url}/latest` }).end()
    log.lie = () => away
    const report = await probing(log.url)
    expect(report).toMatchObject({ verdict: 'unreachable', kind: null })
    expect(detail(report, 'reachable')).toContain('does not follow')
    // Nor later.
    log.lie = (path) => (path === 'latest' ? undefined : away)
    const later = await probing(log.url, { modules: [target] })
    expect(verdicts(later)).toMatchObject({ head: 'ok', tiles: 'unknown', lookups: 'unknown', syntax: 'ok' })
    expect(elsewhere.requests).toEqual([])
  })
})

// ---- heads -----------------------------------------------------------------------------------------------------

/** Answers 200. */
const yes: Behaviour = (response) => response.end()

describe('a head', () => {
  test.each<[string, Behaviour]>([
    ['of another key', replaceBody((body) => utf8(fromUtf8(body)!.replace('— example.com/log', '— example.com/l')))],
    ['with a changed size', replaceBody((body) => utf8(fromUtf8(body)!.replace(`${SIZE}`, `${SIZE + 1}`)))],
    ['that is not a note', replaceBody(() => utf8('<html>hello</html>\n'))],
    ['that is empty', replaceBody(() => new Uint8Array())],
    ['without end', endless],
    ['in a form that no witness signs', replaceBody(spelledOddly)],
    ['with extension lines', replaceBody((body) => signed(`${parseNote(body).text}more\n`))],
    ['of another origin', replaceBody((body) => signed(parseNote(body).text.replace('go.sum', 'go.mod')))],
    [
      'of a size that no tree has',
      replaceBody((body) => signed(parseNote(body).text.replace('511', '9007199254740993'))),
    ],
  ])('%s is dishonest', async (_, behaviour) => {
    const log = await serve(history)
    log.lie = (path) => (path === 'latest' ? behaviour : undefined)
    const report = await probing(log.url)
    expect(report).toMatchObject({ verdict: 'dishonest', kind: 'sumdb' })
    expect(verdicts(report)).toMatchObject({ reachable: 'ok', head: 'failed' })
  })

  test('that is a web page, like all other answers, counts as unreachable', async () => {
    const log = await serve(history)
    log.lie = () => (response) => response.end('<!DOCTYPE html><title>Sign in</title>\n')
    const report = await probing(log.url)
    expect(report).toMatchObject({ verdict: 'unreachable', kind: null, head: null })
    expect(detail(report, 'reachable')).toContain('answered with a web page')
  })

  test('that is not served leaves the rest unknown', async () => {
    const log = await serve(history, '/sumdb/example.com/log')
    log.lie = (path) => (path.endsWith('/supported') ? yes : path.endsWith('/latest') ? refuse(404) : undefined)
    const report = await probing(log.url)
    expect(report).toMatchObject({ verdict: 'undecided', kind: 'proxy', head: null })
    expect(verdicts(report)).toMatchObject({ reachable: 'ok', head: 'unknown', tiles: 'unknown' })
  })

  test('of size 0 with a root other than the empty tree convicts the log on its own', async () => {
    const log = await serve(history)
    const text = formatCheckpoint({ origin: SUMDB_ORIGIN, size: 0, root: hashLeaf(utf8('x')) })
    log.lie = (path) => (path === 'latest' ? replaceBody(() => signed(text)) : undefined)
    const report = await probing(log.url)
    expect(report.verdict).toBe('split-view')
    expect(verdicts(report).head).toBe('failed')
    expect(verifyEvidence(report.evidence!, [key]).sizes).toEqual([0, 0])
  })
})

// ---- syntax ----------------------------------------------------------------------------------------------------

describe('malformed paths', () => {
  const isMalformed = (path: string): boolean => path.startsWith('tile/') && path !== fixed(path)
  const fixed = (path: string): string | undefined => {
    try {
      return tilePath(parseTilePath(path))
    } catch {
      return undefined
    }
  }

  test('may be answered correctly', async () => {
    const log = await serve(history)
    const [tile, lookup] = [await bodyAt('/tile/8/0/000'), await bodyAt(lookupOf(target))]
    const say =
      (body: Uint8Array): Behaviour =>
      (response, honest) =>
        honestly(response, { ...honest, status: 200, body })
    log.lie = (path) =>
      path.endsWith('.p/0')
        ? say(new Uint8Array())
        : isMalformed(path)
          ? say(tile)
          : path === `lookup/${target.path}@${target.version}`
            ? say(lookup)
            : undefined
    const report = await probing(log.url, { modules: [target] })
    expect(verdicts(report)).toEqual(ALL_OK)
    expect(detail(report, 'syntax')).toBe('0 of 5 malformed paths were refused; 5 were answered correctly')
  })

  test.each<[string, (path: string) => boolean, string]>([
    ['tiles', (path) => path === 'tile/8/0/000.p/0', '/tile/8/0/001.p/100'],
    ['tiles', (path) => path === 'tile/8/0/0', lookupOf(target)],
    ['lookups', (path) => path.startsWith('lookup/example.com/M'), lookupOf(madeUpRecord(6))],
    ['lookups', (path) => path.startsWith('lookup/example.com/M'), '/latest'],
  ])('that are answered with wrong %s fail', async (_, isWanted, instead) => {
    const log = await serve(history)
    const body = await bodyAt(instead)
    log.lie = (path) =>
      isWanted(path) ? (response, honest) => honestly(response, { ...honest, status: 200, body }) : undefined
    const report = await probing(log.url, { modules: [target] })
    expect(report.verdict).toBe('dishonest')
    expect(verdicts(report)).toEqual({ ...ALL_OK, syntax: 'failed' })
  })

  test('that are answered with extra bytes fail', async () => {
    const log = await serve(history)
    const body = concatBytes(await bodyAt('/tile/8/0/000'), utf8('x'))
    log.lie = (path) =>
      path === 'tile/8/0/0' ? (response, honest) => honestly(response, { ...honest, status: 200, body }) : undefined
    expect(verdicts(await probing(log.url))).toEqual({ ...ALL_OK, syntax: 'failed' })
  })

  test('may also be refused with status 500, as by the server of golang.org/x/mod/sumdb', async () => {
    const log = await serve(history)
    log.lie = (path) => (path.startsWith('lookup/example.com/M') ? refuse(500) : undefined)
    const report = await probing(log.url, { modules: [target] })
    expect(verdicts(report)).toEqual(ALL_OK)
    expect(detail(report, 'syntax')).toBe('5 of 5 malformed paths were refused')
  })

  test('without an answer decide nothing', async () => {
    const log = await serve(history)
    log.lie = (path) => (path === 'tile/8/0/000.p/0' ? (response) => response.destroy() : undefined)
    const report = await probing(log.url)
    expect(verdicts(report)).toEqual({ ...ALL_OK, syntax: 'unknown' })
    expect(report.verdict).toBe('honest')
  })
})

// ---- sum.golang.org --------------------------------------------------------------------------------------------

describe('captured answers of sum.golang.org', () => {
  async function replayed(files: Map<string, Uint8Array>, options: Partial<ProbeOptions>): Promise<ProbeReport> {
    const log = await ReplayLog.start(files)
    onTestFinished(() => log.close())
    return probing(log.url, { key: GOLANG_KEY, references: [], ...options })
  }

  const small = readFiles(new URL('genuine/', SMALL))
  const lookups = [...small.keys()].filter((path) => path.startsWith('lookup/'))

  test.each(lookups)('never fail, and are proven with their own head: %s', async (path) => {
    const { note } = parseLookup(small.get(path)!)
    const module = unescapeModule(path.slice('lookup/'.length))
    const report = await replayed(new Map([...small, ['latest', note]]), { modules: [module] })
    expect(verdicts(report)).toMatchObject({ reachable: 'ok', head: 'ok', lookups: 'ok' })
    expect(Object.values(verdicts(report))).not.toContain('failed')
    expect(report.verdict).toBe('undecided')
  })

  test.skipIf(!hasFull).each([
    ['etcd-io+etcd', 740257],
    ['Carlosymh+Go', 8267265],
    ['rajmehta89+Go_Practise', 34569569],
  ])('never fail in the capture %s', async (name, size) => {
    const files = readFiles(new URL(`captures/${name}/`, FULL))
    const famous = FAMOUS_MODULES.filter(({ path, version }) =>
      files.has(`lookup/${path.replace(/[A-Z]/g, (c) => `!${c.toLowerCase()}`)}@${version}`),
    )
    expect(famous.length).toBeGreaterThan(0)
    const report = await replayed(files, { famous })
    expect(verdicts(report)).toMatchObject({ head: 'ok', lookups: 'ok' })
    expect(Object.values(verdicts(report))).not.toContain('failed')
    expect(report.head!.size).toBe(size)
  })

  test.skipIf(!hasFull)('contain every famous module version', () => {
    const names = ['zeeler+lal.im', 'aldodla8+Golang-RestApi', 'etcd-io+etcd', 'Carlosymh+Go', 'rajmehta89+Go_Practise']
    const lookups = new Set(names.flatMap((name) => [...readFiles(new URL(`captures/${name}/`, FULL)).keys()]))
    for (const { path, version } of FAMOUS_MODULES) {
      expect(lookups).toContain(`lookup/${path.replace(/[A-Z]/g, (c) => `!${c.toLowerCase()}`)}@${version}`)
    }
  })
})

test('a server that does not speak HTTP is unreachable', async () => {
  const server = createServer()
  server.on('connection', (socket) => socket.end('hello\n'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const report = await probing(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  expect(report.verdict).toBe('unreachable')
})
