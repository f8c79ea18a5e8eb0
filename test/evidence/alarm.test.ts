import { expect, test } from 'vitest'
import { Alarm, type AlarmParts, type KeptEvidence } from '../../src/evidence/alarm.js'
import { encodeEvidence, makeSplitView, type Evidence } from '../../src/evidence/evidence.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { parseNote } from '../../src/tlog/note.js'
import { sumdbId, testSigner } from '../helpers/heart.js'
import { History } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const log = sumdbId(signer.verifier)
const ours = new History(signer)
const fork = (salt: string, size = 5): Evidence =>
  makeSplitView(signer.verifier, [parseNote(ours.head(size)), parseNote(ours.fork(2, salt).head(size))])

/** Parts that remember, in their order, what was done with them. */
function parts(change: Partial<AlarmParts> = {}) {
  const kept = new Map<string, KeptEvidence>()
  const acts: string[] = []
  const told: { id: string; source: string }[] = []
  const all: AlarmParts = {
    keys: new Map([[log, signer.verifier]]),
    shelf: {
      get: (id) => Promise.resolve(kept.get(id)),
      put: async (evidence) => {
        await Promise.resolve()
        acts.push('keep')
        kept.set(evidence.id, evidence)
      },
      list: () => Promise.resolve([...kept.values()]),
    },
    freeze: async () => {
      await Promise.resolve()
      acts.push('freeze')
    },
    isFrozen: () => true,
    isOurs: () => Promise.resolve(false),
    tell: ({ id }, _file, source) => {
      acts.push('tell')
      told.push({ id, source })
    },
    now: () => Date.UTC(2026, 0, 2),
    ...change,
  }
  return { kept, acts, told, all }
}

test('evidence is kept, then the log is frozen, then everybody is told', async () => {
  const { all, acts, kept, told } = parts()
  const alarm = await Alarm.start(all)
  const { id } = await alarm.raise(fork('b'))
  expect(acts).toEqual(['keep', 'freeze', 'tell'])
  expect(told).toEqual([{ id, source: 'found' }])
  expect(kept.get(id)).toMatchObject({ id, log, sizes: [5, 5], seenAt: '2026-01-02T00:00:00.000Z' })
  expect(utf8(kept.get(id)!.text)).toEqual(encodeEvidence(fork('b')))
})

test('the same evidence from fifty doors at once is kept and told once', async () => {
  const { all, acts, told } = parts()
  const alarm = await Alarm.start(all)
  const file = encodeEvidence(fork('b'))
  const fates = await Promise.all(Array.from({ length: 50 }, () => alarm.receive(log, file)))
  expect(fates.filter((fate) => fate === 'new')).toHaveLength(1)
  expect(fates.filter((fate) => fate === 'known')).toHaveLength(49)
  expect(told).toHaveLength(1)
  expect(acts.filter((act) => act === 'keep')).toHaveLength(1)
})

test('what peers send is believed only when it verifies under the key of the log that it came for', async () => {
  const { all, kept } = parts()
  const alarm = await Alarm.start(all)
  const file = encodeEvidence(fork('b'))
  const changed = file.slice()
  changed[100]! ^= 1
  const other = testSigner('other.example', 2)
  expect(await alarm.receive(log, changed)).toBe('invalid')
  expect(await alarm.receive(log, utf8('hello'))).toBe('invalid')
  expect(await alarm.receive(sumdbId(other.verifier), file)).toBe('invalid')
  expect(await alarm.receive('f'.repeat(64), file)).toBe('invalid')
  expect(kept.size).toBe(0)
  expect(await alarm.receive(log, file)).toBe('new')
})

test('evidence about another log that we follow is invalid on this log’s topic', async () => {
  const other = testSigner('other.example', 2)
  const { all, kept } = parts({
    keys: new Map([
      [log, signer.verifier],
      [sumdbId(other.verifier), other.verifier],
    ]),
  })
  const alarm = await Alarm.start(all)
  expect(await alarm.receive(sumdbId(other.verifier), encodeEvidence(fork('b')))).toBe('invalid')
  expect(kept.size).toBe(0)
})

test('a crash between keeping and freezing is healed at the next start', async () => {
  const { all, kept } = parts()
  const { id } = await (await Alarm.start(all)).raise(fork('b'))
  const frozen: string[] = []
  await Alarm.start({
    ...all,
    freeze: (of, hold) => {
      frozen.push(`${of} ${hold}`)
      return Promise.resolve()
    },
  })
  expect(kept.size).toBe(1)
  expect(frozen).toEqual([`${log} ${id}`])
})

test('a disk that fails between keeping and freezing: it is told all the same, and frozen when it comes again', async () => {
  let full = true
  const { all, acts, told } = parts({
    freeze: () => (full ? Promise.reject(new Error('disk full')) : Promise.resolve(void acts.push('freeze'))),
  })
  const alarm = await Alarm.start(all)
  await expect(alarm.raise(fork('b'))).rejects.toThrow('disk full')
  expect(told).toHaveLength(1)
  full = false
  await alarm.raise(fork('b'))
  expect(acts).toEqual(['keep', 'tell', 'freeze'])
  expect(told).toHaveLength(1)
})

test('one log fills its own share of the shelf and no more', async () => {
  const { all, kept } = parts()
  const alarm = await Alarm.start(all)
  for (let i = 0; i < 70; i++) await alarm.raise(fork(`fork ${i}`))
  expect(kept.size).toBe(64)
  const again = await Alarm.start(all)
  expect(await again.receive(log, encodeEvidence(fork('one more')))).toBe('known')
  expect(kept.size).toBe(64)
})

test('what the operator let go does not shield the next fork: it freezes the log again', async () => {
  let frozen = true
  const { all, kept, acts } = parts({ isFrozen: () => frozen })
  const alarm = await Alarm.start(all)
  for (let i = 0; i < 64; i++) await alarm.raise(fork(`fork ${i}`))
  frozen = false
  expect(await alarm.receive(log, encodeEvidence(fork('one more')))).toBe('new')
  expect(kept.size).toBe(65)
  expect(acts.slice(-3)).toEqual(['keep', 'freeze', 'tell'])
})

test('kept evidence that the disk damaged freezes its log all the same', async () => {
  const { all, kept, acts } = parts()
  const { id } = await (await Alarm.start(all)).raise(fork('b'))
  kept.set(id, { ...kept.get(id)!, text: 'not evidence any more' })
  acts.length = 0
  await Alarm.start(all)
  expect(acts).toEqual(['freeze'])
})
