/** A home restored from an older copy, a key in an empty home, a second node with the same key. */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { unmetFloor, type LogState } from '../../src/store/heads.js'
import { CHAIN_START, formatJournal } from '../../src/store/journal-text.js'
import { encodeState } from '../../src/store/log-state.js'
import { Store } from '../../src/store/store.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import { cosignatureIn, MemoryGuard, startHeart, testSigner, testWitness } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const fork = history.fork(20, 'b')
const START = Date.UTC(2026, 0, 1)
const down = (): GossumError => new GossumError('LOG_UNREACHABLE', 'down')

/** The head with the log's line and a witness's. */
function cosignedBy(witness: SignerKey, of: History, size: number, time = START / 1000): Uint8Array {
  const { text, signatures } = parseNote(of.head(size))
  return formatNote({ text, signatures: [...signatures, cosign(text, time, witness).signature] })
}

/** What a peer shows of ours. */
const ours = (of: History, size: number, time?: number): Uint8Array => cosignedBy(testWitness, of, size, time)

/** Whether there is a line after that of the log. */
const isCosigned = (note: Uint8Array): boolean => parseNote(note).signatures.length > 1

function heartAt(options: Partial<Parameters<typeof startHeart>[0]> = {}) {
  return startHeart({ logKey: signer.verifier, prefix: showing(history), now: () => START + 60_000, ...options })
}

describe('a home restored from an older copy', () => {
  test('signs nothing below a head of ours that a peer shows, and continues with what extends it', async () => {
    const heart = await heartAt()
    await heart.submit('poll', history.head(10))
    const guard = { maySign: false, sawUnknown: () => undefined }
    // Waiting: the floor is learnt, nothing is signed.
    const waiting = await startHeart({
      logKey: signer.verifier,
      prefix: showing(history),
      store: heart.store,
      rollback: guard,
      now: () => START + 60_000,
    })
    expect(await waiting.submit('sync', ours(history, 30), 'peer')).toMatchObject({ code: 'GUARD_WAITING' })
    expect(unmetFloor(waiting.store.heads.get(waiting.log))).toMatchObject({ size: 30 })
    expect(await waiting.submit('poll', history.head(40))).toMatchObject({ kind: 'refused', code: 'GUARD_WAITING' })
    guard.maySign = true
    const published = waiting.published.length
    // Until what waited is processed, nothing else is signed.
    expect(await waiting.submit('poll', history.head(50))).toMatchObject({ kind: 'refused', code: 'GUARD_WAITING' })
    await waiting.witness.submitDeferred()
    // What extends the floor: that one was signed before, and is not signed again.
    expect(waiting.published.slice(published).map((note) => parseNote(note).text.split('\n')[1])).toEqual(['50'])
    expect(unmetFloor(waiting.store.heads.get(waiting.log))).toBeUndefined()
  })

  test('keeps and passes on the line of every witness that has cosigned a head while it waits', async () => {
    const witnesses = ['alice', 'bob', 'carol'].map((name, i) =>
      testSigner(`${name}.example`, 20 + i, SIGNATURE_TYPES.cosignature),
    )
    const rollback = { maySign: true, sawUnknown: () => undefined }
    const heart = await heartAt({ rollback, relayed: witnesses.map(({ verifier }) => verifier) })
    await heart.submit('poll', history.head(10))
    rollback.maySign = false
    for (const witness of witnesses) {
      const note = cosignedBy(witness, history, 20)
      expect(await heart.submit('gossip', note, 'peer')).toMatchObject({ code: 'GUARD_WAITING' })
    }
    rollback.maySign = true
    // The log stands still, and nobody sends these lines again.
    await heart.witness.submitDeferred()
    const all = [testWitness, ...witnesses].map(({ verifier }) => verifier.name)
    const head = heart.cosigned.current(heart.log)
    expect([head?.size, head?.note.signatures.slice(1).map(({ name }) => name)]).toEqual([20, all])
    const passedOn = heart.published.map((note) => parseNote(note)).filter(({ text }) => text === head?.note.text)
    expect(passedOn.flatMap(({ signatures }) => signatures.slice(1).map(({ name }) => name)).sort()).toEqual(
      [...all].sort(),
    )
  })

  test('refuses sizes in between, and every head while the floor cannot be proven', async () => {
    const heart = await heartAt({
      prefix: (of, size) => ([of.size, size].includes(30) ? Promise.reject(down()) : showing(history)(of, size)),
    })
    await heart.submit('poll', history.head(10))
    await heart.submit('sync', ours(history, 30), 'peer')
    expect(await heart.submit('poll', history.head(20))).toMatchObject({ kind: 'refused', code: 'GUARD_BEHIND' })
    expect(await heart.submit('poll', history.head(40))).toMatchObject({ kind: 'refused', code: 'GUARD_BEHIND' })
    expect(heart.store.heads.get(heart.log).tree?.size).toBe(10)
    expect(heart.published.filter(isCosigned)).toHaveLength(1)
  })

  test('keeps the floor over a restart, and reaches it when the log answers', async () => {
    const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
    const heart = await heartAt({ db, guard, prefix: () => Promise.reject(down()) })
    await heart.submit('poll', history.head(10))
    await heart.submit('sync', ours(history, 30), 'peer')
    await heart.witness.stop()
    const again = await heartAt({ db, guard })
    expect(unmetFloor(again.store.heads.get(again.log))).toMatchObject({ size: 30 })
    await again.witness.retrySuspects(again.log, 8)
    expect(again.store.heads.get(again.log).tree?.size).toBe(30)
  })

  test('with another history than it signed convicts the log, and signs no more of it', async () => {
    const heart = await heartAt({ prefix: showing(history, fork) })
    await heart.submit('poll', history.head(25))
    expect(await heart.submit('sync', ours(fork, 40), 'peer')).toMatchObject({ kind: 'conflict' })
    expect(await heart.submit('poll', history.head(50))).toMatchObject({ kind: 'refused', code: 'LOG_FROZEN' })
    await heart.witness.stop()
    // Our key has cosigned both: that is reported too.
    expect(heart.store.convictions.list().map(({ witness }) => witness)).toEqual([testWitness.verifier.vkey])
  })
})

