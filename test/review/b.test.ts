import { expect, test, vi, beforeEach, afterEach } from 'vitest'
import { randomBytes } from 'node:crypto'
import { Pace } from '../../src/witness/pace.js'
import { Neighbours } from '../../src/gossip/neighbours.js'
import { testSigner } from '../helpers/heart.js'

beforeEach(() => { vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }) })
afterEach(() => { vi.useRealTimers() })

/** Nodes with the real Pace: gossip takes 50 ms, a proof 50 ms; each polls about every `poll` ms, the log signs a head every `every` ms. */
async function simulate(nodes: number, every: number, poll: number, seconds: number) {
  let seed = 1; const rnd = () => ((seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648)
  const t0 = Date.now()
  const size = () => Math.floor((Date.now() - t0) / every) + 1
  const signers = new Map<number, Set<number>>()
  const sim = Array.from({ length: nodes }, (_, i) => ({ i, tree: 0, pace: new Pace(Date.now), seen: new Set<number>() }))
  const never = new AbortController().signal
  const sign = (n: (typeof sim)[0], s: number) => {
    if (s <= n.tree) return
    n.tree = s; n.pace.signed('l', s)
    if (!signers.has(s)) signers.set(s, new Set()); signers.get(s)!.add(n.i)
    for (const o of sim) if (o !== n) setTimeout(() => gossip(o, s), 50)
  }
  const gossip = async (n: (typeof sim)[0], s: number) => {
    if (n.seen.has(s) || s <= n.tree) return
    n.seen.add(s)
    await n.pace.turn('l', s, never)
    if (s <= n.tree) return
    setTimeout(() => sign(n, s), 50)
  }
  const pollLoop = (n: (typeof sim)[0]) => { sign(n, size()); setTimeout(() => pollLoop(n), poll * (0.8 + 0.4 * rnd())) }
  for (const n of sim) setTimeout(() => pollLoop(n), rnd() * poll)
  await vi.advanceTimersByTimeAsync(seconds * 1000)
  const later = [...signers].filter(([s]) => s * every > seconds * 500 && s * every < seconds * 1000 - 10000)
  const need = Math.floor((2 * nodes) / 3) + 1
  const withQuorum = later.filter(([, who]) => who.size >= need).map(([s]) => s).sort((a, b) => a - b)
  const best = Math.max(...later.map(([, who]) => who.size))
  const gaps = withQuorum.map((s, i) => (i === 0 ? 0 : (s - withQuorum[i - 1]!) * every / 1000))
  return { heads: later.length, best, need, withQuorum: withQuorum.length, maxGapS: Math.max(0, ...gaps) }
}
test.each([[20, 100, 60000], [50, 100, 60000], [50, 1000, 60000], [20, 500, 10000], [50, 3000, 60000], [200, 100, 60000]])('pace N=%d every=%d poll=%d', async (n, every, poll) => {
  console.log('PACE', n, every, poll, JSON.stringify(await simulate(n, every, poll, 300)))
}, 60000)

test('neighbours: one that names new nonsense each second starves a later one', async () => {
  const changes: number[] = []
  const n = new Neighbours({ logs: new Set(), counts: new Set(), witness: undefined, onChange: () => changes.push(1), onTwin: () => undefined })
  const hello = (counts: string[]) => ({ type: 'hello' as const, heads: [], evidence: [], counts, peers: [] })
  const junk = () => Array.from({ length: 91 }, () => `x${randomBytes(4).toString('hex')}+00000000+AAAA`)
  n.heard('evil', hello(junk()))
  await vi.advanceTimersByTimeAsync(500)
  const wanted = testSigner('wanted.example', 50, 4).verifier.vkey
  n.heard('honest', hello([wanted]))
  for (let i = 0; i < 60; i++) { n.heard('evil', hello(junk())); await vi.advanceTimersByTimeAsync(1000); n.heard('honest', hello([wanted])) }
  console.log('NEIGH', n.relayed().length)
  expect(n.relayed().map((k) => k.vkey)).toContain(wanted)
})
