/** The heartbeat of gossipsub: which peers are grafted and pruned, and which are told what messages there are. */
import type { TopicIndex } from '../frames.js'
import type { Link } from '../network.js'
import type { SimulatedMesh } from './mesh.js'
import { LIBRARY } from './rules.js'

export function heartbeat(mesh: SimulatedMesh, tick: number): void {
  for (const link of mesh.links) keptPromises(mesh, link)
  const scores = new Map<Link, number>()
  const scoreOf = (link: Link): number => {
    let score = scores.get(link)
    if (score === undefined) scores.set(link, (score = mesh.score(link)))
    return score
  }
  for (const topic of [0, 1] as const) {
    maintain(mesh, topic, scoreOf, tick)
    tell(mesh, topic, scoreOf)
  }
  mesh.cache.shift()
}

/** A peer that announced a message and did not send it on request loses points. */
function keptPromises(mesh: SimulatedMesh, { standing }: Link): void {
  standing.ihaves = 0
  if (standing.promised.length === 0) return
  standing.promised = standing.promised.filter(({ number, by }) => {
    if (mesh.cache.has(number)) return false
    if (by > mesh.now) return true
    standing.misbehaved(mesh.rules.score, mesh.now)
    return false
  })
}

type ScoreOf = (link: Link) => number

function maintain(mesh: SimulatedMesh, topic: TopicIndex, scoreOf: ScoreOf, tick: number): void {
  const { rules } = mesh
  const members = mesh.members[topic]
  for (const link of [...members]) if (scoreOf(link) < 0) mesh.prune(link, topic)
  if (members.size < LIBRARY.Dlo) graftSome(mesh, topic, scoreOf, rules.degree - members.size, () => true)
  if (members.size > rules.most) for (const link of excess(mesh, topic, scoreOf)) mesh.prune(link, topic)
  if (members.size >= LIBRARY.Dlo) {
    const missing = LIBRARY.Dout - [...members].filter(({ isOutbound }) => isOutbound).length
    if (missing > 0) graftSome(mesh, topic, scoreOf, missing, ({ isOutbound }) => isOutbound)
  }
  if (tick % rules.heartbeatsToBetter === 0 && members.size > 1) {
    const ordered = [...members].map(scoreOf).sort((a, b) => a - b)
    const median = ordered[Math.floor(ordered.length / 2)]!
    if (median < rules.thresholds.opportunisticGraft)
      graftSome(mesh, topic, scoreOf, LIBRARY.opportunisticGraftPeers, (link) => scoreOf(link) > median)
  }
}

/** Grafts this many of the eligible peers, chosen at random. */
function graftSome(
  mesh: SimulatedMesh,
  topic: TopicIndex,
  scoreOf: ScoreOf,
  count: number,
  isFit: (link: Link) => boolean,
): void {
  const mayBe = [...mesh.links].filter(
    (link) =>
      !mesh.members[topic].has(link) &&
      link.standing.on[topic].backoffUntil <= mesh.now &&
      scoreOf(link) >= 0 &&
      isFit(link),
  )
  for (const link of mesh.dice.shuffled(mayBe).slice(0, count)) mesh.graft(link, topic)
}

/**
 * The members to prune from a mesh that is too large: the best few stay, and enough that we dialled; the rest is
 * random.
 */
function excess({ members, rules, dice }: SimulatedMesh, topic: TopicIndex, scoreOf: ScoreOf): Link[] {
  const byScore = [...members[topic]].sort((a, b) => scoreOf(b) - scoreOf(a))
  let kept = [...byScore.slice(0, LIBRARY.Dscore), ...dice.shuffled(byScore.slice(LIBRARY.Dscore))]
  const dialled = kept.slice(0, rules.degree).filter(({ isOutbound }) => isOutbound).length
  if (dialled < LIBRARY.Dout) {
    const more = kept.slice(rules.degree).filter(({ isOutbound }) => isOutbound)
    const first = [
      ...kept.slice(0, rules.degree).filter(({ isOutbound }) => isOutbound),
      ...more.slice(0, rules.degree - dialled),
    ]
    kept = [...first, ...kept.filter((link) => !first.includes(link))]
  }
  return kept.slice(rules.degree)
}

/** Announces messages to some of the peers outside the mesh. */
function tell(mesh: SimulatedMesh, topic: TopicIndex, scoreOf: ScoreOf): void {
  const numbers = mesh.cache.toTell(topic)
  if (numbers.length === 0) return
  const { gossip } = mesh.rules.thresholds
  const toTell = [...mesh.links].filter((link) => !mesh.members[topic].has(link) && scoreOf(link) >= gossip)
  const target = Math.max(LIBRARY.Dlazy, Math.floor(LIBRARY.gossipFactor * toTell.length))
  for (const link of mesh.dice.shuffled(toTell).slice(0, target)) mesh.tell(link, topic, numbers)
}
