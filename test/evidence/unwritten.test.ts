/**
 * Proof that arrives while the disk accepts no writes: none of it is lost, its log is not signed, and peers receive it.
 */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { Alarm } from '../../src/evidence/alarm.js'
import {
  encodeEvidence,
  evidenceId,
  makeSplitView,
  makeWitnessConflict,
  type Evidence,
  type SplitView,
} from '../../src/evidence/evidence.js'
import type { KeptAs } from '../../src/evidence/keeper.js'
import { GossumError } from '../../src/errors.js'
import { isFrozen } from '../../src/store/heads.js'
import { Store } from '../../src/store/store.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { MAX_NOTE_BYTES, parseNote, type Note } from '../../src/tlog/note.js'
import { alarmParts, ManualClock, settled, type Changes } from '../helpers/alarm-parts.js'
import { breakWrites } from '../helpers/broken-disk.js'
import { MemoryGuard, sumdbId, testSigner, testWitness as witness } from '../helpers/heart.js'
import { History } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const log = sumdbId(signer.verifier)
const ours = new History(signer)
const fork = (salt: string): Evidence =>
  makeSplitView(signer.verifier, [parseNote(ours.head(5)), parseNote(ours.fork(2, salt).head(5))])
const withCosignature = ({ text, signatures }: Note): Note => {
  return { text, signatures: [...signatures, cosign(text, 1_700_000_000, witness).signature] }
}
const cosigned = (history: History): Note => withCosignature(parseNote(history.head(5)))
const conflict = (salt: string): Evidence =>
  makeWitnessConflict(signer.verifier, witness.verifier, [cosigned(ours), cosigned(ours.fork(2, salt))])
const full = ['keep', 'freeze', 'convict', 'reconsider']

async function startAlarm(changes: Changes = {}) {
  const keys = new Map([[log, signer.verifier]])
  const parts = alarmParts({ keys, witnesses: () => [witness.verifier], ...changes })
  return { ...parts, alarm: await Alarm.start(parts.all) }
}
type Started = Awaited<ReturnType<typeof startAlarm>>

function fill({ broken }: Started): void {
  for (const act of full) broken.add(act)
}

describe.each([
  ['that this node found', (alarm: Alarm) => alarm.raise(fork('b')).then(({ isNew }) => isNew)],
  ['that a peer sent', async (alarm: Alarm) => (await alarm.receive(log, encodeEvidence(fork('b')))) === 'new'],
])('a fork %s while the disk is full', (_name, bring) => {
  const id = evidenceId(fork('b'))

  test('holds its log at once, is told and shown at once, and is written when there is space', async () => {
    const started = await startAlarm()
    const { alarm, broken, clock, frozen, kept, told } = started
    fill(started)
    const isNew = bring(alarm)
    await Promise.resolve()
    expect(alarm.holds(log), 'before any write has ended').toBe(true)
    expect(await isNew).toBe(true)
    expect(told).toMatchObject([{ id, isWritten: false }])
    expect(alarm.ids()).toEqual([{ log, id }])
    expect(utf8((await alarm.get(id))!.text)).toEqual(encodeEvidence(fork('b')))
    expect((await alarm.list()).map((one) => one.id)).toEqual([id])

    await clock.pass(3_600_000)
    expect(alarm.holds(log)).toBe(true)
    broken.clear()
    await clock.pass(60_000)
    expect([...kept.keys()]).toEqual([id])
    expect(frozen).toEqual(new Set([`${log} ${id}`]))
    expect(alarm.holds(log), 'the state on disk says so now').toBe(false)
    expect(alarm.unwritten()).toEqual([])
    expect(clock.waiting).toEqual([])
    expect(told).toHaveLength(1)
  })

  test.each(full.slice(0, 2))('of which only the %s fails: the log is held until that is done, too', async (act) => {
    const started = await startAlarm()
    started.broken.add(act)
    expect(await bring(started.alarm)).toBe(true)
    expect(started.acts).toEqual([...full.slice(0, 2).filter((other) => other !== act), 'tell'])
    expect(started.alarm.holds(log)).toBe(true)
    expect(
      (await started.alarm.list()).map((one) => one.id),
      'once, on disk or not',
    ).toEqual([id])
    started.broken.clear()
    await started.clock.pass(1_000)
    expect(started.acts.slice(2), 'nothing is done twice').toEqual([act])
    expect(started.alarm.holds(log)).toBe(false)
  })
})

