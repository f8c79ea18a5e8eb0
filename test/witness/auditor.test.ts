/**
 * The auditor's cosignatures: promised on disk before they leave, only for heads of our history, and never
 * contradicted.
 */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatHash } from '../../src/tlog/hash.js'
import { formatNote, isBy, parseNote, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import { promisedBy, type WitnessPromise } from '../../src/witness/promise.js'
import { cosignatureIn, MemoryGuard, startHeart, testSigner, testWitness, type HeartOptions } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const logSigner = testSigner('log.example', 1)
const history = new History(logSigner)
const fork = history.fork(3, 'b')
const auditor = testSigner('witness.example/auditor', 8, SIGNATURE_TYPES.cosignature)
const { vkey } = auditor.verifier
const key = { signer: auditor, obstacle: () => undefined }
const NOW = 1_800_000_000_000

const base: HeartOptions = {
  logKey: logSigner.verifier,
  prefix: showing(history),
  counted: [testWitness.verifier, auditor.verifier],
  auditor: key,
  now: () => NOW,
}

const cosignedBy = (signer: SignerKey, note: Uint8Array, time: number): Uint8Array => {
  const { text, signatures } = parseNote(note)
  return formatNote({ text, signatures: [...signatures, cosign(text, time, signer).signature] })
}
/** Sizes and times of the lines of a key among the publications. */
const linesOf = (published: readonly Uint8Array[], signer = auditor): [size: number, time: number][] =>
  published.flatMap((note) => {
    const { text, signatures } = parseNote(note)
    if (!signatures.some((line) => isBy(line, signer.verifier))) return []
    return [[Number(text.split('\n')[1]), cosignatureIn(note, signer.verifier).time]]
  })

test('a head gets the auditor’s line, and a quorum that needs it, only after the audit', async () => {
  const heart = await startHeart(base)
  await heart.submit('poll', history.head(5))
  expect([linesOf(heart.published), heart.quorums]).toEqual([[], []])
  expect(await heart.witness.cosignAudited(heart.log, 5)).toBe('cosigned')
  expect(linesOf(heart.published)).toEqual([[5, NOW / 1000]])
  expect(heart.quorums.map(({ size }) => size)).toEqual([5])
  // Repeated, as after each round of an audit that brought nothing new, it signs nothing new.
  expect(await heart.witness.cosignAudited(heart.log, 5)).toBe('known')
  expect(linesOf(heart.published)).toHaveLength(1)
})

test('an older head of our history is cosigned although the witness has moved on', async () => {
  const heart = await startHeart(base)
  for (const size of [5, 9, 12]) await heart.submit('poll', history.head(size))
  expect(await heart.witness.cosignAudited(heart.log, 9)).toBe('cosigned')
  expect(heart.quorums.map(({ size }) => size)).toEqual([9])
  // It does not take back what it has signed.
  expect(await heart.witness.cosignAudited(heart.log, 5)).toBe('GUARD_BEHIND')
  expect(await heart.witness.cosignAudited(heart.log, 12)).toBe('cosigned')
  expect(linesOf(heart.published).map(([size]) => size)).toEqual([9, 12])
})

test('a head that the pipeline has not proven is not cosigned, whatever was read', async () => {
  const heart = await startHeart(base)
  await heart.submit('poll', history.head(5))
  for (const size of [4, 6]) expect(await heart.witness.cosignAudited(heart.log, size)).toBe('HISTORY_MISSING')
  expect(heart.store.heads.get(heart.log).audited).toBeUndefined()
})

test('nothing is cosigned for a frozen log, while the barrier is shut, or with a key that is bound to another log', async () => {
  let obstacle: 'ORIGIN_TAKEN' | undefined = 'ORIGIN_TAKEN'
  const rollback = { maySign: true, sawUnknown: () => undefined }
  const heart = await startHeart({ ...base, rollback, auditor: { ...key, obstacle: () => obstacle } })
  await heart.submit('poll', history.head(5))
  expect(await heart.witness.cosignAudited(heart.log, 5)).toBe('ORIGIN_TAKEN')
  obstacle = undefined
  rollback.maySign = false
  expect(await heart.witness.cosignAudited(heart.log, 5)).toBe('GUARD_WAITING')
  rollback.maySign = true
  await heart.submit('gossip', fork.head(5), 'p')
  expect(await heart.witness.cosignAudited(heart.log, 5)).toBe('LOG_FROZEN')
  expect(linesOf(heart.published)).toEqual([])
  expect(heart.store.heads.get(heart.log).audited).toBeUndefined()
})

test('the promise is on disk before the signature: if the disk rejects it, nothing is signed', async () => {
  const file = new MemoryGuard()
  const heart = await startHeart({ ...base, guard: file })
  await heart.submit('poll', history.head(5))
  const datasync = file.datasync.bind(file)
  file.datasync = () => Promise.reject(new Error('no space'))
  await expect(heart.witness.cosignAudited(heart.log, 5)).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
  expect(linesOf(heart.published)).toEqual([])
  file.datasync = datasync
  expect(await heart.witness.cosignAudited(heart.log, 5)).toBe('cosigned')
})

test('a crash between the promise and the line costs nothing: the same line is made again', async () => {
  let now = NOW
  const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
  const shut = { ...key, obstacle: () => (shut.isShut ? ('GUARD_WAITING' as const) : undefined), isShut: false }
  const deposits = {
    ...{ required: false, hasChosen: true, isDeposited: () => false, released: () => undefined },
    deposit: () => ((shut.isShut = true), Promise.resolve('deposited' as const)),
  }
  const heart = await startHeart({ ...base, db, guard, now: () => now, auditor: { ...shut, deposits } })
  await heart.submit('poll', history.head(5))
  expect(await heart.witness.cosignAudited(heart.log, 5)).toBe('GUARD_WAITING')
  const { audited } = heart.store.heads.get(heart.log)
  expect(audited).toMatchObject({ size: 5, time: NOW / 1000 })
  expect(linesOf(heart.published)).toEqual([])
  await heart.witness.stop()
  now += 3_600_000
  const again = await startHeart({ ...base, db, guard, now: () => now })
  expect(await again.witness.cosignAudited(again.log, 5)).toBe('cosigned')
  expect(linesOf(again.published)).toEqual([[5, NOW / 1000]])
})

describe('deposits', () => {
  const depositing = (required: boolean, result: 'deposited' | 'undeposited') => {
    const sent: WitnessPromise[] = []
    const released: Uint8Array[] = []
    const deposits = {
      ...{ required, hasChosen: true, isDeposited: () => false },
      released: (_log: string, note: Uint8Array) => released.push(note),
      deposit: (_log: string, promises: readonly WitnessPromise[]) => {
        sent.push(...promises)
        return Promise.resolve(result)
      },
    }
    return { sent, released, auditor: { ...key, deposits } }
  }

  test('the promise is signed by the auditor’s own key, for the state that is on disk', async () => {
    const { sent, released, auditor: own } = depositing(false, 'undeposited')
    const heart = await startHeart({ ...base, auditor: own })
    await heart.submit('poll', history.head(5))
    await heart.witness.cosignAudited(heart.log, 5)
    expect(promisedBy(sent[0]!)?.vkey).toBe(vkey)
    expect(sent[0]).toMatchObject({ log: heart.log, time: NOW / 1000, seq: heart.store.heads.get(heart.log).seq })
    expect(linesOf(released)).toEqual(linesOf(heart.published))
  })

  test('no line leaves without one if they are required', async () => {
    const { auditor: own } = depositing(true, 'undeposited')
    const heart = await startHeart({ ...base, auditor: own })
    await heart.submit('poll', history.head(5))
    expect(await heart.witness.cosignAudited(heart.log, 5)).toBe('DEPOSIT_WAITING')
    expect(linesOf(heart.published)).toEqual([])
  })
})

describe('a home restored from an older copy', () => {
  const restored = async (prefix = showing(history)) => {
    const heart = await startHeart({ ...base, prefix })
    await heart.submit('poll', history.head(9))
    return heart
  }

  test('learns from a promise kept for the auditor’s key what it must not fall behind', async () => {
    const heart = await restored()
    const promise = { log: heart.log, seq: 4, time: NOW / 1000 + 100, head: history.head(7), witness: vkey }
    await heart.witness.recall({ heads: [], promises: [promise] })
    expect(await heart.witness.cosignAudited(heart.log, 5)).toBe('HISTORY_MISSING')
    await heart.submit('gossip', history.head(5), 'p')
    expect(await heart.witness.cosignAudited(heart.log, 9)).toBe('cosigned')
    expect(linesOf(heart.published)).toEqual([[9, NOW / 1000 + 100]])
    expect(heart.unknown).toContain(NOW / 1000 + 100)
  })

  test('signs no head that does not extend what the auditor’s key signed in another history', async () => {
    const heart = await restored()
    const line = cosignedBy(auditor, fork.head(7), NOW / 1000 - 50)
    await heart.witness.recall({ heads: [line], promises: [] })
    expect(heart.store.heads.get(heart.log).audited).toMatchObject({ root: formatHash(fork.tree(7).root), key: vkey })
    expect(await heart.witness.cosignAudited(heart.log, 9)).toBe('GUARD_BEHIND')
    expect(linesOf(heart.published)).toEqual([])
  })

  test('gets a floor where its auditor was ahead of its witness', async () => {
    // The log does not prove the head of the floor itself, which would be adopted at once.
    const prove = showing(history)
    const heart = await restored((of, size) =>
      of.size === 12 ? Promise.reject(new GossumError('LOG_UNREACHABLE')) : prove(of, size),
    )
    await heart.witness.recall({ heads: [cosignedBy(auditor, history.head(12), NOW / 1000 - 50)], promises: [] })
    expect(heart.store.heads.get(heart.log).floor).toMatchObject({ size: 12 })
    expect(await heart.witness.cosignAudited(heart.log, 9)).toBe('GUARD_BEHIND')
    // The witness signs nothing below the floor either.
    expect(await heart.submit('poll', history.head(11))).toMatchObject({ kind: 'refused', code: 'GUARD_BEHIND' })
    expect(linesOf(heart.published, testWitness).map(([size]) => size)).toEqual([9])
    await heart.submit('poll', history.head(15))
    expect(heart.store.heads.get(heart.log).tree?.size).toBe(15)
    expect(await heart.witness.cosignAudited(heart.log, 15)).toBe('cosigned')
  })

  test('learns nothing about the auditor from a promise of the witness, and the reverse', async () => {
    const times = { witness: NOW / 1000 + 100, auditor: NOW / 1000 + 200 }
    const heart = await restored()
    const promise = { log: heart.log, seq: 4, time: times.witness, head: history.head(7) }
    await heart.witness.recall({ heads: [], promises: [{ ...promise, witness: testWitness.verifier.vkey }] })
    const { audited, signed } = heart.store.heads.get(heart.log)
    expect([audited, signed?.time]).toEqual([undefined, times.witness])
    await heart.witness.recall({ heads: [], promises: [{ ...promise, time: times.auditor, witness: vkey }] })
    expect(heart.store.heads.get(heart.log)).toMatchObject({ audited: { time: times.auditor }, signed })
  })

  test('does not take the auditor’s own line for that of a twin when it comes back', async () => {
    let now = NOW
    const heart = await startHeart({ ...base, now: () => now })
    await heart.submit('poll', history.head(9))
    now += 60_000
    await heart.witness.cosignAudited(heart.log, 9)
    const [own] = heart.published.filter((note) => linesOf([note]).length > 0)
    await heart.submit('gossip', own!, 'p')
    expect(heart.unknown).toEqual([])
    // A later one is.
    await heart.submit('gossip', cosignedBy(auditor, history.head(9), now / 1000 + 5), 'p')
    expect(heart.unknown).toEqual([now / 1000 + 5])
  })
})

test('a line that only neighbours count is published, and kept with its head over a restart', async () => {
  const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
  const options = { ...base, counted: [testWitness.verifier], relayed: [auditor.verifier], db, guard }
  const heart = await startHeart(options)
  await heart.submit('poll', history.head(5))
  await heart.witness.cosignAudited(heart.log, 5)
  expect(linesOf(heart.published)).toEqual([[5, NOW / 1000]])
  await heart.witness.stop()
  const again = await startHeart(options)
  expect(again.cosigned.current(again.log)?.cosignatures.has(vkey)).toBe(true)
})
