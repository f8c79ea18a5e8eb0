import { describe, expect, test } from 'vitest'
import { Alarm, type KeptEvidence } from '../../src/evidence/alarm.js'
import {
  encodeEvidence,
  evidenceId,
  makeSplitView,
  makeWitnessConflict,
  type Evidence,
  type SplitView,
  type WitnessConflict,
} from '../../src/evidence/evidence.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { parseNote, SIGNATURE_TYPES, type Note, type SignerKey } from '../../src/tlog/note.js'
import type { AlarmedNode } from '../../src/evidence/keeper.js'
import { alarmParts, type Changes } from '../helpers/alarm-parts.js'
import { sumdbId, testSigner, testWitness } from '../helpers/heart.js'
import { History } from '../helpers/history.js'
import { remembering } from '../helpers/remembering.js'

/** Signers whose lines are verified once: the tests show the same evidence again and again. */
function signerOf(...of: Parameters<typeof testSigner>): SignerKey {
  const made = testSigner(...of)
  return { ...made, verifier: remembering(made.verifier) }
}

const signer = signerOf('log.example', 1)
const log = sumdbId(signer.verifier)
const witness = testWitness
const ours = new History(signer)
const fork = (salt: string, size = 5): SplitView =>
  makeSplitView(signer.verifier, [parseNote(ours.head(size)), parseNote(ours.fork(2, salt).head(size))])
const isOurs: AlarmedNode['isOurs'] = (_log, head) => {
  const { text } = parseNote(utf8(head))
  return Promise.resolve(text === ours.text(parseCheckpoint(text).size))
}
const areOneHistory: AlarmedNode['areOneHistory'] = (_log, heads) => {
  const [one, other] = heads.map((head) => parseNote(utf8(head)).text) as [string, string]
  const isOf = (of: History, text: string): boolean => text === of.text(parseCheckpoint(text).size)
  const all = [ours, ...['b', 'c'].map((salt) => ours.fork(2, salt))]
  return Promise.resolve(all.some((of) => isOf(of, one) && isOf(of, other)))
}
/** The same lie, a fork at `size`, with a smaller head of ours. */
const lieAgainst = (salt: string, size: number, oursAt: number): SplitView => {
  const theirs = ours.fork(2, salt)
  const heads: [Note, Note] = [parseNote(ours.head(oursAt)), parseNote(theirs.head(size))]
  return makeSplitView(signer.verifier, heads, theirs.prefix(theirs.tree(size), oursAt))
}
const parts = (changes: Changes = {}) =>
  alarmParts({ keys: new Map([[log, signer.verifier]]), witnesses: () => [witness.verifier], ...changes })

test('evidence is kept, then the log is frozen, then peers are told', async () => {
  const { all, acts, kept, told } = parts()
  const alarm = await Alarm.start(all)
  const { id } = await alarm.raise(fork('b'))
  expect(acts).toEqual(['keep', 'freeze', 'tell'])
  expect(told).toEqual([{ id, source: 'found', isWritten: true }])
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
  changed[changed.length - 20]! ^= 1
  const other = testSigner('other.example', 2)
  expect(await alarm.receive(log, changed)).toBe('invalid')
  expect(await alarm.receive(log, utf8('hello'))).toBe('invalid')
  expect(await alarm.receive(sumdbId(other.verifier), file)).toBe('invalid')
  expect(await alarm.receive('f'.repeat(64), file)).toBe('invalid')
  const theirs = new History(other)
  const foreign = makeSplitView(other.verifier, [parseNote(theirs.head(5)), parseNote(theirs.fork(2, 'b').head(5))])
  expect(await alarm.receive(log, encodeEvidence(foreign)), 'a log that nobody here knows').toBe('unknown')
  expect(kept.size).toBe(0)
  expect(await alarm.receive(log, file)).toBe('new')
})

