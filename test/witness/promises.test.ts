/**
 * Guarantees of the pipeline that are easily broken by accident: each test fails if the one line that ensures it is
 * wrong.
 */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { isFrozen } from '../../src/store/heads.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { cosign, verifiedCosignatures } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import type { Outcome } from '../../src/witness/outcome.js'
import type { ShowPrefix } from '../../src/witness/prover.js'
import { cosignatureIn, MemoryGuard, startHeart, testSigner, testWitness } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const logSigner = testSigner('log.example', 1)
const history = new History(logSigner)
const fork = history.fork(3, 'b')
const other = testSigner('second.example', 9, SIGNATURE_TYPES.cosignature)
const base = { logKey: logSigner.verifier, prefix: showing(history) }
const counted = [testWitness.verifier, other.verifier]
const NOW = 1_767_225_600_000

/** A head with an additional cosignature. */
function cosignedBy(signer: SignerKey, note: Uint8Array, time = 1_700_000_000): Uint8Array {
  const { text, signatures } = parseNote(note)
  return formatNote({ text, signatures: [...signatures, cosign(text, time, signer).signature] })
}

describe('a signature', () => {
  test.each(['poll', 'lookup', 'push'] as const)('is made on a first head by %s', async (source) => {
    const heart = await startHeart(base)
    expect(await heart.submit(source, history.head(5))).toMatchObject({ kind: 'advanced' })
    expect(heart.published.map((note) => cosignatureIn(note))).toHaveLength(1)
  })

  test.each(['gossip', 'sync', 'submit', 'replay'] as const)('is not made on a first head by %s', async (source) => {
    const heart = await startHeart(base)
    const outcome = await heart.submit(source, history.head(5), 'p')
    expect(outcome).toMatchObject({ kind: 'pending', code: 'HISTORY_MISSING' })
    for (const note of heart.published) expect(() => cosignatureIn(note)).toThrow()
    expect(heart.store.heads.get(heart.log).tree).toBeUndefined()
  })

  test('is dated no earlier than a cosignature of ours that the head carries', async () => {
    const heart = await startHeart({ ...base, now: () => NOW })
    await heart.submit('poll', history.head(5))
    await heart.submit('gossip', cosignedBy(testWitness, history.head(9), NOW / 1000 + 30), 'p')
    const { tree, signed } = heart.store.heads.get(heart.log)
    expect(tree?.size).toBe(9)
    expect(signed!.time).toBeGreaterThanOrEqual(NOW / 1000 + 30)
  })

  test('is not made for a frozen log, even if the last one is half an hour old', async () => {
    let now = NOW
    const heart = await startHeart({ ...base, now: () => now })
    await heart.submit('poll', history.head(5))
    await heart.submit('gossip', fork.head(5), 'p')
    expect(isFrozen(heart.store.heads.get(heart.log))).toBe(true)
    const before = heart.store.heads.get(heart.log).signed
    now += 31 * 60_000
    await heart.submit('poll', history.head(5))
    expect(heart.store.heads.get(heart.log).signed).toEqual(before)
  })
})

describe('what comes to light while a promise is deposited', () => {
  /** A pipeline that is about to cosign 9, with its promise on the way to the depositaries. */
  const depositing = async () => {
    const rollback = { maySign: true, sawUnknown: () => undefined }
    const messages: (() => void)[] = []
    const deposits = {
      ...{ required: false, hasChosen: true, isDeposited: () => false, released: () => undefined },
      deposit: () => new Promise<'deposited'>((resolve) => messages.push(() => resolve('deposited'))),
    }
    const heart = await startHeart({ ...base, prefix: showing(history, fork), rollback, barrier: { deposits } })
    const first = heart.submit('poll', history.head(5))
    await expect.poll(() => messages.length).toBe(1)
    messages[0]!()
    await first
    const outcome = heart.submit('poll', history.head(9))
    await expect.poll(() => messages.length).toBe(2)
    return { heart, rollback, outcome, arrives: messages[1]! }
  }

  test('prevents the signature: a conviction, a twin, a head that was signed before', async () => {
    const convicted = await depositing()
    expect(await convicted.heart.submit('gossip', fork.head(9), 'p')).toMatchObject({ kind: 'conflict' })
    convicted.arrives()
    expect(await convicted.outcome).toMatchObject({ kind: 'refused', code: 'LOG_FROZEN' })

    const twin = await depositing()
    twin.rollback.maySign = false
    twin.arrives()
    expect(await twin.outcome).toMatchObject({ kind: 'refused', code: 'GUARD_WAITING' })

    const marked = await depositing()
    const heads = [cosignedBy(testWitness, fork.head(12), 1_700_000_000)]
    await marked.heart.witness.recall({ heads, promises: [] })
    marked.arrives()
    expect(await marked.outcome).toMatchObject({ kind: 'refused', code: 'GUARD_BEHIND' })

    for (const { heart } of [convicted, twin, marked]) {
      const sizes = heart.published.map((note) => Number(parseNote(note).text.split('\n')[1]))
      expect(sizes).not.toContain(9)
    }
  })

  test('is usually nothing, and then the head is signed', async () => {
    const { heart, outcome, arrives } = await depositing()
    arrives()
    expect(await outcome).toMatchObject({ kind: 'advanced', size: 9 })
    expect(cosignatureIn(heart.published.at(-1)!)).toBeDefined()
  })
})