test('the pauses between two attempts grow to a minute; the failure is reported once, and then ever more rarely', async () => {
  const started = await startAlarm()
  const { alarm, clock, errors, broken } = started
  fill(started)
  await alarm.raise(fork('b'))
  const pauses: number[] = []
  for (let i = 0; i < 9; i++) {
    pauses.push(...clock.waiting)
    await clock.pass(clock.waiting[0]!)
  }
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1000))
  errors.length = 0
  await clock.pass(86_400_000)
  expect(errors.length).toBeLessThan(12)
  expect(errors[0]).toMatchObject({ code: 'EVIDENCE_UNWRITTEN' })
  expect((errors[0] as GossumError).detail).toContain(evidenceId(fork('b')))
  expect((errors[0] as GossumError).detail).toContain('no space')
  broken.clear()
  await clock.pass(60_000)
  // A full disk, again: it is retried as soon as the first time.
  fill(started)
  await alarm.raise(fork('c'))
  expect(clock.waiting).toEqual([1_000])
})

test('many forks while the disk is full are all written later; of one log no more than its share is held', async () => {
  const started = await startAlarm()
  const { alarm, broken, clock, kept } = started
  fill(started)
  for (let i = 0; i < 70; i++) await alarm.raise(fork(`fork ${i}`))
  expect(alarm.ids()).toHaveLength(64)
  broken.clear()
  await clock.pass(1_000)
  expect(kept.size).toBe(64)
})

test('what is held in memory has an end, but each log and each witness has room for one', async () => {
  const other = testSigner('other.example', 2)
  const logs = [signer, other].map((of) => [sumdbId(of.verifier), of.verifier] as const)
  const started = await startAlarm({ keys: new Map(logs) })
  const { alarm } = started
  fill(started)
  // As large as a log can make it, in a spelling that doubles in JSON.
  const padded = (of: History, salt: string): SplitView => {
    const pad = (text: string): Note => parseNote(of.sign(`${text}${'"'.repeat(MAX_NOTE_BYTES - 1000)}\n`))
    return makeSplitView(of === ours ? signer.verifier : other.verifier, [
      pad(of.text(5)),
      pad(of.fork(2, salt).text(5)),
    ])
  }
  const results: KeptAs[] = []
  for (let i = 0; i < 20; i++) results.push(await alarm.raise(padded(ours, `fork ${i}`)))
  expect(results.filter(({ isNew }) => isNew)).toHaveLength(alarm.unwritten().length)
  expect(results.at(-1)).toEqual({ id: evidenceId(padded(ours, 'fork 19')), isNew: false })
  const held = alarm.unwritten().reduce((sum, { text }) => sum + text.length, 0)
  expect(held).toBeLessThanOrEqual(4 * 1024 * 1024)
  expect(alarm.unwritten().length).toBeGreaterThan(1)
  const theirs = new History(other)
  expect((await alarm.raise(padded(theirs, 'b'))).isNew).toBe(true)
  expect(alarm.holds(sumdbId(other.verifier))).toBe(true)
  // So has each witness: no room is left for the split view in this, but it is convicted.
  const heads = padded(ours, 'fork 19').heads.map((head) => withCosignature(parseNote(utf8(head)))) as [Note, Note]
  expect((await alarm.raise(makeWitnessConflict(signer.verifier, witness.verifier, heads))).isNew).toBe(true)
  expect(alarm.convicted()).toEqual(new Set([witness.verifier.vkey]))
})

test('a disk that hangs keeps nobody from being told', async () => {
  let letGo: (() => void) | undefined
  const hanging = new Promise<void>((resolve) => (letGo = resolve))
  const { alarm, clock, told } = await startAlarm({ freeze: () => hanging })
  const raised = alarm.raise(fork('b'))
  await settled()
  expect(alarm.holds(log)).toBe(true)
  expect(told).toEqual([])
  await clock.pass(2_000)
  expect(told).toMatchObject([{ isWritten: false }])
  letGo!()
  expect((await raised).isNew).toBe(true)
  expect(told).toHaveLength(1)
})

