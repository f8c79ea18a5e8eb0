import { expect, test, vi } from 'vitest'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, type SignerKey } from '../../src/tlog/note.js'
import { startHeart, testSigner, testWitness } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'
import { RollbackGuard } from '../../src/witness/rollback.js'
import { Pace } from '../../src/witness/pace.js'
import { GossipDoor } from '../../src/gossip/gossip.js'
import { FloodMeter } from '../../src/gossip/flood.js'
const signer = testSigner('log.example', 1)
const history = new History(signer)
const fork = history.fork(20, 'b')
const A = testSigner('a.example', 8, 4)
function cosigned(head: Uint8Array, ...witnesses: SignerKey[]): Uint8Array {
  const { text, signatures } = parseNote(head)
  return formatNote({ text, signatures: [...signatures, ...witnesses.map((key) => cosign(text, 1000, key).signature)] })
}
test('own heads are charged; a fork from a peer over budget is dropped in silence', async () => {
  const node = await startHeart({ logKey: signer.verifier, prefix: showing(history, fork), counted: [testWitness.verifier, A.verifier] , now: () => 1e12 })
  for (let i = 30; i <= 100; i++) await node.submit('poll', history.head(i))
  const kinds: string[] = []
  for (let i = 30; i < 100; i++) kinds.push((await node.submit('gossip', cosigned(history.head(i), A), 'F')).code ?? 'ok')
  console.log('CHARGED', kinds.filter((k) => k === 'PEER_BUDGET').length)
  const o = await node.submit('gossip', fork.head(120), 'F')
  console.log('FORK', o.kind, o.code, node.suspects.list(node.log).length, node.evidence.length)
  expect(node.suspects.list(node.log).length + node.evidence.length).toBeGreaterThan(0)
})
test('guard after stop', () => {
  vi.useFakeTimers()
  const seen: string[] = []
  const g = new RollbackGuard({ created: false, hasPeers: true, waitMs: 30000, now: Date.now, onChange: (r) => seen.push(r.state) })
  g.stop(); g.answered('p'); vi.advanceTimersByTime(2000)
  vi.useRealTimers()
  expect(seen).toEqual(['waiting'])
})
test('one stranger with an empty answer opens the guard after 1 s', () => {
  vi.useFakeTimers()
  const g = new RollbackGuard({ created: false, hasPeers: true, waitMs: 30000, now: Date.now, onChange: () => undefined })
  g.answered('stranger'); vi.advanceTimersByTime(1001)
  vi.useRealTimers()
  expect(g.maySign).toBe(false)
})
test('pace timer stays after abort', async () => {
  vi.useFakeTimers()
  const p = new Pace(Date.now); p.signed('l', 1)
  const c = new AbortController(); const t = p.turn('l', 2, c.signal); c.abort(); await t
  const n = vi.getTimerCount(); vi.useRealTimers()
  expect(n).toBe(0)
})
test('4 peers fill the topic while a head waits', async () => {
  const validators = new Map<string, any>()
  const drops: string[] = []
  const door = new GossipDoor({ topicValidators: validators, subscribe: () => undefined } as never, new Set(['ab'.repeat(32)]), new FloodMeter(),
    { submit: () => new Promise(() => undefined), submitEvidence: () => Promise.resolve('new') } as never, { onError: () => undefined, onDropped: (d) => drops.push(d) })
  door.open()
  const [v] = validators.values()
  for (let p = 0; p < 4; p++) for (let i = 0; i < 64; i++) void v({ toString: () => 'evil' + p }, { data: new Uint8Array([p, i]) })
  console.log('HONEST', await v({ toString: () => 'honest' }, { data: new Uint8Array([9]) }), drops)
})
