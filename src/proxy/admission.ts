/**
 * Limits what clients can make this node ask of a log: what is known already costs the log nothing and is not counted.
 * A log may take 15 seconds for one lookup, so clients take turns; a request that several of them wait for is made at
 * the first turn of any of them.
 */
import { Slots } from '../lib/slots.js'
import { TokenBuckets } from '../lib/token-buckets.js'
import { GossumError } from '../errors.js'

/** Concurrent requests to logs. One client may have as many of them as it leaves free for others. */
const SLOTS = 64
/**
 * Requests that one client may cause: at once, and per second in the long run. A large build makes several thousand.
 */
const BURST = 20_000
const PER_SECOND = 200

/** A client, identified by its network; PAID for one that has already had its turn for this. */
export type Client = string | typeof PAID
export const PAID = Symbol('paid')

/** All who wait for the same thing. */
export class Party {
  /** How often each of them waits for it. */
  readonly #clients = new Map<Client, number>()
  /** Called when someone joins. */
  onJoin: (() => void) | undefined

  get clients(): Iterable<Client> {
    return this.#clients.keys()
  }

  join(client: Client): void {
    this.#clients.set(client, (this.#clients.get(client) ?? 0) + 1)
    this.onJoin?.()
  }

  /** Returns true if nobody is left. */
  leave(client: Client): boolean {
    const left = this.#clients.get(client)! - 1
    if (left === 0) this.#clients.delete(client)
    else this.#clients.set(client, left)
    return this.#clients.size === 0
  }
}

interface Place {
  readonly party: Party
  readonly go: (leave: () => void) => void
}

export class Admission {
  readonly #now: () => number
  readonly #slots: number
  readonly #budget: TokenBuckets
  readonly #underWay = new Slots<Client>()
  /** In order of arrival. The number of the server's connections limits it. */
  readonly #line = new Set<Place>()
  /** The number of each client's last turn, since the line was last empty. */
  readonly #lastTurns = new Map<Client, number>()
  #turns = 0

  constructor(now: () => number, { slots = SLOTS, budget = new TokenBuckets(BURST, PER_SECOND) } = {}) {
    this.#now = now
    this.#slots = slots
    this.#budget = budget
  }

  /** Counts something that a client starts. Throws TOO_MANY_REQUESTS if that exceeds its budget. */
  charge(client: Client): void {
    if (client !== PAID && !this.#budget.take(client, this.#now())) throw new GossumError('TOO_MANY_REQUESTS', client)
  }

  /**
   * Runs an act that asks a log, as soon as someone of a party has a turn. Throws the signal's reason if it is aborted
   * while waiting.
   */
  async run<T>(party: Party, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    const leave = await this.#turn(party, signal)
    try {
      return await act()
    } finally {
      leave()
    }
  }

  /** Resolves to a function that gives the turn back. */
  #turn(party: Party, signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#line.delete(place)
        party.onJoin = undefined
        signal.removeEventListener('abort', onAbort)
        if (this.#line.size === 0) this.#lastTurns.clear()
      }
      const onAbort = (): void => {
        end()
        reject(signal.reason as Error)
      }
      const place: Place = {
        party,
        go: (leave) => {
          end()
          resolve(leave)
        },
      }
      this.#line.add(place)
      party.onJoin = () => this.#serve()
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
      else this.#serve()
    })
  }

  /** Grants turns that are available: first to the client whose last turn was longest ago. */
  #serve(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const { place, client } = next
      if (client === PAID) {
        place.go(() => undefined)
        continue
      }
      const giveBack = this.#underWay.hold(client)
      this.#lastTurns.set(client, ++this.#turns)
      place.go(() => {
        giveBack()
        this.#serve()
      })
    }
  }

  #next(): { place: Place; client: Client } | undefined {
    let best: { place: Place; client: Client } | undefined
    let first = Infinity
    for (const place of this.#line) {
      for (const client of place.party.clients) {
        if (client === PAID) return { place, client }
        const last = this.#lastTurns.get(client) ?? 0
        if (last >= first || !this.#hasRoom(client)) continue
        best = { place, client }
        first = last
      }
    }
    return best
  }

  /** Whether a slot remains for the next client, however many there are already. */
  #hasRoom(client: string): boolean {
    return this.#underWay.of(client) < this.#slots - this.#underWay.total
  }
}
