/**
 * A node's view of itself, over a real pipeline: whose cosignatures count, who is convicted, what the guard reports.
 */
import { MemoryLevel } from 'memory-level'
import { afterEach, describe, expect, test } from 'vitest'
import { loadConfig, type Config } from '../../src/config/config.js'
import { GossumError } from '../../src/errors.js'
import { encodeEvidence, makeSplitView, makeWitnessConflict } from '../../src/evidence/evidence.js'
import { View, type ViewParts } from '../../src/status/view.js'
import { createMetrics } from '../../src/metrics/metrics.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatHash } from '../../src/tlog/hash.js'
import {
  formatNote,
  parseNote,
  SIGNATURE_TYPES,
  type Note,
  type SignerKey,
  type VerifierKey,
} from '../../src/tlog/note.js'
import { parsePolicy, type Policy } from '../../src/tlog/policy.js'
import type { ClockCondition, PromisedTime } from '../../src/witness/clock.js'
import type { DepositReport } from '../../src/witness/deposit-report.js'
import type { OutcomeKind } from '../../src/witness/outcome.js'
import type { Suspect } from '../../src/witness/suspects.js'
import type { GuardState } from '../../src/witness/rollback-guard.js'
import { ownCheckpoint } from '../../src/witness/own-checkpoint.js'
import { MemoryGuard, startHeart, testSigner, testWitness, type Heart, type HeartOptions } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const NOW = Date.parse('2026-01-02T12:00:00.000Z')
const SECONDS = NOW / 1000
const signer = testSigner('log.example', 1)
const key = signer.verifier
const ours = new History(signer)
const theirs = ours.fork(3, 'b')
const [alice, bob, relayed] = ['alice', 'bob', 'relayed'].map((name, i) =>
  testSigner(`${name}.example`, 20 + i, SIGNATURE_TYPES.cosignature),
) as [SignerKey, SignerKey, SignerKey]
const own = testWitness.verifier

function cosigned(history: History, size: number, ...by: SignerKey[]): Note {
  const { text, signatures } = parseNote(history.head(size))
  return { text, signatures: [...signatures, ...by.map((one) => cosign(text, SECONDS - 60, one).signature)] }
}

const hearts: Heart[] = []
afterEach(async () => {
  await Promise.all(hearts.splice(0).map((heart) => heart.stop()))
})

/** A node whose policy needs alice, bob and, if it is `listed`, itself. */
async function start({ listed = true, state = 'guarded', ...given }: Starting = {}) {
  const { time = { now: NOW, monotonic: 0 }, deposit, conditions = [], offset, taken, perLog, ...options } = given
  const heart = await startHeart({
    logKey: key,
    prefix: showing(ours, theirs),
    counted: [own, alice.verifier, bob.verifier],
    relayed: [relayed.verifier],
    now: () => time.now,
    ...options,
  })
  hearts.push(heart)
  const names = { ...(listed && { me: own }), alice: alice.verifier, bob: bob.verifier }
  const lines = Object.entries(names).map(([name, { vkey }]) => `witness ${name} ${vkey}`)
  const policy: Policy = parsePolicy([...lines, `group g all ${Object.keys(names).join(' ')}`, 'quorum g'].join('\n'))
  const config: Config = {
    ...loadConfig({ home: '/nonexistent', log: [`${key.vkey} http://log.example`] }, { env: {} }),
    policy,
  }
  const mesh: ReturnType<ViewParts['around']['mesh']> = {
    peerId: 'peer',
    multiaddrs: () => [],
    peers: () => [],
    relayed: () => [relayed.verifier],
  }
  const { store, cosigned: heads, suspects, alarm } = heart
  /** The promises that the clock was last asked about. */
  const asked: PromisedTime[] = []
  const view = new View({
    witnesses: { config, store, cosigned: heads, alarm, witness: own, keysOf: () => [perLog ?? own] },
    suspects,
    version: '0',
    time: { now: () => time.now, monotonic: () => time.monotonic },
    barrier: {
      guard: () => ({ state, text: `it is ${state}`, since: '2026-01-02T11:59:00.000Z' }),
      deposit: () => ({ ...DEPOSITED, ...deposit }),
      clock: (promises) => {
        asked.splice(0, asked.length, ...promises)
        return { offset, conditions }
      },
      taken: () => taken,
      state: () => ({ kept: 'home', text: '', error: null }),
      signing: () => ({ by: 'file', error: null }),
    },
    around: {
      mesh: () => mesh,
      http: () => '',
      bastion: () => undefined,
      exchange: () => [],
      audit: () => undefined,
      faults: () => ({
        operator: undefined,
        lists: [],
        watch: { unauthorised: [], unread: [] },
        alarm: [],
        publish: undefined,
      }),
      alarm: () => ({ receivers: [] }),
      mirror: () => Promise.resolve(undefined),
      metrics: (sample) => createMetrics().text(sample),
    },
    submit: (candidate) => heart.witness.submit(candidate),
    underWayMs: () => time.monotonic,
  })
  const answer = (kind: OutcomeKind = 'known') => view.polled(heart.log, { outcome: { kind, news: false } })
  answer()
  return { heart, view, time, asked, answer, metrics: () => view.metrics() }
}

