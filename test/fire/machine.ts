/** A machine with a home and a key: its lives, one after another, copies of its home, and its assumptions. */
import { GossumError } from '../../src/errors.js'
import { isFrozen } from '../../src/store/heads.js'
import { toHex } from '../../src/tlog/bytes.js'
import type { SignerKey } from '../../src/tlog/note.js'
import { seeded, type Chance } from '../helpers/volatile-disk.js'
import { Assumptions } from './assumptions.js'
import type { Peer } from './depositary.js'
import { Fate } from './fate.js'
import { EMPTY_HOME, Home, indexed, type HomeCopy } from './home.js'
import { Life, type Listener, type Setup } from './life.js'
import { LOG, prefixIn } from './log.js'
import type { Network } from './network.js'
import { readSigned, type Signing, type Signings } from './signings.js'
import { dropTimers, nextTimer, setClock, turn } from './time.js'

/** Turns of the event loop without an effect after which no further progress is expected. */
const QUIET_TURNS = 4
/** Events that may happen before the awaited operation has ended. */
const MOST_EVENTS = 5_000

/** The maximum number of crashes drawn in advance. */
const MOST_CRASHES = 6

export interface MachineOptions {
  readonly setup: Setup
  readonly network: Network
  readonly signings: Signings
  /** Histories that the log shows. */
  readonly shown: () => readonly number[]
  /** Reports a violation, once, and ends the sequence. */
  readonly fail: (why: string) => void
  readonly onLeave: (note: Uint8Array) => void
}

export class Machine implements Listener {
  readonly assumptions: Assumptions
  readonly #options: MachineOptions
  #home: Home
  #life: Life | undefined
  #fate: Fate
  /** The home after the crash. */
  #left: Promise<Home> | undefined
  /** Crash points until the crashes of the lives that follow. */
  #crashes: number[] = []
  #chance: Chance = seeded(0)
  #answered = new Set<Peer>()
  /** Whether its keys were made before this start. */
  #isOld = false
  /** When this life began, in milliseconds since 1970. */
  startedAt = 0

  private constructor(options: MachineOptions, home: Home) {
    this.#options = options
    this.#home = home
    this.#fate = this.#newFate()
    const { setup, signings } = options
    this.assumptions = new Assumptions(setup.peers, setup.keep, signings)
  }

  static async make(options: MachineOptions, copy: HomeCopy = EMPTY_HOME): Promise<Machine> {
    const machine = new Machine(options, await Home.of(copy))
    machine.#isOld = copy !== EMPTY_HOME
    return machine
  }

  get life(): Life {
    if (this.#life === undefined) throw new Error('it does not run')
    return this.#life
  }

  get home(): Home {
    return this.#home
  }

  // ---- lives -----------------------------------------------------------------------------------------------------

  /**
   * Draws what happens from now on, and the number of crash points until the crash of this life and of each that
   * follows.
   */
  draw(seed: number, crashes: readonly number[]): void {
    this.#chance = seeded(seed)
    this.#crashes = [...this.#crashes, ...crashes].slice(0, MOST_CRASHES)
    this.#arm(this.#fate)
  }

  #arm(fate: Fate): void {
    const next = fate.isArmed ? undefined : this.#crashes.shift()
    if (next !== undefined) fate.arm(next)
  }

