/**
 * The published folder of a real node, behind the web servers of deploy/public-reads: they answer like the node. Parts
 * that need Debian's nginx and Caddy are skipped without them, unless REQUIRE_PEERS=1, which makes that a failure.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { EvidenceView, HeadView, StatusView } from '../../src/status/shapes.js'
import { sha256 } from '../../src/tlog/hash.js'
import { toHex, utf8 } from '../../src/tlog/bytes.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { ViewsLog } from '../fakes/views-log.js'
import { required } from '../helpers/go.js'
import { scratchFolder, smallDisk, temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { askWeb, startWebServer, WEB_SERVERS } from '../helpers/public-reads.js'

/** A node in a directory that follows a log of 300 records, and publishes. */
async function publishing(directory: string, atEnd: (end: () => void) => void = onTestFinished) {
  const log = await ViewsLog.start('localhost.localdev/sumdb', 300, ['127.0.0.1', '127.0.0.2'])
  const folder = join(directory, 'public')
  const args = ['--log', log.setting(), '--poll', '0.2', '--guard-wait', '0', '--publish', folder]
  const node = await RunningNode.start(join(directory, 'home'), args, {}, atEnd)
  return { log, folder, node }
}

/** The current content of a file in the folder; undefined if there is none. */
function inFile(folder: string, file: string): string | undefined {
  try {
    return readFileSync(join(folder, file), 'utf8')
  } catch {
    return undefined
  }
}

const headIn = (folder: string, log: string): HeadView | undefined => {
  const text = inFile(folder, `api/v1/logs/${log}/head`)
  return text === undefined ? undefined : (JSON.parse(text) as HeadView)
}

describe('a node with --publish', () => {
  test('writes heads as they come, evidence as it is found, and nothing of its own', async () => {
    const { log, folder, node } = await publishing(temporaryHome())
    await expect.poll(() => headIn(folder, log.id)?.size, { timeout: 20_000 }).toBe(300)
    const lie = await log.fork(1)
    await log.grow(5)
    await lie.grow(5)
    await expect.poll(() => headIn(folder, log.id)?.size, { timeout: 20_000 }).toBe(305)
    await expect.poll(() => headIn(folder, log.id)?.cosignatures.length, { timeout: 20_000 }).toBe(1)
    await fetch(`${node.ready.http}/api/v1/heads`, { method: 'POST', body: Buffer.from(await lie.server.head(305)) })
    const listed = (): EvidenceView[] =>
      (JSON.parse(inFile(folder, 'api/v1/evidence/index.json') ?? '{"evidence":[]}') as { evidence: EvidenceView[] })
        .evidence
    await expect.poll(listed, { timeout: 20_000 }).toHaveLength(1)
    const [found] = listed()
    // Everything that the list names was there before the list.
    const file = await (await fetch(`${node.ready.http}/api/v1/evidence/${found!.id}`)).text()
    expect(inFile(folder, `api/v1/evidence/${found!.id}`)).toBe(file)
    await expect.poll(() => inFile(folder, 'feed.atom'), { timeout: 20_000 }).toContain(found!.id)

    const origin = toHex(sha256(utf8(SUMDB_ORIGIN)))
    expect(readdirSync(folder).toSorted()).toEqual(
      ['.gossum', 'api', 'feed.atom', 'feed.json', log.id, origin, 'published.json'].toSorted(),
    )
    expect(readdirSync(join(folder, 'api/v1')).toSorted()).toEqual([
      'evidence',
      'logs',
      'suspects',
      'witness',
      'witnesses',
    ])
    expect(lstatSync(join(folder, '.gossum')).mode & 0o777).toBe(0o700)
    expect(lstatSync(join(folder, 'feed.json')).mode & 0o777).toBe(0o644)
    await log.close()
  })
})

