/** The one list of conditions: what makes each of them hold, and its consequences. */
import { describe, expect, test } from 'vitest'
import {
  CONDITION_NAMES,
  CONDITIONS,
  conditionsOf,
  exitOf,
  isReady,
  SEVERITIES,
  type ConditionName,
  type Facts,
  type LogFacts,
} from '../../src/status/conditions.js'
import { Lags } from '../../src/status/lags.js'
import { Polls, type PollView } from '../../src/status/polls.js'
import type { DepositReport } from '../../src/witness/deposit-report.js'
import { GossumError } from '../../src/errors.js'

const POLL: PollView = {
  reachable: true,
  isAnswer: true,
  answeredAgo: 1000,
  verifiedAgo: 1000,
  error: null,
  refusal: null,
}
const LOG: LogFacts = {
  id: 'id',
  label: 'log.example',
  isDisabled: false,
  isFrozen: false,
  stops: { disagreement: undefined, taken: undefined, floor: undefined },
  poll: POLL,
  suspects: { open: 0, alarmed: 0 },
  lag: { quorum: undefined, cosignature: undefined },
  hasQuorum: true,
  vouchedAgo: 10,
  audit: undefined,
  seclusion: { tempo: undefined, pollBehind: undefined, signedLately: { by: 2, need: 2 } },
}
const DEPOSIT: DepositReport = {
  state: 'deposited',
  text: 'kept',
  need: 2,
  of: 3,
  connected: 3,
  undeposited: [],
  notDepositaries: [],
  required: false,
}
const WELL: Facts = {
  logs: [LOG],
  hasPolicy: true,
  isObserver: false,
  convicted: { own: [], others: [] },
  signing: {
    guard: { state: 'guarded', text: 'guarded', since: '' },
    deposit: DEPOSIT,
    clock: [],
    agent: undefined,
    shared: undefined,
  },
  disk: { failure: undefined, unwritten: 0 },
  around: {
    ...{ mesh: { configured: 1, connected: 1 }, bastion: undefined, places: [], operator: undefined, lists: [] },
    watch: { unauthorised: [], unread: [] },
    alarm: [],
    publish: undefined,
  },
  seclusion: { witnesses: undefined, network: undefined },
  patience: 300,
}

const names = (facts: Facts): ConditionName[] => conditionsOf(facts).map(({ name }) => name)
const withLog = (log: Partial<LogFacts>): Facts => ({ ...WELL, logs: [{ ...LOG, ...log }] })
const stops = (change: Partial<LogFacts['stops']>): Facts => withLog({ stops: { ...LOG.stops, ...change } })
const signing = (change: Partial<Facts['signing']>): Facts => ({ ...WELL, signing: { ...WELL.signing, ...change } })
const around = (change: Partial<Facts['around']>): Facts => ({ ...WELL, around: { ...WELL.around, ...change } })
const guard = (state: 'waiting' | 'unanswered' | 'twin' | 'partly guarded' | 'unguarded' | 'fresh'): Facts =>
  signing({ guard: { state, text: '', since: '' } })
const place = (change: object): Facts =>
  around({ places: [{ name: 'p', error: null, isContradicting: false, ...change }] })
const secluded = (change: Partial<LogFacts['seclusion']>): Facts =>
  withLog({ seclusion: { ...LOG.seclusion, ...change } })
const beyond = (change: Partial<Facts['seclusion']>): Facts => ({
  ...WELL,
  seclusion: { ...WELL.seclusion, ...change },
})
const silent: PollView = { ...POLL, reachable: false, isAnswer: false, error: 'it is down' }

const observing = (log: Partial<LogFacts>): Facts => ({ ...withLog({ poll: undefined, ...log }), isObserver: true })