test('a teller that fails takes nothing with it: it is reported, and the evidence is kept and freezes', async () => {
  const { alarm, errors, frozen, kept } = await startAlarm({
    tell: () => {
      throw new Error('nobody listens')
    },
  })
  const { id, isNew } = await alarm.raise(fork('b'))
  expect(isNew).toBe(true)
  expect(errors).toEqual([new Error('nobody listens')])
  expect([kept.has(id), frozen.has(`${log} ${id}`)]).toEqual([true, true])
})

test('a log whose state is disputed is held until it can be frozen', async () => {
  const frozen: string[] = []
  let isDisputed = true
  const { alarm, clock, errors } = await startAlarm({
    freeze: (_log, id) =>
      isDisputed ? Promise.reject(new GossumError('STATE_DISAGREES')) : Promise.resolve(void frozen.push(id)),
  })
  const { id } = await alarm.raise(fork('b'))
  expect(alarm.holds(log)).toBe(true)
  expect(errors).toHaveLength(1)
  isDisputed = false
  await clock.pass(1_000)
  expect(frozen).toEqual([id])
  expect(alarm.holds(log)).toBe(false)
})

describe('what a node that takes up other settings waits for', () => {
  test('is evidence that is being written: nothing is wrong with the disk', async () => {
    let end = (): void => undefined
    const writing = new Promise<void>((resolve) => (end = resolve))
    const { alarm, errors } = await startAlarm({ freeze: () => writing })
    const raised = alarm.raise(fork('b'))
    await Promise.resolve()
    expect([alarm.unwritten().length, alarm.unwritable]).toEqual([1, 0])
    const settling = alarm.settle()
    end()
    await settling
    expect(alarm.unwritten()).toEqual([])
    await raised
    expect(errors).toEqual([])
  })

  test('fails on a full disk, and is written at once when there is space', async () => {
    const started = await startAlarm()
    const { alarm, broken, kept } = started
    fill(started)
    const { id } = await alarm.raise(fork('b'))
    expect(alarm.unwritable).toBe(1)
    await expect(alarm.settle()).rejects.toMatchObject({ code: 'EVIDENCE_UNWRITTEN' })
    expect(alarm.unwritable).toBe(1)
    broken.clear()
    await alarm.settle()
    expect([...kept.keys()]).toEqual([id])
    expect([alarm.unwritten().length, alarm.unwritable]).toEqual([0, 0])
  })
})

describe('what the operator acknowledges', () => {
  test('must be on disk: until then it cannot be, and with space it is written first', async () => {
    const started = await startAlarm()
    const { alarm, broken, acts, kept } = started
    fill(started)
    const { id } = await alarm.raise(fork('b'))
    await expect(alarm.acknowledge(id)).rejects.toMatchObject({ code: 'EVIDENCE_UNWRITTEN' })
    expect(alarm.holds(log)).toBe(true)
    broken.clear()
    acts.length = 0
    expect(await alarm.acknowledge(id), 'no witness is convicted by it').toBe(false)
    expect(acts).toEqual(['keep', 'freeze'])
    expect(kept.has(id)).toBe(true)
    expect(alarm.holds(log)).toBe(false)
  })

  test('does not go with it while it is not on disk: the log stays held', async () => {
    const started = await startAlarm()
    const { alarm, broken, clock } = started
    const { id: first } = await alarm.raise(fork('b'))
    fill(started)
    const { id: second } = await alarm.raise(fork('c'))
    expect(alarm.acknowledgedWith(first)).toEqual([first])
    expect(alarm.holds(log)).toBe(true)
    broken.clear()
    await clock.pass(1_000)
    expect(alarm.acknowledgedWith(first)).toEqual([first, second])
  })

  test('stays acknowledged: no attempt that was left over takes it back', async () => {
    const started = await startAlarm()
    const { alarm, broken, clock, written } = started
    fill(started)
    const { id } = await alarm.raise(conflict('b'))
    broken.clear()
    expect(await alarm.acknowledge(id)).toBe(true)
    await clock.pass(3_600_000)
    expect(written.get(id)).toMatchObject({ acked: true })
    expect(alarm.convicted()).toEqual(new Set())
  })
})

