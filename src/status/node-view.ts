/**
 * What the HTTP API reads of a node, the one command that it passes on for the operator, and what anyone can submit.
 */
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
  /** The quorum head, with only the cosignatures that count. */
  quorum(log: string): Promise<HeadView | undefined>
  /** The newest heads that are smaller than `below`, the newest first. */
  heads(log: string, limit: number, below?: number): Promise<HeadView[]>
  /** The head of a suspect as a note. */
  suspectNote(id: string): Promise<string | undefined>
  /** All suspects, by log in their order. */
  suspects(): ListedSuspect[]
  peers(): PeerView[]
  /** The witnesses of the policy in its order, after this node's own if the policy does not name it. */
  witnesses(): WitnessView[]
  /** The outcomes of a log's heads in the last hour, by minute and door, the oldest first. */
  outcomes(log: string): OutcomeCount[]
  evidence(): Promise<EvidenceView[]>
  evidenceFile(id: string): Promise<Uint8Array | undefined>
  /**
   * Returns how many items were acknowledged: this one, and what else convicts the same log by now; 0 if the id is
   * unknown.
   */
  acknowledge(id: string): Promise<number>
  /** Takes a head through the pipeline. `held` is the size of the newest head of its log that is held afterwards. */
  submitHead(note: Uint8Array): Promise<{ outcome: Outcome; held: number | null }>
  submitEvidence(file: Uint8Array): Promise<Received>
  readiness(): Promise<Readiness>
  /** In the Prometheus text format. */
  metrics(): Promise<string>
}