const CASES: readonly [ConditionName, Facts][] = [
  ['frozen', withLog({ isFrozen: true })],
  ['frozen', withLog({ isFrozen: true, isDisabled: true })],
  ['paused', stops({ disagreement: 'they disagree' })],
  ['origin taken', stops({ taken: 'another log' })],
  ['behind', stops({ floor: 9 })],
  ['unreachable', withLog({ poll: silent })],
  ['bad answer', withLog({ poll: { ...silent, isAnswer: true } })],
  ['unverified', withLog({ poll: { ...POLL, verifiedAgo: 300_000 } })],
  ['unverified', withLog({ poll: { ...POLL, verifiedAgo: undefined } })],
  ['unverified', withLog({ poll: { ...POLL, reachable: null, verifiedAgo: undefined } })],
  ['unverified', observing({ vouchedAgo: 7201 })],
  ['no quorum', observing({ hasQuorum: false, vouchedAgo: undefined })],
  ['suspect', withLog({ suspects: { open: 1, alarmed: 0 } })],
  ['unexplained head', withLog({ suspects: { open: 1, alarmed: 1 } })],
  ['no quorum', withLog({ hasQuorum: false, lag: { quorum: 0, cosignature: undefined } })],
  ['no quorum', withLog({ lag: { quorum: 301, cosignature: undefined } })],
  ['not cosigned', withLog({ lag: { quorum: undefined, cosignature: 91 } })],
  ['bad record', withLog({ audit: { findings: { error: 1 }, error: null } })],
  ['audit failing', withLog({ audit: { findings: { error: 0 }, error: 'tile/8/data/000 could not be had' } })],
  ['own key convicted', { ...WELL, convicted: { own: ['me'], others: [] } }],
  ['witness convicted', { ...WELL, convicted: { own: [], others: ['them'] } }],
  ['disk failing', { ...WELL, disk: { failure: 'ENOSPC', unwritten: 0 } }],
  ['evidence unwritten', { ...WELL, disk: { failure: undefined, unwritten: 1 } }],
  ['guard waiting', guard('waiting')],
  ['guard unanswered', guard('unanswered')],
  ['duplicate key', guard('twin')],
  ['partly guarded', guard('partly guarded')],
  ['undeposited', signing({ deposit: { ...DEPOSIT, state: 'undeposited' } })],
  ['deposits impossible', signing({ deposit: { ...DEPOSIT, state: 'nobody', required: true } })],
  ['nobody chosen', signing({ deposit: { ...DEPOSIT, state: 'nobody' } })],
  ...(['clock ahead', 'clock behind', 'promise ahead', 'clock before release'] as const).map(
    (name): [ConditionName, Facts] => [name, signing({ clock: [{ name, text: '' }] })],
  ),
  ['agent away', signing({ agent: 'gone' })],
  ['state away', signing({ shared: 'gone' })],
  ['bastion down', around({ bastion: 'connecting' })],
  ['operator door shut', around({ operator: 'EACCES' })],
  ['log list unread', around({ lists: [{ list: 'l', error: 'ENOENT' }] })],
  ['unauthorised version', around({ watch: { unauthorised: ['example.com/m@v1.0.0'], unread: [] } })],
  ['releases unread', around({ watch: { unauthorised: [], unread: [{ list: 'go.sum', error: 'ENOENT' }] } })],
  ['peers down', around({ mesh: { configured: 1, connected: 0 } })],
  ['no peers', around({ mesh: { configured: 0, connected: 0 } })],
  ['standing still', secluded({ tempo: { since: 86_401, usual: 10_800 } })],
  ['view behind', secluded({ pollBehind: 601 })],
  ['alarm failing', around({ alarm: [{ receiver: 'hook', why: 'others may write to it' }] })],
  ['publishing failing', around({ publish: 'no space left' })],
  ['few witnesses', beyond({ witnesses: { heard: 1, need: 2 } })],
  ['one network', beyond({ network: { name: '192.0.0.0/16', peers: 3, seconds: 601 } })],
  ['no policy', { ...WELL, hasPolicy: false }],
  ['contradicted', place({ isContradicting: true, error: 'inconsistent' })],
  ['place failing', place({ error: 'it is down' })],
]

