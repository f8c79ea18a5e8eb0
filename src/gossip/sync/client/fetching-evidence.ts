/** Fetches the evidence that a peer lists and that is not here, and has it judged. */
import { Lru } from '../../../lib/lru.js'
import { toHex } from '../../../tlog/bytes.js'
import { sha256 } from '../../../tlog/hash.js'
import type { SyncHandlers } from '../server/sync-server.js'
import type { Ask } from './sync-client.js'
import type { DoorReports } from '../../gossip.js'
import { MAX_EVIDENCE_IDS, type EvidenceName, type Hello } from '../messages.js'

/** Ids of evidence that are remembered as judged. */
const MAX_JUDGED = 1024
/** Requests for evidence per round. */
const MAX_FETCHES = 22

export class EvidenceFetcher {
  readonly #logs: ReadonlySet<string>
  readonly #handlers: Pick<SyncHandlers, 'evidenceIds' | 'submitEvidence'>
  readonly #reports: DoorReports
  /** Ids of evidence that was fetched and judged, whether it is kept or not. */
  readonly #judged = new Lru<true>(MAX_JUDGED)

  constructor(
    logs: ReadonlySet<string>,
    handlers: Pick<SyncHandlers, 'evidenceIds' | 'submitEvidence'>,
    reports: DoorReports,
  ) {
    this.#logs = logs
    this.#handlers = handlers
    this.#reports = reports
  }

  /** The evidence that a peer lists, that is about our logs, is not here, and was not judged before. */
  async missing(hello: Hello): Promise<EvidenceName[]> {
    const ours = new Set((await this.#handlers.evidenceIds()).map(({ id }) => id))
    return hello.evidence.filter(({ log, id }) => this.#logs.has(log) && !ours.has(id) && !this.#judged.has(id))
  }

  /**
   * Asks for files until all are here or the peer sends no more. A file that was not asked for is dropped. Returns
   * whether everything that the peer has was judged: what does not fit into one round is left for the next.
   */
  async fetch(refs: readonly EvidenceName[], peer: string, ask: Ask): Promise<boolean> {
    const wanted = new Map(refs.map(({ log, id }) => [id, log]))
    let isJudged = true
    for (let fetches = 0; wanted.size > 0; fetches++) {
      if (fetches === MAX_FETCHES) return false
      const ids = [...wanted.keys()].slice(0, MAX_EVIDENCE_IDS)
      const answer = await ask({ type: 'evidence', ids })
      if (answer?.type !== 'evidence') return false
      const before = wanted.size
      for (const file of answer.files) {
        const id = evidenceIdOf(file)
        const log = wanted.get(id)
        if (log === undefined || !wanted.delete(id)) continue
        isJudged = (await this.#judge(id, log, file, peer)) && isJudged
      }
      if (wanted.size === before) {
        // None of these: the peer lists what it does not have. The others may still come.
        for (const id of ids) wanted.delete(id)
      }
    }
    return isJudged
  }

  /**
   * Whether a file was judged. Remembered even for a file that we do not keep, which would otherwise be fetched again
   * in every round.
   */
  async #judge(id: string, log: string, file: Uint8Array, peer: string): Promise<boolean> {
    try {
      await this.#handlers.submitEvidence(log, file, peer)
    } catch (error) {
      this.#reports.onError(error)
      return false
    }
    this.#judged.put(id, true)
    return true
  }
}

/** The id of an evidence file: the first 16 hex digits of the SHA-256 of its bytes. */
function evidenceIdOf(file: Uint8Array): string {
  return toHex(sha256(file).subarray(0, 8))
}
