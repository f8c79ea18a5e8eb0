/** One run of one scenario, from the first connection to the figures. */
import { SignatureCache } from '../../src/witness/signature-cache.js'
import { Adversary, Spam } from './adversaries.js'
import { EAST } from './cities.js'
import { Dice } from './dice.js'
import { figuresOf, meshesOf, trafficNow, type Figures, type Meshes, type TrafficBytes } from './figures.js'
import { Messages } from './frames.js'
import { CosignedTable } from './held-heads.js'
import { SimulatedLog, type View } from './log.js'
import { earlierRules, productionRules } from './mesh/rules.js'
import { Network, type Link } from './network.js'
import { SimulatedNode, type NodeWorld } from './node.js'
import { Dialling, keyOf, POLICY, policyOf, someCity, whoIsByzantine, witnessKeys } from './population.js'
import { coreForEach, SharedCores } from './processor.js'
import { Reader } from './reader.js'
import type { Scenario } from './scenarios.js'
import { VirtualTime } from './virtual-time.js'
import { Watcher } from './watcher.js'
import { COSTS_MS } from './work.js'

export interface SimulationOptions {
  readonly scenario: Scenario
  readonly nodes: number
  /** How many of the nodes follow no rules. */
  readonly byzantine: number
  readonly seed: number
  /** Keys that spammers name; if absent, as many as a hello allows. */
  readonly spamKeys?: number
  /** Cores that all nodes and the log share, as on one machine; if absent, one for each node. */
  readonly cores?: number
}

/**
 * Milliseconds during which all nodes poll for the first time, and until the log grows: by then the meshes are settled.
 */
const FIRST_POLLS_MS = 3_000
const SETTLED_MS = 15_000
/** Milliseconds between two polls, as in production. */
const POLL_MS = 60_000
/** The fraction of frames of which a packet is lost. */
const LOSS = 0.001
/** Keys that the hello of a spammer names (MAX_COUNTS of src/gossip/sync/messages.ts, less one). */
const SPAM_KEYS = 90
/** Milliseconds in which nodes separated by a partition find each other again: an address is tried once a minute. */
const REDIAL_MS = 60_000
/** The city of all nodes in a scenario with a single city: that of the log. */
const LOCAL_CITY = 2

export class Simulation {
  readonly #options: SimulationOptions
  readonly #time = new VirtualTime()
  readonly #dice: Dice
  readonly #network: Network
  readonly #dialling: Dialling
  readonly #log: SimulatedLog
  readonly #watcher = new Watcher(this.#time)
  readonly #world: NodeWorld
  readonly #honest: SimulatedNode[] = []
  readonly #adversaries: Adversary[] = []
  #victims = new Set<SimulatedNode>()
  #nextId: number