describe('conditions', () => {
  test.each(CASES)('%s holds, and no other', (name, facts) => {
    expect(names(facts)).toEqual([name])
    const { ready, exit } = SEVERITIES[CONDITIONS[name]]
    expect([isReady(conditionsOf(facts)), exitOf(conditionsOf(facts))]).toEqual([ready, exit])
  })

  test('every condition is among these cases', () => {
    expect(CONDITION_NAMES.filter((name) => !CASES.some(([one]) => one === name))).toEqual([])
  })

  test.each<[string, Facts]>([
    ['all is well', WELL],
    ['a log is only pushed', withLog({ poll: undefined })],
    ['a disabled log fails', withLog({ isDisabled: true, poll: silent, suspects: { open: 1, alarmed: 0 } })],
    ['a quorum and a cosignature are on their way', withLog({ lag: { quorum: 299, cosignature: 89 } })],
    ['all keys are new', guard('fresh')],
    ['there is no mesh', around({ mesh: undefined })],
    ['a log that moves every day rests for one', secluded({ tempo: { since: 86_400, usual: 60 } })],
    ['it rests no longer than it did lately', secluded({ tempo: { since: 500_000, usual: 62_500 } })],
    [
      'it stands still, but too few have signed it lately to say so',
      secluded({ tempo: { since: 1e6, usual: 60 }, signedLately: { by: 1, need: 2 } }),
    ],
    ['polls are a little behind', secluded({ pollBehind: 600 })],
    ['as many witnesses are heard as a quorum needs', beyond({ witnesses: { heard: 2, need: 2 } })],
    ['peers of one network have just connected', beyond({ network: { name: '192.0.0.0/16', peers: 3, seconds: 600 } })],
    ['an audit has found nothing wrong', withLog({ audit: { findings: { error: 0 }, error: null } })],
  ])('none holds when %s', (_what, facts) => {
    expect(conditionsOf(facts)).toEqual([])
    expect([isReady([]), exitOf([])]).toEqual([true, 0])
  })

  test('a condition that follows from another is not listed with it', () => {
    const poll = { ...silent, verifiedAgo: undefined }
    const lag = { quorum: 9999, cosignature: 9999 }
    expect(names(withLog({ isFrozen: true, poll, lag, hasQuorum: false }))).toEqual(['frozen', 'unreachable'])
    expect(names(withLog({ stops: { ...LOG.stops, disagreement: 'x' }, lag }))).toEqual(['paused'])
    // A log that is not signed is followed all the same.
    const taken = { stops: { ...LOG.stops, taken: 'x' }, poll, lag }
    expect(names(withLog(taken))).toEqual(['origin taken', 'unreachable', 'unverified', 'no quorum'])
  })

  test('a log that does not answer or proves nothing is not reported as old', () => {
    const seclusion = { tempo: { since: 1e6, usual: 60 }, pollBehind: 9999, signedLately: { by: 2, need: 2 } }
    expect(names(withLog({ seclusion }))).toEqual(['standing still', 'view behind'])
    expect(names(withLog({ seclusion, poll: silent }))).toEqual(['unreachable'])
    expect(names(withLog({ seclusion, poll: { ...POLL, verifiedAgo: undefined } }))).toEqual(['unverified'])
    expect(names(withLog({ seclusion, poll: undefined })), 'it is only pushed').toEqual([])
    expect(names(withLog({ seclusion, isFrozen: true }))).toEqual(['frozen'])
  })

  test('an observer is not held to the duties of a witness, and its texts are true for it', () => {
    const well: Facts = {
      ...observing({ lag: { quorum: undefined, cosignature: 86_400 } }),
      signing: { ...WELL.signing, deposit: { ...DEPOSIT, state: 'nobody', text: 'nobody keeps anything' } },
    }
    expect(conditionsOf(well)).toEqual([])
    const ill = [observing({ isFrozen: true }), observing({ stops: { ...LOG.stops, disagreement: 'they disagree' } })]
    for (const facts of ill)
      for (const { text } of conditionsOf(facts)) expect(text).toMatch(/nothing (more of it )?is accepted/)
  })

  test('without a policy there is no quorum to wait for', () => {
    const { logs } = withLog({ hasQuorum: false, lag: { quorum: 9999, cosignature: undefined } })
    expect(names({ ...WELL, logs, hasPolicy: false })).toEqual(['no policy'])
  })

  test('misbehaviour outweighs every other severity, and an unknown severity is no good news', () => {
    expect(exitOf([{ severity: 'failing' }, { severity: 'misbehaviour' }, { severity: 'notice' }])).toBe(3)
    expect(exitOf([{ severity: 'of a newer version' }])).toBe(4)
  })
})

describe('a poll', () => {
  const polls = (): { polls: Polls; time: { now: number } } => {
    const time = { now: 0 }
    return { time, polls: new Polls(() => time.now) }
  }
  const refused = (code: 'NOTE_MALFORMED' | 'SIGNATURE_MISSING' | 'CLOCK_WRONG') =>
    ({ outcome: { kind: 'refused', news: false, code } }) as const

  test.each(['advanced', 'known', 'past'] as const)('has succeeded if its head is %s', (kind) => {
    const { polls: kept, time } = polls()
    kept.note('log', { outcome: { kind, news: false } })
    time.now = 5000
    expect(kept.of('log')).toEqual({ ...POLL, answeredAgo: 5000, verifiedAgo: 5000 })
  })

  test.each(['NOTE_MALFORMED', 'SIGNATURE_MISSING'] as const)('has failed if its answer is %s', (code) => {
    const { polls: kept } = polls()
    expect(kept.note('log', refused(code))).toBe(true)
    expect(kept.of('log')).toMatchObject({ reachable: false, isAnswer: true, verifiedAgo: undefined })
    kept.note('log', { silence: new GossumError('LOG_UNREACHABLE', 'down') })
    expect(kept.of('log')).toMatchObject({ reachable: false, isAnswer: false })
  })

  test.each([
    ['of which nothing is proven', { outcome: { kind: 'pending', news: false, code: 'LOG_UNREACHABLE' } }],
    ['that may not be signed', refused('CLOCK_WRONG')],
    ['that could not be stored', { failed: new GossumError('STORE_WRITE_FAILED', 'ENOSPC') }],
  ] as const)('of a head %s was answered, but has not succeeded', (_what, polled) => {
    const { polls: kept, time } = polls()
    kept.note('log', { outcome: { kind: 'known', news: false } })
    time.now = 7000
    kept.note('log', polled)
    const { reachable, answeredAgo, verifiedAgo, refusal } = kept.of('log')
    expect([reachable, answeredAgo, verifiedAgo]).toEqual([true, 0, 7000])
    expect(refusal).not.toBeNull()
  })
})

test('a lag is counted from the last move, and ends when it has caught up', () => {
  const time = { now: 0 }
  const lags = new Lags(() => time.now)
  expect(lags.note('q', undefined, undefined)).toBeUndefined()
  expect(lags.note('q', undefined, 5)).toBe(0)
  time.now = 9000
  expect(lags.note('q', undefined, 6)).toBe(9)
  expect(lags.note('q', 5, 7)).toBe(0)
  time.now = 12_000
  expect(lags.note('q', 5, 8)).toBe(3)
  expect(lags.note('q', 8, 8)).toBeUndefined()
  expect(lags.note('q', 8, 9)).toBe(0)
})
