/** The heartbeat of gossipsub: who is grafted and who is pruned, and who is told what there is. */
import type { TopicIndex } from '../frames.js'
import type { Link } from '../network.js'
import type { SimulatedMesh } from './mesh.js'
import { LIBRARY } from './rules.js'

export function heartbeat(mesh: SimulatedMesh, tick: number): void {
  const scores = new Map<Link, number>()
  for (const link of mesh.links) {
    keptPromises(mesh, link)
    scores.set(link, mesh.score(link))
  }
  for (const topic of [0, 1] as const) {
    const toTell = maintain(mesh, topic, scores, tick)
    tell(mesh, topic, toTell)
  }
  mesh.cache.shift()
}

/** A peer that said it has something, was asked for it and did not send it is thought less of. */
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

/** Returns whom to tell what there is. */
function maintain(mesh: SimulatedMesh, topic: TopicIndex, scores: ReadonlyMap<Link, number>, tick: number): Link[] {
  const { rules, dice, now } = mesh
  const members = mesh.members[topic]
  const scoreOf = (link: Link): number => scores.get(link)!
  const others = dice.shuffled([...mesh.links].filter((link) => !members.has(link)))
  const toTell = new Set(others.filter((link) => scoreOf(link) >= rules.thresholds.gossip))
  const candidates = others.filter((link) => link.standing.on[topic].backoffUntil <= now && scoreOf(link) >= 0)
  const graft = (link: Link): void => {
    mesh.graft(link, topic)
    toTell.delete(link)
    candidates.splice(candidates.indexOf(link), 1)
  }
  const prune = (link: Link): void => {
    mesh.prune(link, topic)
    if (scoreOf(link) >= rules.thresholds.gossip) toTell.add(link)
  }
  for (const link of [...members]) if (scoreOf(link) < 0) prune(link)
  if (members.size < LIBRARY.Dlo) candidates.slice(0, rules.degree - members.size).forEach(graft)
  if (members.size > rules.most) excess(mesh, topic, scoreOf).forEach(prune)
  if (members.size >= LIBRARY.Dlo) {
    const missing = LIBRARY.Dout - [...members].filter(({ isOutbound }) => isOutbound).length
    if (missing > 0)
      candidates
        .filter(({ isOutbound }) => isOutbound)
        .slice(0, missing)
        .forEach(graft)
  }
  if (tick % LIBRARY.opportunisticGraftTicks === 0 && members.size > 1) {
    const ordered = [...members].map(scoreOf).sort((a, b) => a - b)
    const median = ordered[Math.floor(ordered.length / 2)]!
    if (median < rules.thresholds.opportunisticGraft)
      candidates
        .filter((link) => scoreOf(link) > median)
        .slice(0, LIBRARY.opportunisticGraftPeers)
        .forEach(graft)
  }
  return [...toTell]
}

/** Those of too many members that go: the best few stay, and enough that we dialled ourselves; of the others chance decides. */
function excess({ members, rules, dice }: SimulatedMesh, topic: TopicIndex, scoreOf: (link: Link) => number): Link[] {
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

function tell(mesh: SimulatedMesh, topic: TopicIndex, toTell: readonly Link[]): void {
  const numbers = mesh.cache.toTell(topic)
  if (numbers.length === 0 || toTell.length === 0) return
  const target = Math.max(LIBRARY.Dlazy, Math.floor(LIBRARY.gossipFactor * toTell.length))
  for (const link of mesh.dice.shuffled(toTell).slice(0, target)) mesh.tell(link, topic, numbers)
}