test('an observer publishes what a quorum vouches for', async () => {
  const log = await ViewsLog.start('localhost.localdev/sumdb', 300)
  const witness = await RunningNode.start(temporaryHome(), [
    '--log',
    log.setting(),
    '--poll',
    '0.2',
    '--guard-wait',
    '0',
  ])
  const home = temporaryHome()
  const policy = join(home, 'policy')
  writeFileSync(policy, `log ${log.signer.verifier.vkey}\nwitness w ${witness.ready.witness}\nquorum w\n`)
  const folder = join(home, 'public')
  const args = ['--observer', '--policy', policy, '--bootstrap', witness.ready.multiaddrs[0]!, '--publish', folder]
  const observer = await RunningNode.start(join(home, 'home'), ['--log', log.setting(), ...args])
  const file = `api/v1/logs/${log.id}/quorum`
  const isSame = async (): Promise<boolean> => {
    const answer = await fetch(`${observer.ready.http}/${file}`)
    return (await answer.text()) === inFile(folder, file) && answer.status === 200
  }
  await expect.poll(isSame, { timeout: 20_000 }).toBe(true)
  await expect.poll(() => inFile(folder, 'published.json'), { timeout: 20_000 }).toMatch(/"witness":null/)
  // It has cosigned nothing, and is not a witness.
  expect([inFile(folder, `${log.id}/checkpoint`), inFile(folder, 'api/v1/witness')]).toEqual([undefined, undefined])
  await log.close()
})

test('kill -9 while heads arrive leaves complete files, and the next start continues in the same folder', async () => {
  const log = await ViewsLog.start('localhost.localdev/sumdb', 300)
  const folder = join(temporaryHome(), 'public')
  const home = temporaryHome()
  const args = ['--log', log.setting(), '--poll', '0.1', '--guard-wait', '0', '--publish', folder]
  for (let run = 0; run < 3; run++) {
    const node = await RunningNode.start(home, args)
    const size = await log.grow(5)
    await expect.poll(() => headIn(folder, log.id)?.size, { timeout: 20_000 }).toBe(size)
    // The first round is over, so the folder is complete.
    await expect.poll(() => inFile(folder, 'published.json'), { timeout: 20_000 }).toBeDefined()
    await log.grow(5)
    await node.event((event) => event.event === 'outcome' && event.size === size + 5)
    await node.kill()
    // Old or new, but complete: nothing else would parse.
    expect([size, size + 5]).toContain(headIn(folder, log.id)!.size)
    for (const file of ['api/v1/logs/index.json', 'api/v1/witness', 'feed.json', 'published.json'])
      expect(JSON.parse(inFile(folder, file)!), file).toBeInstanceOf(Object)
  }
  await log.close()
})

test('a folder of another user and a full disk are reported, stop no signature, and end once repaired', async ({
  skip,
}) => {
  const disk = smallDisk(512)
  if (disk === undefined) {
    if (required) throw new Error('no small file system can be mounted here')
    return skip('mounting a small file system needs root on Linux')
  }
  const log = await ViewsLog.start('localhost.localdev/sumdb', 300)
  const { path } = disk
  const taken = join(path, 'public')
  mkdirSync(taken)
  writeFileSync(join(taken, 'index.html'), 'a site')
  const args = ['--log', log.setting(), '--poll', '0.2', '--guard-wait', '0', '--publish', taken]
  const node = await RunningNode.start(temporaryHome(), args)
  const conditionOf = async (): Promise<string | undefined> => {
    const { conditions } = (await node.json('/api/v1/status')) as StatusView
    return conditions.find(({ name }) => name === 'publishing failing')?.text
  }
  const cosigned = async (): Promise<number> => {
    const answer = await fetch(`${node.ready.http}/${log.id}/checkpoint`)
    return Number((await answer.text()).split('\n')[1])
  }
  await expect.poll(conditionOf, { timeout: 20_000 }).toMatch(/the folder is not empty/)
  await node.event((event) => event.event === 'error' && event.code === 'PUBLISH_FAILED')
  await expect.poll(cosigned, { timeout: 20_000 }).toBe(300)
  expect(readdirSync(taken)).toEqual(['index.html'])

  rmSync(join(taken, 'index.html'))
  disk.fill()
  await expect.poll(conditionOf, { timeout: 40_000 }).toMatch(/ENOSPC/)
  expect(await conditionOf()).not.toContain(path)
  const size = await log.grow(5)
  await expect.poll(cosigned, { timeout: 20_000 }).toBe(size)

  disk.free()
  await expect.poll(() => headIn(taken, log.id)?.size, { timeout: 40_000 }).toBe(size)
  await expect.poll(conditionOf, { timeout: 20_000 }).toBeUndefined()
  await log.close()
})

