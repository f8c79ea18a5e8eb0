/**
 * `gossum run` as a process: genuine heads of sum.golang.org over HTTP, the output for scripts, two processes on one
 * home.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SUM_GOLANG_ORG } from '../../src/config/config.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { verifyCosignature } from '../../src/tlog/cosignature.js'
import { isBy, parseNote, parseVerifierKey, verifyNote } from '../../src/tlog/note.js'
import { readFiles, ReplayLog } from '../fakes/replay-log.js'
import { gossum, gossumRefused } from '../helpers/cli.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { FULL, hasFull, readJsonLines, SMALL } from '../sumdb/genuine.js'

interface HeadsAnswer {
  heads: { size: number; root: string; note: string; cosignatures: { name: string; key: string; time: string }[] }[]
}

/** Lets a node follow these heads one after the other and returns what it cosigned. */
async function follow(files: ReplayLog, notes: readonly string[]): Promise<{ node: RunningNode; home: string }> {
  files.latest = utf8(notes[0]!)
  const home = temporaryHome()
  const node = await RunningNode.start(home, ['--log', `${SUM_GOLANG_ORG} ${files.url}`, '--poll', '0.1'])
  for (const note of notes) {
    files.latest = utf8(note)
    const size = Number(note.split('\n')[1])
    const outcome = await node.event((event) => event.event === 'outcome' && event.size === size)
    expect(outcome).toMatchObject({ outcome: 'advanced', door: 'poll', code: null })
  }
  const id = node.ready.logs[0]!.id
  const { heads } = (await node.json(`/api/v1/logs/${id}/heads?limit=1000`)) as HeadsAnswer
  expect(heads.map(({ size }) => size)).toEqual(notes.map((note) => Number(note.split('\n')[1])).reverse())
  const [log, witness] = [parseVerifierKey(SUM_GOLANG_ORG), parseVerifierKey(node.ready.witness)]
  for (const head of heads) {
    const note = parseNote(utf8(head.note))
    verifyNote(note, log)
    verifyCosignature(
      note.text,
      note.signatures.find((line) => isBy(line, witness))!,
      witness,
    )
  }
  return { node, home }
}

test('follows genuine heads over HTTP and cosigns each one', async () => {
  const files = await ReplayLog.start(readFiles(new URL('genuine/', SMALL)))
  const chain = readJsonLines<{ size: number; note: string }>(new URL('heads.jsonl', SMALL)).filter(
    ({ size }) => size < 2_000_000,
  )
  expect(chain.length).toBeGreaterThanOrEqual(4)
  const { node, home } = await follow(
    files,
    chain.map(({ note }) => note),
  )
  expect(await node.stop()).toBe(0)

  // After a restart it knows what it signed, and signs no older head.
  files.latest = utf8(chain[0]!.note)
  const again = await RunningNode.start(home, ['--log', `${SUM_GOLANG_ORG} ${files.url}`, '--poll', '0.1'])
  expect(again.ready.witness).toBe(node.ready.witness)
  expect(again.ready.logs[0]!.size).toBe(chain.at(-1)!.size)
  expect(await again.event((event) => event.event === 'outcome')).toMatchObject({
    outcome: 'past',
    size: chain[0]!.size,
  })
  await files.close()
})

test.skipIf(!hasFull)('follows the real log from size 280,573 to 59,270,573', async () => {
  const files = await ReplayLog.start(readFiles(new URL('tiles/', FULL)))
  const directory = new URL('addcheckpoint/', FULL).pathname
  const notes = readdirSync(directory)
    .sort()
    .map((name) => {
      const body = readFileSync(join(directory, name), 'utf8')
      return body.slice(body.indexOf('\n\n') + 2)
    })
  expect(notes).toHaveLength(132)
  await follow(files, notes)
  await files.close()
})