/** The journal of an older version's home, whose guard knew the tree of the floor, and not its head. */
function takenOver(log: string, state: LogState): MemoryGuard {
  const { size, root, at } = state.floor!
  const text = encodeState({ ...state, floor: { size, root, at } })
  return new MemoryGuard(utf8(formatJournal([[log, text]], CHAIN_START).text))
}

describe('a floor of which only the tree is known', () => {
  /** A pipeline at size 10, without its head, that knows the tree of size 30 that its key has cosigned. */
  async function recovered(prefix = showing(history, fork)) {
    const before = await heartAt({ prefix: () => Promise.reject(down()) })
    await before.submit('poll', history.head(10))
    await before.submit('sync', ours(history, 30), 'peer')
    const known = before.store.heads.get(before.log)
    await before.stop()
    const store = await Store.over(new MemoryLevel(), takenOver(before.log, { ...known, note: undefined }))
    const heart = await heartAt({ store, prefix })
    expect(heart.store.heads.get(heart.log)).toMatchObject({ tree: { size: 10 }, floor: { size: 30 } })
    const standing = () => {
      const state = heart.store.heads.get(heart.log)
      const published = heart.published.filter(isCosigned).length
      return { size: state.tree?.size, floor: unmetFloor(state)?.size, published }
    }
    return { heart, standing }
  }
  const nothingSigned = { size: 10, floor: 30, published: 0 }

  test('prevents signatures below it, of its size, or above it on a head that does not extend it', async () => {
    const { heart, standing } = await recovered()
    for (const head of [history.head(20), fork.head(30), fork.head(40)]) {
      expect(await heart.submit('poll', head)).toMatchObject({ kind: 'refused', code: 'GUARD_BEHIND' })
    }
    expect(standing()).toEqual(nothingSigned)
  })

  test('prevents signatures while no larger head is proven to extend it', async () => {
    const { heart, standing } = await recovered((of, size) =>
      size === 30 ? Promise.reject(down()) : showing(history)(of, size),
    )
    expect(await heart.submit('poll', history.head(40))).toMatchObject({ kind: 'refused', code: 'GUARD_BEHIND' })
    await heart.witness.retrySuspects(heart.log, 8)
    expect(standing()).toEqual(nothingSigned)
  })

  test('allows the first head that is proven to extend it, and convicts the log by one that does not', async () => {
    const { heart, standing } = await recovered()
    expect(await heart.submit('poll', history.head(40))).toMatchObject({ kind: 'advanced', size: 40 })
    expect(standing()).toEqual({ size: 40, floor: undefined, published: 1 })
    expect(heart.firstUses).toEqual([])
    expect(await heart.submit('gossip', fork.head(35), 'peer')).toMatchObject({ kind: 'conflict' })
  })

  test('allows its own head when a peer shows it', async () => {
    const { heart, standing } = await recovered()
    expect(await heart.submit('sync', ours(history, 30), 'peer')).toMatchObject({ kind: 'advanced', size: 30 })
    expect(standing()).toEqual({ size: 30, floor: undefined, published: 1 })
    expect(heart.errors).toEqual([])
  })

  test('is reached without its head if the larger head cannot be signed', async () => {
    const before = await heartAt({ prefix: () => Promise.reject(down()) })
    await before.submit('poll', history.head(10))
    await before.submit('sync', ours(history, 30), 'peer')
    const known = before.store.heads.get(before.log)
    await before.stop()
    const store = await Store.over(new MemoryLevel(), takenOver(before.log, known))
    expect(store.heads.get(before.log)).toMatchObject({ tree: { size: 10 }, note: expect.any(String) as string })
    const signer = { ...testWitness, unavailable: new GossumError('AGENT_UNAVAILABLE') as GossumError | undefined }
    const heart = await heartAt({ store, signer })
    expect(await heart.submit('poll', history.head(40))).toMatchObject({ code: 'AGENT_UNAVAILABLE' })
    expect(store.heads.get(heart.log)).toMatchObject({ tree: { size: 30 } })
    expect(heart.published.filter(isCosigned)).toEqual([])
    signer.unavailable = undefined
    // Its own head is needed to convict: the one before it is not about size 30.
    expect(await heart.submit('gossip', fork.head(30), 'peer')).toMatchObject({ code: 'HISTORY_MISSING' })
    expect(await heart.submit('poll', history.head(30))).toMatchObject({ kind: 'known' })
    expect(cosignatureIn(heart.published.at(-1)!).time).toBeGreaterThan(0)
    expect(await heart.submit('gossip', fork.head(30), 'peer')).toMatchObject({ kind: 'conflict' })
  })

  test('allows its own head even while a larger one is being processed', async () => {
    const { heart, standing } = await recovered()
    const outcomes = await Promise.all([
      heart.submit('poll', history.head(40)),
      heart.submit('sync', ours(history, 30), 'peer'),
      heart.submit('gossip', history.head(50), 'peer'),
      heart.submit('poll', history.head(20)),
    ])
    expect(outcomes.map(({ kind }) => kind)).not.toContain('conflict')
    expect(standing()).toMatchObject({ size: 50, floor: undefined })
  })
})

