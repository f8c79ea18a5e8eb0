/** From the answers of the API to the data of the pictures. Pure. */
import type { EvidenceView, HeadView, LogView, PeerView, StatusView, WitnessView } from '../status/shapes.js'
import { beliefIn } from '../status/belief.js'
import type { Freshness, LogPictures, OutcomeFacts, RingMember, Strand } from './facts.js'
import { grouped, span } from '../lib/words.js'

/**
 * Milliseconds: witnesses sign an unchanged head again every half hour, and a slightly longer pause is not silence yet.
 */
const FRESH_MS = 35 * 60_000
const LATE_MS = 2 * 3_600_000

/** One reading of a node. */
export interface NodeReading {
  readonly status: StatusView
  readonly witnesses: readonly WitnessView[]
  readonly peers: readonly PeerView[]
  readonly evidence: readonly EvidenceView[]
  /** The newest heads of each log, by its id. */
  readonly heads: ReadonlyMap<string, readonly HeadView[]>
  /** The outcomes of the heads of each log in the last hour, by its id. */
  readonly outcomes: ReadonlyMap<string, readonly OutcomeFacts[]>
  /** Milliseconds since 1970. */
  readonly now: number
}

export function picturesOf(reading: NodeReading, log: LogView): LogPictures {
  const { status, evidence, now, witnesses, peers } = reading
  const { belief, sentence } = beliefIn(status, log, evidence, now)
  return {
    ...{ belief, verdict: sentence },
    rope: { now, strands: strandsOf(reading, log) },
    ring: [...witnesses.map((witness) => witnessMember(witness, now)), ...peers.map((peer) => peerMember(peer, now))],
    mountains: { size: log.size, audited: log.audit?.size ?? 0 },
    outcomes: [...(reading.outcomes.get(log.id) ?? [])],
  }
}

function strandsOf({ witnesses, evidence, heads }: NodeReading, log: LogView): Strand[] {
  const known = heads.get(log.id) ?? []
  const lies = evidence.filter((item) => item.log === log.id && !item.acked)
  const strands = witnesses.map(({ key, name, own, counted }): Strand => {
    const points = known
      .flatMap(({ size, cosignatures }) =>
        cosignatures.filter((each) => each.key === key).map(({ time }) => ({ size, time: Date.parse(time) })),
      )
      .reverse()
    return {
      name,
      of: 'witness',
      own,
      counted,
      points,
      strayed: lies.filter(({ witness }) => witness === key).map(strayed),
    }
  })
  // The receiver of the other history may not be a witness: it has a strand of its own.
  const others = lies.filter(({ witness, module }) => witness === null && module === undefined)
  const root = known.map(({ size, time }) => ({ size, time: Date.parse(time ?? '') })).filter(({ time }) => time > 0)
  if (others.length === 0) return strands
  // A single strand for all heads of the history that was shown to others.
  const from = Math.min(...others.flatMap(({ sizes }) => sizes))
  const shown: Strand = {
    ...{ name: 'shown to others', of: 'other history', own: false, counted: false },
    points: root.filter(({ size }) => size < from).reverse(),
    strayed: others.map(strayed).sort((a, b) => a.time - b.time),
  }
  return [...strands, shown]
}

function strayed({ sizes, seenAt }: EvidenceView): Strand['strayed'][number] {
  return { size: Math.min(...sizes), time: Date.parse(seenAt) }
}

function freshness(at: number | undefined, now: number): Freshness {
  const ago = now - (at ?? 0)
  return ago <= FRESH_MS ? 'fresh' : ago <= LATE_MS ? 'late' : 'silent'
}

function witnessMember({ name, own, last, convicted }: WitnessView, now: number): RingMember {
  const at = last === null ? undefined : Date.parse(last.time)
  const heard = last === null ? 'never heard of' : `size ${grouped(last.size)}, ${ago(now - Date.parse(last.time))}`
  const isConvicted = convicted !== null
  return {
    ...{ name, kind: 'witness', own },
    freshness: isConvicted ? 'convicted' : freshness(at, now),
    text: isConvicted ? 'proven to have signed two histories' : heard,
  }
}

function peerMember({ peerId, head, rttMs, witness }: PeerView, now: number): RingMember {
  const heard = head === null ? 'no head yet' : `size ${grouped(head.size)}, ${ago(now - Date.parse(head.at))}`
  return {
    ...{ name: witness?.split('+', 1)[0] ?? peerId, kind: 'peer', own: false },
    // A peer that answers counts as fresh, whatever its head.
    freshness: rttMs === null ? freshness(head === null ? undefined : Date.parse(head.at), now) : 'fresh',
    text: rttMs === null ? heard : `${heard}; ${Math.round(rttMs)} ms away`,
  }
}

function ago(ms: number): string {
  return `${span(Math.max(0, ms) / 1000)} ago`
}
