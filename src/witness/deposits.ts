/**
 * Deposits: before a new tree is cosigned, chosen peers agree to remember the promise (promise.ts). This file decides
 * when they are sent it and how long to wait for them; deposit-ledger.ts counts which peers keep what.
 *
 * A peer is sent one message at a time. What comes up in the meantime waits for the next message, only the newest of
 * each log, so a slow peer delays nothing but its own answer.
 */
import { endOfTurn, lastingController, timed } from '../lib/timed.js'
import { toHex } from '../tlog/bytes.js'
import { parseCheckpoint } from '../tlog/checkpoint.js'
import { parseNote } from '../tlog/note.js'
import { DepositLedger, depositsNeeded, speaksFor, type Deposit, type Promised } from './deposit-ledger.js'
import { depositReport, type DepositReport, type DepositResult } from './deposit-report.js'
import { DepositWaits } from './deposit-waits.js'
import type { WitnessPromise } from './promise.js'

/** Milliseconds for one message and its answer. An answer that is too late for the signature still counts. */
const MESSAGE_MS = 10_000
/** Milliseconds that a line of ours waits for a message that is due anyway. */
const LINE_MS = 200
/** Milliseconds after which a connected peer that gave no answer is sent it again. */
const RETRY_MS = 1_000
/** How often the connected peers are checked, in milliseconds. */
const TICK_MS = 5_000
/** The most milliseconds that stopping may take. */
const STOP_MS = 2_000

/** The peers that keep our promises. */
export interface Depositaries {
  /** The number of chosen peers, and those of them that are connected and speak sync. */
  chosen(): { readonly all: number; readonly connected: readonly string[] }
  /**
   * Sends promises and cosigned heads to a peer. Returns for each promise whether the peer keeps it durably;
   * 'unsupported' from an old peer, undefined if there was no answer.
   */
  promise(
    peer: string,
    promises: readonly WitnessPromise[],
    lines: readonly Uint8Array[],
    options: { signal: AbortSignal },
  ): Promise<readonly boolean[] | 'unsupported' | undefined>
}

export interface DepositOptions {
  readonly depositaries: Depositaries
  /** How many peers are to keep a promise, at least 1; undefined for a majority of the chosen peers. */
  readonly keep: number | undefined
  /** Whether nothing is signed without a deposit; only reported here. */
  readonly required: boolean
  /** How long a signature waits for the peers, in milliseconds. */
  readonly waitMs: number
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly onChange: (report: DepositReport) => void
}

interface Peer {
  sending: Promise<void> | undefined
  unsupported: boolean
  /** When it may be sent to again after it gave no answer, in monotonic milliseconds. */
  restsUntil: number
}

export class Deposits {
  readonly #options: DepositOptions
  readonly #ledger = new DepositLedger()
  readonly #peers = new Map<string, Peer>()
  readonly #waits: DepositWaits
  readonly #stopped = lastingController()
  readonly #timers = new Set<NodeJS.Timeout>()
  #tick: NodeJS.Timeout | undefined
  #isTelling = false
  #lineTimer: NodeJS.Timeout | undefined
  #told = ''

  constructor(options: DepositOptions) {
    this.#options = options
    this.#waits = new DepositWaits(options.waitMs, () => this.#changed())
  }

  start(): void {
    this.#tick = setInterval(() => this.#tellAll(), TICK_MS)
    this.#changed()
  }

