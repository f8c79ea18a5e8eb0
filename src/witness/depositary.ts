/**
 * What this node keeps for others: the promises that witnesses made before they cosigned, and the lines that are known
 * of them. Only the signature of a promise is checked: the log need not be followed here, and the head may be a fork or
 * belong to a log that is frozen here. Anyone who later asks what a key has signed gets all of it, page by page.
 */
import { Lru } from '../lib/lru.js'
import { GossumError } from '../errors.js'
import { attempted, unlessRefused } from '../errors/attempt.js'
import type { Bearer, KeptPromise, PromiseShelf } from '../store/kept-promises.js'
import { fromBase64, fromUtf8, toBase64, toHex, utf8 } from '../tlog/bytes.js'
import { parseCheckpoint } from '../tlog/checkpoint.js'
import { MAX_COSIGNATURE_TIME } from '../tlog/cosignature.js'
import type { Tree } from '../tlog/merkle.js'
import { isCanonicalNote, parseNote, type VerifierKey } from '../tlog/note.js'
import { headBytes, MAX_BYTES, MAX_HEADS, MAX_PROMISES, promiseBytes } from './frame-bytes.js'
import { promisedBy, type WitnessPromise } from './promise.js'
import type { Signers } from './signers.js'
import { readHead, type LogIdentity } from './head.js'

/** Keys that one peer may bring promises of: a node has one or two, and one more for each log that shares an origin. */
const KEYS_OF_A_PEER = { chosen: 64, stranger: 8 }
/** Peers for which it is remembered whose promises they brought. */
const MAX_PEERS = 256

/** The peer that brings something: its id, the witness key that it has proven to have, and whether we chose it. */
export interface Bringer {
  readonly peer: string
  readonly witness: string | undefined
  readonly chosen: boolean
}

/** What is known of a key, in ascending order of log id; `next` is the last id of the page when there are more. */
export interface SignedPage {
  readonly heads: readonly Uint8Array[]
  readonly promises: readonly WitnessPromise[]
  readonly next?: string
}

export interface DepositaryParts {
  readonly shelf: PromiseShelf
  readonly signers: Signers
  /** The followed logs, by id. */
  readonly logs: ReadonlyMap<string, LogIdentity>
  /** Whether our policy counts a verifier key. */
  readonly counts: (vkey: string) => boolean
  /**
   * Keys whose lines are remembered: those that we or a neighbour count, and those that neighbours have proven to have.
   */
  readonly keys: () => readonly VerifierKey[]
}

export class Depositary {
  readonly #parts: DepositaryParts
  /** By peer, the keys whose promises it brought. */
  readonly #brought = new Lru<Map<string, VerifierKey>>(MAX_PEERS)

  constructor(parts: DepositaryParts) {
    this.#parts = parts
  }

  /** Keeps a promise. True when it, or one that covers it, is on disk; false when it is invalid or there is no room. */
  async keepPromise(promise: WitnessPromise, from: Bringer): Promise<boolean> {
    const { witness, log, seq, time, head, signature } = promise
    const tree = promisedTree(promise)
    if (tree === undefined) return false
    const key = promisedBy(promise)
    if (key === undefined) return false
    const root = toHex(tree.root)
    const kept: KeptPromise = {
      ...{ witness, log, seq, time, size: tree.size, root },
      ...{ head: fromUtf8(head)!, signature: toBase64(signature) },
    }
    // A full disk refuses it: other depositaries keep it.
    return (await attempted(this.#parts.shelf.put(kept, this.#bearer(key, from)))) === true
  }

  /** Keeps the lines of a cosigned head of a followed log, by keys whose holders are known or have made promises. */
  async keepLine(note: Uint8Array, peer: string): Promise<void> {
    const { signers, logs, keys } = this.#parts
    const known = new Map([...keys(), ...(this.#brought.get(peer)?.values() ?? [])].map((key) => [key.vkey, key]))
    try {
      const counted = [...known.values()]
      const { log, logNote, cosignatures } = readHead(note, logs, undefined, { counted, relayed: [], neighbours: [] })
      // Refuses a size that no tree has.
      await signers.see(log.id, logNote, cosignatures)
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
    }
  }

  /** A page of what is known of a key, starting after the log `after`. */
  async page(witness: string, after: string | undefined): Promise<SignedPage> {
    const { signers, shelf } = this.#parts
    const all = new Set([...signers.logs(witness), ...shelf.logs(witness)])
    const logs = [...all].filter((log) => after === undefined || log > after).sort()
    const heads: Uint8Array[] = []
    const promises: WitnessPromise[] = []
    let bytes = 0
    let last: string | undefined
    for (const log of logs) {
      const here = await this.#knownOf(witness, log)
      const fits = here.filter((item) => (bytes += item.bytes) <= MAX_BYTES)
      const isFull = heads.length + here.length > MAX_HEADS || promises.length >= MAX_PROMISES
      if (last !== undefined && (isFull || fits.length < here.length)) return { heads, promises, next: last }
      // What one log has too much of is left out: that takes heads of tens of kilobytes, which no honest log signs.
      for (const item of fits) {
        if ('promise' in item) promises.push(item.promise)
        else heads.push(item.head)
      }
      last = log
    }
    return { heads, promises }
  }

  /** What is known of a key and a log, the promise first. */
  async #knownOf(witness: string, log: string) {
    const { signers, shelf } = this.#parts
    const [kept, heads] = await Promise.all([shelf.read(witness, log), signers.told(log, witness)])
    const promises = kept === undefined ? [] : [promiseOf(kept)]
    return [
      ...promises.map((promise) => ({ promise, bytes: promiseBytes(promise) })),
      ...heads.map((head) => ({ head, bytes: headBytes(head) })),
    ]
  }

  /**
   * How a key ranks, by which peer brings its promise. Even a chosen peer may bring promises for a limited number of
   * keys only.
   */
  #bearer(key: VerifierKey, { peer, witness, chosen }: Bringer): Bearer {
    const keys = this.#brought.get(peer) ?? new Map<string, VerifierKey>()
    this.#brought.put(peer, keys)
    if (keys.size < KEYS_OF_A_PEER[chosen ? 'chosen' : 'stranger']) keys.set(key.vkey, key)
    if (this.#parts.counts(key.vkey)) return 'counted'
    return chosen && (key.vkey === witness || keys.has(key.vkey)) ? 'chosen' : 'stranger'
  }
}

/** The tree of a promise; undefined when the promise is malformed. */
function promisedTree({ log, seq, time, head }: WitnessPromise): Tree | undefined {
  const isTime = Number.isSafeInteger(time) && time >= 1 && time <= MAX_COSIGNATURE_TIME
  if (!/^[0-9a-f]{64}$/.test(log) || !Number.isSafeInteger(seq) || seq < 1 || !isTime) return undefined
  return unlessRefused(() => {
    const note = parseNote(head)
    return note.signatures.length === 1 && isCanonicalNote(head, note) ? parseCheckpoint(note.text) : undefined
  })
}

function promiseOf({ witness, log, seq, time, head, signature }: KeptPromise): WitnessPromise {
  return { witness, log, seq, time, head: utf8(head), signature: fromBase64(signature)! }
}
