/**
 * Evidence is never lost, with whole nodes: it arrives while the disk is full, while nothing may be signed, and after
 * its operator has acknowledged an earlier lie.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LogView } from '../../../src/status/shapes.js'
import { encodeEvidence, makeSplitView, parseEvidence, verifyEvidence } from '../../../src/evidence/evidence.js'
import { Store } from '../../../src/store/store.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { parseNote } from '../../../src/tlog/note.js'
import { gossum, jsonError } from '../../helpers/cli.js'
import { testSigner } from '../../helpers/heart.js'
import { copyHome, scratchFolder, smallDisk, temporaryHome, type SmallDisk } from '../../helpers/home.js'
import { RunningNode } from '../../helpers/node.js'
import { oldHome, oldLog, pushedBy } from '../../helpers/old-home.js'
import { push, PushingLog } from '../../helpers/witness-client.js'

const signer = testSigner('log.example/pushes', 1)
const log = new PushingLog(signer)
const fork = new PushingLog(signer, { salt: 'b' })
const filler = testSigner('log.example/filler', 2)
const LOG = [signer, filler].flatMap(({ verifier: { vkey } }) => ['--log', `${vkey} -`])

async function pushed(node: RunningNode, body: Uint8Array): Promise<number> {
  return (await push(node.ready.http, body)).status
}

interface Said {
  readonly outcome?: string
  readonly evidence?: string
  readonly fate?: string
}

async function post(node: RunningNode, what: 'heads' | 'evidence', body: Uint8Array): Promise<Said> {
  const answer = await fetch(`${node.ready.http}/api/v1/${what}`, { method: 'POST', body: Buffer.from(body) })
  return (await answer.json()) as Said
}

async function logsOf(node: RunningNode): Promise<LogView[]> {
  return ((await node.json('/api/v1/logs')) as { logs: LogView[] }).logs
}

/** The evidence about a log; if none is named, about the first. */
async function evidenceOf(node: RunningNode, name?: string): Promise<{ id: string; acked: boolean }[]> {
  const { id } = node.ready.logs.find((each) => name === undefined || each.name === name)!
  const { evidence } = (await node.json('/api/v1/evidence')) as {
    evidence: { id: string; log: string; acked: boolean }[]
  }
  return evidence.filter((one) => one.log === id)
}

const ack = (node: RunningNode, id: string) => gossum(['evidence', 'ack', id, '--home', node.home, '--json'])
const isEvidence = ({ event }: { event: string }): boolean => event === 'evidence'

