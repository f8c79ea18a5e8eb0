/** What is kept of evidence: the file, and which witness it convicts. Pure. */

/** Where a piece of evidence came from. */
export type EvidenceOrigin = 'found' | 'received'

export interface KeptEvidence {
  readonly id: string
  readonly type: string
  /** Log id. */
  readonly log: string
  /** Verifier key of the convicted witness; absent when the log is convicted. */
  readonly witness?: string
  readonly sizes: readonly [number, number]
  /** Only for bad records: the module version, and the numbers of the two records (Conviction). */
  readonly module?: string
  readonly records?: readonly [number, number]
  /** ISO 8601. */
  readonly seenAt: string
  /** The canonical file. */
  readonly text: string
}

/** Evidence as it is listed: everything but the file. */
export type EvidenceSummary = Omit<KeptEvidence, 'text'>

/** A witness that one evidence file convicts. */
export interface KeptConviction {
  /** Id of the evidence. */
  readonly id: string
  /** Verifier key. */
  readonly witness: string
  /** Log id. */
  readonly log: string
  /**
   * Hashes (hex) of the checkpoint texts that the evidence shows; in older entries, only of those that are not ours.
   */
  readonly lies: readonly string[]
  readonly acked: boolean
}

/** A reference to evidence, as peers get it. */
export interface EvidenceRef {
  readonly log: string
  readonly id: string
}

export interface Shelf {
  get(id: string): Promise<KeptEvidence | undefined>
  /** Durable when it resolves. */
  put(evidence: KeptEvidence): Promise<void>
  del(id: string): Promise<void>
  /** Oldest first. */
  list(): Promise<KeptEvidence[]>
  /** The same without the files. */
  summaries(): Promise<EvidenceSummary[]>
}

export interface KeptConvictions {
  /** Verifier keys of the witnesses with an unacknowledged conviction. */
  convicted(): ReadonlySet<string>
  get(id: string): KeptConviction | undefined
  list(): readonly KeptConviction[]
  /** Counts from this call on; nothing is written. */
  note(conviction: KeptConviction): void
  /** Counts, and is durable, when it resolves. */
  put(conviction: KeptConviction): Promise<void>
  del(id: string): Promise<void>
}