interface Showing {
  listed?: boolean
  state?: GuardState
  time?: { now: number; monotonic: number }
  deposit?: Partial<DepositReport>
  conditions?: readonly ClockCondition[]
  offset?: number
  taken?: string
  /** The key that cosigns every log, instead of the witness key. */
  perLog?: VerifierKey
}
type Starting = Partial<HeartOptions> & Showing

const DEPOSITED: DepositReport = {
  state: 'deposited',
  text: 'it is kept',
  need: 2,
  of: 3,
  connected: 3,
  undeposited: [],
  notDepositaries: [],
  required: false,
}

/** A head that satisfies the policy with our cosignature. */
const whole = (size: number): Uint8Array => formatNote(cosigned(ours, size, alice, bob))

/** Names of the conditions that make the node not ready, with their texts. */
async function failing(view: View): Promise<string[]> {
  const { ready, checks } = await view.readiness()
  const failed = checks.flatMap(({ name, ok, detail }) => (ok ? [] : `${name}: ${detail}`))
  expect(ready).toBe(failed.length === 0)
  return failed
}

const counting = (views: readonly { name: string; counted: boolean }[]): [string, boolean][] =>
  views.map(({ name, counted }) => [name, counted])

describe('cosignatures', () => {
  test('count if the policy names the key; those of relayed keys, and of an unnamed node, do not', async () => {
    const { heart, view } = await start({ listed: false })
    await heart.submit('poll', formatNote(cosigned(ours, 5, bob, relayed, alice)))
    const head = (await view.head(heart.log))!
    const expected: [string, boolean][] = [
      ['witness.example', false],
      ['alice.example', true],
      ['bob.example', true],
      ['relayed.example', false],
    ]
    expect(counting(head.cosignatures)).toEqual(expected)
    expect(head.cosignatures[1]).toEqual({
      name: 'alice.example',
      key: alice.verifier.vkey,
      time: '2026-01-02T11:59:00.000Z',
      counted: true,
    })
    const { logs } = await view.status()
    expect(counting(logs[0]!.cosignatures)).toEqual(expected)
    expect(counting((await view.heads(heart.log, 1))[0]!.cosignatures)).toEqual(expected)
  })
})

test('a fork that grows is acknowledged once, whatever was found of it meanwhile', async () => {
  const { heart, view } = await start()
  await heart.submit('poll', formatNote(cosigned(ours, 8)))
  for (let size = 8; size < 20; size++)
    await heart.alarm.raise(makeSplitView(key, [cosigned(ours, size), cosigned(theirs, size)]))
  const { evidence, logs } = await view.status()
  expect(evidence).toBe(12)
  const { id } = logs[0]!.holds[0]!
  expect(await view.acknowledge(id)).toBe(12)
  const after = await view.status()
  expect([after.evidence, after.logs[0]!.frozen]).toEqual([0, false])
  // Acknowledged again, it counts as one.
  expect(await view.acknowledge(id)).toBe(1)
})