test.runIf(required).each(WEB_SERVERS)('$name is here, as REQUIRE_PEERS asks', ({ file }) => {
  expect(file).toBeDefined()
})

const servers = WEB_SERVERS.filter(({ file }) => file !== undefined)

describe.runIf(servers.length > 0)('a folder in which nothing changes any more', () => {
  const scratch = scratchFolder()
  let published: Awaited<ReturnType<typeof publishing>>
  let paths: string[]
  let end = (): void => undefined
  afterAll(() => end())

  // expect.poll is for tests only.
  const until = (is: () => boolean): Promise<true> => vi.waitUntil(is, { timeout: 20_000 })
  beforeAll(async () => {
    published = await publishing(scratch.dir, (kill) => (end = kill))
    const { log, folder, node } = published
    await node.event((event) => event.event === 'outcome' && event.outcome === 'advanced')
    const lie = await log.fork(1)
    await log.grow(5)
    await lie.grow(9)
    await until(() => headIn(folder, log.id)?.size === 305)
    const bring = async (size: number): Promise<void> => {
      const body = Buffer.from(await lie.server.head(size))
      await fetch(`${node.ready.http}/api/v1/heads`, { method: 'POST', body })
    }
    await bring(305)
    await bring(309)
    await until(() => inFile(folder, 'feed.json')?.includes('api/v1/evidence/') === true)
    await until(() => inFile(folder, 'api/v1/suspects/index.json')?.includes('"id"') === true)
    // From now on nothing changes.
    await log.close()
    const { evidence } = JSON.parse(inFile(folder, 'api/v1/evidence/index.json')!) as { evidence: { id: string }[] }
    const { suspects } = JSON.parse(inFile(folder, 'api/v1/suspects/index.json')!) as { suspects: { id: string }[] }
    expect([evidence.length > 0, suspects.length > 0]).toEqual([true, true])
    paths = [
      ...['logs', 'evidence', 'suspects', 'witnesses', 'witness'].map((name) => `/api/v1/${name}`),
      ...['head', 'quorum'].map((name) => `/api/v1/logs/${log.id}/${name}`),
      ...[`/${log.id}/checkpoint`, '/feed.atom', '/feed.json'],
      ...evidence.map(({ id }) => `/api/v1/evidence/${id}`),
      ...suspects.map(({ id }) => `/api/v1/suspects/${id}`),
    ]
  })

  test.each(servers)('$name answers each published path as the node does: bytes, type and caching', async (server) => {
    const { folder, node } = published
    const url = await startWebServer(server, folder)
    const seen = async (from: string, path: string) => {
      const { status, headers, body } = await askWeb(from, path)
      const { 'content-type': type, 'cache-control': caching, 'access-control-allow-origin': origin } = headers
      return { status, body: body.toString('utf8'), type, caching, origin }
    }
    const both = (path: string) => Promise.all([url, node.ready.http].map((from) => seen(from, path)))
    const differing = async (): Promise<unknown> => {
      const pairs = await Promise.all(paths.map(both))
      return pairs.find(([file, api]) => JSON.stringify(file) !== JSON.stringify(api))
    }
    await expect.poll(differing, { timeout: 20_000 }).toBeUndefined()
    expect((await both(paths[0]!))[0]).toMatchObject({ status: 200, type: 'application/json', origin: '*' })

    for (const path of paths) {
      const { etag } = (await askWeb(url, path)).headers
      const again = await askWeb(url, path, { headers: { 'if-none-match': etag } })
      expect([again.status, again.body.length], path).toEqual([304, 0])
      const head = await askWeb(url, path, { method: 'HEAD' })
      expect([head.status, head.headers.etag, head.body.length], path).toEqual([200, etag, 0])
    }
    for (const path of [
      '/',
      '/api',
      '/api/v1',
      '/api/v1/status',
      '/metrics',
      '/.gossum',
      '/.gossum/lock',
      '/nothing',
    ]) {
      const answer = await askWeb(url, path)
      expect([answer.status, answer.headers['cache-control']], path).toEqual([404, 'no-store'])
    }
    expect((await askWeb(url, '/api/v1/logs?limit=1')).status).toBe(404)
    expect((await askWeb(url, '/published.json')).headers['cache-control']).toBe('no-cache')
  })
})
