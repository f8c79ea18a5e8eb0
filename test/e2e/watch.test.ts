/**
 * An owner's watch in a real node: every new version is reported once, with its proof, and an unauthorised one is an
 * alarm.
 */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { NodeEvent } from '../../src/node/events.js'
import type { StatusView } from '../../src/status/shapes.js'
import { fromBase64, utf8 } from '../../src/tlog/bytes.js'
import { hashLeaf, parseHash } from '../../src/tlog/hash.js'
import { checkRecord } from '../../src/tlog/merkle.js'
import { verifiedCosignatures } from '../../src/tlog/cosignature.js'
import { parseNote, parseVerifierKey } from '../../src/tlog/note.js'
import { madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { gossum } from '../helpers/cli.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'

const signer = testSigner('log.example', 1)
type WatchEvent = Extract<NodeEvent, { event: 'watch' | 'unauthorised' }>
const isTold = (event: NodeEvent): event is NodeEvent & WatchEvent =>
  event.event === 'watch' || event.event === 'unauthorised'

const line = (version: string, of: '' | '/go.mod', n: number): string =>
  `example.com/mine ${version}${of} h1:${Buffer.alloc(32, n).toString('base64')}\n`
const release = (version: string, n = 1) => ({
  ...{ path: 'example.com/mine', version },
  text: line(version, '', n) + line(version, '/go.mod', n + 1),
})

async function logOf(size: number) {
  const log = await memoryLog(signer, madeUpRecords(0, size))
  const listening = await log.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => listening.close())
  return { log, args: ['--log', `${signer.verifier.vkey} ${listening.url}`, '--poll', '0.2'] }
}

async function conditions(node: RunningNode): Promise<string[]> {
  return ((await node.json('/api/v1/status')) as StatusView).conditions.map(({ name }) => name)
}

test('new versions are reported with a valid proof, without earlier ones, and each once over restarts', async () => {
  const { log, args } = await logOf(300)
  await log.append([release('v0.9.0')])
  const home = temporaryHome()
  const run = [...args, '--watch', 'example.com/mine,example.org']
  const first = await RunningNode.start(home, run)
  await first.event((event) => event.event === 'quorum' && event.size === 301)
  await log.append([...madeUpRecords(400, 500), release('v1.0.0'), ...madeUpRecords(500, 510)])
  const told = (await first.event(isTold)) as NodeEvent & WatchEvent
  expect(told).toMatchObject({ event: 'watch', module: 'example.com/mine', version: 'v1.0.0', id: 401 })
  expect(told).toMatchObject({ record: release('v1.0.0').text, authorised: null, size: 412 })

  // Only this line and the keys are needed to verify it.
  const proof = told.proof!.map((hash) => fromBase64(hash)!)
  checkRecord(proof, told.size, parseHash(told.root)!, told.id, hashLeaf(utf8(told.record)))
  const cosigned = verifiedCosignatures(parseNote(utf8(told.head)), [parseVerifierKey(first.ready.witness)])
  expect(told.time).toBe(new Date([...cosigned.values()][0]!.time * 1000).toISOString())

  // Versions published while it is down are reported after the restart.
  await first.stop()
  await log.append([release('v1.1.0')])
  const second = await RunningNode.start(home, run)
  expect(await second.event(isTold)).toMatchObject({ version: 'v1.1.0' })
  await log.append([release('v1.2.0')])
  await second.event((event) => isTold(event) && event.version === 'v1.2.0')
  const all = [...first.all(isTold), ...second.all(isTold)].map((event) => isTold(event) && event.version)
  expect(all).toEqual(['v1.0.0', 'v1.1.0', 'v1.2.0'])
})