describe('a witness that lied', () => {
  async function lied() {
    const started = await start()
    const { heart } = started
    await heart.submit('poll', formatNote(cosigned(ours, 8, alice, bob)))
    const conflict = makeWitnessConflict(key, bob.verifier, [cosigned(ours, 8, bob), cosigned(theirs, 8, bob)])
    const { id } = await heart.alarm.raise(conflict)
    const split = makeSplitView(key, [cosigned(ours, 8), cosigned(theirs, 8)])
    const { id: splitId } = await heart.alarm.raise(split)
    return { ...started, id, splitId }
  }

  test('is shown with the evidence, no longer counts, and takes the quorum with it, until that is acknowledged', async () => {
    const { heart, view, id, splitId, metrics } = await lied()
    const shown = async () => {
      const { logs, evidence } = await view.status()
      const { quorum, cosignatures } = logs[0]!
      return { evidence, quorum: quorum?.size, bob: cosignatures.find(({ name }) => name === 'bob.example')!.counted }
    }
    expect(await shown()).toEqual({ evidence: 2, quorum: undefined, bob: false })
    expect(view.witnesses().map(({ name, counted, convicted }) => [name, counted, convicted])).toEqual([
      ['witness.example', true, null],
      ['alice.example', true, null],
      ['bob.example', false, id],
    ])
    expect((await view.evidence()).map((item) => [item.id, item.witness, item.acked])).toEqual(
      expect.arrayContaining([
        [splitId, null, false],
        [id, bob.verifier.vkey, false],
      ]),
    )
    expect(await metrics()).toMatch(/^gossum_convicted_witnesses 1$/m)
    expect(await metrics()).toMatch(/^gossum_witnesses_agreeing\{log="log\.example",log_id="\w+"\} 2$/m)

    expect(await view.acknowledge(id)).toBe(1)
    expect(await shown()).toEqual({ evidence: 1, quorum: 8, bob: true })
    expect((await view.evidence()).find((item) => item.id === id)!.acked).toBe(true)
    expect((await view.status()).logs[0]!.frozen, 'its log stays frozen').toBe(true)
    expect(await view.acknowledge(splitId)).toBe(1)
    expect((await view.status()).logs[0]!.frozen).toBe(false)
    expect(await view.acknowledge('0'.repeat(16))).toBe(0)
    expect(await metrics()).toMatch(/^gossum_convicted_witnesses 0$/m)
    expect(heart.quorums.map(({ size }) => size)).toEqual([8, 8])
  })
})

describe('witnesses', () => {
  test('are shown with the last head that they signed', async () => {
    const { heart, view } = await start({ listed: false })
    await heart.submit('poll', formatNote(cosigned(ours, 5, alice)))
    expect(view.witnesses()).toEqual([
      {
        name: 'witness.example',
        key: own.vkey,
        counted: false,
        own: true,
        last: { log: heart.log, size: 5, time: '2026-01-02T12:00:00.000Z' },
        convicted: null,
      },
      {
        name: 'alice.example',
        key: alice.verifier.vkey,
        counted: true,
        own: false,
        last: { log: heart.log, size: 5, time: '2026-01-02T11:59:00.000Z' },
        convicted: null,
      },
      { name: 'bob.example', key: bob.verifier.vkey, counted: true, own: false, last: null, convicted: null },
    ])
  })
})

describe('after its start', () => {
  test('the node shows the first head as trusted on first use', async () => {
    const { heart, view } = await start()
    await heart.submit('poll', ours.head(5))
    const { logs, guard } = await view.status()
    const at = '2026-01-02T12:00:00.000Z'
    expect(logs[0]).toMatchObject({ firstUse: { size: 5, root: formatHash(ours.tree(5).root), at }, floor: null })
    expect(guard).toEqual({ state: 'guarded', text: 'it is guarded', since: '2026-01-02T11:59:00.000Z' })
    expect(await failing(view)).toEqual(['no quorum: log.example: no quorum of the policy yet'])
    await heart.submit('gossip', whole(5))
    expect(await failing(view)).toEqual([])
  })

  test('the node is not ready with a floor that is not reached', async () => {
    const { heart, view, metrics } = await start()
    await heart.submit('poll', ours.head(5))
    const { store, log } = heart
    const floor = { size: 9, root: formatHash(ours.tree(9).root), at: '2026-01-02T11:00:00.000Z' }
    await store.heads.change(log, store.heads.get(log), { floor })
    expect((await view.status()).logs[0]!.floor).toEqual({ size: 9, at: floor.at })
    expect(await failing(view)).toEqual([
      'behind: log.example: nothing is signed before size 9, which this key has cosigned, is proven',
    ])
    expect(await metrics()).toMatch(/^gossum_floor_unmet\{log="log\.example",log_id="\w+"\} 1$/m)
    await store.heads.change(log, store.heads.get(log), { tree: ours.tree(9) })
    expect((await view.status()).logs[0]!.floor).toBeNull()
    expect(await metrics()).toMatch(/^gossum_floor_unmet\{log="log\.example",log_id="\w+"\} 0$/m)
  })

  test.each<[GuardState, boolean]>([
    ['waiting', false],
    ['partly guarded', true],
    ['unanswered', false],
    ['unguarded', true],
    ['twin', false],
    ['fresh', true],
  ])('the node with a guard that is %s is ready: %s', async (state, expected) => {
    const { heart, view, metrics } = await start({ state })
    await heart.submit('poll', whole(5))
    const { ready, checks } = await view.readiness()
    expect(ready).toBe(expected)
    expect(checks.some(({ ok, detail }) => !ok && detail === `it is ${state}`)).toBe(!expected)
    const states = [...(await metrics()).matchAll(/^gossum_guard_state\{state="([\w ]+)"\} 1$/gm)].map(
      ([, state]) => state,
    )
    expect(states).toEqual([state])
  })

  test('the node measures suspects and relayed keys', async () => {
    const { heart, view, metrics } = await start({ prefix: showing(ours) })
    await heart.submit('poll', ours.head(5))
    expect(await metrics()).toMatch(/^gossum_suspect_age_seconds\{log="log\.example",log_id="\w+"\} 0$/m)
    const note = theirs.head(9)
    await heart.witness.submit({ source: 'gossip', note, log: heart.log, receivedAt: NOW - 90_000 })
    expect(await metrics()).toMatch(/^gossum_suspect_age_seconds\{log="log\.example",log_id="\w+"\} 90$/m)
    expect(await metrics()).toMatch(/^gossum_relayed_keys 1$/m)
    expect(view.samples().logs[0]!.suspects).toBe(1)
  })
})

