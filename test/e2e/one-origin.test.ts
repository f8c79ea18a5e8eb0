/**
 * Two checksum databases, which share one origin line, in one node process: by poll and by push. A cosignature contains
 * only the origin, so each log is cosigned with a key of its own, and a log without one is followed and not cosigned.
 */
import { createHash } from 'node:crypto'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { logId, parseCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { parseNote, verifyNote, type SignerKey } from '../../src/tlog/note.js'
import { LyingLog, type Answering } from '../fakes/lying-log.js'
import { TilesLog } from '../fakes/tiles-log.js'
import { gossum, gossumRefused, jsonError } from '../helpers/cli.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { askWitness, push } from '../helpers/witness-client.js'

const HASH = createHash('sha256').update(SUMDB_ORIGIN).digest('hex')

/** A checksum database that can also push what it shows. */
class Sumdb implements Answering {
  readonly signer: SignerKey
  readonly id: string
  tree: TilesLog
  url = ''

  constructor(name: string, seed: number, size: number) {
    this.signer = testSigner(name, seed)
    this.id = logId(name, SUMDB_ORIGIN)
    this.tree = new TilesLog(this.signer, { origin: SUMDB_ORIGIN, record: (n) => `record ${n} of ${name}` }).grow(size)
  }

  async serve(): Promise<this> {
    const log = await LyingLog.start(this)
    onTestFinished(() => log.close())
    this.url = log.url
    return this
  }

  handle(path: string) {
    const known = /^\/(latest$|tile\/8\/)/.test(path)
    return this.tree.handle(known ? path.replace('/latest', '/checkpoint').replace('/tile/8/', '/tile/') : '/')
  }
}

let one: Sumdb
let two: Sumdb
beforeEach(async () => {
  one = await new Sumdb('one.example', 1, 300).serve()
  two = await new Sumdb('two.example', 2, 300).serve()
})

function setting({ signer }: Sumdb, url: string): string[] {
  return ['--log', `${signer.verifier.vkey} ${url}`]
}

function advanced(node: RunningNode, { id, tree }: Sumdb, door: string): Promise<unknown> {
  return node.event(
    (event) =>
      event.event === 'outcome' &&
      event.outcome === 'advanced' &&
      event.log === id &&
      event.size === tree.size &&
      event.door === door,
  )
}

/** The log and the size of the checkpoint at this path; verifies the log's signature. */
async function checkpointAt(node: RunningNode, path: string, { signer }: Sumdb): Promise<number> {
  const { status, body } = await askWitness(node.ready.http, `/${path}/checkpoint`)
  expect(status).toBe(200)
  const note = parseNote(utf8(body))
  verifyNote(note, signer.verifier)
  return parseCheckpoint(note.text).size
}

/** A home with a witness key, and one that cosigns the second log alone. Returns the names of both. */
async function twoKeys(): Promise<{ home: string; names: { one: string; two: string } }> {
  const home = temporaryHome()
  await gossum(['key', 'new', '--name', 'witness.example', '--json'], { home })
  const logs = [...setting(one, 'http://log.example'), ...setting(two, 'http://log.example')]
  const made = await gossum(['key', 'new', '--for', 'two.example', ...logs, '--json'], { home })
  expect(made.code, made.stderr).toBe(0)
  return { home, names: { one: 'witness.example', two: 'witness.example/two.example' } }
}

/** The keys whose cosignatures the checkpoint at this path has. */
async function cosignersAt(node: RunningNode, path: string): Promise<string[]> {
  const { body } = await askWitness(node.ready.http, `/${path}/checkpoint`)
  return parseNote(utf8(body))
    .signatures.slice(1)
    .map(({ name }) => name)
}

function taken(node: RunningNode, { id }: Sumdb): Promise<unknown> {
  return node.event((event) => event.event === 'outcome' && event.log === id && event.code === 'ORIGIN_TAKEN')
}

async function expectApart(node: RunningNode): Promise<void> {
  expect(await node.json('/api/v1/logs')).toMatchObject({
    logs: [one, two].map(({ id, tree }) => ({ id, origin: SUMDB_ORIGIN, size: tree.size, suspects: [], holds: [] })),
  })
  expect(await node.json('/api/v1/evidence')).toEqual({ evidence: [] })
  // The origin alone means the first of them; each has an address by its own id.
  expect(await checkpointAt(node, HASH, one)).toBe(one.tree.size)
  expect(await checkpointAt(node, one.id, one)).toBe(one.tree.size)
  expect(await checkpointAt(node, two.id, two)).toBe(two.tree.size)
  expect(await cosignersAt(node, one.id)).toEqual(['witness.example'])
  expect(await cosignersAt(node, two.id)).toEqual(['witness.example/two.example'])
}

test('by poll: equal sizes, other roots, and no split view', async () => {
  const args = [...setting(one, one.url), ...setting(two, two.url), '--poll', '0.1']
  const { home } = await twoKeys()
  const node = await RunningNode.start(home, args)
  await Promise.all([advanced(node, one, 'poll'), advanced(node, two, 'poll')])
  await expectApart(node)
  one.tree.grow(400)
  two.tree.grow(5)
  await Promise.all([advanced(node, one, 'poll'), advanced(node, two, 'poll')])
  await expectApart(node)
  expect(node.ready.logs.map(({ gosumdb }) => gosumdb)).toEqual(
    [one, two].map(({ signer: { verifier } }) => `${verifier.vkey} ${node.ready.http}/sumdb/${verifier.name}`),
  )
})

test('by push: the key that signed says which of them it is', async () => {
  const args = [...setting(one, `- ${SUMDB_ORIGIN}`), ...setting(two, `- ${SUMDB_ORIGIN}`)]
  const { home } = await twoKeys()
  const node = await RunningNode.start(home, args)
  const answer = async (body: Uint8Array): Promise<[number, string]> => {
    const { status, body: text } = await push(node.ready.http, body)
    return [status, status === 200 ? '' : text]
  }
  expect((await askWitness(node.ready.http, `/${HASH}/checkpoint`)).status).toBe(404)
  expect(await answer(two.tree.pushed(0))).toEqual([200, ''])
  // The pushed log is not the first one, though it has the name in the address.
  expect((await askWitness(node.ready.http, `/${HASH}/checkpoint`)).status).toBe(404)
  expect(await answer(one.tree.pushed(0))).toEqual([200, ''])
  await expectApart(node)

  one.tree.grow(100)
  two.tree.grow(7)
  expect(await answer(two.tree.pushed(300))).toEqual([200, ''])
  expect(await answer(one.tree.pushed(300))).toEqual([200, ''])
  await expectApart(node)
  // Each has an old size of its own.
  expect(await answer(one.tree.pushed(300))).toEqual([409, '400\n'])
  expect(await answer(two.tree.pushed(300))).toEqual([409, '307\n'])
  // A stranger with the same origin and the name of one of them is unknown.
  const stranger = new Sumdb('one.example', 3, 500)
  expect((await answer(stranger.tree.pushed(0)))[0]).toBe(403)
})

test('one lies and is frozen, the other continues', async () => {
  const args = [...setting(one, one.url), ...setting(two, two.url), '--poll', '0.1']
  const { home } = await twoKeys()
  const node = await RunningNode.start(home, args)
  await Promise.all([advanced(node, one, 'poll'), advanced(node, two, 'poll')])
  const lie = await push(node.ready.http, two.tree.fork(200, 300).pushed(0))
  // The proof is checked first; the head convicts all the same.
  expect(lie.status).toBe(409)
  const found = await node.event(({ event }) => event === 'evidence')
  expect(found).toMatchObject({ log: two.id, sizes: [300, 300] })
  const { id } = found as { id: string } & typeof found
  const file = await (await fetch(`${node.ready.http}/api/v1/evidence/${id}`)).arrayBuffer()
  expect(verifyEvidence(parseEvidence(new Uint8Array(file)), [two.signer.verifier]).sizes).toEqual([300, 300])
  one.tree.grow(10)
  two.tree.grow(10)
  await advanced(node, one, 'poll')
  await node.event((event) => event.event === 'outcome' && event.log === two.id && event.code === 'LOG_FROZEN')
  expect(await node.json('/api/v1/logs')).toMatchObject({ logs: [{ frozen: false }, { frozen: true, size: 300 }] })
})

test('without a key of its own the second is followed, shown as paused, and cosigned by nobody here', async () => {
  const home = temporaryHome()
  const args = [...setting(one, one.url), ...setting(two, two.url), '--poll', '0.1']
  const node = await RunningNode.start(home, args)
  await Promise.all([advanced(node, one, 'poll'), taken(node, two)])
  expect(await checkpointAt(node, one.id, one)).toBe(300)
  expect((await askWitness(node.ready.http, `/${two.id}/checkpoint`)).status).toBe(404)
  expect(await node.json('/api/v1/logs')).toMatchObject({
    logs: [{ paused: null }, { paused: expect.stringContaining('gossum key new --for') as string, cosignatures: [] }],
  })
  // It is followed all the same: its tree is this one, and the next push is compared with it, and not signed.
  expect(await push(node.ready.http, two.tree.pushed(0))).toMatchObject({ status: 409, body: '300\n' })
  const pushed = await push(node.ready.http, two.tree.grow(5).pushed(300))
  expect(pushed).toMatchObject({
    status: 503,
    body: expect.stringContaining('another log with the same origin') as string,
  })
  expect((await fetch(`${node.ready.http}/readyz`)).status).toBe(503)
  await node.stop()

  // With a key of its own it is cosigned from the next start on, and never by the key of the first.
  const made = await gossum(['key', 'new', '--for', two.id, ...args.slice(0, 4), '--json'], { home })
  expect(made.code, made.stderr).toBe(0)
  const again = await RunningNode.start(home, args)
  two.tree.grow(5)
  await advanced(again, two, 'poll')
  const { logs } = JSON.parse(made.stdout) as { logs: { witness: string }[] }
  expect(await cosignersAt(again, two.id)).toEqual([logs[0]!.witness.split('+', 1)[0]])
})

test('whatever the order of the settings is at the next start, the key stays with the log that it cosigned', async () => {
  const home = temporaryHome()
  const first = await RunningNode.start(home, [...setting(one, one.url), ...setting(two, two.url), '--poll', '0.1'])
  await Promise.all([advanced(first, one, 'poll'), taken(first, two)])
  await first.stop()
  one.tree.grow(10)
  two.tree.grow(10)
  const second = await RunningNode.start(home, [...setting(two, two.url), ...setting(one, one.url), '--poll', '0.1'])
  await Promise.all([advanced(second, one, 'poll'), taken(second, two)])
  await second.stop()
  // The key is not free for another log when this one is not followed any more.
  const third = await RunningNode.start(home, [...setting(two, two.url), '--poll', '0.1'])
  two.tree.grow(10)
  await taken(third, two)
  expect((await askWitness(third.ready.http, `/${two.id}/checkpoint`)).status).toBe(404)
})

test('a key of its own for the log that the witness key has cosigned is refused at start: it would set that one free', async () => {
  const home = temporaryHome()
  const logs = [...setting(one, one.url), ...setting(two, two.url)]
  const node = await RunningNode.start(home, [...logs, '--poll', '0.1'])
  await advanced(node, one, 'poll')
  await node.stop()
  expect((await gossum(['key', 'new', '--for', one.id, ...logs, '--json'], { home })).code).toBe(0)
  const refused = await gossumRefused(['run', '--json', '--http', '127.0.0.1:0', ...logs], { home })
  expect(jsonError(refused)).toMatchObject({ code: 'ORIGIN_TAKEN' })
})

test('but not with one name: they would have one state', async () => {
  const again = new Sumdb('one.example', 3, 300)
  const args = [
    'run',
    '--json',
    '--home',
    temporaryHome(),
    ...setting(one, one.url),
    ...setting(again, 'http://[::1]:1'),
  ]
  const result = await gossumRefused(args)
  expect(result.code).toBe(2)
  expect(jsonError(result).message).toContain('two logs with the key name one.example')
})
