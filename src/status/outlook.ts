/**
 * What a node sees beyond itself: how its logs grow, who signs them, and where its peers are (seclusion.ts draws the
 * conclusions).
 */
import { wideNetworkOf } from '../lib/network.js'
import { quorumThreshold } from '../tlog/policy.js'
import type { Polled } from '../witness/polled.js'
import type { Ages } from './ages.js'
import { Trails } from './lags.js'
import { FEW_PEERS, HEARD_SECONDS, LIVELY_SECONDS, type LogSeclusion, type NodeSeclusion } from './seclusion.js'
import { Tempo } from './tempo.js'
import type { ViewParts } from './view-parts.js'

export class Outlook {
  readonly #parts: ViewParts
  readonly #ages: Ages
  readonly #tempo: Tempo
  readonly #trails: Trails
  readonly #startedAt: number
  /** For each log, the size of the last head that a poll brought. */
  readonly #polled = new Map<string, number>()
  /** The network that all peers are in, and since when. */
  #network: { readonly name: string; readonly since: number } | undefined

  constructor(parts: ViewParts, ages: Ages) {
    const { monotonic } = parts.time
    this.#parts = parts
    this.#ages = ages
    this.#tempo = new Tempo((log, heads) => this.#times(log, heads), ages)
    this.#trails = new Trails(monotonic)
    this.#startedAt = monotonic()
  }

  /** Records what a poll showed. */
  polled(log: string, polled: Polled): void {
    const size = 'outcome' in polled ? polled.outcome.size : undefined
    if (size !== undefined) this.#polled.set(log, size)
    this.#pollBehind(log)
  }

  /** A log has grown, or the node was started. */
  moved(log: string): Promise<void> {
    return this.#tempo.refresh(log)
  }

  ofLog(log: string): LogSeclusion {
    return { tempo: this.#tempo.of(log), pollBehind: this.#pollBehind(log), signedLately: this.#signedLately(log) }
  }

  ofNode(): NodeSeclusion {
    return { witnesses: this.#witnesses(), network: this.#oneNetwork() }
  }

  #pollBehind(log: string): number | undefined {
    const newest = this.#parts.witnesses.store.heads.get(log).tree?.size
    const polled = this.#polled.get(log)
    return newest === undefined || polled === undefined ? undefined : this.#trails.note(log, polled, newest)
  }

  async #times(log: string, heads: number): Promise<number[]> {
    const { cosigned, keysOf } = this.#parts.witnesses
    const [, ...before] = await cosigned.history(log, heads + 1)
    const own = keysOf(log)[0]?.vkey ?? ''
    return before.flatMap(({ cosignatures }) => cosignatures.get(own)?.time ?? []).map((s) => s * 1000)
  }

  /** How many of the counted witnesses have recently signed the newest head, and how many are needed. */
  #signedLately(log: string): LogSeclusion['signedLately'] {
    const { config, cosigned, keysOf, store } = this.#parts.witnesses
    const { policy } = config
    const convicted = store.convictions.convicted()
    const counted =
      policy?.witnesses.map(({ vkey }) => vkey) ??
      keysOf(log)
        .slice(0, 1)
        .map(({ vkey }) => vkey)
    const lines = cosigned.current(log)?.cosignatures
    const lately = counted.filter((vkey) => {
      const time = lines?.get(vkey)?.time
      if (time === undefined || convicted.has(vkey)) return false
      return this.#ages.of(`line ${log} ${vkey}`, time * 1000) < HEARD_SECONDS
    })
    return { by: lately.length, need: policy === undefined ? 1 : quorumThreshold(policy) }
  }

  #witnesses(): NodeSeclusion['witnesses'] {
    const { config, cosigned } = this.#parts.witnesses
    const { policy, logs } = config
    // A node that has just started cannot have heard much, and a log that does not grow gives witnesses nothing to
    // sign.
    const isLong = (this.#parts.time.monotonic() - this.#startedAt) / 1000 > HEARD_SECONDS
    const isLively = logs.some(
      ({ id, disabled }) => !disabled && (this.#tempo.of(id)?.usual ?? Infinity) < LIVELY_SECONDS,
    )
    if (policy === undefined || !isLong || !isLively) return undefined
    const heard = policy.witnesses.filter(({ vkey }) => {
      const last = cosigned.signers.lastSeen(vkey)
      return last !== undefined && this.#ages.of(`heard ${vkey}`, last.time * 1000) < HEARD_SECONDS
    })
    return { heard: heard.length, need: quorumThreshold(policy) }
  }

  #oneNetwork(): NodeSeclusion['network'] {
    const { around, time, witnesses } = this.#parts
    const peers = around.mesh()?.peers() ?? []
    const networks = new Set(peers.map(({ multiaddr }) => wideNetworkOf(multiaddr.split('/')[2] ?? '')))
    const [name] = networks
    // Peers that the operator named are where the operator wants them.
    const isNamed = witnesses.config.bootstrap.length > 0 && peers.every(({ chosen }) => chosen)
    if (peers.length < FEW_PEERS || networks.size > 1 || name === undefined || isNamed) {
      this.#network = undefined
      return undefined
    }
    if (this.#network?.name !== name) this.#network = { name, since: time.monotonic() }
    return { name, peers: peers.length, seconds: (time.monotonic() - this.#network.since) / 1000 }
  }
}
