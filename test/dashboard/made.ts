/** Generated readings of a node: calm, thin and split. */
import type { NodeReading } from '../../src/dashboard/facts-of.js'
import type { EvidenceView, HeadView, LogView, StatusView, WitnessView } from '../../src/status/shapes.js'

export const NOW = Date.parse('2026-11-29T12:00:00Z')
const LOG = 'a'.repeat(64)
const ROOT = `${'A'.repeat(43)}=`
export const iso = (ms: number): string => new Date(ms).toISOString()

export interface Made {
  readonly witnesses?: number
  /** Names of the witnesses; w0, w1 ... */
  readonly name?: (i: number) => string
  /** Milliseconds since each of them last signed. */
  readonly ago?: (i: number) => number
  readonly quorum?: boolean
  readonly evidence?: readonly Partial<EvidenceView>[]
  readonly logName?: string
  readonly conditions?: StatusView['conditions']
  readonly policy?: boolean
  /** Milliseconds between two heads. */
  readonly step?: number
}

export const vkey = (name: string): string => `${name}+00000000+key`

/** A node that holds 12 heads of one log, each signed by all witnesses that have not fallen silent. */
export function made(change: Made = {}): NodeReading {
  const {
    witnesses: count = 5,
    name = (i) => `w${i}.example`,
    ago = () => 40_000,
    quorum = true,
    evidence = [],
    step: pause = 120_000,
  } = change
  const names = Array.from({ length: count }, (_, i) => name(i))
  const signedAt = (step: number, i: number): number => NOW - Math.max(ago(i), step * pause + Math.min(ago(i), 40_000))
  const views = (step: number) =>
    names.flatMap((each, i) =>
      ago(i) > step * pause + pause + 10_000
        ? []
        : [{ name: each, key: vkey(each), time: iso(signedAt(step, i)), counted: true }],
    )
  const heads = Array.from({ length: 12 }, (_, step): HeadView => {
    const size = 63_096_908 - step * 211
    return { size, root: ROOT, time: iso(signedAt(step, 0)), note: '', cosignatures: views(step) }
  })
  const log = {
    ...{ id: LOG, name: change.logName ?? 'sum.example', key: vkey('sum.example'), url: 'http://log.example' },
    ...{ origin: 'go.sum database tree', disabled: false, list: null, perDay: null, size: heads[0]!.size, root: ROOT },
    ...{ time: heads[0]!.time, frozen: false, holds: [], cosignatures: heads[0]!.cosignatures },
    quorum: quorum ? { size: heads[0]!.size, root: ROOT, cosignatures: heads[0]!.cosignatures } : null,
    ...{ suspects: [], suspectCount: 0, witness: vkey(names[0]!), paused: null, floor: null, firstUse: null },
    ...{ reachable: true, lastPoll: iso(NOW), verifiedAt: iso(NOW), error: null },
    audit: {
      size: 40_000_000,
      findings: { error: 0, note: 0 },
      complete: false,
      cosigned: null,
      error: null,
      indexed: null,
    },
  } satisfies LogView
  const status = {
    ...{ version: '0.1.0', ready: true, conditions: change.conditions ?? [], witness: vkey(names[0]!), mlDsa: null },
    observer: false,
    ...{ auditor: null, peerId: null, multiaddrs: [], http: 'http://127.0.0.1:46787', startedAt: iso(NOW - 7_200_000) },
    policy: change.policy === false ? null : { quorum: 'q', threshold: Math.ceil(count / 2), witnesses: count },
    ...{ logs: [log], peers: 0, evidence: evidence.length },
    guard: { state: 'guarded', text: '', since: iso(NOW) },
    deposit: { state: 'deposited', text: '', need: 0, of: 0, connected: 0, undeposited: 0 },
    ...{
      clock: [],
      bastion: null,
      state: { kept: 'home', text: '', error: null },
      alarm: { receivers: [] },
      signing: { by: 'file', error: null },
      exchange: [],
    },
  } satisfies StatusView
  const witnesses = names.map((each, i): WitnessView => {
    const last = { log: LOG, size: heads[0]!.size, time: iso(NOW - ago(i)) }
    return { name: each, key: vkey(each), counted: true, own: i === 0, last, convicted: null }
  })
  const proven = evidence.map((some, i): EvidenceView => ({
    ...{ id: `${i}`.repeat(16), type: 'gossum/split-view/v1', log: LOG, witness: null },
    ...{ sizes: [63_096_000, 63_096_500], seenAt: iso(NOW - 300_000), acked: false },
    ...some,
  }))
  return {
    status,
    witnesses,
    peers: [],
    evidence: proven,
    heads: new Map([[LOG, heads]]),
    outcomes: new Map(),
    now: NOW,
  }
}