test('the ready line, the status, and the words for people', async () => {
  const files = await ReplayLog.start(readFiles(new URL('genuine/', SMALL)))
  const [first] = readJsonLines<{ size: number; note: string }>(new URL('heads.jsonl', SMALL))
  files.latest = utf8(first!.note)
  const node = await RunningNode.start(temporaryHome(), [
    '--log',
    `${SUM_GOLANG_ORG} ${files.url}`,
    '--name',
    'me.example',
  ])
  expect(Object.keys(node.ready)).toEqual([
    'ready',
    'witness',
    'peerId',
    'multiaddrs',
    'http',
    'goproxy',
    'observer',
    'logs',
  ])
  expect(node.ready.witness).toMatch(/^me\.example\+[0-9a-f]{8}\+B/)
  expect(node.ready.multiaddrs[0]).toBe(
    `/ip4/127.0.0.1/tcp/${node.ready.multiaddrs[0]!.split('/')[4]!}/p2p/${node.ready.peerId}`,
  )
  await node.event((event) => event.event === 'quorum')

  const { logs } = (await node.json('/api/v1/logs')) as { logs: Record<string, unknown>[] }
  expect(logs[0]).toMatchObject({
    name: 'sum.golang.org',
    origin: 'go.sum database tree',
    size: first!.size,
    frozen: false,
    suspects: [],
  })
  expect(logs[0]!['quorum']).toMatchObject({ size: first!.size })
  const status = await gossum(['status', '--node', node.ready.http])
  expect(status.code).toBe(0)
  expect(status.stdout).toContain('sum.golang.org')
  const metrics = await (await fetch(`${node.ready.http}/metrics`)).text()
  expect(metrics).toContain(`gossum_head_size{log="sum.golang.org",log_id="${node.ready.logs[0]!.id}"} ${first!.size}`)
  expect((await fetch(`${node.ready.http}/readyz`)).status).toBe(200)
  await files.close()
})

test('an unreachable log is reported once, and the node keeps running', async () => {
  const node = await RunningNode.start(temporaryHome(), [
    '--log',
    `${SUM_GOLANG_ORG} http://127.0.0.1:9`,
    '--poll',
    '0.1',
  ])
  expect(await node.event((event) => event.event === 'log')).toMatchObject({ reachable: false })
  expect((await fetch(`${node.ready.http}/livez`)).status).toBe(200)
  expect((await fetch(`${node.ready.http}/readyz`)).status).toBe(503)
  expect(await node.stop()).toBe(0)
})

test('a second process on one home gets an error, and the first goes on', async () => {
  const home = temporaryHome()
  const log = ['--log', `${SUM_GOLANG_ORG} http://127.0.0.1:9`]
  const node = await RunningNode.start(home, log)
  const second = await gossumRefused([
    'run',
    '--home',
    home,
    '--http',
    '127.0.0.1:0',
    '--listen',
    '/ip4/127.0.0.1/tcp/0',
    ...log,
  ])
  expect(second).toMatchObject({ code: 1, stdout: '' })
  expect(second.stderr).toContain('another process is using this home')
  expect(second.stderr).toContain('hint:')
  expect((await fetch(`${node.ready.http}/livez`)).status).toBe(200)
})

test.each([
  [['--log', 'nonsense'], 2, 'log:'],
  [['--log', `${SUM_GOLANG_ORG} ftp://example.com`], 2, 'http'],
  [['--poll', '0'], 2, 'poll:'],
  [['--http', 'nowhere'], 2, 'http:'],
  [['--listen', '/ip4/nowhere'], 2, '/ip4/nowhere'],
  [['--config', '/does/not/exist.yaml'], 1, '/does/not/exist.yaml'],
  [['--http', '192.0.2.1:0'], 1, 'hint: this machine has no such address'],
  [['--listen', '/ip4/192.0.2.1/tcp/0'], 2, 'hint: this machine has no such address'],
] as const)('run %j ends with %i, words and a hint', async (args, code, words) => {
  const finished = await gossumRefused(['run', '--home', temporaryHome(), '--http', '127.0.0.1:0', ...args])
  expect(finished.code).toBe(code)
  expect(finished.stderr).toContain(words)
  expect(finished.stderr).toContain('hint:')
})