  /** Starts the node, repeatedly if necessary. */
  async start(recover = false): Promise<void> {
    for (let again = recover; ; again = false) {
      const fate = (this.#fate = this.#newFate())
      this.#arm(fate)
      const { setup, network, shown } = this.#options
      const start = { fresh: !this.#isOld, recover: again, guardWait: this.assumptions.guardWait }
      this.#isOld = true
      this.#answered = new Set()
      this.startedAt = Date.now()
      const options = {
        ...{ setup, start, home: this.#home, fate, network, listener: this },
        prefix: (of: { size: number; root: Uint8Array }, size: number) => prefixIn(shown(), of, size),
      }
      const known = again ? await this.#knownSize() : -1
      try {
        await this.drive(Life.begin(options).then((life) => void (this.#life = life)))
        if (!fate.isDead) return this.#checkRecovered(known)
      } catch (error) {
        if (!(error instanceof GossumError) && !isDiskError(error)) throw error
        // The operator makes room, and leaves the home unchanged.
        this.#home.fault = 'none'
        fate.end()
      }
      await this.#takeWhatIsLeft()
    }
  }

  /** The size of the largest tree in the journal or the database. */
  async #knownSize(): Promise<number> {
    const { database } = await this.#home.copy()
    return Math.max(this.#home.durable()?.tree?.size ?? -1, indexed(database)?.tree?.size ?? -1)
  }

  /** After a recovery the node has to go on from the largest known tree. */
  #checkRecovered(known: number): void {
    const { heads } = this.life.store
    const { tree, floor } = heads.get(LOG)
    const reached = Math.max(tree?.size ?? -1, floor?.size ?? -1)
    if (heads.disagreement(LOG) === undefined && reached < known)
      this.#options.fail(`it goes on from ${reached}, and ${known} was known`)
  }

  /** Lets time pass until the work has ended, or the process. Throws what the work throws. */
  async drive(work: Promise<unknown>): Promise<void> {
    const fate = this.#fate
    const { network } = this.#options
    const end: { has: boolean; error?: Error } = { has: false }
    work.then(
      () => (end.has = true),
      (error: unknown) => Object.assign(end, { has: true, error }),
    )
    for (let events = 0; ; events++) {
      await this.#quiet(() => end.has)
      if (fate.isDead) return
      if (end.has) break
      if (events > MOST_EVENTS) throw new Error('it never ends')
      const isDelivery = network.isBusy && this.#chance() < 0.85
      if (isDelivery) network.deliver(this.#chance)
      else if (!nextTimer()) network.deliver(this.#chance)
    }
    if (end.error !== undefined) throw end.error
  }

  /** Lets pending operations progress by a random amount. */
  async lull(): Promise<void> {
    const { network } = this.#options
    while (!this.#fate.isDead && network.isBusy && this.#chance() < 0.93) {
      network.deliver(this.#chance)
      await this.#quiet()
    }
    await this.#quiet()
    await this.revive()
  }

  /** Lets everything happen that waits for nothing else, until something has ended. */
  async #quiet(hasEnded = () => false): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS && !hasEnded() && !this.#fate.isDead;) {
      const before = this.#fate.steps
      await turn()
      quiet = this.#fate.steps === before ? quiet + 1 : 0
    }
  }

  /** Does something with the running node, and starts it again if that ends it. Ignores errors of the closed set. */
  async does(act: (life: Life) => Promise<unknown>): Promise<void> {
    try {
      await this.drive(act(this.life))
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
    }
    await this.revive()
  }

  /** Starts the node again if its process has ended. */
  async revive(): Promise<void> {
    if (!this.#fate.isDead) return
    await this.#takeWhatIsLeft()
    await this.start()
  }

  /** Stops in good order and starts again. */
  async restart(recover: boolean): Promise<void> {
    await this.drive(this.life.stop())
    if (this.#fate.isDead) await this.#takeWhatIsLeft()
    else {
      this.#fate.retire()
      dropTimers()
      await this.#home.reopen()
    }
    await this.start(recover)
  }

  /** The process ends, and a part of the home is restored from a copy. */
  async restore(copy: HomeCopy, what: 'home' | 'journal' | 'database', recover: boolean): Promise<void> {
    await this.end()
    const isOlder = !(await this.staysWhole(what))
    const own = await this.#home.copy()
    this.#home = await Home.of({
      journal: what === 'database' ? own.journal : copy.journal,
      database: what === 'journal' ? own.database : copy.database,
    })
    if (isOlder) this.assumptions.becomeOld()
    setClock(Math.max(Date.now(), this.assumptions.earliest))
    await this.start(recover)
  }

  /** Whether the home still knows everything that was signed when this part of it is restored. */
  async staysWhole(what: 'home' | 'journal' | 'database'): Promise<boolean> {
    const { signings } = this.#options
    switch (what) {
      case 'home':
        return false
      case 'journal':
        return signings.areIn(indexed((await this.#home.copy()).database))
      case 'database':
        return signings.areIn(this.#home.durable())
    }
  }

  /** The process ends at once. */
  async end(): Promise<void> {
    this.#fate.end()
    await this.#takeWhatIsLeft()
  }

  async #takeWhatIsLeft(): Promise<void> {
    this.#life = undefined
    if (this.#left === undefined) return
    const { fault } = this.#home
    this.#home = await this.#left
    this.#left = undefined
    this.#home.fault = fault
  }

  #newFate(): Fate {
    return new Fate(Infinity, () => {
      this.#left = this.#home.crash(this.#chance)
      dropTimers()
    })
  }

  // ---- what is heard of a life -----------------------------------------------------------------------------------

  signs(life: Life, key: SignerKey, message: Uint8Array): void {
    const { fail, signings } = this.#options
    const signed = readSigned(message)
    if (signed === undefined) return fail(`signed what no witness signs: ${Buffer.from(message).toString()}`)
    const { size, root } = 'promise' in signed ? signed.promise : signed.cosignature
    const state = this.#home.durable()
    const isThere = state?.tree !== undefined && (state.tree.size > size || toHex(state.tree.root) === root)
    if (!isThere) fail(`signed before it was in the journal: size ${size}`)
    if ('promise' in signed) return
    const signing = { key: key.verifier.vkey, ...signed.cosignature }
    if (state?.tree?.size === size && (state.signed?.time ?? 0) < signing.time)
      fail(`signed at ${signing.time}, and the journal does not know`)
    this.#checkBarrier(life, signing)
    const wrong = signings.add(signing)
    if (wrong !== undefined) fail(wrong)
    this.assumptions.signedAt(signing.time)
  }

  /** Nothing is signed before it may be, nor undeposited without reporting it. */
  #checkBarrier(life: Life, { size, time }: Signing): void {
    const { fail, setup } = this.#options
    const { barrier, store } = life
    const { guard, deposits } = barrier
    if (!guard.maySign) fail(`signed while ${guard.report.state}`)
    if (this.assumptions.isOld) fail(`signed by an old home while ${guard.report.state}`)
    if (isFrozen(store.heads.get(LOG))) fail('signed though the log is frozen')
    if (store.heads.disagreement(LOG) !== undefined) fail('signed though the home disagrees with itself')
    if (life.keptBy(size, time) >= setup.keep) return
    if (setup.required) fail(`signed without a deposit: size ${size}`)
    else if (!deposits!.report.undeposited.includes(LOG)) fail(`signed undeposited, and nobody was told: size ${size}`)
  }

  leaves(_life: Life, note: Uint8Array): void {
    this.#options.onLeave(note)
  }

  mayAnswer(life: Life, peer: Peer): boolean {
    return life.fate.isDead || this.assumptions.mayAnswer(peer, this.#answered)
  }

  answered({ barrier, store }: Life, peer: Peer): void {
    const { fail, signings } = this.#options
    this.#answered.add(peer)
    const isGuarded = barrier.guard.report.state === 'guarded'
    if (isGuarded && this.#answered.size < this.assumptions.answersNeeded) fail('guarded by too few answers')
    const isSettled = isGuarded && store.heads.disagreement(LOG) === undefined
    if (!isSettled || !this.assumptions.isOld) return
    const state = this.#home.durable()
    const reached = Math.max(state?.tree?.size ?? -1, state?.floor?.size ?? -1)
    const newest = signings.largest?.size ?? -1
    if (reached < newest) fail(`guarded at ${reached}, and ${newest} was signed`)
    this.assumptions.isOld = false
  }

  onError(life: Life, error: unknown): void {
    if (life.fate.isDead || error instanceof GossumError) return
    this.#options.fail(`an error that is none of ours: ${String(error)}`)
  }
}

function isDiskError(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EIO' || code === 'ENOSPC'
}
