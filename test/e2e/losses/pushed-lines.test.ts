/**
 * A cosignature given to a pushing log is known to the chosen peers a moment later, whatever any policy counts; and an
 * orderly stop right after the answer loses none of it.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { utf8 } from '../../../src/tlog/bytes.js'
import { parseCheckpoint, SUMDB_ORIGIN } from '../../../src/tlog/checkpoint.js'
import { verifiedCosignatures } from '../../../src/tlog/cosignature.js'
import { parseNote, parseVerifierKey } from '../../../src/tlog/note.js'
import { LyingLog } from '../../fakes/lying-log.js'
import { TilesLog } from '../../fakes/tiles-log.js'
import { connect, openSync, startStranger } from '../../gossip/stranger.js'
import { gossum } from '../../helpers/cli.js'
import { testSigner } from '../../helpers/heart.js'
import { temporaryHome } from '../../helpers/home.js'
import { RunningNode } from '../../helpers/node.js'
import { push, PushingLog } from '../../helpers/witness-client.js'

const log = new PushingLog(testSigner('log.example/pushes', 1))
const LOG = ['--log', `${log.signer.verifier.vkey} -`]

/** Pushes one head after the other, as fast as they are answered: a burst. */
async function pushAll(node: RunningNode, from: number, to: number): Promise<void> {
  for (let size = from; size < to; size++) {
    const answer = await push(node.ready.http, log.body(size, size + 1))
    expect(answer.status, answer.body).toBe(200)
  }
}

interface Held {
  /** Sizes of the heads with a valid line by it. */
  readonly lines: readonly number[]
  /** Sizes of the heads that it promised to sign. */
  readonly promises: readonly number[]
}

/** Asks a peer what it holds of a witness, as anyone may. */
async function asking(peer: RunningNode): Promise<(witness: string) => Promise<Held>> {
  const connection = await connect(await startStranger(), { address: peer.ready.multiaddrs[0]! })
  return async (witness) => {
    const { ask, stream } = await openSync(connection)
    const said = (await ask({ type: 'signed', witness })) as { heads: string[]; promises: { head: string }[] }
    await stream.close()
    const sizeOf = (text: string): number => parseCheckpoint(parseNote(utf8(text)).text).size
    const lines = said.heads.map((text) => {
      expect(verifiedCosignatures(parseNote(utf8(text)), [parseVerifierKey(witness)]).has(witness)).toBe(true)
      return sizeOf(text)
    })
    return { lines, promises: said.promises.map(({ head }) => sizeOf(head)) }
  }
}

async function until<T>(ask: () => Promise<T>, isSo: (said: T) => boolean): Promise<void> {
  while (!isSo(await ask())) await delay(100)
}

/** Of a witness: whether its line below the head of this size is held. */
const hasLine =
  (size: number) =>
  ({ lines }: Held): boolean =>
    lines.includes(size)

/** A peer, and a witness that chose it and is guarded by it. */
async function pair(peerArgs: readonly string[] = LOG, witnessArgs: readonly string[] = []) {
  const peer = await RunningNode.start(temporaryHome(), peerArgs)
  const home = temporaryHome()
  const args = [...LOG, '--bootstrap', peer.ready.multiaddrs[0]!, ...witnessArgs]
  const witness = await RunningNode.start(home, args)
  await witness.event((event) => event.event === 'peer' && event.peerId === peer.ready.peerId && event.connected)
  await witness.event((event) => event.event === 'deposit' && event.state === 'deposited')
  return { peer, witness, home, args }
}

describe('a peer that counts nobody', () => {
  test('knows the line of a burst before its pause is over, and that of the next when the witness is stopped right behind the answer', async () => {
    const { peer, witness } = await pair()
    const held = await asking(peer)
    // All but the first are in the publication pause, and long before the next hello.
    await pushAll(witness, 0, 5)
    await until(() => held(witness.ready.witness), hasLine(5))
    await pushAll(witness, 5, 13)
    expect(await witness.stop()).toBe(0)
    await until(() => held(witness.ready.witness), hasLine(13))
  }, 60_000)

  test('has the only line of a witness that is stopped right behind the answer', async () => {
    const { peer, witness } = await pair()
    const held = await asking(peer)
    await pushAll(witness, 0, 1)
    expect(await witness.stop()).toBe(0)
    await until(() => held(witness.ready.witness), hasLine(1))
  }, 60_000)

  test('and does not follow the log, so that it can verify no line of it, has the promise', async () => {
    const { peer, witness } = await pair(['--log', `${testSigner('other.example', 9).verifier.vkey} -`])
    const held = await asking(peer)
    await pushAll(witness, 0, 3)
    expect(await witness.stop()).toBe(0)
    expect(await held(witness.ready.witness)).toEqual({ lines: [], promises: [3] })
  }, 60_000)
})

/** A home with a key, and a policy that counts it. */
async function counted(): Promise<{ home: string; policy: string[] }> {
  const home = temporaryHome()
  const { stdout } = await gossum(['key', 'new', '--json'], { home })
  const { witness } = JSON.parse(stdout) as { witness: string }
  const policy = join(temporaryHome(), 'policy')
  writeFileSync(policy, `witness w ${witness}\nquorum w\n`)
  return { home, policy: ['--policy', policy] }
}

const guarded = (node: RunningNode): Promise<unknown> =>
  node.event((event) => event.event === 'guard' && event.state === 'guarded')

test('a peer that counts the witness has the lines of many logs right after all their answers', async () => {
  const logs = Array.from({ length: 40 }, (_, i) => new PushingLog(testSigner(`log.example/${i}`, i + 1)))
  const args = logs.flatMap(({ signer }) => ['--log', `${signer.verifier.vkey} -`])
  const { home, policy } = await counted()
  const peer = await RunningNode.start(temporaryHome(), [...args, ...policy])
  const witness = await RunningNode.start(home, [...args, '--bootstrap', peer.ready.multiaddrs[0]!])
  await guarded(witness)
  const held = await asking(peer)
  const answers = await Promise.all(logs.map((each) => push(witness.ready.http, each.body(0, 3))))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  expect(await witness.stop()).toBe(0)
  await until(
    () => held(witness.ready.witness),
    ({ lines }) => lines.length === logs.length,
  )
}, 60_000)

test('a peer that counts the witness, and was not chosen by it, has the newest head of a burst when it stops', async () => {
  const tree = new TilesLog(testSigner('sum.example', 1), { origin: SUMDB_ORIGIN }).grow(5)
  const served = await LyingLog.start({
    handle: (path) => tree.handle(path.replace('/latest', '/checkpoint').replace('/tile/8/', '/tile/')),
  })
  onTestFinished(() => served.close())
  const { vkey } = tree.signer.verifier
  const { home, policy } = await counted()
  const witness = await RunningNode.start(home, ['--log', `${vkey} - ${SUMDB_ORIGIN}`])
  const followed = ['--log', `${vkey} ${served.url}`, '--poll', '600']
  const bootstrap = ['--bootstrap', witness.ready.multiaddrs[0]!]
  const far = await RunningNode.start(temporaryHome(), [...followed, ...policy, ...bootstrap])
  const pushNext = async (from: number): Promise<void> => {
    expect(await push(witness.ready.http, tree.pushed(from))).toMatchObject({ status: 200 })
  }
  await pushNext(0)
  await far.event((event) => event.event === 'quorum' && event.size === 5)
  for (let size = 5; size < 12; size++) {
    tree.grow(1)
    await pushNext(size)
  }
  expect(await witness.stop()).toBe(0)
  await far.event((event) => event.event === 'quorum' && event.size === 12)
}, 30_000)
