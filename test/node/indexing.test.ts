/** The index of a running node: what its audit has read and a quorum covers, in the format of the module index. */
import { MemoryLevel } from 'memory-level'
import { describe, expect, onTestFinished, test } from 'vitest'
import { loadConfig, type Settings } from '../../src/config/config.js'
import type { NodeEvent } from '../../src/node/events.js'
import { createNode, type GossumNode } from '../../src/node/node.js'
import { SumdbServer } from '../../src/sumdb/log-server.js'
import { parseLine } from '../../src/mirror/index/feed-pages.js'
import { compareMoments } from '../../src/lib/rfc3339.js'
import { recordOf } from '../helpers/bad-records.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'

const signer = testSigner('sum.example', 1)
const records = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => {
    const [path, version] = [`example.com/m${(from + i) % 3}`, `v1.${from + i}.0`]
    return { path, version, text: recordOf(path, version) }
  })

async function startLog(size: number): Promise<{ log: SumdbServer; url: string }> {
  const log = await SumdbServer.open({ db: new MemoryLevel(), signer })
  await log.append(records(0, size))
  const listening = await log.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => listening.close())
  return { log, url: listening.url }
}

interface Started {
  readonly node: GossumNode
  readonly index: (query?: string) => Promise<{ status: number; body: string }>
  /** Resolves when the index has this many records that a quorum head covers. */
  readonly indexed: (size: number) => Promise<string[]>
}

async function startNode(url: string, settings: Settings = {}): Promise<Started> {
  const events: NodeEvent[] = []
  const fixed = { home: temporaryHome(), listen: [], http: '127.0.0.1:0', poll: 0.1, audit: true, auditRate: 1000 }
  const config = loadConfig({ ...fixed, log: [`${signer.verifier.vkey} ${url}`], ...settings }, { env: {} })
  const node = await createNode(config, (event) => events.push(event))
  onTestFinished(() => node.stop())
  const index = async (query = ''): Promise<{ status: number; body: string }> => {
    const answer = await fetch(`${node.http}/index${query}`)
    return { status: answer.status, body: await answer.text() }
  }
  const lines = async (): Promise<string[]> => (await index()).body.split('\n').slice(0, -1)
  const indexed = async (size: number): Promise<string[]> => {
    await expect.poll(async () => (await lines()).length, { timeout: 20_000 }).toBe(size)
    return lines()
  }
  return { node, index, indexed }
}

test('the index shows what was audited under quorum heads, follows the log, and survives a restart', async () => {
  const { log, url } = await startLog(300)
  const home = temporaryHome()
  const first = await startNode(url, { home })
  const before = await first.indexed(300)
  expect(JSON.parse(before[7]!)).toMatchObject({ Path: 'example.com/m1', Version: 'v1.7.0' })
  expect(before.map((line) => Object.keys(JSON.parse(line) as object))).toEqual(
    before.map(() => ['Path', 'Version', 'Timestamp']),
  )
  await log.append(records(300, 310))
  const after = await first.indexed(310)
  expect(after.slice(0, 300)).toEqual(before)
  const times = after.map((line) => parseLine(line)!.time)
  for (const [i, time] of times.entries()) if (i > 0) expect(compareMoments(times[i - 1]!, time)).toBeLessThan(0)
  expect(times[305]!.seconds - Date.now() / 1000).toBeLessThan(5)

  const since = (JSON.parse(after[303]!) as { Timestamp: string }).Timestamp
  expect((await first.index(`?since=${since}&limit=3&include=all`)).body).toBe(`${after.slice(303, 306).join('\n')}\n`)
  const ofModule = after.filter((line) => line.includes('example.com/m2'))
  expect((await first.index('?module=example.com/m2')).body).toBe(`${ofModule.join('\n')}\n`)
  const [status] = (await first.node.view.status()).logs
  expect(status!.audit).toMatchObject({ indexed: 310 })
  expect(await first.node.view.metrics()).toMatch(/gossum_indexed_records\{.*\} 310/)
  await first.node.stop()

  const second = await startNode(url, { home })
  expect(await second.indexed(310)).toEqual(after)
})

test('a home with an audit but no index gets the whole index', async () => {
  const { rm } = await import('node:fs/promises')
  const { url } = await startLog(700)
  const home = temporaryHome()
  const first = await startNode(url, { home })
  const lines = await first.indexed(700)
  await first.node.stop()
  await rm(`${home}/index`, { recursive: true })
  const second = await startNode(url, { home })
  expect(await second.indexed(700)).toEqual(lines)
})

describe('the index is refused', () => {
  test('with the reason, by a node that does not audit', async () => {
    const { url } = await startLog(3)
    const { index } = await startNode(url, { audit: false })
    const { status, body } = await index()
    expect(status).toBe(501)
    expect(JSON.parse(body)).toMatchObject({
      code: 'INDEX_OFF',
      detail: expect.stringContaining('without --audit') as string,
    })
  })

  test('before the first quorum head', async () => {
    const { index } = await startNode('http://127.0.0.1:9')
    const { status, body } = await index()
    expect(status).toBe(503)
    expect(JSON.parse(body)).toMatchObject({ code: 'INDEX_WAITING' })
  })

  test('for an invalid query', async () => {
    const { index } = await startNode('http://127.0.0.1:9', { audit: false })
    for (const query of [
      '?limit=0',
      '?limit=-1',
      '?limit=x',
      '?limit=1e3',
      '?since=yesterday',
      '?since=2026-02-30T00:00:00Z',
      '?include=some',
    ]) {
      const { status, body } = await index(query)
      expect(status, query).toBe(400)
      expect(JSON.parse(body), query).toMatchObject({ code: 'REQUEST_INVALID' })
    }
    for (const query of [
      '?limit=99999',
      '?since=2026-01-31T00:00:00+02:00',
      '?since=2026-01-31T00:00:00%2B02:00',
      '?include=all&since=',
    ])
      expect((await index(query)).status, query).toBe(501)
  })
})
