/** What the HTTP API reads of a node, the one thing that its operator can tell it, and what anybody can bring it. */
import type { Received } from '../evidence/alarm.js'
import type { Outcome } from '../witness/outcome.js'
import type { OutcomeCount } from './outcome-minutes.js'
import type { EvidenceView, HeadView, ListedSuspect, PeerView, StatusView, WitnessView } from './shapes.js'

export interface Readiness {
  ready: boolean
  checks: { name: string; ok: boolean; detail: string }[]
}

export interface NodeView {
  status(): Promise<StatusView>
  /** Whether this node follows the log with this id. */
  follows(log: string): boolean
  head(log: string): Promise<HeadView | undefined>
  /** The quorum head, with those cosignatures alone that count. */
  quorum(log: string): Promise<HeadView | undefined>
  /** The newest of those that are smaller than `below`, the newest first. */
  heads(log: string, limit: number, below?: number): Promise<HeadView[]>
  /** The head of a suspect as a note. */
  suspectNote(id: string): Promise<string | undefined>
  /** All of them, of the logs in their order. */
  suspects(): ListedSuspect[]
  peers(): PeerView[]
  /** Those of the policy in its order, after this node's own if the policy does not name it. */
  witnesses(): WitnessView[]
  /** What became of the heads of a log in the last hour, by minute and door, the oldest first. */
  outcomes(log: string): OutcomeCount[]
  evidence(): Promise<EvidenceView[]>
  evidenceFile(id: string): Promise<Uint8Array | undefined>
  /** How many items that was: this one, and what convicts the same log by now; 0 when there is nothing by this id. */
  acknowledge(id: string): Promise<number>
  /** Takes a head through the pipeline. `held` is the size of the newest head of its log that is held afterwards. */
  submitHead(note: Uint8Array): Promise<{ outcome: Outcome; held: number | null }>
  submitEvidence(file: Uint8Array): Promise<Received>
  readiness(): Promise<Readiness>
  /** In the Prometheus text format. */
  metrics(): Promise<string>
}
