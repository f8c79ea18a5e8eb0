/**
 * Two records that contradict each other at a node: it keeps them, freezes their log, and asks the operator once per
 * lie.
 */
import { describe, expect, test } from 'vitest'
import { Alarm } from '../../src/evidence/alarm.js'
import { encodeEvidence, evidenceId, makeSplitView, makeWitnessConflict } from '../../src/evidence/evidence.js'
import type { BadRecord } from '../../src/evidence/evidence.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { alarmParts, type Changes } from '../helpers/alarm-parts.js'
import { sumdbId, testSigner, testWitness } from '../helpers/heart.js'
import { recordOf, RecordLog } from '../helpers/record-log.js'

const signer = testSigner('log.example', 1)
const log = sumdbId(signer.verifier)
const M = 'example.com/m@v1.2.3'
const module = (n: number): string => `example.com/m${n}@v1.0.0`
/** M is correct in 0, has other hashes in 1 and 2, and in 3 those of 1 among other lines. */
const texts = [
  recordOf(M, 'good'),
  recordOf(M, 'evil'),
  recordOf(M, 'worse'),
  `${recordOf(M, 'evil')}${recordOf('example.com/n@v1.0.0', 'n')}`,
  ...Array.from({ length: 70 }, (_, n) => recordOf(module(n), 'good')),
  ...Array.from({ length: 70 }, (_, n) => recordOf(module(n), 'evil')),
]
const all = new RecordLog(signer, texts)
const M0 = 4
const evil = (n: number): BadRecord => all.evidence(M0 + n, M0 + 70 + n)
const split = (salt: string) => {
  const fork = new RecordLog(signer, [...texts.slice(0, 9), recordOf('example.com/fork@v1.0.0', salt)])
  return makeSplitView(signer.verifier, [all.head(10), fork.head(10)])
}

const parts = (changes: Changes = {}) =>
  alarmParts({ keys: new Map([[log, signer.verifier]]), witnesses: () => [testWitness.verifier], ...changes })
const received = async (alarm: Alarm, evidence: BadRecord) => alarm.take(encodeEvidence(evidence))

test('a bad record is kept, then its log is frozen, then peers are told', async () => {
  const told: object[] = []
  const {
    all: its,
    acts,
    kept,
    frozen,
  } = parts({
    tell: (conviction, file, source, isWritten) => {
      const { module, records, sizes } = conviction
      acts.push('tell')
      told.push({ module, records, sizes, source, isWritten, file })
    },
  })
  const alarm = await Alarm.start(its)
  const evidence = all.evidence(0, 1)
  const { id } = await alarm.raise(evidence)
  expect(id).toBe(evidenceId(evidence))
  expect(acts).toEqual(['keep', 'freeze', 'tell'])
  expect([...frozen]).toEqual([`${log} ${id}`])
  const file = encodeEvidence(evidence)
  const facts = { module: M, records: [0, 1], sizes: [texts.length, texts.length] }
  expect(told).toEqual([{ ...facts, source: 'found', isWritten: true, file }])
  const { text, ...rest } = kept.get(id)!
  expect(rest).toEqual({ id, type: 'gossum/bad-record/v1', log, ...facts, seenAt: '2026-01-02T00:00:00.000Z' })
  expect(utf8(text)).toEqual(file)
})

test('what peers send is believed only when it verifies, under the key of the log that it came for', async () => {
  const { all: its, kept } = parts()
  const alarm = await Alarm.start(its)
  const evidence = all.evidence(0, 1)
  const [one, other] = evidence.records
  const forged: BadRecord[] = [
    { ...evidence, records: [one, { ...other, text: recordOf(M, 'made up') }] },
    {
      ...evidence,
      records: [
        { ...one, id: 1 },
        { ...other, id: 2 },
      ],
    },
    { ...evidence, records: [other, one] },
    { ...evidence, records: [one, { ...one, id: 1 }] },
    { ...evidence, records: [one, { ...other, text: 'no record' }] },
  ]
  for (const file of forged) expect(await alarm.receive(log, encodeEvidence(file))).toBe('invalid')
  expect(await alarm.receive('f'.repeat(64), encodeEvidence(evidence))).toBe('invalid')
  expect(kept.size).toBe(0)
  expect(await alarm.receive(log, encodeEvidence(evidence))).toBe('new')
})

test('of a log that nobody here follows it is nobody’s fault', async () => {
  const other = new RecordLog(testSigner('other.example', 2), texts)
  const { all: its, kept } = parts()
  expect(await (await Alarm.start(its)).take(encodeEvidence(other.evidence(0, 1)))).toMatchObject({ fate: 'unknown' })
  expect(kept.size).toBe(0)
})