describe('deposits', () => {
  const behind = {
    state: 'undeposited',
    text: 'too few keep it',
    connected: 1,
    undeposited: ['log a', 'log b'],
  } as const

  test('are shown and measured, and make the node not ready only if something is not kept', async () => {
    const { view, heart, metrics } = await start({ deposit: behind })
    await heart.submit('poll', whole(5))
    expect((await view.status()).deposit).toEqual({
      state: 'undeposited',
      text: 'too few keep it',
      need: 2,
      of: 3,
      connected: 1,
      undeposited: 2,
    })
    expect(await failing(view)).toEqual(['undeposited: too few keep it'])
    const text = await metrics()
    for (const line of ['need 2', 'chosen 3', 'connected 1', 'undeposited 2', 'state{state="undeposited"} 1'])
      expect(text).toContain(`\ngossum_deposit_${line}\n`)
    expect(text).toContain('gossum_deposit_state{state="deposited"} 0')
  })

  test.each(['deposited', 'nobody'] as const)('in the state %s leave the node ready', async (state) => {
    const { view, heart } = await start({ deposit: { state } })
    await heart.submit('poll', whole(5))
    expect(await failing(view)).toEqual([])
  })

  test('that are required but cannot be made leave the node not ready', async () => {
    const { view, heart } = await start({ deposit: { state: 'nobody', required: true } })
    await heart.submit('poll', whole(5))
    expect(await failing(view)).toEqual(['deposits impossible: it is kept'])
  })
})

