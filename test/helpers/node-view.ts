/** A node whose state and answers a test sets. */
import type { NodeView } from '../../src/status/node-view.js'
import type { EvidenceView, LogView, StatusView, WitnessView } from '../../src/status/shapes.js'
import { utf8 } from '../../src/tlog/bytes.js'

export const LOG_ID = 'ab'.repeat(32)
export const LOG_KEY = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8'
export const ROOT = 'MdCEzZNgdmcDTYhez0ZbifRLbKUcdj4NI5AR+VYSP48='
export const NOTE = `go.sum database tree\n280573\n${ROOT}\n\n— sum.golang.org Az3grg==\n`
export const EVIDENCE_ID = '0123456789abcdef'
/** Not in the form of JSON.stringify: the file must be served unchanged. */
export const EVIDENCE_FILE = utf8('{\n  "type": "gossum/split-view/v1"\n}\n')

export const LOG: LogView = {
  id: LOG_ID,
  name: 'sum.golang.org',
  key: LOG_KEY,
  url: 'https://sum.golang.org',
  origin: 'go.sum database tree',
  disabled: false,
  list: null,
  perDay: null,
  size: 280573,
  root: ROOT,
  time: '2026-01-02T03:04:05.000Z',
  frozen: false,
  holds: [],
  cosignatures: [{ name: 'w1', key: 'w1+00000000+AAAA', time: '2026-01-02T03:04:05.000Z', counted: true }],
  quorum: null,
  suspects: [],
  suspectCount: 0,
  witness: 'w1+00000000+AAAA',
  paused: null,
  floor: null,
  firstUse: { size: 5, root: ROOT, at: '2026-01-02T00:00:00.000Z' },
  reachable: true,
  lastPoll: '2026-01-02T03:04:06.000Z',
  verifiedAt: '2026-01-02T03:04:06.000Z',
  error: null,
  audit: null,
}

export const EVIDENCE: EvidenceView[] = [
  {
    id: EVIDENCE_ID,
    type: 'gossum/split-view/v1',
    log: LOG_ID,
    witness: null,
    sizes: [5, 6],
    seenAt: '2026-01-02T00:00:00.000Z',
    acked: false,
  },
]

const STATUS: StatusView = {
  version: '0.1.0',
  ready: true,
  conditions: [],
  observer: false,
  witness: 'w1+00000000+AAAA',
  mlDsa: null,
  auditor: null,
  peerId: '12D3KooWTest',
  multiaddrs: ['/ip4/127.0.0.1/tcp/1'],
  http: 'http://127.0.0.1:1',
  startedAt: '2026-01-02T00:00:00.000Z',
  policy: null,
  logs: [LOG],
  peers: 1,
  evidence: 1,
  bastion: null,
  alarm: { receivers: [] },
  state: { kept: 'home', text: 'only in the home of this node', error: null },
  guard: {
    state: 'guarded',
    text: 'peers have reported what this key signed before',
    since: '2026-01-02T00:00:01.000Z',
  },
  deposit: {
    state: 'deposited',
    text: '2 of 3 chosen peers keep what is signed',
    need: 2,
    of: 3,
    connected: 3,
    undeposited: 0,
  },
  clock: [],
  signing: { by: 'file', error: null },
  exchange: [],
}

export const WITNESSES: WitnessView[] = [
  {
    name: 'w1',
    key: 'w1+00000000+AAAA',
    counted: true,
    own: true,
    last: { log: LOG_ID, size: 280573, time: '2026-01-02T03:04:05.000Z' },
    convicted: null,
  },
]

export interface FakeNode extends NodeView {
  /** Ids that were acknowledged. */
  readonly acknowledged: string[]
  /** The limits passed to heads(). */
  readonly limits: number[]
}

/** A node with one log, one peer and one evidence file; `changes` replaces parts of it. */
export function fakeNode(changes: Partial<NodeView> = {}): FakeNode {
  const acknowledged: string[] = []
  const limits: number[] = []
  const head = { size: LOG.size, root: ROOT, time: LOG.time, note: NOTE, cosignatures: LOG.cosignatures }
  return {
    acknowledged,
    limits,
    status: () => Promise.resolve(STATUS),
    follows: (log) => log === LOG_ID,
    head: () => Promise.resolve(head),
    quorum: () => Promise.resolve(head),
    suspects: () => [],
    suspectNote: (id) => Promise.resolve(id === EVIDENCE_ID ? NOTE : undefined),
    heads: (_log, limit) => {
      limits.push(limit)
      return Promise.resolve([head])
    },
    peers: () => [
      {
        peerId: '12D3KooWPeer',
        multiaddr: '/ip4/127.0.0.1/tcp/2',
        witness: null,
        since: '2026-01-02T00:00:00.000Z',
        rttMs: 1.5,
        score: 0,
        head: { log: LOG_ID, size: 280573, at: '2026-01-02T03:04:05.000Z' },
        chosen: false,
        depositary: null,
      },
    ],
    witnesses: () => WITNESSES,
    outcomes: () => [{ door: 'poll', outcome: 'advanced', ago: 0, count: 2 }],
    evidence: () => Promise.resolve(EVIDENCE),
    evidenceFile: (id) => Promise.resolve(id === EVIDENCE_ID ? EVIDENCE_FILE : undefined),
    submitHead: () => Promise.resolve({ outcome: { kind: 'known', news: false, log: LOG_ID }, held: LOG.size }),
    submitEvidence: () => Promise.resolve({ fate: 'known', id: EVIDENCE_ID }),
    acknowledge: (id) => {
      if (id !== EVIDENCE_ID) return Promise.resolve(0)
      acknowledged.push(id)
      return Promise.resolve(1)
    },
    readiness: () => Promise.resolve({ ready: true, checks: [{ name: 'head', ok: true, detail: 'size 280573' }] }),
    metrics: () => Promise.resolve('gossum_peers 1\n'),
    ...changes,
  }
}