describe('a key in an empty home', () => {
  test('starts with the head that it signed, not with what the log shows first', async () => {
    const heart = await heartAt({ prefix: showing(history, fork) })
    expect(await heart.submit('sync', ours(history, 30), 'peer')).toMatchObject({ kind: 'advanced', size: 30 })
    expect(heart.firstUses).toEqual([])
    expect(await heart.submit('poll', fork.head(40))).toMatchObject({ kind: 'conflict' })
  })

  test('starts with what extends that head, even if the head was lost before it was reached', async () => {
    const waiting = { maySign: false, sawUnknown: () => undefined }
    const before = await heartAt({ rollback: waiting })
    await before.submit('sync', ours(history, 30), 'peer')
    const known = before.store.heads.get(before.log)
    await before.stop()
    const store = await Store.over(new MemoryLevel(), takenOver(before.log, known))
    const heart = await heartAt({ store, prefix: showing(history, fork) })
    expect(await heart.submit('poll', fork.head(40))).toMatchObject({ kind: 'refused', code: 'GUARD_BEHIND' })
    expect(await heart.submit('poll', history.head(40))).toMatchObject({ kind: 'advanced', size: 40 })
    expect(heart.firstUses).toEqual([])
  })

  test('trusts no other head that a peer brings first', async () => {
    const heart = await heartAt()
    expect(await heart.submit('sync', history.head(30), 'peer')).toMatchObject({ kind: 'pending' })
  })
})

test('a cosignature that we did not make is reported, with its time; our own is not when it comes back', async () => {
  const heart = await heartAt()
  await heart.submit('poll', history.head(10))
  await heart.submit('gossip', heart.published[0]!, 'echo')
  expect(heart.unknown).toEqual([])
  await heart.submit('gossip', ours(history, 10, START / 1000 + 3600), 'twin')
  await heart.submit('gossip', ours(history, 30, START / 1000 + 10), 'twin')
  expect(heart.unknown).toEqual([START / 1000 + 3600, START / 1000 + 10])
})

test('our cosignature on a head is dated no earlier than the one of ours that came with it', async () => {
  const heart = await heartAt()
  await heart.submit('poll', history.head(10))
  // Ahead of our clock, as that of the twin may be: by the clock alone it would be a minute earlier.
  const time = START / 1000 + 120
  await heart.submit('gossip', ours(history, 30, time), 'twin')
  expect(heart.unknown).toEqual([time])
  const head = heart.published.filter(isCosigned).at(-1)!
  expect(parseNote(head).text).toBe(history.text(30))
  expect(cosignatureIn(head).time).toBe(time)
})

test('the first head of a log is recorded as trusted on first use, and stays so', async () => {
  const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
  const heart = await heartAt({ db, guard })
  await heart.submit('poll', history.head(10))
  await heart.submit('poll', history.head(12))
  expect(heart.firstUses).toMatchObject([{ size: 10, at: new Date(START + 60_000).toISOString() }])
  await heart.witness.stop()
  const again = await heartAt({ db, guard })
  expect(again.store.heads.get(again.log).firstUse).toMatchObject({ size: 10 })
})