describe('while the disk is full', () => {
  interface Told {
    readonly id: string
    readonly file: string
  }

  /** The last pages of the node's files still have space: the lies of another log fill them. */
  async function takeTheRest(node: RunningNode): Promise<void> {
    for (let told = node.told, salt = 0; ; told = node.told, salt++) {
      expect(await pushed(node, new PushingLog(filler, { salt: `filler ${salt}` }).body(3, 3))).toBe(422)
      const event = (await node.event(isEvidence, told)) as unknown as Told
      if ('file' in event) return
    }
  }

  async function caught(disk: SmallDisk, args: readonly string[] = []): Promise<{ node: RunningNode; id: string }> {
    const node = await RunningNode.start(join(disk.path, 'home'), [...LOG, ...args])
    const [about] = node.ready.logs
    expect(await pushed(node, log.body(0, 5))).toBe(200)
    expect(await pushed(node, new PushingLog(filler).body(0, 3))).toBe(200)
    disk.fill()
    await takeTheRest(node)
    expect(await pushed(node, fork.body(5, 5))).toBe(422)
    const told = (await node.event((event) => event.event === 'evidence' && event.log === about!.id)) as unknown as Told
    // The event may be all that is left of it.
    const { sizes } = verifyEvidence(parseEvidence(utf8(told.file)), [signer.verifier])
    expect(sizes).toEqual([5, 5])
    return { node, id: told.id }
  }

  const needsDisk = (skip: (why: string) => never): SmallDisk => {
    const disk = smallDisk(1000)
    if (disk !== undefined) return disk
    if (process.env['REQUIRE_PEERS'] === '1') throw new Error('no small file system can be mounted here')
    return skip('mounting a small file system needs root on Linux')
  }

  test('it is reported, freezes, and cannot be acknowledged; once there is space it is written automatically', async ({
    skip,
  }) => {
    const disk = needsDisk(skip)
    const { node, id } = await caught(disk)
    expect(await logsOf(node)).toMatchObject([{ frozen: true, holds: [{ id, acked: false }] }, {}])
    expect(await evidenceOf(node)).toMatchObject([{ id, acked: false }])
    await node.event((event) => event.event === 'error' && event.code === 'EVIDENCE_UNWRITTEN')
    expect(await pushed(node, log.body(5, 6))).toBe(503)
    expect(jsonError(await ack(node, id)).code).toBe('EVIDENCE_UNWRITTEN')
    expect(await logsOf(node)).toMatchObject([{ frozen: true }, {}])

    disk.free()
    const copy = temporaryHome()
    const isWritten = async (): Promise<boolean> => {
      copyHome(join(disk.path, 'home'), copy)
      const store = await Store.open(copy)
      const [kept, holds] = [await store.evidence.list(), store.heads.get(node.ready.logs[0]!.id).holds]
      await store.close()
      return kept.some((one) => one.id === id) && holds.some((one) => one.id === id)
    }
    while (!(await isWritten())) await delay(200)
    node.child.kill('SIGKILL')

    const again = await RunningNode.start(join(disk.path, 'home'), LOG)
    expect(await logsOf(again)).toMatchObject([{ frozen: true, holds: [{ id, acked: false }] }, {}])
    expect(await pushed(again, log.body(5, 6))).toBe(503)
    expect((await ack(again, id)).code).toBe(0)
    expect(await pushed(again, log.body(5, 6))).toBe(200)
  }, 40_000)

  test('what fits on the disk when the node is stopped is written then', async ({ skip }) => {
    const disk = needsDisk(skip)
    const { node, id } = await caught(disk)
    disk.free()
    expect(await node.stop()).toBe(0)
    const again = await RunningNode.start(join(disk.path, 'home'), LOG)
    expect(await evidenceOf(again)).toMatchObject([{ id }])
    expect(await logsOf(again)).toMatchObject([{ frozen: true }, {}])
  })

  test('what a crash loses, a peer that received it brings back, and it can be acknowledged', async ({ skip }) => {
    const disk = needsDisk(skip)
    const peer = await RunningNode.start(temporaryHome(), LOG)
    const bootstrap = ['--bootstrap', peer.ready.multiaddrs[0]!]
    const { node, id } = await caught(disk, bootstrap)
    await peer.event((event) => event.event === 'evidence' && event.id === id)
    node.child.kill('SIGKILL')
    disk.free()
    const again = await RunningNode.start(join(disk.path, 'home'), [...LOG, ...bootstrap])
    await again.event((event) => event.event === 'evidence' && event.id === id)
    expect(await logsOf(again)).toMatchObject([{ frozen: true }, {}])
  }, 40_000)
})

describe('a head of the size of one that the key has signed, and that this home has not reached,', () => {
  const other = oldLog('b', 'b')
  const args = pushedBy(oldLog('a'), oldLog('b'))
  const vkey = other.signer.verifier

  async function expectConvicted(node: RunningNode): Promise<void> {
    const { id, sizes } = (await node.event(isEvidence)) as unknown as { id: string; sizes: number[] }
    expect(sizes).toEqual([30, 30])
    const file = new Uint8Array(await (await fetch(`${node.ready.http}/api/v1/evidence/${id}`)).arrayBuffer())
    expect(verifyEvidence(parseEvidence(file), [vkey]).sizes).toEqual([30, 30])
    expect((await logsOf(node))[1]).toMatchObject({ frozen: true, size: 7 })
  }

  test('convicts the log at once though the node is behind', async () => {
    const node = await RunningNode.start(oldHome('floor-and-holds'), args)
    expect((await logsOf(node))[1]).toMatchObject({ floor: { size: 30 } })
    expect(await post(node, 'heads', other.head(30))).toMatchObject({ outcome: 'conflict' })
    await expectConvicted(node)
  })

  test('and though it waits for its peers', async () => {
    const waits = ['--bootstrap', '/ip4/127.0.0.1/tcp/1', '--guard-wait', '60']
    const node = await RunningNode.start(oldHome('floor-and-holds'), [...args, ...waits])
    expect(await pushed(node, oldLog('b').body(7, 8))).toBe(503)
    expect(await post(node, 'heads', other.head(30))).toMatchObject({ outcome: 'conflict' })
    await expectConvicted(node)
  })

  test('and when it is pushed with a proof that does not hold, or with none', async () => {
    for (const from of [7, 0]) {
      const node = await RunningNode.start(oldHome('floor-and-holds'), args)
      expect([409, 422]).toContain(await pushed(node, other.body(from, 30)))
      await expectConvicted(node)
      await node.stop()
    }
  }, 20_000)
})