  /** Sends what is owed, within STOP_MS, and ends. */
  async stop(): Promise<void> {
    clearInterval(this.#tick)
    if (!this.#stopped.signal.aborted) await timed(STOP_MS, [], (signal) => this.flush(signal))
    this.#stopped.abort(new Error('the node stops'))
    for (const timer of this.#timers) clearTimeout(timer)
    for (const { log } of this.#waits.deposits) this.#waits.giveUp(log)
  }

  /**
   * Deposits the promises of one head, one per key of ours. Resolves when enough chosen peers keep all of them;
   * otherwise after the wait, or at once if too few are connected that might.
   */
  deposit(log: string, promises: readonly WitnessPromise[]): Promise<DepositResult> {
    if (this.#stopped.signal.aborted) return Promise.resolve('undeposited')
    const deposit = this.#ledger.put(log, promisedIn(promises), promises)
    if (this.#options.depositaries.chosen().all === 0) return Promise.resolve('nobody')
    const result = this.#waits.wait(deposit)
    if (this.#isKept(deposit)) this.#settle(log)
    else {
      this.#judge([deposit])
      void this.#tellSoon()
    }
    return result
  }

  /** Whether nothing may be signed without a deposit. */
  get required(): boolean {
    return this.#options.required
  }

  /** Whether there are chosen peers. */
  get hasChosen(): boolean {
    return this.#options.depositaries.chosen().all > 0
  }

  /** Whether a cosignature of this tree and time needs no new deposit. */
  isDeposited(log: string, promised: Promised): boolean {
    const deposit = this.#ledger.get(log)
    return deposit?.size === promised.size && speaksFor(deposit, promised) && this.#isKept(deposit)
  }

  /** Our cosigned line of a log was published: chosen peers get it with the next message. */
  released(log: string, note: Uint8Array): void {
    this.#ledger.release(log, note)
    this.#lineTimer ??= this.#after(LINE_MS, () => {
      this.#lineTimer = undefined
      this.#tellAll()
    })
  }

  /** A chosen peer has connected, perhaps with a new version or with room again: it is sent what it is owed. */
  connected(peer: string): void {
    const state = this.#of(peer)
    state.unsupported = false
    state.restsUntil = 0
    this.#ledger.oweAll(peer)
    this.#tellAll()
  }

  get report(): DepositReport {
    const { all: of, connected } = this.#options.depositaries.chosen()
    const need = depositsNeeded(of, this.#options.keep)
    const undeposited = of === 0 ? [] : this.#waits.inVain
    const notDepositaries = connected.filter((peer) => this.#of(peer).unsupported)
    const counts = { need, of, connected: connected.length, undeposited, notDepositaries }
    return depositReport(counts, this.#options.required)
  }

  /**
   * Resolves when every connected chosen peer was sent what it is owed or gave no answer, or when the signal is
   * aborted.
   */
  async flush(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    while (!signal.aborted) {
      this.#tellAll()
      const sending = [...this.#peers.values()].flatMap((peer) => peer.sending ?? [])
      if (sending.length === 0) return
      await Promise.race([Promise.all(sending), aborted])
    }
  }

  // ---- telling ---------------------------------------------------------------------------------------------------

  /** Everything deposited in one turn of the event loop shares a message. */
  async #tellSoon(): Promise<void> {
    if (this.#isTelling) return
    this.#isTelling = true
    await endOfTurn()
    this.#isTelling = false
    this.#tellAll()
  }

  #tellAll(): void {
    if (this.#stopped.signal.aborted) return
    for (const id of this.#options.depositaries.chosen().connected) this.#tell(id, this.#of(id))
    this.#judge(this.#waits.deposits)
    this.#changed()
  }

  #tell(id: string, peer: Peer): void {
    const now = this.#options.now()
    if (peer.sending !== undefined || peer.unsupported || now < peer.restsUntil) return
    if (this.#ledger.owes(id, now)) peer.sending = this.#send(id, peer)
  }

  async #send(id: string, peer: Peer): Promise<void> {
    const message = this.#ledger.take(id)
    const answer = await timed(MESSAGE_MS, [this.#stopped.signal], (signal) =>
      this.#options.depositaries.promise(id, message.promises, [...message.lines.values()], { signal }),
    ).catch(() => undefined)
    peer.sending = undefined
    if (this.#stopped.signal.aborted) return
    if (answer === undefined) {
      this.#ledger.lost(id, message)
      peer.restsUntil = this.#options.now() + RETRY_MS
      this.#after(RETRY_MS, () => this.#tellAll())
    }
    // It is sent nothing until it reconnects; then it is owed everything.
    else if (answer === 'unsupported') peer.unsupported = true
    else this.#ledger.answered(id, message, answer, this.#options.now())
    for (const { log } of message.deposits) this.#settle(log)
    this.#tellAll()
  }

  // ---- waiting ---------------------------------------------------------------------------------------------------

  /** A deposit of this log may now be kept by enough peers. */
  #settle(log: string): void {
    this.#waits.settle(log, this.#isKept)
    if (this.#isKept(this.#ledger.get(log)!)) this.#waits.heal(log)
  }

  /** Gives up on deposits that enough peers cannot keep: too few are connected, or too many refuse. */
  #judge(deposits: readonly Deposit[]): void {
    const { all, connected } = this.#options.depositaries.chosen()
    const need = depositsNeeded(all, this.#options.keep)
    const takers = connected.filter((id) => !this.#of(id).unsupported)
    for (const deposit of deposits)
      if (this.#ledger.mightBeKeptBy(deposit, takers) < need) this.#waits.giveUp(deposit.log)
  }

  readonly #isKept = (deposit: Deposit): boolean => {
    const { all } = this.#options.depositaries.chosen()
    return this.#ledger.keptBy(deposit) >= depositsNeeded(all, this.#options.keep)
  }

  #of(id: string): Peer {
    let peer = this.#peers.get(id)
    if (peer === undefined) {
      peer = { sending: undefined, unsupported: false, restsUntil: 0 }
      this.#peers.set(id, peer)
    }
    return peer
  }

  #after(ms: number, act: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, ms)
    this.#timers.add(timer)
    return timer
  }

  #changed(): void {
    const { report } = this
    const told = `${report.text} ${report.notDepositaries.join()} ${report.undeposited.join()}`
    if (told === this.#told) return
    this.#told = told
    this.#options.onChange(report)
  }
}

function promisedIn(promises: readonly WitnessPromise[]): Promised {
  const [first] = promises
  if (first === undefined) throw new Error('a deposit without a promise')
  const { size, root } = parseCheckpoint(parseNote(first.head).text)
  return { size, root: toHex(root), time: first.time }
}
