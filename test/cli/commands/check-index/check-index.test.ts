/**
 * `gossum check index` as a process: its output, its exit codes, and that the next run continues where the last one
 * ended.
 */
import { createServer } from 'node:http'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { listen, urlOf } from '../../../../src/lib/listen.js'
import { gossum, jsonError, type CliResult } from '../../../helpers/cli.js'
import { temporaryHome } from '../../../helpers/home.js'

const NOW = Math.floor(Date.now() / 1000)
const iso = (seconds: number): string => new Date(seconds * 1000).toISOString()
const line = (name: string, seconds: number): string =>
  `${JSON.stringify({ Path: `example.com/${name}`, Version: 'v1.0.0', Timestamp: iso(seconds) })}\n`

interface Served {
  feed: string[]
  log: string[]
  /** Queries of the feed. */
  readonly asked: string[]
}

/** A feed at /feed/index, and a node at the same address. */
async function serve(served: Served): Promise<string> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://localhost')
    if (pathname === '/feed/index') served.asked.push(searchParams.toString())
    if (pathname === '/api/v1/logs') {
      const size = served.log.length
      const log = { size, quorum: { size, cosignatures: [] }, verifiedAt: iso(NOW + 60), audit: { indexed: size } }
      return response.end(JSON.stringify({ logs: [log] }))
    }
    const since = Date.parse(searchParams.get('since') ?? '') || 0
    const module = searchParams.get('module')
    const lines = (pathname === '/index' ? served.log : served.feed).filter((text) => {
      const { Path, Timestamp } = JSON.parse(text) as { Path: string; Timestamp: string }
      return Date.parse(Timestamp) >= since && (module === null || module === Path)
    })
    return response.end(lines.slice(0, Number(searchParams.get('limit') ?? 2000)).join(''))
  })
  await listen(server, { host: '127.0.0.1', port: 0 })
  onTestFinished(() => void server.close())
  return urlOf(server)
}

test('reports each difference once, and continues where it stopped', async () => {
  const old = NOW - 100_000
  const served: Served = {
    feed: [line('a', old + 10), line('forged', old + 20), line('c', old + 40)],
    log: [line('old', old), line('a', old + 12), line('hidden', old + 30), line('c', old + 40)],
    asked: [],
  }
  const url = await serve(served)
  const cache = temporaryHome()
  const check = (...args: string[]): Promise<CliResult> =>
    gossum(['check', 'index', `${url}/feed/index`, '--node', url, '--lag', '5s', ...args], {
      env: { XDG_CACHE_HOME: cache },
    })

  const first = await check()
  expect(first.code).toBe(2)
  expect(first.stdout).toContain('index only example.com/forged@v1.0.0')
  expect(first.stdout).toContain('log only example.com/hidden@v1.0.0')
  expect(first.stdout).toMatch(/^differs: 3 lines of the index and 3 records of the log, .*: 2 findings$/m)
  expect(served.asked[0]).toContain('include=all')

  const [file] = readdirSync(join(cache, 'gossum', 'check-index'))
  const kept = JSON.parse(readFileSync(join(cache, 'gossum', 'check-index', file!), 'utf8')) as { since: string }
  expect(Date.parse(kept.since) / 1000).toBeGreaterThan(NOW - 120)

  served.feed.push(line('d', NOW - 50))
  served.log.push(line('d', NOW - 50))
  const second = await check('--json')
  expect(second.code).toBe(0)
  expect(JSON.parse(second.stdout)).toMatchObject({ verdict: 'ok', undecided: null, node: url })

  const again = await check('--since', iso(old + 1), '--json')
  expect(again.code).toBe(2)
  const said = again.stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as Record<string, unknown>)
  expect(said.map((one) => one['class'] ?? one['verdict'])).toEqual(['log only', 'index only', 'differs'])
  expect(said.at(-1)).toMatchObject({
    findings: { 'index only': 1, 'log only': 1, 'time order': 0, 'invalid line': 0 },
  })
})

test('reports a version that the feed shows out of order, and a line that is none', async () => {
  const old = NOW - 100_000
  const served: Served = {
    feed: [line('a', old + 10), line('late', old + 900), line('c', old + 1000)],
    log: [line('old', old), line('a', old + 12), line('late', old + 20), line('c', old + 1000)],
    asked: [],
  }
  const url = await serve(served)
  const check = (): Promise<CliResult> =>
    gossum(['check', 'index', `${url}/feed/index`, '--node', url, '--lag', '5s', '--json'], {
      env: { XDG_CACHE_HOME: temporaryHome() },
    })
  const findings = ({ stdout }: CliResult): unknown =>
    (JSON.parse(stdout.trim().split('\n').at(-1)!) as { findings: unknown }).findings
  const late = await check()
  expect([late.code, findings(late)]).toEqual([
    2,
    { 'index only': 0, 'log only': 1, 'time order': 1, 'invalid line': 0 },
  ])
  served.feed[1] = `${JSON.stringify({ Path: 'example.com/late', Timestamp: iso(old + 900) })}\n`
  const invalid = await check()
  expect([invalid.code, findings(invalid)]).toEqual([
    2,
    { 'index only': 0, 'log only': 1, 'time order': 0, 'invalid line': 1 },
  ])
})

test('an unreachable feed is named, and nothing is judged', async () => {
  const old = NOW - 100_000
  const url = await serve({ feed: [], log: [line('a', old), line('b', old + 10)], asked: [] })
  const env = { XDG_CACHE_HOME: temporaryHome() }
  const feed = 'http://127.0.0.1:9/index'
  const result = await gossum(['check', 'index', feed, '--node', url, '--json'], { env })
  expect([result.code, jsonError(result).message]).toEqual([1, expect.stringContaining(feed)])
  expect(readdirSync(env.XDG_CACHE_HOME)).toEqual([])
})

test('refuses to check with an empty index, an unreachable node or wrong arguments', async () => {
  const url = await serve({ feed: [], log: [], asked: [] })
  const env = { XDG_CACHE_HOME: temporaryHome() }
  const empty = await gossum(['check', 'index', `${url}/feed/index`, '--node', url], { env })
  expect([empty.code, empty.stderr]).toEqual([4, expect.stringContaining('empty')])
  const none = await gossum(['check', 'index', 'http://127.0.0.1:9/index', '--node', 'http://127.0.0.1:9'], { env })
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('cannot reach the node')])
  expect(readdirSync(env.XDG_CACHE_HOME), 'nothing was judged').toEqual([])
  for (const [said, ...args] of [
    ['ftp://x/index', 'ftp://x/index'],
    ['--lag', 'http://x/index', '--lag', '5'],
    ['--since', 'http://x/index', '--since', 'now'],
  ]) {
    const wrong = await gossum(['check', 'index', ...args, '--node', url, '--json'], { env })
    expect([wrong.code, jsonError(wrong)], args.join(' ')).toMatchObject([
      2,
      { code: 'USAGE', message: expect.stringContaining(said!) as string },
    ])
  }
})