  constructor(options: SimulationOptions) {
    const { scenario, nodes, byzantine, seed, cores } = options
    this.#options = options
    this.#nextId = nodes
    this.#dice = new Dice(seed)
    const processor = cores === undefined ? coreForEach(this.#time) : new SharedCores(this.#time, cores, COSTS_MS)
    this.#network = new Network(this.#time, processor, this.#dice.fork(), LOSS)
    this.#dialling = new Dialling(this.#network, this.#dice.fork())
    const known = new SignatureCache(1_000_000)
    this.#log = new SimulatedLog(known)
    const { policy = POLICY, pollSeconds } = scenario
    const signers = witnessKeys(policy.witnesses)
    const quorum = policyOf(signers, policy.need)
    const spams = byzantine > 0 && scenario.kinds?.includes('spammer') === true
    const spam = Array.from({ length: spams ? (options.spamKeys ?? SPAM_KEYS) : 0 }, (_, i) =>
      keyOf(`spam-${i}.example`, 3),
    )
    this.#world = {
      ...{ time: this.#time, processor, network: this.#network, log: this.#log, quorum, watcher: this.#watcher },
      pollMs: pollSeconds === undefined ? POLL_MS : pollSeconds * 1000,
      messages: new Messages(this.#log.identity.id),
      reader: new Reader(this.#log.identity, quorum.keys, known),
      table: new CosignedTable(quorum),
      rules: scenario.scores === 'earlier' ? earlierRules : productionRules,
      viewOf: (node) => this.#viewOf(node),
      spamKeys: spam.map(({ verifier }) => verifier),
    }
    const follows = whoIsByzantine(nodes, byzantine, policy.witnesses, this.#dice)
    const kinds = scenario.kinds ?? ['silent']
    const adversaryWorld = { ...this.#world, spam: new Spam(spam) }
    follows.forEach((isByzantine, id) => {
      const city = this.#someCity()
      if (isByzantine) {
        const kind = kinds[this.#adversaries.length % kinds.length]!
        this.#adversaries.push(new Adversary(id, city, kind, adversaryWorld, this.#dice.fork()))
      } else {
        const signer = signers[id]
        this.#honest.push(new SimulatedNode(id, city, this.#world, this.#dice.fork(), signer))
      }
    })
  }

  async run(): Promise<Figures> {
    const { scenario } = this.#options
    this.#begin()
    await this.#time.runUntil(SETTLED_MS)
    const quiet = trafficNow(this.#network)
    for (let i = 0; i < scenario.heads; i++) {
      this.#watcher.published(this.#log.truth.grow())
      await this.#time.runUntil(this.#time.ms + scenario.headSeconds * 1000)
    }
    const afterHeads = scenario.split === undefined ? undefined : trafficNow(this.#network)
    this.#watcher.enough()
    const meshes = meshesOf(this.#honest)
    if (scenario.split !== undefined) await this.#lie(scenario.split)
    await this.#time.runUntil(this.#time.ms + scenario.tailSeconds * 1000)
    for (const node of this.#honest) node.stop()
    return this.#figures(quiet, afterHeads ?? trafficNow(this.#network), meshes)
  }

  #figures(before: TrafficBytes, after: TrafficBytes, meshes: Meshes): Figures {
    const { nodes, byzantine, seed, scenario } = this.#options
    return figuresOf({
      ...{ nodes, byzantine, seed, before, after, meshes, watcher: this.#watcher },
      honest: this.#honest.length,
      heads: scenario.heads,
      suspects: this.#honest.filter(({ judge }) => judge.suspects.size > 0).length,
      seconds: this.#time.ms / 1000,
      events: this.#time.happened,
    })
  }

  // ---- the beginning -------------------------------------------------------------------------------------------

  #begin(): void {
    const { scenario } = this.#options
    const { split } = scenario
    this.#victims = new Set(
      split === 'time'
        ? this.#honest
        : split === 'region'
          ? this.#honest.filter(({ city }) => EAST.includes(city))
          : split === 'victim'
            ? this.#honest.slice(-1)
            : [],
    )
    const all = [...this.#honest, ...this.#adversaries]
    for (const node of this.#honest) this.#watcher.watch(node)
    if (scenario.inTurn === true) this.#dialling.joinInTurn(all)
    else for (const node of this.#honest) this.#dialling.join(node, all)
    // Nobody can surround all: all victims of a split by victim are surrounded, and some of a region.
    const surrounded = [...this.#victims].slice(0, 8)
    for (const adversary of this.#adversaries) {
      this.#dialling.surround(adversary, adversary.kind === 'eclipser' ? surrounded : [], this.#honest)
      adversary.start()
    }
    for (const node of this.#honest) node.start(this.#dice.share() * FIRST_POLLS_MS)
    const { agedSeconds } = scenario
    if (agedSeconds !== undefined) this.#time.at(SETTLED_MS - 1, () => this.#age(agedSeconds * 1000))
    if (scenario.churn !== undefined) this.#churn(60_000 / (scenario.churn * this.#options.nodes))
  }

  /** The adversaries in a mesh have been there for this long. */
  #age(ms: number): void {
    for (const { mesh } of this.#honest)
      for (const members of mesh.members)
        for (const { peer, standing } of members)
          if (!peer.isHonest) for (const on of standing.on) if (on.meshSince >= 0) on.meshSince -= ms
  }

  // ---- what happens --------------------------------------------------------------------------------------------

  #someCity(): number {
    return this.#options.scenario.isLocal === true ? LOCAL_CITY : someCity(this.#dice)
  }

  #viewOf(node: SimulatedNode): View {
    const { truth, lie } = this.#log
    return lie !== undefined && this.#victims.has(node) ? lie : truth
  }

  async #lie(split: NonNullable<Scenario['split']>): Promise<void> {
    const { truth } = this.#log
    const { partitionSeconds, truthSeconds } = this.#options.scenario
    const lie = truth.fork(split === 'time')
    this.#log.lie = lie
    truth.grow()
    truth.grow()
    if (truthSeconds !== undefined) await this.#time.runUntil(this.#time.ms + truthSeconds * 1000)
    this.#watcher.lies(lie)
    lie.grow()
    if (partitionSeconds !== undefined) this.#part(partitionSeconds * 1000)
    const [victim] = this.#victims
    victim?.poll()
  }

  #part(ms: number): void {
    const isEast = ({ city }: { readonly city: number }): boolean => EAST.includes(city)
    const lost: Link[] = []
    for (const { mesh } of this.#honest)
      for (const link of [...mesh.links]) {
        if (isEast(link.owner) === isEast(link.peer)) continue
        lost.push(link.isOutbound ? link : link.back)
        this.#dialling.parted(link.owner, link.peer)
        this.#network.disconnect(link)
      }
    this.#network.reaches = (a, b) => isEast(a) === isEast(b)
    this.#time.after(ms, () => {
      this.#network.reaches = () => true
      for (const { owner, peer } of lost)
        this.#time.after(this.#dice.share() * REDIAL_MS, () => void this.#dialling.dial(owner, peer))
    })
  }

  #churn(everyMs: number): void {
    this.#time.after(everyMs, () => {
      const at = this.#dice.below(this.#honest.length)
      const leaving = this.#honest[at]!
      // Witnesses stay: the scenario is about the nodes that join.
      if (!this.#victims.has(leaving) && !leaving.isWitness) this.#replace(at, leaving)
      this.#churn(everyMs)
    })
  }

  #replace(at: number, leaving: SimulatedNode): void {
    leaving.stop()
    this.#dialling.leave(leaving)
    this.#watcher.forget(leaving)
    const node = new SimulatedNode(this.#nextId++, this.#someCity(), this.#world, this.#dice.fork())
    this.#honest[at] = node
    this.#watcher.watch(node)
    this.#dialling.join(node, [...this.#honest, ...this.#adversaries])
    node.start(0)
  }
}
