/** The results of a simulation, as numbers: those of the last line of output, and additional ones. */
import type { Purpose } from './frames.js'
import type { Network } from './network.js'
import type { SimulatedNode } from './node.js'
import type { Watcher } from './watcher.js'

export interface Figures {
  readonly nodes: number
  readonly byzantine: number
  /** Null if nothing of the kind happened. */
  readonly quorumMs: { readonly p50: number | null; readonly p99: number | null }
  readonly evidenceMs: { readonly p50: number | null; readonly p99: number | null; readonly max: number | null }
  readonly bytesPerNodeHead: number
  readonly falseAlarms: number
  readonly seed: number
  /** Not in the last line. */
  readonly more: {
    readonly messagesPerNodeHead: number
    /** Messages about heads, which arrive in several copies. */
    readonly judgedPerNodeHead: number
    /** Bytes of mesh and sync, per node and second: they are sent whatever the log does. */
    readonly quietBytesPerNodeSecond: number
    /** Honest nodes that never held evidence of the lie. */
    readonly withoutEvidence: number
    /** The fraction of members that follow no rules, in the meshes for heads, at the end of the log's activity. */
    readonly adversariesInMesh: number
    /** Honest nodes whose mesh has only such members. */
    readonly nodesWithoutHonest: number
    /** Quorums that honest nodes never had, over all heads and nodes. */
    readonly quorumsMissed: number
    /** Nodes that hold heads which they cannot explain. */
    readonly nodesWithSuspects: number
    readonly virtualSeconds: number
    readonly events: number
    /** Everything that was measured, in milliseconds, sorted: the data of the plots. */
    readonly quorums: readonly number[]
    readonly evidence: readonly number[]
  }
}

export type TrafficBytes = Readonly<Record<Purpose, { readonly frames: number; readonly bytes: number }>>

export function trafficNow({ traffic }: Network): TrafficBytes {
  const { news, gossip, mesh, sync } = traffic
  return { news: { ...news }, gossip: { ...gossip }, mesh: { ...mesh }, sync: { ...sync } }
}

/** The members of the meshes of the honest nodes. */
export interface Meshes {
  readonly adversaries: number
  readonly withoutHonest: number
}

export function meshesOf(nodes: readonly SimulatedNode[]): Meshes {
  const meshes = nodes.map(({ mesh }) => [...mesh.members[0]].map(({ peer }) => peer.isHonest))
  const members = meshes.flat()
  return {
    adversaries: members.filter((isHonest) => !isHonest).length / Math.max(1, members.length),
    withoutHonest: meshes.filter((mesh) => !mesh.includes(true)).length,
  }
}

export interface Measured {
  readonly nodes: number
  readonly byzantine: number
  readonly seed: number
  readonly honest: number
  readonly heads: number
  /** What honest nodes had sent before the first head, and after the last. */
  readonly before: TrafficBytes
  readonly after: TrafficBytes
  readonly watcher: Watcher
  readonly meshes: Meshes
  readonly suspects: number
  readonly seconds: number
  readonly events: number
}

export function figuresOf(measured: Measured): Figures {
  const { nodes, byzantine, seed, honest, heads, before, after, watcher } = measured
  const sent = (purpose: Purpose, what: 'frames' | 'bytes'): number => after[purpose][what] - before[purpose][what]
  const quorums = inOrder(watcher.quorumMs)
  const evidence = inOrder(watcher.evidenceMs)
  return {
    ...{ nodes, byzantine },
    quorumMs: { p50: quantile(quorums, 0.5), p99: quantile(quorums, 0.99) },
    evidenceMs: { p50: quantile(evidence, 0.5), p99: quantile(evidence, 0.99), max: quantile(evidence, 1) },
    bytesPerNodeHead: Math.round((sent('news', 'bytes') + sent('gossip', 'bytes')) / honest / heads),
    falseAlarms: watcher.falseAlarms,
    seed,
    more: {
      messagesPerNodeHead: tenths(sent('news', 'frames') / honest / heads),
      judgedPerNodeHead: tenths(watcher.messages / honest / heads),
      quietBytesPerNodeSecond: tenths((after.mesh.bytes + after.sync.bytes) / honest / measured.seconds),
      withoutEvidence: watcher.without,
      adversariesInMesh: hundredths(measured.meshes.adversaries),
      nodesWithoutHonest: measured.meshes.withoutHonest,
      quorumsMissed: watcher.quorumsMissed,
      nodesWithSuspects: measured.suspects,
      virtualSeconds: Math.round(measured.seconds),
      events: measured.events,
      ...{ quorums, evidence },
    },
  }
}

/** The last line of output. */
export function lineOf(figures: Figures): string {
  return JSON.stringify({ ...figures, more: undefined })
}

function inOrder(values: readonly number[]): number[] {
  return values.map(Math.round).sort((a, b) => a - b)
}

export function quantile(ordered: readonly number[], share: number): number | null {
  return ordered[Math.min(ordered.length - 1, Math.floor(share * ordered.length))] ?? null
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10
}
