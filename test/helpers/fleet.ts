/**
 * Many nodes, each a process of its own: keys made first so that a policy can name them, a topology in which each new
 * node dials node 0 and up to three random earlier ones, and an orderly shutdown of all of them.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadOrCreateWitnessKey } from '../../src/keys/key-file.js'
import { parseVerifierKey, type VerifierKey } from '../../src/tlog/note.js'
import { FleetNode, isPeer } from './fleet-node.js'
import { seeded } from './tree.js'

/** The maximum number of nodes started at once: enough to keep the machine busy, few enough that none times out. */
const WAVE = 5
/** Earlier nodes that each new one dials in addition to node 0. */
const RANDOM_PEERS = 3

export interface FleetOptions {
  readonly nodes: number
  /** How many of them the policy counts, from the first; all if absent. */
  readonly witnesses?: number
  /** Cosignatures that make a quorum; more than two thirds of the witnesses if absent. */
  readonly need?: number
  /** The value of --log for the node with this index. */
  readonly logs: (index: number) => readonly string[]
  /** Seconds. */
  readonly poll: number
  readonly seed?: number
  /** Additional arguments for a node. */
  readonly args?: (index: number) => readonly string[]
  /** The prefix of a node's command. */
  readonly prefix?: (index: number) => readonly string[]
  /** The address that a node listens on, for peers and for its API: IPv4, both 127.0.0.1 if absent; any port. */
  readonly addresses?: (index: number) => { readonly mesh: string; readonly http: string; readonly port?: number }
  /** The address by which node `from` reaches node `to`, if not the one that `to` listens on. */
  readonly route?: (from: number, to: number, address: string) => string
}

export class Fleet {
  readonly directory: string
  /** Cosignatures that make a quorum. */
  readonly need: number
  /** The verifier keys of all nodes, by index. */
  readonly keys: readonly VerifierKey[]
  /** By index; a restarted node replaces the earlier one. */
  readonly nodes: FleetNode[] = []
  readonly #options: FleetOptions
  readonly #policy: string
  readonly #random: () => number
  /** The arguments of each node, by index. */
  readonly #args: string[][] = []
  /** Every process ever started, including those being started. */
  readonly #started: Promise<FleetNode>[] = []

  private constructor(options: FleetOptions, directory: string, keys: readonly VerifierKey[], need: number) {
    this.#options = options
    this.directory = directory
    this.keys = keys
    this.need = need
    this.#policy = join(directory, 'policy')
    this.#random = seeded(options.seed ?? 1)
  }

  /** Starts all nodes and waits until each has a peer. Leaves nothing behind if it fails. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const { nodes, witnesses = nodes } = options
    const need = options.need ?? Math.floor((2 * witnesses) / 3) + 1
    const directory = await mkdtemp(join(tmpdir(), 'gossum-fleet-'))
    const keys = await Promise.all(Array.from({ length: nodes }, (_, i) => makeKey(homeOf(directory, i), i)))
    const fleet = new Fleet(options, directory, keys, need)
    try {
      await writeFile(fleet.#policy, policyText(keys.slice(0, witnesses), need))
      await fleet.add()
      while (fleet.nodes.length < nodes) {
        const wave = Math.min(WAVE, fleet.nodes.length, nodes - fleet.nodes.length)
        await Promise.all(Array.from({ length: wave }, () => fleet.add()))
      }
      if (nodes > 1) await Promise.all(fleet.nodes.map((node) => node.when('peer', isPeer(true))))
    } catch (error) {
      await fleet.end()
      throw error
    }
    return fleet
  }

  /** Starts one more node; a node beyond those of the options is a newcomer that the policy does not count. */
  async add(): Promise<FleetNode> {
    const index = this.#args.length
    const { addresses, args, logs, poll, route } = this.#options
    const { mesh, http, port = 0 } = addresses?.(index) ?? { mesh: '127.0.0.1', http: '127.0.0.1' }
    const peers = this.#peersOf(index).map((peer) => {
      const address = this.nodes[peer]!.ready.multiaddrs[0]!
      return route?.(index, peer, address) ?? address
    })
    this.#args.push([
      ...['--home', homeOf(this.directory, index), '--policy', this.#policy, '--poll', String(poll)],
      ...['--http', `${http}:0`, '--listen', `/ip4/${mesh}/tcp/${port}`],
      ...logs(index).flatMap((log) => ['--log', log]),
      ...peers.flatMap((peer) => ['--bootstrap', peer]),
      ...(args?.(index) ?? []),
    ])
    return this.#run(index)
  }

  /** Starts a node again that was stopped or killed: the same home, and the same address for its peers. */
  async restart(index: number): Promise<FleetNode> {
    const port = /\/tcp\/(\d+)/.exec(this.nodes[index]!.ready.multiaddrs[0]!)![1]!
    this.#args[index] = this.#args[index]!.map((arg) => arg.replace(/^(\/ip4\/[^/]+\/tcp\/)0$/, `$1${port}`))
    return this.#run(index)
  }

  /** Runs the same function for every node concurrently. */
  all<T>(act: (node: FleetNode, index: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.nodes.map(act))
  }

  /** Ends every process that was started, and removes the homes. */
  async end(): Promise<void> {
    const started = await Promise.allSettled(this.#started)
    await Promise.all(started.flatMap((node) => (node.status === 'fulfilled' ? [node.value.kill()] : [])))
    await rm(this.directory, { recursive: true, force: true })
  }

  async #run(index: number): Promise<FleetNode> {
    const starting = FleetNode.start(this.#args[index]!, this.#options.prefix?.(index))
    this.#started.push(starting)
    const node = await starting
    this.nodes[index] = node
    return node
  }

  #peersOf(index: number): number[] {
    if (index === 0) return []
    const running = this.nodes.flatMap((node, i) => (i !== index && node.isRunning ? [i] : []))
    const peers = new Set([0])
    for (let i = 0; i < RANDOM_PEERS; i++) peers.add(running[this.#random() % running.length]!)
    return [...peers]
  }
}

function homeOf(directory: string, index: number): string {
  return join(directory, `node-${index}`)
}

async function makeKey(home: string, index: number): Promise<VerifierKey> {
  await mkdir(home, { mode: 0o700 })
  const { signer } = await loadOrCreateWitnessKey(join(home, 'witness.key'), `witness-${index}.example`)
  return parseVerifierKey(signer.verifier.vkey)
}

/** A policy that this many of these keys satisfy. */
function policyText(keys: readonly VerifierKey[], need: number): string {
  const names = keys.map((_, i) => `w${i}`)
  const witnesses = keys.map(({ vkey }, i) => `witness ${names[i]!} ${vkey}\n`)
  return `${witnesses.join('')}group us ${need} ${names.join(' ')}\nquorum us\n`
}
