/**
 * Counts which peers keep which of our promises. For each log only the newest deposit and our newest line matter: peers
 * are not owed older ones. It has no clock and sends nothing; deposits.ts does. Pure.
 */
import { headBytes, MAX_BYTES, MAX_HEADS, MAX_PROMISES, promiseBytes } from './frame-bytes.js'
import { PROMISE_SECONDS, type WitnessPromise } from './promise.js'

/** How many of `all` chosen peers are to keep a promise: k of n; a majority if `keep` is undefined. */
export function depositsNeeded(all: number, keep: number | undefined): number {
  return keep ?? Math.floor(all / 2) + 1
}

/** How many of them must answer at start: n - k + 1, so that any k and any of these share a peer; at least one. */
export function answersNeeded(all: number, keep: number | undefined): number {
  return Math.max(1, all - depositsNeeded(all, keep) + 1)
}

/** A tree, and the time of its cosignature. */
export interface Promised {
  readonly size: number
  /** Hex. */
  readonly root: string
  /** POSIX seconds. */
  readonly time: number
}

/** The promises of one tree, one per key of ours, all with the same time. */
export interface Deposit extends Promised {
  readonly log: string
  readonly promises: readonly WitnessPromise[]
}

/** Milliseconds after which a peer is asked again to keep what it refused: it may have room by then. */
const REFUSED_MS = 60_000

/** What one peer is sent in one message. */
export interface Message {
  readonly deposits: readonly Deposit[]
  readonly promises: readonly WitnessPromise[]
  readonly lines: ReadonlyMap<string, Uint8Array>
}

/** What a peer is still owed, by log, and what it refused, with the time of its refusal. */
interface Owed {
  readonly deposits: Set<string>
  readonly lines: Set<string>
  readonly refused: Map<string, { readonly deposit: Deposit; readonly at: number }>
}

export class DepositLedger {
  readonly #deposits = new Map<string, Deposit>()
  /** By log and peer, the newest deposit of which it keeps all promises. Each tree extends the smaller ones. */
  readonly #kept = new Map<string, Map<string, Deposit>>()
  readonly #lines = new Map<string, Uint8Array>()
  readonly #owed = new Map<string, Owed>()

  get(log: string): Deposit | undefined {
    return this.#deposits.get(log)
  }

