/**
 * Gets proofs: from the log, from our own vantage, and from peers when the log does not give one. A proof that verifies
 * is equally good from either; only the log may be down, or lie to us.
 */
import { TokenBuckets } from '../lib/token-buckets.js'
import { GossumError } from '../errors.js'
import { timed } from '../lib/timed.js'
import { toHex } from '../tlog/bytes.js'
import { checkTree, type Tree } from '../tlog/merkle.js'
import type { Prefix, Proof } from './decide.js'
import type { LogIdentity } from './head.js'

/** Returns the root of a tree's first `size` records, with its proof. Throws a GossumError if it cannot. */
export type ShowPrefix = (of: Tree, size: number, options: { signal: AbortSignal }) => Promise<Prefix>

/** A log that this node follows, and how the node sees it. */
export interface FollowedLog extends LogIdentity {
  /**
   * Its tiles, as we see them. Absent for a log that has no address here and only pushes its heads: then only peers may
   * have them.
   */
  readonly prefix?: ShowPrefix
}

/** Asks peers for the same, the given one first. Throws PEER_UNHELPFUL. */
export type PrefixFromPeers = (
  peer: string | undefined,
  log: string,
  of: Tree,
  size: number,
  options: { signal: AbortSignal },
) => Promise<Prefix>

/** The most milliseconds that one proof may take. */
const PROVE_TIMEOUT_MS = 60_000
/** Milliseconds that the log is asked alone before peers are asked as well. */
const LOG_FIRST_MS = 3_000
/** Proofs that the heads of one peer may cost us: at once, and per second in the long run. */
const PROOF_BURST = 64
const PROOFS_PER_SECOND = 1

export class Prover {
  readonly #fromPeers: PrefixFromPeers
  readonly #stopped: AbortSignal
  readonly #now: () => number
  readonly #budget = new TokenBuckets(PROOF_BURST, PROOFS_PER_SECOND)
  /** Proofs in progress: a head that all peers bring at once is proven once. */
  readonly #underWay = new Map<string, Promise<Proof>>()

  constructor(fromPeers: PrefixFromPeers, stopped: AbortSignal, now: () => number) {
    this.#fromPeers = fromPeers
    this.#stopped = stopped
    this.#now = now
  }

  /**
   * The root of the first `size` records of the tree `of`, proven. `peer` brought the head and may have the proof. The
   * proof is charged to `payer`, if any, and fails with PEER_BUDGET when its budget is used up.
   */
  prove(log: FollowedLog, of: Tree, size: number, peer: string | undefined, payer: string | undefined): Promise<Proof> {
    const key = `${log.id} ${of.size} ${toHex(of.root)} ${size}`
    if (this.#stopped.aborted) return Promise.resolve({ failed: 'TIMEOUT' })
    const underWay = this.#underWay.get(key)
    if (underWay !== undefined) return underWay
    if (payer !== undefined && !this.#budget.take(payer, this.#now())) {
      return Promise.resolve({ failed: 'PEER_BUDGET' })
    }
    const proof = this.#prove(log, of, size, peer).finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, proof)
    return proof
  }

  /** Asks the log first, then peers as well. Returns the first proof that verifies, or why the log gave none. */
  async #prove(log: FollowedLog, of: Tree, size: number, peer: string | undefined): Promise<Proof> {
    const over = new AbortController()
    const { signal } = over
    const ask = async (limit: AbortSignal): Promise<Prefix> => {
      // The slower of the two is aborted.
      limit.addEventListener('abort', () => over.abort())
      const fromLog =
        log.prefix === undefined
          ? Promise.reject(new GossumError('LOG_UNREACHABLE', 'this log has no address here; it only pushes its heads'))
          : this.#checked(log.prefix(of, size, { signal }), of, size)
      const fromPeers = hasFailed(fromLog, LOG_FIRST_MS).then((failed) =>
        failed && !signal.aborted
          ? this.#checked(this.#fromPeers(peer, log.id, of, size, { signal }), of, size)
          : fromLog,
      )
      return Promise.any([fromLog, fromPeers])
    }
    try {
      return { prefix: await timed(PROVE_TIMEOUT_MS, [this.#stopped], ask) }
    } catch (error) {
      // The log's reason says more than that no peer could help.
      const reason: unknown = error instanceof AggregateError ? error.errors[0] : error
      if (reason instanceof GossumError) return { failed: reason.code }
      if (signal.aborted) return { failed: 'TIMEOUT' }
      throw reason
    } finally {
      over.abort()
    }
  }

  async #checked(asked: Promise<Prefix>, of: Tree, size: number): Promise<Prefix> {
    const prefix = await asked
    checkTree(prefix.proof, of.size, of.root, size, prefix.root)
    return prefix
  }
}

/** Whether `work` fails, or is not done after so many milliseconds. */
function hasFailed(work: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (failed: boolean): void => {
      clearTimeout(timer)
      resolve(failed)
    }
    const timer = setTimeout(end, ms, true)
    work.then(
      () => end(false),
      () => end(true),
    )
  })
}