describe('the clock', () => {
  test('is asked about promised times, and its report is shown', async () => {
    const condition = { name: 'promise ahead', text: 'it says 2036' } as const
    const { view, heart, asked, metrics } = await start({ conditions: [condition], offset: 1 })
    await heart.submit('poll', whole(5))
    expect((await view.status()).clock).toEqual([condition])
    expect(asked).toEqual([{ log: 'log.example', time: SECONDS }])
    expect(await failing(view)).toEqual(['promise ahead: it says 2036'])
    const text = await metrics()
    expect(text).toContain('gossum_clock_condition{name="promise ahead"} 1')
    expect(text).toContain('gossum_clock_condition{name="clock ahead"} 0')
    expect(text).toContain('gossum_clock_offset_seconds 1')
  })

  test('that was three days ahead for six seconds does not falsify the ages of heads and suspects', async () => {
    const time = { now: NOW, monotonic: 0 }
    const pass = (seconds: number): void => {
      time.now += seconds * 1000
      time.monotonic += seconds * 1000
    }
    const { view, heart, metrics, answer } = await start({ time, prefix: showing(ours) })
    const log = `{log="log.example",log_id="${heart.log}"}`
    expect(await metrics()).not.toContain(`gossum_head_age_seconds${log}`)
    time.now += 3 * 86_400_000
    await heart.submit('poll', whole(5))
    await heart.witness.submit({ source: 'gossip', note: theirs.head(9), log: heart.log, receivedAt: time.now })
    answer()
    view.samples()
    pass(6)
    time.now -= 3 * 86_400_000
    expect(await metrics()).toContain(`gossum_head_age_seconds${log} 6`)
    expect(await metrics()).toContain(`gossum_clock_promise_ahead_seconds${log} ${3 * 86_400 - 6}`)
    expect((await view.status()).logs[0]!.lastPoll).toBe(new Date(NOW).toISOString())

    // The log is silent, and nothing is signed.
    pass(3600)
    const text = await metrics()
    expect(text).toContain(`gossum_head_age_seconds${log} 3606`)
    expect(text).toContain(`gossum_suspect_age_seconds${log} 3606`)
    expect(await failing(view)).toEqual(['unverified: log.example: none of its heads was proven for 60 min'])
    answer()
    expect(await failing(view)).toEqual([])
  })

  test('has no measured offset while nothing is observed', async () => {
    const { metrics } = await start()
    expect(await metrics()).not.toMatch(/^gossum_clock_offset_seconds/m)
  })

  test('a cosignature from before this start is as old as it says', async () => {
    const [db, guard] = [new MemoryLevel<string, string>(), new MemoryGuard()]
    const before = await startHeart({ logKey: key, prefix: showing(ours), now: () => NOW - 90_000, db, guard })
    await before.submit('poll', ours.head(5))
    await before.witness.stop()
    const { heart, metrics } = await start({ db, guard })
    expect(heart.published).toEqual([])
    expect(await metrics()).toContain(`gossum_head_age_seconds{log="log.example",log_id="${heart.log}"} 90`)
  })
})

describe('a log whose origin is taken', () => {
  test('is paused, with the reason', async () => {
    const { view, heart, metrics } = await start({ taken: 'the key is bound to another' })
    await heart.submit('poll', ours.head(5))
    expect((await view.status()).logs[0]!.paused).toBe('the key is bound to another')
    expect(await failing(view)).toEqual([
      'origin taken: log.example: nothing is signed: the key is bound to another',
      'no quorum: log.example: no quorum of the policy yet',
    ])
    expect(await metrics()).toContain(`gossum_paused{log="log.example",log_id="${heart.log}"} 1`)
  })

  test('may have a key of its own, which is shown as ours, and whose line is served', async () => {
    const perLog = testSigner('own.example', 30, SIGNATURE_TYPES.cosignature)
    const { view, heart } = await start({ perLog: perLog.verifier, signer: perLog })
    await heart.submit('poll', ours.head(5))
    expect((await view.status()).logs[0]!.witness).toBe(perLog.verifier.vkey)
    const mine = view.witnesses().filter((each) => each.own)
    expect(mine.map(({ name, last }) => [name, last?.size])).toEqual([
      ['own.example', 5],
      ['witness.example', undefined],
    ])
    const { signatures } = parseNote(
      (await ownCheckpoint(heart.cosigned, heart.log, [perLog.verifier, testWitness.verifier]))!,
    )
    expect(signatures.map(({ name }) => name)).toEqual(['log.example', 'own.example'])
    expect((await view.head(heart.log))!.time).toBe('2026-01-02T12:00:00.000Z')
  })
})

test('evidence that could not be written is shown like any other, and can be acknowledged once it is on disk', async () => {
  const { heart, view } = await start()
  await heart.submit('poll', ours.head(5))
  const hold = heart.store.heads.hold.bind(heart.store.heads)
  heart.store.heads.hold = () => Promise.reject(new GossumError('STORE_WRITE_FAILED'))
  const evidence = makeSplitView(key, [parseNote(ours.head(5)), parseNote(theirs.head(5))])
  const { id } = await heart.alarm.raise(evidence)
  const [log] = (await view.status()).logs
  expect(log).toMatchObject({ frozen: true, holds: [{ id, acked: false }] })
  expect(await view.evidence()).toMatchObject([{ id, acked: false }])
  expect(await view.evidenceFile(id)).toEqual(encodeEvidence(evidence))
  expect(await failing(view)).toEqual([
    'frozen: log.example: proven to misbehave, so nothing more of it is signed',
    'evidence unwritten: 1 piece of evidence could not be written to disk',
  ])
  expect(view.samples().logs[0]!.frozen).toBe(true)
  await expect(view.acknowledge(id)).rejects.toMatchObject({ code: 'EVIDENCE_UNWRITTEN' })
  heart.store.heads.hold = hold
  expect(await view.acknowledge(id)).toBe(1)
  expect((await view.status()).logs[0]).toMatchObject({ frozen: false, holds: [{ id, acked: true }] })
})

