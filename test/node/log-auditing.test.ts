/** The audit of one log in a node: how it continues, what it reports, and when its key cosigns. */
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Finding } from '../../src/audit/finding.js'
import { GossumError } from '../../src/errors.js'
import type { Evidence } from '../../src/evidence/evidence.js'
import { makeSplitView } from '../../src/evidence/evidence.js'
import { auditTarget } from '../../src/node/audit-target.js'
import { LogAuditing, type KeptAudit, type LogAuditingParts } from '../../src/node/log-auditing.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { parseNote } from '../../src/tlog/note.js'
import type { CosignedHead } from '../../src/witness/cosigned-head.js'
import { Feed, testSigner } from '../helpers/heart.js'
import { History } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const fork = history.fork(3, 'b')

function head(size: number, by: readonly string[] = []): CosignedHead {
  const note = parseNote(history.head(size))
  const { root } = parseCheckpoint(note.text)
  const cosignatures = new Map(by.map((vkey) => [vkey, { signature: note.signatures[0]!, time: 1 }] as const))
  return { size, root, note, cosignatures }
}

interface Report {
  error?: number
  evidence?: readonly Evidence[]
  missing?: { what: string; why: string }[]
}

/** An auditing over a kept audit with the findings of a test. */
function auditing(change: Partial<LogAuditingParts> = {}) {
  const happened = new Feed<string>()
  const rounds = new Feed<number>()
  const state = {
    size: 0,
    newest: 5,
    report: {} as Report,
    findings: [] as Finding[],
    fails: undefined as Error | undefined,
    outcome: 'cosigned' as Awaited<ReturnType<LogAuditingParts['cosign']>>,
    held: false,
  }
  const kept: KeptAudit = {
    get auditedSize() {
      return state.size
    },
    // eslint-disable-next-line @typescript-eslint/require-await
    async *findings() {
      yield* state.findings
    },
    fill: () => Promise.resolve(false),
    audit: ({ head: to }, { onPart }) => {
      happened.push(`audit ${to.size}`)
      if (state.fails !== undefined) return Promise.reject(state.fails)
      const { error = 0, evidence = [], missing = [] } = state.report
      onPart({ counts: { error, note: 0 } })
      if (missing.length === 0) state.size = to.size
      const findings = { error, note: 0 }
      return Promise.resolve({ size: to.size, findings, isComplete: missing.length === 0, missing, evidence })
    },
    close: () => {
      happened.push('close')
      return Promise.resolve()
    },
  }
  const part = new LogAuditing({
    open: () => Promise.resolve(kept),
    target: () => {
      rounds.push(rounds.seen.length)
      return Promise.resolve(head(state.newest))
    },
    cosign: (size) => {
      happened.push(`cosign ${size}`)
      return Promise.resolve(state.outcome)
    },
    isHeld: () => state.held,
    promised: () => 0,
    told: {
      onFinding: ({ id }) => happened.push(`finding ${id}`),
      onEvidence: () => Promise.resolve(happened.push('evidence')),
      onCosigned: (size) => happened.push(`cosigned ${size}`),
      onError: (error) => happened.push((error as Error).message),
    },
    pace: { everyMs: 20, pauseMs: 1 },
    ...change,
  })
  onTestFinished(() => part.stop())
  /** Resolves when the current round and one more have ended. */
  const round = async (): Promise<void> => {
    const now = rounds.seen.length
    await rounds.next((n) => n > now)
  }
  return { part, state, happened, round }
}

const bad = (id: number): Finding => ({ rule: 'line-hash', level: 'error', id, detail: 'no hash' })

describe('a log without errors', () => {
  test('is read, cosigned once, and continued when there is another head', async () => {
    const { part, state, happened, round } = auditing()
    part.start()
    await happened.next((one) => one === 'cosigned 5')
    await round()
    expect(happened.seen).toEqual(['audit 5', 'cosign 5', 'cosigned 5'])
    state.newest = 9
    part.wake()
    await happened.next((one) => one === 'cosigned 9')
    expect(part.view).toMatchObject({ size: 9, complete: true, findings: { error: 0 }, error: null })
    await part.stop()
    expect(happened.seen.at(-1)).toBe('close')
  })

  test('is retried if its key may not sign yet, and the reason is shown', async () => {
    const { part, state, happened } = auditing()
    state.outcome = 'GUARD_WAITING'
    part.start()
    await happened.next((one) => one === 'cosign 5')
    await expect.poll(() => part.view.error).toMatch(/GUARD_WAITING/)
    state.outcome = 'known'
    part.wake()
    await expect.poll(() => part.view.error).toBeNull()
    // It existed before: nothing is reported twice.
    expect(happened.seen).not.toContain('cosigned 5')
    expect(happened.seen.filter((one) => one.startsWith('audit'))).toEqual(['audit 5'])
  })
})