test('a version that is not on the list raises an alert until its owner authorises it; so does another hash', async () => {
  const { log, args } = await logOf(300)
  const list = join(temporaryHome(), 'go.sum')
  writeFileSync(list, release('v1.0.0').text)
  const home = temporaryHome()
  const run = [...args, '--watch', `example.com/mine authorised=${list}`]
  const node = await RunningNode.start(home, run)
  await node.event((event) => event.event === 'quorum' && event.size === 300)
  await log.append([release('v1.0.0'), release('v1.0.1'), ...madeUpRecords(300, 310)])
  await node.event((event) => isTold(event) && event.version === 'v1.0.1')
  expect(node.all(isTold)).toMatchObject([
    { event: 'watch', version: 'v1.0.0', authorised: true },
    { event: 'unauthorised', version: 'v1.0.1', authorised: false },
  ])
  expect(await conditions(node)).toContain('unauthorised version')
  const words = await gossum(['watch', 'test', 'example.com/mine@v1.0.1', '--watch', run.at(-1)!])
  expect(words).toMatchObject({ code: 2 })
  expect(words.stdout).toContain('NOT AUTHORISED')
  await node.stop()

  // It persists over a restart, and ends when the owner has resolved it. It is not reported again.
  const again = await RunningNode.start(home, run)
  await again.event((event) => event.event === 'guard')
  expect(await conditions(again)).toContain('unauthorised version')
  await again.stop()
  writeFileSync(list, release('v1.0.0').text + release('v1.0.1').text)
  const mended = await RunningNode.start(home, run)
  await expect.poll(() => conditions(mended), { timeout: 20_000 }).not.toContain('unauthorised version')
  expect([...again.all(isTold), ...mended.all(isTold)]).toEqual([])
})

test('while the list cannot be read a version is reported as open; the result is reported later', async () => {
  const { log, args } = await logOf(300)
  let status = 500
  const server = createServer((_request, response) => {
    response.writeHead(status)
    response.end(status === 200 ? release('v1.0.0').text : '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/go.sum`
  const home = temporaryHome()
  const run = [...args, '--watch', `example.com/mine authorised=${url}`]
  const node = await RunningNode.start(home, run)
  await node.event((event) => event.event === 'quorum' && event.size === 300)
  await log.append([release('v1.0.1')])
  expect(await node.event(isTold)).toMatchObject({ event: 'watch', version: 'v1.0.1', authorised: null })
  expect(await conditions(node)).toContain('releases unread')
  await node.stop()
  status = 200
  const again = await RunningNode.start(home, run)
  expect(await again.event(isTold)).toMatchObject({ event: 'unauthorised', version: 'v1.0.1', id: 300 })
  expect(await conditions(again)).not.toContain('releases unread')
})

test('gossum watch shows what is watched, and the state of the lists', async () => {
  const list = join(temporaryHome(), 'go.sum')
  writeFileSync(list, release('v1.0.0').text)
  const watch = ['--watch', `example.com/* authorised=${list}`, '--watch', 'github.com/me']
  const listed = await gossum(['watch', 'list', '--json', ...watch])
  expect(listed.code).toBe(0)
  expect(
    listed.stdout
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as unknown),
  ).toEqual([
    { modules: 'example.com/*', authorised: list, key: null, lines: 2, error: null },
    { modules: 'github.com/me', authorised: null, key: null, lines: null, error: null },
  ])
  const tested = async (module: string) => {
    const { code, stdout } = await gossum(['watch', 'test', module, '--json', ...watch])
    return { code, ...(JSON.parse(stdout) as { authorised: boolean | null; lines: string[] }) }
  }
  expect(await tested('example.com/mine@v1.0.0')).toMatchObject({ code: 0, authorised: true, lines: { length: 2 } })
  expect(await tested('example.com/mine@v1.0.1')).toMatchObject({ code: 2, authorised: false, lines: [] })
  expect(await tested('github.com/me/mod@v1.0.0')).toMatchObject({ code: 0, authorised: null })
  expect(await tested('example.org/x@v1.0.0')).toMatchObject({ code: 4, watch: null })
  writeFileSync(list, 'gone')
  expect(await tested('example.com/mine@v1.0.0')).toMatchObject({ code: 4, authorised: null })
  expect((await gossum(['watch', 'list', ...watch])).code).toBe(4)
})