  /**
   * Makes this the newest deposit of its log, unless the current one, by the same keys, covers it: it is for the same
   * tree and hardly earlier, or for a larger tree, which was promised because it extends this one. Returns the newest.
   */
  put(log: string, promised: Promised, promises: readonly WitnessPromise[]): Deposit {
    const before = this.#deposits.get(log)
    const deposit = { log, ...promised, promises }
    if (before !== undefined && covers(before, deposit)) return before
    this.#deposits.set(log, deposit)
    for (const { deposits } of this.#owed.values()) deposits.add(log)
    return deposit
  }

  /** Makes this the newest line of its log. */
  release(log: string, note: Uint8Array): void {
    this.#lines.set(log, note)
    for (const { lines } of this.#owed.values()) lines.add(log)
  }

  /** Whether there is something to send to a peer. Times are monotonic milliseconds. */
  owes(peer: string, now: number): boolean {
    const { deposits, lines, refused } = this.#of(peer)
    for (const [log, { deposit, at }] of refused) {
      if (now < at + REFUSED_MS) continue
      refused.delete(log)
      this.#owe(peer, deposit)
    }
    return deposits.size + lines.size > 0
  }

  /** How many peers keep a deposit, or would if asked: of `takers`, those that have not refused it. */
  mightBeKeptBy(deposit: Deposit, takers: readonly string[]): number {
    const might = takers.filter(
      (peer) => !this.#isKeptBy(peer, deposit) && this.#of(peer).refused.get(deposit.log)?.deposit !== deposit,
    )
    return this.keptBy(deposit) + might.length
  }

  /** How many peers keep a deposit, or one that covers it. */
  keptBy(deposit: Deposit): number {
    return [...(this.#kept.get(deposit.log)?.values() ?? [])].filter((kept) => covers(kept, deposit)).length
  }

  #isKeptBy(peer: string, deposit: Deposit): boolean {
    const kept = this.#kept.get(deposit.log)?.get(peer)
    return kept !== undefined && covers(kept, deposit)
  }

  /**
   * Takes what is to be sent to a peer next: the deposits first, as much as fits. If it does not arrive, it is owed
   * again.
   */
  take(peer: string): Message {
    const owed = this.#of(peer)
    let bytes = 0
    const deposits: Deposit[] = []
    const promises: WitnessPromise[] = []
    for (const log of owed.deposits) {
      const deposit = this.#deposits.get(log)!
      bytes += sum(deposit.promises.map(promiseBytes))
      const fits = bytes <= MAX_BYTES && promises.length + deposit.promises.length <= MAX_PROMISES
      if (!fits && deposits.length > 0) break
      deposits.push(deposit)
      promises.push(...deposit.promises)
      owed.deposits.delete(log)
    }
    const lines = new Map<string, Uint8Array>()
    for (const log of owed.lines) {
      const note = this.#lines.get(log)!
      bytes += headBytes(note)
      const fits = bytes <= MAX_BYTES && lines.size < MAX_HEADS
      if (!fits && deposits.length + lines.size > 0) break
      lines.set(log, note)
      owed.lines.delete(log)
    }
    return { deposits, promises, lines }
  }

  /** A peer has answered, for each promise, whether it keeps it. What it refused it is not owed for now. */
  answered(peer: string, message: Message, kept: readonly boolean[], now: number): void {
    let next = 0
    for (const deposit of message.deposits) {
      const areKept = deposit.promises.map(() => kept[next++] === true).every(Boolean)
      const newest = this.#deposits.get(deposit.log)!
      // One that was replaced in the meantime is of no use if its successor promises something else.
      if (areKept && covers(newest, deposit)) this.#note(peer, deposit)
      // Nor is it offered again.
      if (!areKept && newest === deposit) this.#of(peer).refused.set(deposit.log, { deposit, at: now })
    }
  }

  #note(peer: string, deposit: Deposit): void {
    if (this.#isKeptBy(peer, deposit)) return
    const { log } = deposit
    const kept = this.#kept.get(log) ?? new Map<string, Deposit>()
    this.#kept.set(log, kept.set(peer, deposit))
  }

  /** A message was lost, or its fate is unknown: all of it that is still the newest is owed again. */
  lost(peer: string, { deposits, lines }: Message): void {
    for (const deposit of deposits) this.#owe(peer, deposit)
    for (const [log, note] of lines) if (this.#lines.get(log) === note) this.#of(peer).lines.add(log)
  }

  /** A peer reconnected: it is owed the newest deposit of each log that it does not keep, and our newest lines. */
  oweAll(peer: string): void {
    const owed = this.#of(peer)
    owed.refused.clear()
    for (const [log, deposit] of this.#deposits) if (!this.#isKeptBy(peer, deposit)) owed.deposits.add(log)
    for (const log of this.#lines.keys()) owed.lines.add(log)
  }

  /** Owes a deposit to a peer if it is still the newest. */
  #owe(peer: string, deposit: Deposit): void {
    if (this.#deposits.get(deposit.log) === deposit) this.#of(peer).deposits.add(deposit.log)
  }

  #of(peer: string): Owed {
    let owed = this.#owed.get(peer)
    if (owed === undefined) {
      this.#owed.set(peer, (owed = { deposits: new Set(), lines: new Set(), refused: new Map() }))
      this.oweAll(peer)
    }
    return owed
  }
}

/**
 * Whether a peer that keeps `deposit` needs no promise of the other tree and time: the deposit is for a larger tree, or
 * for the same tree and at most PROMISE_SECONDS earlier.
 */
export function speaksFor(deposit: Promised, { size, root, time }: Promised): boolean {
  const isSame = deposit.size === size && deposit.root === root
  return deposit.size > size || (isSame && time <= deposit.time + PROMISE_SECONDS)
}

/** Whether a peer that keeps `deposit` need not keep the other one: it speaks for it, with all of its keys. */
function covers(deposit: Deposit, other: Deposit): boolean {
  const keys = new Set(deposit.promises.map(({ witness }) => witness))
  return speaksFor(deposit, other) && other.promises.every(({ witness }) => keys.has(witness))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