describe('after a lie was acknowledged', () => {
  const { dir } = scratchFolder()
  let node: RunningNode
  let end: () => void = () => undefined

  /** One log for each test, with two other histories of it. */
  const logs = [3, 4, 5].map((byte) => {
    const by = testSigner(`log.example/${byte}`, byte)
    const [ours, lie, third] = ['a', 'b', 'c'].map((salt) => new PushingLog(by, { salt }))
    return { by: by.verifier, ours: ours!, lie: lie!, third: third! }
  })
  const [first, second, last] = logs
  type Lied = (typeof logs)[number]

  beforeAll(async () => {
    const args = logs.flatMap(({ by }) => ['--log', `${by.vkey} -`])
    node = await RunningNode.start(join(dir, 'home'), args, {}, (kill) => (end = kill))
  })
  afterAll(() => end())

  const file = ({ by }: Lied, ...heads: [Uint8Array, Uint8Array]): Uint8Array =>
    encodeEvidence(makeSplitView(by, [parseNote(heads[0]), parseNote(heads[1])], undefined))
  const isFrozen = async ({ by }: Lied): Promise<boolean> =>
    (await logsOf(node)).find(({ name }) => name === by.name)!.frozen
  const evidenceAbout = ({ by }: Lied) => evidenceOf(node, by.name)

  async function letGo(log: Lied): Promise<void> {
    expect(await pushed(node, log.ours.body(0, 5))).toBe(200)
    expect(await pushed(node, log.lie.body(5, 5))).toBe(422)
    const [about] = await evidenceAbout(log)
    expect((await ack(node, about!.id)).code).toBe(0)
    expect(await isFrozen(log)).toBe(false)
  }

  test('the same evidence does not freeze the log again, whatever its source', async () => {
    const log = first!
    await letGo(log)
    expect(await post(node, 'heads', log.lie.head(5))).toMatchObject({ outcome: 'conflict' })
    expect(await post(node, 'evidence', file(log, log.lie.head(5), log.ours.head(5)))).toMatchObject({ fate: 'known' })
    expect(await isFrozen(log)).toBe(false)
    expect(await pushed(node, log.ours.body(5, 6))).toBe(200)
  })

  test('an additional new one does, and is kept', async () => {
    const log = second!
    await letGo(log)
    expect(await post(node, 'evidence', file(log, log.lie.head(5), log.third.head(5)))).toMatchObject({ fate: 'new' })
    expect(await isFrozen(log)).toBe(true)
    expect(await evidenceAbout(log)).toHaveLength(2)
    expect(await pushed(node, log.ours.body(5, 6))).toBe(503)
  })

  test('nor does it need a head of ours: two unknown heads of a size beyond ours freeze it too', async () => {
    const log = last!
    await letGo(log)
    const beyond = file(log, log.lie.head(9), log.third.head(9))
    const { id, fate } = (await post(node, 'evidence', beyond)) as { id: string; fate: string }
    expect(fate).toBe('new')
    expect((await ack(node, id)).code).toBe(0)
    expect(await post(node, 'evidence', file(log, log.lie.head(9), log.ours.head(9)))).toMatchObject({ fate: 'new' })
    expect(await isFrozen(log)).toBe(true)
  })
})