test('an impossible size freezes its log at the next start if the crash came before the hold', async () => {
  const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
  const heart = await startHeart({ ...base, db, guard })
  await heart.submit('poll', history.head(5))
  const lines = history.text(5).split('\n')
  const impossible = history.sign([lines[0], '9007199254740993', lines[2], ''].join('\n'))
  heart.store.heads.hold = () => Promise.reject(new GossumError('STORE_WRITE_FAILED'))
  await heart.submit('gossip', impossible, 'p').catch(() => undefined)
  expect(isFrozen(heart.store.heads.get(heart.log))).toBe(false)
  await heart.witness.stop()
  const again = await startHeart({ ...base, db, guard })
  expect(isFrozen(again.store.heads.get(again.log))).toBe(true)
})

test('a gossiped head that waited for the rollback guard is relayed once it is accepted', async () => {
  const rollback = { maySign: true, sawUnknown: () => undefined }
  const heart = await startHeart({ ...base, rollback, counted })
  await heart.submit('poll', history.head(5))
  rollback.maySign = false
  const waiting = await heart.submit('gossip', cosignedBy(other, history.head(9)), 'p')
  expect(waiting).toMatchObject({ code: 'GUARD_WAITING' })
  rollback.maySign = true
  const before = heart.published.length
  await heart.witness.submitDeferred()
  const sent = heart.published.slice(before).flatMap((note) => {
    return [...verifiedCosignatures(parseNote(note), [other.verifier]).keys()]
  })
  expect(sent).toEqual([other.verifier.vkey])
})

test('a push that is being judged when the rollback guard opens is judged again, and does not delay its log', async () => {
  const rollback = { maySign: true, sawUnknown: () => undefined }
  const heart = await startHeart({ ...base, rollback, counted })
  await heart.submit('poll', history.head(5))
  rollback.maySign = false
  const { promise: read, resolve: answer } = Promise.withResolvers<boolean>()
  const { promise: asked, resolve: ask } = Promise.withResolvers<undefined>()
  heart.store.heads.refresh = () => {
    ask(undefined)
    return read
  }
  const push = (size: number): Promise<Outcome> => {
    const proof = { oldSize: 5, hashes: history.prefix(history.tree(size), 5)!.proof }
    return heart.witness.submit({ source: 'push', note: history.head(size), log: heart.log, proof, receivedAt: 0 })
  }
  const late = push(9)
  await asked
  // The database is slow, and meanwhile the peers have answered: waiting heads are processed, and this one was not
  // waiting yet.
  rollback.maySign = true
  await heart.witness.submitDeferred()
  answer(false)
  expect(await late).toMatchObject({ kind: 'advanced', size: 9 })
  expect(await heart.submit('poll', history.head(12)), 'no head is left waiting').toMatchObject({ kind: 'advanced' })
})

test('a floor learnt while the key was unavailable is reached by the next retry', async () => {
  const signer = { ...testWitness, unavailable: undefined as GossumError | undefined }
  const heart = await startHeart({ ...base, signer })
  await heart.submit('poll', history.head(10))
  signer.unavailable = new GossumError('AGENT_UNAVAILABLE')
  const ours = cosignedBy(testWitness, history.head(30), 1_900_000_000)
  expect(await heart.submit('gossip', ours, 'p')).toMatchObject({ code: 'AGENT_UNAVAILABLE' })
  signer.unavailable = undefined
  await heart.witness.retrySuspects(heart.log, 8)
  await heart.witness.idle()
  expect(heart.store.heads.get(heart.log).tree?.size).toBe(30)
})

describe('cosignatures of others', () => {
  test('that came with a suspect are kept once it is proven', async () => {
    let prefix: ShowPrefix = () => Promise.reject(new GossumError('LOG_UNREACHABLE'))
    const heart = await startHeart({ ...base, prefix: (...asked) => prefix(...asked), counted })
    await heart.submit('poll', history.head(5))
    expect(await heart.submit('gossip', cosignedBy(other, history.head(9)), 'p')).toMatchObject({ kind: 'pending' })
    prefix = showing(history)
    expect(await heart.submit('poll', history.head(9))).toMatchObject({ kind: 'advanced' })
    await heart.witness.idle()
    expect([...heart.cosigned.current(heart.log)!.cosignatures.keys()]).toContain(other.verifier.vkey)
  })

  test('convict their witness when the true one comes after the false one, with a new head', async () => {
    const heart = await startHeart({ ...base, prefix: showing(history, fork), counted })
    await heart.submit('poll', history.head(5))
    await heart.submit('gossip', cosignedBy(other, fork.head(5)), 'p')
    await heart.witness.idle()
    expect(heart.store.convictions.list()).toEqual([])
    const { holds } = heart.store.heads.get(heart.log)
    for (const { id } of holds) await heart.store.heads.acknowledge(heart.log, id)
    const truth = cosignedBy(other, history.head(9), 1_700_000_001)
    expect(await heart.submit('gossip', truth, 'p')).toMatchObject({ kind: 'advanced' })
    await heart.witness.idle()
    expect(heart.store.convictions.list().map(({ witness }) => witness)).toEqual([other.verifier.vkey])
  })

  test('on another spelling of a head are not merged into the old one', async () => {
    const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
    const first = await startHeart({ ...base, db, guard, counted })
    await first.submit('poll', history.head(5))
    await first.submit('poll', history.head(9))
    await first.witness.stop()
    const heart = await startHeart({ ...base, db, guard, counted })
    const spelled = history.sign(`${history.text(5)}an extension\n`)
    expect(await heart.submit('gossip', cosignedBy(other, spelled), 'p')).toMatchObject({ kind: 'past' })
    const kept = utf8((await heart.store.history.get(heart.log, 5))!)
    expect(parseNote(kept).text).toBe(history.text(5))
    cosignatureIn(kept)
  })
})