test('evidence of a type that this version does not know is nobody’s fault', async () => {
  const { all, kept } = parts()
  const alarm = await Alarm.start(all)
  const later = { type: 'gossum/bad-record/v2', log: signer.verifier.vkey, head: 'x' }
  expect(await alarm.receive(log, utf8(JSON.stringify(later)))).toBe('unknown')
  expect(await alarm.receive(log, utf8(JSON.stringify({ ...later, type: 'bad-record' })))).toBe('invalid')
  expect(kept.size).toBe(0)
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

test('evidence that comes without a log id is about the log whose key it names, and is told about in full', async () => {
  const other = testSigner('other.example', 2)
  const keys = new Map([
    [log, signer.verifier],
    [sumdbId(other.verifier), other.verifier],
  ])
  const { all, kept } = parts({ keys, isOurs })
  const alarm = await Alarm.start(all)
  const id = evidenceId(fork('b'))
  expect(await alarm.take(encodeEvidence(fork('b')))).toEqual({ fate: 'new', id })
  expect(await alarm.take(encodeEvidence(fork('b')))).toEqual({ fate: 'known', id })
  // The same lie with another head of ours: the id is that of the kept evidence.
  expect(await alarm.take(encodeEvidence(lieAgainst('b', 5, 4)))).toEqual({ fate: 'known', id })
  const theirs = new History(other)
  const second = makeSplitView(other.verifier, [parseNote(theirs.head(5)), parseNote(theirs.fork(2, 'b').head(5))])
  expect(await alarm.take(encodeEvidence(second))).toEqual({ fate: 'new', id: evidenceId(second) })
  expect([...kept.values()].map((evidence) => evidence.log)).toEqual([log, sumdbId(other.verifier)])

  const codes = async (file: Uint8Array) => {
    const { fate, id: none, refusal } = await alarm.take(file)
    return [fate, none, refusal?.code]
  }
  expect(await codes(utf8('hello'))).toEqual(['invalid', null, 'EVIDENCE_MALFORMED'])
  // Signed by the key of a log, with an origin that is not the log's.
  const elsewhere = (salt: string) =>
    parseNote(ours.sign(`elsewhere\n5\n${Buffer.alloc(32, salt).toString('base64')}\n`))
  const foreign = makeSplitView(signer.verifier, [elsewhere('a'), elsewhere('b')])
  expect(await codes(encodeEvidence(foreign))).toEqual(['invalid', null, 'EVIDENCE_UNPROVEN'])
  expect(kept.size).toBe(2)
})

test('a crash between keeping and freezing is healed at the next start', async () => {
  const { all, kept } = parts()
  const { id } = await (await Alarm.start(all)).raise(fork('b'))
  const frozen: string[] = []
  const freeze = (of: string, hold: string): Promise<void> => Promise.resolve(void frozen.push(`${of} ${hold}`))
  await Alarm.start({ ...all, node: { ...all.node, freeze } })
  expect(kept.size).toBe(1)
  expect(frozen).toEqual([`${log} ${id}`])
})

test('evidence against a log that is not followed any more stays, and freezes nothing', async () => {
  const { all, acts, kept } = parts()
  const { id } = await (await Alarm.start(all)).raise(fork('b'))
  acts.length = 0
  const again = await Alarm.start({ ...all, trust: { ...all.trust, keys: new Map() } })
  expect(again.ids()).toEqual([{ log, id }])
  expect(again.holds(log)).toBe(false)
  expect(await again.receive(log, encodeEvidence(fork('c')))).toBe('unknown')
  expect(acts).toEqual([])
  expect([...kept.keys()]).toEqual([id])
})

test('one log fills its own share of the shelf and no more', async () => {
  const { all, kept } = parts()
  const alarm = await Alarm.start(all)
  for (let i = 0; i < 70; i++) await alarm.raise(fork(`fork ${i}`))
  expect(kept.size).toBe(64)
  const again = await Alarm.start(all)
  const id = evidenceId(fork('one more'))
  expect(await again.take(encodeEvidence(fork('one more')))).toEqual({ fate: 'known', id })
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

test('while nothing is known of our own history, each fork freezes the log', async () => {
  let frozen = true
  const { all, acts, kept } = parts({ isOurs: () => Promise.resolve(undefined), isFrozen: () => frozen })
  const alarm = await Alarm.start(all)
  await alarm.raise(fork('b'))
  frozen = false
  for (const [salt, size] of [['c', 5] as const, ['d', 6] as const]) {
    acts.length = 0
    expect(await alarm.receive(log, encodeEvidence(fork(salt, size)))).toBe('new')
    expect(acts).toEqual(['keep', 'freeze', 'tell'])
  }
  expect(kept.size).toBe(3)
  expect(await alarm.receive(log, encodeEvidence(fork('c')))).toBe('known')
})

describe('a lie that was shown before', () => {
  const both = (one: string, other: string): SplitView =>
    makeSplitView(signer.verifier, [one, other].map((salt) => parseNote(ours.fork(2, salt).head(5))) as [Note, Note])

  test('is known with every other head of ours, also after a restart', async () => {
    const asked: number[] = []
    const { all, told } = parts({
      isOurs: (of, head) => {
        asked.push(parseCheckpoint(parseNote(utf8(head)).text).size)
        return isOurs(of, head)
      },
    })
    const alarm = await Alarm.start(all)
    const { id } = await alarm.raise(lieAgainst('b', 8, 3))
    expect(asked, 'nothing decides on it').toEqual([])
    for (const size of [4, 5, 6, 7]) {
      expect(await alarm.raise(lieAgainst('b', 8, size))).toEqual({ id, isNew: false })
      expect(await (await Alarm.start(all)).receive(log, encodeEvidence(lieAgainst('b', 8, size)))).toBe('known')
    }
    expect(told).toHaveLength(1)
  })

  test('does not hide a new lie in the same evidence: the log is frozen again, and then both are known', async () => {
    const { all, frozen, told } = parts({ isOurs })
    const alarm = await Alarm.start(all)
    await alarm.raise(fork('b'))
    const { id, isNew } = await alarm.raise(both('b', 'c'))
    expect(isNew).toBe(true)
    expect(frozen).toContain(`${log} ${id}`)
    expect(told).toHaveLength(2)
    for (const each of [alarm, await Alarm.start(all)]) expect((await each.raise(fork('c'))).isNew).toBe(false)
  })

  test('is known by the evidence that shows it, not by what came later', async () => {
    const { all } = parts({ isOurs })
    const alarm = await Alarm.start(all)
    const { id } = await alarm.raise(fork('b'))
    expect((await alarm.raise(fork('c'))).isNew).toBe(true)
    expect(await alarm.raise(lieAgainst('b', 5, 4))).toEqual({ id, isNew: false })
  })

  test('of two heads that are not ours makes both of them lies', async () => {
    const { all } = parts({ isOurs })
    const alarm = await Alarm.start(all)
    const { id } = await alarm.raise(both('b', 'c'))
    expect(await alarm.raise(fork('b'))).toEqual({ id, isNew: false })
    expect(await alarm.raise(fork('c'))).toEqual({ id, isNew: false })
    expect((await alarm.raise(fork('d'))).isNew).toBe(true)
  })

  test('does not freeze again with a head of unknown history: it is a lie itself', async () => {
    // The log is frozen or silent: heads after the one that we hold cannot be proven to be ours.
    const upTo3: AlarmedNode['isOurs'] = async (of, head) =>
      parseCheckpoint(parseNote(utf8(head)).text).size <= 3 ? isOurs(of, head) : undefined
    const { all, told } = parts({ isOurs: upTo3 })
    const alarm = await Alarm.start(all)
    const { id } = await alarm.raise(lieAgainst('b', 8, 3))
    for (const size of [4, 5, 6, 7]) expect(await alarm.raise(lieAgainst('b', 8, size))).toEqual({ id, isNew: false })
    expect(await (await Alarm.start(all)).receive(log, encodeEvidence(lieAgainst('b', 8, 6)))).toBe('known')
    expect(told).toHaveLength(1)
    // Nobody can tell whether our head in that evidence is a lie.
    expect((await alarm.raise(lieAgainst('c', 8, 3))).isNew).toBe(true)
  })

  test('nothing of the log is signed while it is compared: what the log takes long to prove may be another lie', async () => {
    const { promise: proofs, resolve: prove } = Promise.withResolvers<undefined>()
    const slow: AlarmedNode['isOurs'] = async (of, head) => {
      await proofs
      return isOurs(of, head)
    }
    const { all, acts: done } = parts({ isOurs: slow, isFrozen: () => false })
    const alarm = await Alarm.start(all)
    await alarm.raise(fork('b'))
    expect(alarm.holds(log), 'its state says that it is frozen').toBe(false)
    const known = alarm.raise(lieAgainst('b', 5, 4))
    const another = alarm.raise(fork('c'))
    const before = done.length
    expect(alarm.holds(log)).toBe(true)
    expect(alarm.holds('f'.repeat(64))).toBe(false)
    prove(undefined)
    expect((await known).isNew).toBe(false)
    expect((await another).isNew).toBe(true)
    expect(done.slice(before)).toEqual(['keep', 'freeze', 'tell'])
    expect(alarm.holds(log)).toBe(false)
  })

  test('does not hold up the log when it is shown again: after it was acknowledged, signing goes on', async () => {
    const asked: string[] = []
    const slow: AlarmedNode['isOurs'] = (_log, head) => {
      asked.push(head)
      return new Promise(() => undefined)
    }
    const { all } = parts({ isOurs: slow, isFrozen: () => false })
    const alarm = await Alarm.start(all)
    const { id } = await alarm.raise(fork('b'))
    for (const each of [alarm, await Alarm.start(all)]) {
      const again = each.raise(fork('b'))
      const received = each.receive(log, encodeEvidence(fork('b')))
      expect(each.holds(log)).toBe(false)
      expect(await again).toEqual({ id, isNew: false })
      expect(await received).toBe('known')
    }
    expect(asked).toEqual([])
  })

  test('counts as new where nobody can say which of the two it is: the operator is asked once more', async () => {
    const cannotSay = (): Promise<boolean> => Promise.reject(new Error('the disk cannot be read'))
    const { all, errors, told } = parts({ isOurs: cannotSay })
    const alarm = await Alarm.start(all)
    await alarm.raise(lieAgainst('b', 8, 3))
    expect(errors).toEqual([])
    expect((await alarm.raise(lieAgainst('b', 8, 4))).isNew).toBe(true)
    expect(errors).toContainEqual(new Error('the disk cannot be read'))
    expect(told).toHaveLength(2)
  })

  test('is the same when its fork has grown, which the log proves; another fork is another lie', async () => {
    const { all, acts, frozen, kept } = parts({ isOurs, areOneHistory, isFrozen: () => false })
    const alarm = await Alarm.start(all)
    const { id } = await alarm.raise(lieAgainst('b', 8, 3))
    acts.length = 0
    for (const size of [9, 12, 30]) {
      // What it has grown to is kept and passed on, since it convicts those who cosigned it.
      const grown = await alarm.raise(lieAgainst('b', size, 4))
      expect(grown.isNew).toBe(true)
      expect(await alarm.raise(fork('b', size))).toEqual({ id: grown.id, isNew: false })
      expect(acts.splice(0)).toEqual(['keep', 'note', 'tell'])
    }
    expect(frozen).toEqual(new Set([`${log} ${id}`]))
    for (let size = 31; size < 120; size++) await alarm.raise(fork('b', size))
    expect(kept.size).toBe(64)
    const other = await alarm.raise(lieAgainst('c', 9, 4))
    expect(frozen).toEqual(new Set([`${log} ${id}`, `${log} ${other.id}`]))
  })
})

test('what convicts a log is acknowledged together, and what convicts another or a witness is not', async () => {
  const { all } = parts()
  const alarm = await Alarm.start(all)
  const ids: string[] = []
  for (let size = 5; size < 9; size++) ids.push((await alarm.raise(fork('b', size))).id)
  for (const id of ids) expect(alarm.acknowledgedWith(id)).toEqual(ids)
  expect(alarm.acknowledgedWith('0'.repeat(16))).toEqual([])
  expect((await Alarm.start(all)).acknowledgedWith(ids[2]!)).toEqual(ids)
})

test('a hello costs no disk: what there is is known in memory, oldest first, after a restart too', async () => {
  const { all, kept } = parts()
  const alarm = await Alarm.start(all)
  expect(alarm.ids()).toEqual([])
  for (const salt of ['b', 'c', 'd']) await alarm.raise(fork(salt))
  const refs = ['b', 'c', 'd'].map((salt) => ({ log, id: evidenceId(fork(salt)) }))
  expect(alarm.ids()).toEqual(refs)
  expect((await Alarm.start(all)).ids()).toEqual(refs)
  expect(await alarm.get(refs[0]!.id)).toBe(kept.get(refs[0]!.id))
  expect(await alarm.list()).toEqual([...kept.values()])
})

test('kept evidence that the disk damaged freezes its log all the same', async () => {
  const { all, kept, acts } = parts()
  const { id } = await (await Alarm.start(all)).raise(fork('b'))
  kept.set(id, { ...kept.get(id)!, text: 'not evidence any more' })
  acts.length = 0
  await Alarm.start(all)
  expect(acts).toEqual(['freeze'])
})

describe('a witness conflict', () => {
  const cosigned = (history: History, size: number, by = witness, time = 1_700_000_000): Note => {
    const { text, signatures } = parseNote(history.head(size))
    return { text, signatures: [...signatures, cosign(text, time, by).signature] }
  }
  const conflict = (salt: string, { size = 5, by = witness, time = 1_700_000_000 } = {}): Evidence =>
    makeWitnessConflict(signer.verifier, by.verifier, [
      cosigned(ours, size, by, time),
      cosigned(ours.fork(2, salt), size, by, time),
    ])
  const vkey = witness.verifier.vkey
  test('convicts the witness and, by the split view in it, the log', async () => {
    const { all, acts, kept, told } = parts()
    const alarm = await Alarm.start(all)
    expect(alarm.convicted()).toEqual(new Set())
    const { id, isNew } = await alarm.raise(conflict('b'))
    expect(isNew).toBe(true)
    expect(acts).toEqual(['keep', 'freeze', 'tell', 'keep', 'convict', 'reconsider', 'tell'])
    expect(alarm.convicted()).toEqual(new Set([vkey]))
    const split = evidenceId(fork('b'))
    expect(told.map((one) => one.id)).toEqual([split, id])
    expect(alarm.ids()).toEqual([
      { log, id: split },
      { log, id },
    ])
    expect(utf8(kept.get(split)!.text)).toEqual(encodeEvidence(fork('b')))
    expect(kept.get(split)).not.toHaveProperty('witness')
    expect(kept.get(id)).toMatchObject({ type: 'gossum/witness-conflict/v1', witness: vkey, log, sizes: [5, 5] })
  })

  test('that a peer shows does the same, and its split view is not told a second time', async () => {
    const { all, acts } = parts({ isOurs })
    const alarm = await Alarm.start(all)
    await alarm.receive(log, encodeEvidence(fork('b')))
    acts.length = 0
    expect(await alarm.receive(log, encodeEvidence(conflict('b')))).toBe('new')
    expect(acts).toEqual(['keep', 'convict', 'reconsider', 'tell'])
    expect(await alarm.receive(log, encodeEvidence(conflict('b')))).toBe('known')
    expect(await alarm.receive(sumdbId(testSigner('other.example', 2).verifier), encodeEvidence(conflict('b')))).toBe(
      'invalid',
    )
  })

  test('by a witness that nobody here knows is neither kept nor punished; but its log is convicted', async () => {
    const { all, kept } = parts()
    const alarm = await Alarm.start(all)
    const stranger = testSigner('stranger.example', 3, SIGNATURE_TYPES.cosignature)
    expect(await alarm.receive(log, encodeEvidence(conflict('b', { by: stranger })))).toBe('unknown')
    expect([...kept.keys()]).toEqual([evidenceId(fork('b'))])
    expect(alarm.convicted()).toEqual(new Set())
  })

  describe('by a witness that only neighbours count', () => {
    const others = Array.from({ length: 66 }, (_, i) =>
      signerOf(`other-${i}.example`, 100 + i, SIGNATURE_TYPES.cosignature),
    )
    test('is kept and told, and outlives a restart at which nobody counts it', async () => {
      const { all, kept, told } = parts({ relayed: () => [others[0]!.verifier] })
      const file = encodeEvidence(conflict('b', { by: others[0]! }))
      expect(await (await Alarm.start(all)).receive(log, file)).toBe('new')
      const id = told.at(-1)!.id
      expect(kept.get(id)).toMatchObject({ witness: others[0]!.verifier.vkey, log })
      const again = await Alarm.start({ ...all, trust: { ...all.trust, relayed: () => [] } })
      expect(again.convicted()).toEqual(new Set([others[0]!.verifier.vkey]))
      expect(await again.receive(log, file), 'nobody asks for it any more').toBe('unknown')
      expect(kept.get(id)?.text).toBe(fromUtf8(file))
    })

    test('costs a bounded number of writes, however many keys are named and convicted in turn', async () => {
      const keys = Array.from({ length: 140 }, (_, i) =>
        testSigner(`stranger-${i}.example`, 300 + i, SIGNATURE_TYPES.cosignature),
      )
      let named = keys[0]!
      const second = testSigner('second.example', 8, SIGNATURE_TYPES.cosignature)
      const { all, acts } = parts({
        witnesses: () => [witness.verifier, second.verifier],
        relayed: () => [named.verifier],
      })
      const alarm = await Alarm.start(all)
      for (named of keys) await alarm.receive(log, encodeEvidence(conflict('b', { by: named })))
      expect(acts.filter((act) => act === 'convict').length).toBeLessThanOrEqual(129)
      for (const by of [witness, second]) {
        expect(await alarm.receive(log, encodeEvidence(conflict('b', { by }))), 'it counts here').toBe('new')
      }
    })

    const conflictsOf = (kept: ReadonlyMap<string, KeptEvidence>, of: string): (string | undefined)[] =>
      [...kept.values()].filter((one) => one.witness !== undefined && one.log === of).map((one) => one.witness)

    test('is kept for 64 of them; those that count have their own room', async () => {
      const { all, kept } = parts({ relayed: () => others.map(({ verifier }) => verifier) })
      const alarm = await Alarm.start(all)
      const conflicts = (): number => conflictsOf(kept, log).length
      for (const by of others.slice(0, 64)) {
        expect(await alarm.receive(log, encodeEvidence(conflict('b', { by })))).toBe('new')
      }
      expect(await alarm.receive(log, encodeEvidence(conflict('b', { by: others[64]! })))).toBe('unknown')
      expect(await alarm.raise(conflict('b', { by: others[65]! }))).toMatchObject({ isNew: false })
      expect(await alarm.receive(log, encodeEvidence(conflict('b', { by: others[0]!, time: 5 })))).toBe('known')
      expect(conflicts()).toBe(64)
      expect(await alarm.receive(log, encodeEvidence(conflict('b')))).toBe('new')
      expect(conflicts()).toBe(65)
      expect(alarm.convicted().has(vkey)).toBe(true)
    })

    test('and one log takes no room of another log’s', async () => {
      const other = testSigner('other.example', 2)
      const theirs = new History(other)
      const { all, kept } = parts({
        keys: new Map([log, sumdbId(other.verifier)].map((id, i) => [id, [signer, other][i]!.verifier])),
        relayed: () => others.map(({ verifier }) => verifier),
      })
      const alarm = await Alarm.start(all)
      for (const by of others) await alarm.receive(log, encodeEvidence(conflict('b', { by })))
      const by = others[65]!
      const notes: [Note, Note] = [cosigned(theirs, 5, by), cosigned(theirs.fork(2, 'b'), 5, by)]
      const file = encodeEvidence(makeWitnessConflict(other.verifier, by.verifier, notes))
      expect(await alarm.receive(sumdbId(other.verifier), file)).toBe('new')
      expect(conflictsOf(kept, sumdbId(other.verifier))).toEqual([by.verifier.vkey])
      expect(conflictsOf(kept, log)).toHaveLength(64)
    })

    test('whatever one neighbour names: the first of another comes before its last', async () => {
      let relayed = others.slice(0, 64)
      const { all, kept, acts, convictions } = parts({ relayed: () => relayed.map(({ verifier }) => verifier) })
      const alarm = await Alarm.start(all)
      await alarm.receive(log, encodeEvidence(conflict('b')))
      for (const by of relayed) await alarm.receive(log, encodeEvidence(conflict('b', { by })))
      const before = conflictsOf(kept, log)
      expect(before, 'the one that counts, and 64 others').toEqual([
        vkey,
        ...relayed.map(({ verifier }) => verifier).map((key) => key.vkey),
      ])
      // A second neighbour: its only key comes after the first key of the other in round-robin order.
      const late = others[64]!
      relayed = [others[0]!, late, ...others.slice(1, 64)]
      acts.length = 0
      expect(await alarm.receive(log, encodeEvidence(conflict('b', { by: late })))).toBe('new')
      expect(acts).toEqual(['keep', 'convict', 'let go', 'forget', 'reconsider', 'tell'])
      const [last] = before.splice(-1)
      expect(last).toBe(others[63]!.verifier.vkey)
      expect(conflictsOf(kept, log)).toEqual([...before, late.verifier.vkey])
      expect([...convictions.values()].map((one) => one.witness)).toEqual([...before, late.verifier.vkey])
      expect(await alarm.receive(log, encodeEvidence(conflict('b', { by: others[63]! })))).toBe('unknown')
    })

    describe('when a later one takes the last place', () => {
      const late = others[64]!
      /** Full, with the last to go when the conflict of `late` comes. */
      async function fullShelf() {
        let relayed = others.slice(0, 64)
        const started = parts({ relayed: () => relayed.map(({ verifier }) => verifier) })
        const alarm = await Alarm.start(started.all)
        for (const by of relayed) await alarm.receive(log, encodeEvidence(conflict('b', { by })))
        relayed = [others[0]!, late, ...others.slice(1, 64)]
        const last = [...started.kept.values()].find((one) => one.witness === others[63]!.verifier.vkey)!
        const come = () => alarm.receive(log, encodeEvidence(conflict('b', { by: late })))
        return { ...started, alarm, last: last.id, come }
      }

      test('and the operator acknowledges the old one before it has gone, that is not forgotten', async () => {
        const { alarm, broken, clock, come, convictions, kept, last, written } = await fullShelf()
        broken.add('convict')
        expect(await come()).toBe('new')
        broken.clear()
        expect(await alarm.acknowledge(last)).toBe(true)
        await clock.pass(1_000)
        expect(alarm.unwritten()).toEqual([])
        expect(conflictsOf(kept, log)).toContain(late.verifier.vkey)
        expect([kept.has(last), convictions.get(last)?.acked, written.get(last)?.acked]).toEqual([true, true, true])
      })

      test('and the disk does not let the old one go at once, it goes later', async () => {
        const { alarm, broken, clock, come, convictions, kept, last } = await fullShelf()
        broken.add('forget')
        expect(await come()).toBe('new')
        expect([kept.has(last), convictions.has(last)]).toEqual([true, false])
        broken.clear()
        await clock.pass(1_000)
        expect(alarm.unwritten()).toEqual([])
        expect(kept.has(last)).toBe(false)
        expect(conflictsOf(kept, log)).toHaveLength(64)
      })
    })

    test('and those whom nobody asks for any more, before all others', async () => {
      let relayed = others.slice(0, 64)
      const { all, kept } = parts({ relayed: () => relayed.map(({ verifier }) => verifier) })
      const alarm = await Alarm.start(all)
      for (const by of relayed) await alarm.receive(log, encodeEvidence(conflict('b', { by })))
      // The first neighbour is gone, except for one key that another also counts.
      relayed = [others[40]!, others[64]!]
      expect(await alarm.receive(log, encodeEvidence(conflict('b', { by: others[64]! })))).toBe('new')
      expect(conflictsOf(kept, log)).toContain(others[40]!.verifier.vkey)
      expect(conflictsOf(kept, log)).toHaveLength(64)
    })

    test('what the operator acknowledged stays, and takes no room', async () => {
      const { all, kept } = parts({ relayed: () => others.map(({ verifier }) => verifier), isOurs })
      const alarm = await Alarm.start(all)
      for (const by of others.slice(0, 64)) await alarm.receive(log, encodeEvidence(conflict('b', { by })))
      const { id } = [...kept.values()].find((one) => one.witness === others[63]!.verifier.vkey)!
      await alarm.acknowledge(id)
      expect(await alarm.receive(log, encodeEvidence(conflict('b', { by: others[64]! })))).toBe('new')
      expect(conflictsOf(kept, log)).toHaveLength(65)
      expect(await alarm.receive(log, encodeEvidence(conflict('b', { by: others[63]! }))), 'let go once').toBe('known')
    })
  })

  test('with a forged cosignature is invalid; but its log is convicted', async () => {
    const { all, kept } = parts()
    const alarm = await Alarm.start(all)
    const stranger = testSigner(witness.verifier.name, 3, SIGNATURE_TYPES.cosignature)
    const forged = { ...(conflict('b', { by: stranger }) as WitnessConflict), witness: vkey }
    expect(await alarm.receive(log, encodeEvidence(forged))).toBe('invalid')
    expect([...kept.keys()]).toEqual([evidenceId(fork('b'))])
    expect(alarm.convicted()).toEqual(new Set())
  })

  test('is kept once for each log and witness, however many there are, from fifty doors at once', async () => {
    const { all, kept, told } = parts()
    const alarm = await Alarm.start(all)
    const files = Array.from({ length: 50 }, (_, i) => encodeEvidence(conflict(`fork ${i % 10}`, { time: 1 + i })))
    const fates = await Promise.all(files.map((file) => alarm.receive(log, file)))
    expect(fates.filter((fate) => fate === 'new')).toHaveLength(1)
    const conflicts = [...kept.values()].filter((one) => one.witness !== undefined)
    expect(conflicts).toHaveLength(1)
    const { id } = conflicts[0]!
    expect(told.filter((one) => one.id === id)).toHaveLength(1)
    expect(await alarm.take(encodeEvidence(conflict('another')))).toEqual({ fate: 'known', id })
  })

  test('that was acknowledged convicts no more, in no other file of the same pair; a new pair does', async () => {
    const { all, acts } = parts()
    const alarm = await Alarm.start(all)
    const { id } = await alarm.raise(conflict('b'))
    expect(await alarm.acknowledge('0'.repeat(16))).toBe(false)
    acts.length = 0
    expect(await alarm.acknowledge(id)).toBe(true)
    expect(acts).toEqual(['convict', 'reconsider'])
    expect(alarm.convicted()).toEqual(new Set())
    expect(await alarm.raise(conflict('b'))).toEqual({ id, isNew: false })
    expect(await alarm.raise(conflict('b', { time: 1_700_000_001 }))).toEqual({ id, isNew: false })
    expect(alarm.convicted()).toEqual(new Set())
    expect((await alarm.raise(conflict('c'))).isNew).toBe(true)
    expect(alarm.convicted()).toEqual(new Set([vkey]))
  })

  test('that was acknowledged convicts no more when its fork has grown; another fork does', async () => {
    const { all } = parts({ isOurs, areOneHistory })
    const alarm = await Alarm.start(all)
    for (const salt of ['c', 'b']) {
      const { id, isNew } = await alarm.raise(conflict(salt))
      expect(isNew).toBe(true)
      await alarm.acknowledge(id)
      expect(await alarm.raise(conflict(salt, { size: 8 }))).toEqual({ id, isNew: false })
      expect(alarm.convicted()).toEqual(new Set())
    }
    expect((await alarm.raise(conflict('d', { size: 8 }))).isNew).toBe(true)
    expect(alarm.convicted()).toEqual(new Set([vkey]))
  })

  test('that was acknowledged convicts no more with another head of ours: it is the same lie', async () => {
    const { all } = parts({ isOurs })
    const alarm = await Alarm.start(all)
    const theirs = ours.fork(2, 'b')
    const lie = cosigned(theirs, 8)
    const against = (size: number): Evidence =>
      makeWitnessConflict(
        signer.verifier,
        witness.verifier,
        [cosigned(ours, size), lie],
        theirs.prefix(theirs.tree(8), size),
      )
    const { id } = await alarm.raise(against(5))
    await alarm.acknowledge(id)
    expect(await alarm.raise(against(6))).toEqual({ id, isNew: false })
    expect(alarm.convicted()).toEqual(new Set())
    expect((await alarm.raise(conflict('b', { size: 7 }))).isNew, 'another head of that fork').toBe(true)
  })

  test('kept before a crash convicts at the next start, and one that was acknowledged does not', async () => {
    const { all, convictions, written } = parts()
    const { id } = await (await Alarm.start(all)).raise(conflict('b'))
    const conviction = written.get(id)
    convictions.clear()
    written.clear()
    const again = await Alarm.start(all)
    expect(again.convicted()).toEqual(new Set([vkey]))
    expect(written.get(id), 'on disk, too').toEqual(conviction)
    await again.acknowledge(id)
    expect((await Alarm.start(all)).convicted()).toEqual(new Set())
  })

  test('that the disk damaged convicts by its id; once acknowledged, its file convicts no more', async () => {
    const { all, convictions, kept, written } = parts()
    const { id } = await (await Alarm.start(all)).raise(conflict('b'))
    kept.set(id, { ...kept.get(id)!, text: 'not evidence any more' })
    convictions.clear()
    const again = await Alarm.start(all)
    expect(again.convicted()).toEqual(new Set([vkey]))
    expect(written.get(id)).toEqual({ id, witness: vkey, log, lies: [], acked: false })
    expect(await again.acknowledge(id)).toBe(true)
    expect(await again.raise(conflict('b'))).toEqual({ id, isNew: false })
    expect(again.convicted()).toEqual(new Set())
  })

  test('that was acknowledged does not hide another lie of the same witness', async () => {
    const { all } = parts({ isOurs })
    const alarm = await Alarm.start(all)
    const { id } = await alarm.raise(conflict('b'))
    await alarm.acknowledge(id)
    const forks = ['b', 'c'].map((salt) => cosigned(ours.fork(2, salt), 5)) as [Note, Note]
    const both = makeWitnessConflict(signer.verifier, witness.verifier, forks)
    expect((await alarm.raise(both)).isNew).toBe(true)
    expect(alarm.convicted()).toEqual(new Set([vkey]))
  })

  test('of two heads that are not ours, acknowledged, has shown both lies', async () => {
    const { all } = parts({ isOurs })
    const alarm = await Alarm.start(all)
    const forks = ['b', 'c'].map((salt) => cosigned(ours.fork(2, salt), 5)) as [Note, Note]
    const { id } = await alarm.raise(makeWitnessConflict(signer.verifier, witness.verifier, forks))
    await alarm.acknowledge(id)
    expect(await alarm.raise(conflict('c'))).toEqual({ id, isNew: false })
    expect(alarm.convicted()).toEqual(new Set())
  })
})