describe('whatever a log did', () => {
  test('the status stays small, and shows first what needs attention', async () => {
    const { heart, view } = await start()
    await heart.submit('poll', ours.head(5))
    // As many as are kept for one log, each as large as a head may be, and one of them froze it once.
    const note = fromUtf8(theirs.head(9))!
    const suspects = Array.from({ length: 256 }, (_, i): Suspect => ({
      ...{ id: i.toString(16).padStart(16, '0'), log: heart.log, size: i, firstSeen: '2026-01-02T12:00:00.000Z' },
      ...{ door: 'gossip', peer: 'p'.repeat(52), code: 'PROOF_INVALID', alarmed: i === 200 },
      note: note + 'x'.repeat(60_000),
    }))
    heart.suspects.list = () => suspects
    for (let i = 0; i < 64; i++) await heart.store.heads.hold(heart.log, `e${i}`)
    await heart.store.heads.hold(heart.log, suspects[100]!.id)
    await heart.store.heads.acknowledge(heart.log, suspects[100]!.id)
    view.polled(heart.log, { silence: new Error('x'.repeat(1_000_000)) })
    const status = await view.status()
    expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThan(100_000)
    const [log] = status.logs
    expect(log!.suspectCount).toBe(256)
    expect(log!.suspects.map(({ id }) => parseInt(id, 16)).slice(0, 3)).toEqual([200, 100, 0])
    expect(await view.suspectNote(suspects[255]!.id)).toBe(suspects[255]!.note)
    expect(await view.suspectNote('0')).toBeUndefined()
  })

  test('the evidence is listed in a fixed order, without reading the files again', async () => {
    const { heart, view } = await start()
    await heart.submit('poll', ours.head(5))
    for (const salt of ['b', 'c', 'd', 'e']) {
      await heart.alarm.raise(makeSplitView(key, [parseNote(ours.head(5)), parseNote(ours.fork(3, salt).head(5))]))
    }
    const first = await view.evidence()
    expect(first).toHaveLength(4)
    let reads = 0
    heart.store.evidence.list = () => Promise.reject(new Error(`the files are read ${++reads} times`))
    for (let i = 0; i < 3; i++) expect(await view.evidence()).toEqual(first)
    expect((await view.status()).evidence).toBe(4)
    const [last] = [makeSplitView(key, [parseNote(ours.head(5)), parseNote(ours.fork(3, 'f').head(5))])]
    const { id } = await heart.alarm.raise(last)
    const all = await view.evidence()
    expect(all.map((one) => one.id).sort()).toEqual([...first.map((one) => one.id), id].sort())
    // All arrived at one moment, so their ids determine the order.
    expect(all.map((one) => one.id)).toEqual(all.map((one) => one.id).sort())
    expect(Object.keys(all[0]!)).not.toContain('text')
    expect(reads).toBe(0)
  })
})

test('kept heads are shown without being verified again, to the end of the history', async () => {
  const { heart, view } = await start()
  for (const size of [3, 4, 5]) await heart.submit('poll', ours.head(size))
  // A line that would not verify: a reader of this disk trusts us for it.
  const { text, signatures } = parseNote(ours.head(2))
  const { name, keyId } = alice.verifier
  const line = cosign(text, SECONDS - 60, alice).signature
  const unsigned = { name, keyId, bytes: line.bytes.map((byte, i) => (i < 8 ? byte : 0)) }
  await heart.store.history.put(heart.log, 2, fromUtf8(formatNote({ text, signatures: [...signatures, unsigned] }))!)
  const heads = await view.heads(heart.log, 10)
  expect(heads.map(({ size }) => size)).toEqual([5, 4, 3, 2])
  expect(heads[3]!.cosignatures).toMatchObject([{ name, time: '2026-01-02T11:59:00.000Z' }])
  expect((await view.heads(heart.log, 2, 5)).map(({ size }) => size)).toEqual([4, 3])
  expect(await view.heads(heart.log, 2, 2)).toEqual([])
})

test('a live node has a pulse, whatever happens outside, until an operation hangs', async () => {
  const time = { now: NOW, monotonic: 0 }
  const { view } = await start({ time, state: 'unanswered' })
  expect((await view.readiness()).ready).toBe(false)
  await view.pulse()
  time.monotonic = 16 * 60_000
  await expect(view.pulse()).rejects.toThrow('a head has been in progress for 960 s')
})