describe('nothing is cosigned', () => {
  test.each<[string, (state: ReturnType<typeof auditing>['state']) => void]>([
    ['while the log has an error anywhere', (state) => (state.report = { error: 1 })],
    ['once the log has convicted itself', (state) => (state.report = { evidence: [splitView()] })],
    ['while the log is held', (state) => (state.held = true)],
    [
      'while a tile cannot be fetched',
      (state) => (state.report = { missing: [{ what: 'tile/8/data/000', why: 'gone' }] }),
    ],
    ['while the log does not answer', (state) => (state.fails = new GossumError('LOG_UNREACHABLE', 'down'))],
  ])('%s', async (_what, spoil) => {
    const { part, state, happened, round } = auditing()
    spoil(state)
    part.start()
    await happened.next((one) => one === 'audit 5')
    await round()
    await round()
    expect(happened.seen.filter((one) => one.startsWith('cosign'))).toEqual([])
  })

  function splitView(): Evidence {
    return makeSplitView(signer.verifier, [parseNote(history.head(5)), parseNote(fork.head(5))], undefined)
  }
})

test('what cannot be fetched is retried, and reported until it can', async () => {
  const { part, state, happened } = auditing()
  state.report = { missing: [{ what: 'tile/8/data/000', why: 'gone' }] }
  part.start()
  await expect.poll(() => part.view.error).toBe('tile/8/data/000 could not be fetched: gone')
  expect(part.view.complete).toBe(false)
  state.report = {}
  await happened.next((one) => one === 'cosigned 5')
  await expect.poll(() => part.view).toMatchObject({ complete: true, error: null })
})

test('a log that is down is no error of ours; a folder that cannot be opened is, once', async () => {
  const { part, state, happened, round } = auditing()
  state.fails = new GossumError('LOG_UNREACHABLE', 'down')
  part.start()
  await expect.poll(() => part.view.error).toContain('down')
  await round()
  expect(happened.seen.filter((one) => !one.startsWith('audit'))).toEqual([])

  let opened = 0
  const locked = auditing({
    open: () => {
      opened++
      return Promise.reject(new GossumError('FILE_UNREADABLE', 'locked'))
    },
  })
  locked.part.start()
  await locked.happened.next((one) => one.includes('locked'))
  await expect.poll(() => opened).toBeGreaterThan(2)
  expect(locked.happened.seen).toHaveLength(1)
})

test('findings are reported once, those of an earlier run not at all, and at most 64 per round', async () => {
  const { part, state, happened, round } = auditing()
  state.findings = [bad(1)]
  state.report = { error: 1 }
  part.start()
  await happened.next((one) => one === 'audit 5')
  await round()
  state.findings.push(...Array.from({ length: 100 }, (_, i) => bad(10 + i)))
  state.newest = 9
  await round()
  const told = happened.seen.filter((one) => one.startsWith('finding'))
  expect(told).toHaveLength(64)
  expect(new Set(told).size).toBe(64)
  expect(told).not.toContain('finding 1')
})

describe('the next head to audit', () => {
  const satisfiedBy = (by: ReadonlySet<string>) => ['w1', 'w2', 'a'].every((key) => by.has(key))
  const heads = [head(12, ['w1']), head(9, ['w1', 'w2']), head(5, ['w1', 'w2', 'a'])]

  test('is the largest that others cosign, so that the lines stand together', () => {
    expect(auditTarget({ heads, auditor: 'a', satisfiedBy, promised: 0 })?.size).toBe(9)
    expect(auditTarget({ heads, auditor: undefined, satisfiedBy, promised: 0 })?.size).toBe(5)
  })

  test('is the newest if none is a quorum head, or none that its key may still sign', () => {
    expect(auditTarget({ heads: heads.slice(0, 1), auditor: 'a', satisfiedBy, promised: 0 })?.size).toBe(12)
    expect(auditTarget({ heads, auditor: 'a', satisfiedBy, promised: 10 })?.size).toBe(12)
    expect(auditTarget({ heads: [], auditor: 'a', satisfiedBy, promised: 0 })).toBeUndefined()
  })
})
