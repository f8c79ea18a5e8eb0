/**
 * Who keeps which of our promises, counted. For each log only the newest deposit and our newest line matter: nobody is owed what they replace. Knows no clock and sends nothing; deposits.ts does. Pure.
 */
import { headBytes, MAX_BYTES, MAX_HEADS, MAX_PROMISES, promiseBytes } from './frame-bytes.js'
import { PROMISE_SECONDS, type WitnessPromise } from './promise.js'

/** How many of `all` chosen peers are to keep a promise: k of n, a majority where nothing is said. */
export function depositsNeeded(all: number, keep: number | undefined): number {
  return keep ?? Math.floor(all / 2) + 1
}

/** How many of them must answer at start: n - k + 1, so that any k and any of these have one in common; at least one. */
export function answersNeeded(all: number, keep: number | undefined): number {
  return Math.max(1, all - depositsNeeded(all, keep) + 1)
}

/** A tree, and the time that its cosignature says. */
export interface Promised {
  readonly size: number
  /** Hex. */
  readonly root: string
  /** POSIX seconds. */
  readonly time: number
}

/** The promises of one tree, one per key of ours, all of one time. */
export interface Deposit extends Promised {
  readonly log: string
  readonly promises: readonly WitnessPromise[]
}

/** Milliseconds after which a peer is asked again to keep what it did not keep: it may have room by then. */
const REFUSED_MS = 60_000

/** What one peer is sent at once. */
export interface Message {
  readonly deposits: readonly Deposit[]
  readonly promises: readonly WitnessPromise[]
  readonly lines: ReadonlyMap<string, Uint8Array>
}

/** What a peer has still to be told, by log; and what it does not keep, with when it said so. */
interface Owed {
  readonly deposits: Set<string>
  readonly lines: Set<string>
  readonly refused: Map<string, { readonly deposit: Deposit; readonly at: number }>
}

export class DepositLedger {
  readonly #deposits = new Map<string, Deposit>()
  /** By log and peer, the newest that it keeps all promises of. Each tree extends the smaller ones. */
  readonly #kept = new Map<string, Map<string, Deposit>>()
  readonly #lines = new Map<string, Uint8Array>()
  readonly #owed = new Map<string, Owed>()

  get(log: string): Deposit | undefined {
    return this.#deposits.get(log)
  }

  /**
   * Makes this the newest deposit of its log, unless that of the same keys speaks for it already: of the same tree and
   * hardly any earlier, or of a larger tree, which was promised because it extends this one. Returns the newest.
   */
  put(log: string, promised: Promised, promises: readonly WitnessPromise[]): Deposit {
    const before = this.#deposits.get(log)
    if (before !== undefined && hasKeysOf(before, promises) && speaksFor(before, promised)) return before
    const deposit = { log, ...promised, promises }
    // What is kept counts for what was kept before, under the same keys.
    if (before !== undefined && !(hasKeysOf(deposit, before.promises) && speaksFor(deposit, before)))
      this.#kept.delete(log)
    this.#deposits.set(log, deposit)
    for (const { deposits } of this.#owed.values()) deposits.add(log)
    return deposit
  }

  /** Makes this the newest line of its log. */
  release(log: string, note: Uint8Array): void {
    this.#lines.set(log, note)
    for (const { lines } of this.#owed.values()) lines.add(log)
  }

  /** Whether a peer is to be told something. Times are milliseconds since 1970. */
  owes(peer: string, now: number): boolean {
    const { deposits, lines, refused } = this.#of(peer)
    for (const [log, { deposit, at }] of refused) {
      if (now < at + REFUSED_MS) continue
      refused.delete(log)
      this.#owe(peer, deposit)
    }
    return deposits.size + lines.size > 0
  }

  /** How many peers keep a deposit, or might if they were told: of `takers` those that have not refused it. */
  mightBeKeptBy(deposit: Deposit, takers: readonly string[]): number {
    const might = takers.filter(
      (peer) => !this.#isKeptBy(peer, deposit) && this.#of(peer).refused.get(deposit.log)?.deposit !== deposit,
    )
    return this.keptBy(deposit) + might.length
  }

  /** How many peers keep a deposit, or a later one of its log. */
  keptBy(deposit: Deposit): number {
    return [...(this.#kept.get(deposit.log)?.values() ?? [])].filter((kept) => isAtLeast(kept, deposit)).length
  }

  #isKeptBy(peer: string, deposit: Deposit): boolean {
    const kept = this.#kept.get(deposit.log)?.get(peer)
    return kept !== undefined && isAtLeast(kept, deposit)
  }

  /** Takes what a peer is told next: the deposits first, as much as fits. It is owed again if it does not arrive. */
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

  /** A peer has answered: per promise whether it keeps it. What it does not keep it is owed no more for now. */
  answered(peer: string, message: Message, kept: readonly boolean[], now: number): void {
    let next = 0
    for (const deposit of message.deposits) {
      const answers = deposit.promises.map(() => kept[next++])
      if (answers.every((isKept) => isKept === true)) this.#note(peer, deposit)
      // One that was replaced meanwhile is asked for no more.
      else if (this.#deposits.get(deposit.log) === deposit)
        this.#of(peer).refused.set(deposit.log, { deposit, at: now })
    }
  }

  #note(peer: string, deposit: Deposit): void {
    if (this.#isKeptBy(peer, deposit)) return
    const { log } = deposit
    const kept = this.#kept.get(log) ?? new Map<string, Deposit>()
    this.#kept.set(log, kept.set(peer, deposit))
  }

  /** A message did not arrive, or nobody knows: all of it that is still the newest is owed again. */
  lost(peer: string, { deposits, lines }: Message): void {
    for (const deposit of deposits) this.#owe(peer, deposit)
    for (const [log, note] of lines) if (this.#lines.get(log) === note) this.#of(peer).lines.add(log)
  }

  /** A peer came anew: it is owed the newest of each log that it does not keep, and our newest lines. */
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

function isAtLeast(kept: Promised, { size, time }: Promised): boolean {
  return kept.size > size || (kept.size === size && kept.time >= time)
}

/** Whether who remembers the one deposit knows enough of the other, too: it came late, or is the same tree a little later. */
export function speaksFor(deposit: Promised, { size, root, time }: Promised): boolean {
  const isSame = deposit.size === size && deposit.root === root
  return deposit.size > size || (isSame && time <= deposit.time + PROMISE_SECONDS)
}

function hasKeysOf(deposit: Deposit, promises: readonly WitnessPromise[]): boolean {
  const keys = new Set(deposit.promises.map(({ witness }) => witness))
  return promises.every(({ witness }) => keys.has(witness))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