test('a witness that is convicted while the disk is full counts no more at once, and is convicted on disk later', async () => {
  const started = await startAlarm()
  const { alarm, broken, clock, told, kept, written } = started
  fill(started)
  const { id } = await alarm.raise(conflict('b'))
  expect(alarm.convicted()).toEqual(new Set([witness.verifier.vkey]))
  expect(told.map(({ isWritten }) => isWritten)).toEqual([false, false])
  expect(alarm.holds(log)).toBe(true)
  broken.clear()
  await clock.pass(1_000)
  expect(written.get(id)).toMatchObject({ witness: witness.verifier.vkey, acked: false })
  expect([...kept.keys()]).toEqual([evidenceId(fork('b')), id])
})

test('a conviction that is not on disk holds no log: the split view in it does, until that is written', async () => {
  const started = await startAlarm()
  const { alarm } = started
  await alarm.raise(fork('b'))
  fill(started)
  const { id } = await alarm.raise(conflict('b'))
  expect(alarm.unwritten()).toMatchObject([{ id }])
  expect(alarm.holds(log)).toBe(false)
})

test('what the disk took before a crash convicts again; what it did not take, a peer shows again', async () => {
  const first = await startAlarm()
  fill(first)
  first.broken.delete('keep')
  const { id } = await first.alarm.raise(fork('b'))
  // The next start, on a disk that still accepts no writes: the log is held all the same.
  const again = await Alarm.start(first.all)
  expect(again.holds(log)).toBe(true)
  first.broken.clear()
  await first.clock.pass(1_000)
  expect(first.frozen).toEqual(new Set([`${log} ${id}`]))
  expect(again.holds(log)).toBe(false)

  const lost = await startAlarm()
  expect(lost.alarm.ids()).toEqual([])
  expect(await lost.alarm.receive(log, encodeEvidence(fork('b')))).toBe('new')
  expect(lost.frozen).toEqual(new Set([`${log} ${id}`]))
})

test('an orderly stop tries once more', async () => {
  const started = await startAlarm()
  fill(started)
  const { id } = await started.alarm.raise(fork('b'))
  started.broken.clear()
  await started.alarm.stop()
  expect(started.kept.has(id)).toBe(true)
  expect(started.clock.waiting).toEqual([])
  expect(started.alarm.holds(log)).toBe(false)
})

test('over a real store whose writes fail: held, told, and frozen for good when there is space', async () => {
  const db = new MemoryLevel()
  let isFull = false
  breakWrites(db, () => (isFull ? Object.assign(new Error('No space left on device'), { code: 'ENOSPC' }) : undefined))
  const guard = new MemoryGuard()
  guard.fault = () => (isFull ? 'ENOSPC' : undefined)
  const store = await Store.over(db, guard)
  const clock = new ManualClock()
  const errors: unknown[] = []
  const told: string[] = []
  const start = (on: Store): Promise<Alarm> =>
    Alarm.start({
      trust: { keys: new Map([[log, signer.verifier]]), witnesses: () => [witness.verifier], relayed: () => [] },
      shelf: on.evidence,
      convictions: on.convictions,
      node: {
        freeze: (of, id) => on.heads.hold(of, id),
        isFrozen: (of) => isFrozen(on.heads.get(of)),
        isOurs: () => Promise.resolve(false),
        areOneHistory: () => Promise.resolve(false),
        reconsider: () => on.quorum.put('x', 'y'),
      },
      tell: ({ id }) => told.push(id),
      onError: (error) => errors.push(error),
      clock,
    })
  const alarm = await start(store)
  isFull = true
  const { id } = await alarm.raise(conflict('b'))
  const split = evidenceId(fork('b'))
  expect(told).toEqual([split, id])
  expect([alarm.holds(log), isFrozen(store.heads.get(log))]).toEqual([true, false])
  expect(store.convictions.convicted()).toEqual(new Set([witness.verifier.vkey]))
  isFull = false
  await clock.pass(1_000)
  await alarm.stop()
  const again = await Store.over(db, guard)
  expect(isFrozen(again.heads.get(log))).toBe(true)
  expect(again.convictions.convicted()).toEqual(new Set([witness.verifier.vkey]))
  expect((await (await start(again)).list()).map((one) => one.id).sort()).toEqual([split, id].sort())
  expect(fromUtf8(encodeEvidence(fork('b')))).toBe((await again.evidence.get(split))!.text)
  expect(errors).toHaveLength(2)
})