describe('one lie is kept once', () => {
  test('under every later head, after a restart, and from fifty doors at once', async () => {
    const { all: its, kept, acts } = parts()
    const alarm = await Alarm.start(its)
    const heads = Array.from({ length: 50 }, (_, i) => all.evidence(0, 1, 20 + i))
    expect(new Set(heads.map(evidenceId)).size).toBe(50)
    const fates = await Promise.all(heads.map((evidence) => received(alarm, evidence)))
    expect(fates.filter(({ fate }) => fate === 'new')).toHaveLength(1)
    const { id } = fates.find(({ fate }) => fate === 'new')!
    expect(fates.filter(({ fate }) => fate === 'known')).toEqual(Array(49).fill({ fate: 'known', id }))
    expect(kept.size).toBe(1)
    expect(acts.filter((act) => act === 'freeze')).toHaveLength(1)
    const again = await Alarm.start(its)
    expect(await received(again, all.evidence(0, 1, 100))).toEqual({ fate: 'known', id })
    expect(kept.size).toBe(1)
  })

  test('by whatever records it is shown; a third hash of the same version is another lie', async () => {
    const { all: its, kept } = parts()
    const alarm = await Alarm.start(its)
    const { id } = await alarm.raise(all.evidence(0, 1))
    expect(await received(alarm, all.evidence(0, 3))).toEqual({ fate: 'known', id })
    expect(await received(alarm, all.evidence(1, 2))).toMatchObject({ fate: 'new' })
    expect(await received(alarm, all.evidence(0, 2))).toEqual({ fate: 'known', id })
    expect(await received(alarm, all.evidence(2, 3))).toMatchObject({ fate: 'known' })
    expect(kept.size).toBe(2)
  })

  test('and does not freeze again what its operator let go; another one does', async () => {
    const frozen = { is: true }
    const { all: its, acts } = parts({ isFrozen: () => frozen.is })
    const alarm = await Alarm.start(its)
    await alarm.raise(evil(0))
    frozen.is = false
    acts.length = 0
    await alarm.raise(all.evidence(M0, M0 + 70, 100))
    expect(acts).toEqual([])
    await alarm.raise(evil(1))
    expect(acts).toEqual(['keep', 'freeze', 'tell'])
  })
})

test('a log fills its own share of the shelf for each kind, and nothing hides behind the other', async () => {
  const frozen = { is: true }
  const { all: its, kept, acts } = parts({ isFrozen: () => frozen.is })
  const alarm = await Alarm.start(its)
  for (let n = 0; n < 70; n++) await alarm.raise(evil(n))
  expect(kept.size).toBe(64)
  expect((await alarm.raise(split('b'))).isNew).toBe(true)
  expect(kept.size).toBe(65)
  const again = await Alarm.start(its)
  expect((await received(again, evil(69))).fate).toBe('known')
  // Evidence that is not acknowledged yet is accepted even if the space is full.
  frozen.is = false
  acts.length = 0
  expect((await received(again, evil(69))).fate).toBe('new')
  expect(acts).toEqual(['keep', 'freeze', 'tell'])
})

test('all that convicts one log is acknowledged together, of whatever kind; what convicts a witness is not', async () => {
  const { all: its } = parts()
  const alarm = await Alarm.start(its)
  const { id: first } = await alarm.raise(evil(0))
  const { id: second } = await alarm.raise(split('b'))
  const { id: third } = await alarm.raise(evil(1))
  const fork = new RecordLog(signer, [...texts.slice(0, 9), recordOf('example.com/fork@v1.0.0', 'b')])
  const [one, other] = [all.head(10), fork.head(10)].map((note) => ({
    text: note.text,
    signatures: [...note.signatures, cosign(note.text, 1_700_000_000, testWitness).signature],
  }))
  const { id: conflict } = await alarm.raise(makeWitnessConflict(signer.verifier, testWitness.verifier, [one!, other!]))
  for (const id of [first, second, third]) expect(alarm.acknowledgedWith(id)).toEqual([first, second, third])
  expect(alarm.acknowledgedWith(conflict)).toEqual([])
  const again = await Alarm.start(its)
  expect(again.acknowledgedWith(third)).toEqual([first, second, third])
})

test('a split view is compared with split views alone, and a bad record with bad records', async () => {
  const { all: its } = parts({ isOurs: () => Promise.resolve(undefined) })
  const alarm = await Alarm.start(its)
  expect((await alarm.raise(evil(0))).isNew).toBe(true)
  expect((await alarm.raise(split('b'))).isNew).toBe(true)
  expect((await alarm.raise(evil(1))).isNew).toBe(true)
  expect((await alarm.raise(split('c'))).isNew).toBe(true)
})

test('a crash between keeping and freezing is healed at the next start; damage on the disk excuses nothing', async () => {
  const { all: its, kept } = parts()
  const { id } = await (await Alarm.start(its)).raise(evil(0))
  kept.set(id, { ...kept.get(id)!, text: '{"type":"gossum/bad-record/v1"' })
  const frozen: string[] = []
  const freeze = (of: string, hold: string): Promise<void> => Promise.resolve(void frozen.push(`${of} ${hold}`))
  const again = await Alarm.start({ ...its, node: { ...its.node, freeze } })
  expect(frozen).toEqual([`${log} ${id}`])
  expect(again.ids()).toEqual([{ log, id }])
  // The kept evidence cannot be read any more, so the lie counts as new: better reported twice than never.
  expect((await received(again, all.evidence(M0, M0 + 70, 100))).fate).toBe('new')
})

test('the log is held from the moment of proof, also while the disk refuses to take it', async () => {
  const { all: its, broken, errors, told, clock } = parts({ isFrozen: () => false })
  const alarm = await Alarm.start(its)
  broken.add('keep').add('freeze')
  const { id } = await alarm.raise(evil(0))
  expect(alarm.holds(log)).toBe(true)
  expect(told).toEqual([{ id, source: 'found', isWritten: false }])
  expect(errors).toMatchObject([{ code: 'EVIDENCE_UNWRITTEN' }])
  expect(await alarm.list()).toMatchObject([{ id, module: module(0), records: [M0, M0 + 70] }])
  broken.clear()
  await clock.pass(1_000)
  expect(alarm.holds(log)).toBe(false)
  await alarm.stop()
})
