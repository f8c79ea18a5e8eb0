/**
 * The witness key is in an ssh-agent that becomes unavailable: promised signatures are made later, and nothing is lost.
 */
import { MemoryLevel } from 'memory-level'
import { expect, onTestFinished, test } from 'vitest'
import { AgentSigner } from '../../src/keys/ssh/agent-signer.js'
import { FakeAgent, honestly, saying } from '../fakes/ssh-agent.js'
import { cosignatureIn, Feed, MemoryGuard, startHeart, testSigner, testWitness, type Heart } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const logSigner = testSigner('log.example', 1)
const history = new History(logSigner)

/** A pipeline that signs through an agent, which is honest until told otherwise. */
async function start(agent: FakeAgent, db = new MemoryLevel(), guard = new MemoryGuard()) {
  const signer = new AgentSigner(testWitness.verifier, { socket: agent.socket, timeoutMs: 300 })
  onTestFinished(() => signer.stop())
  const told = new Feed<string>()
  const heart = await startHeart({ logKey: logSigner.verifier, prefix: showing(history), signer, db, guard })
  const onBack = (): void => void heart.witness.retryOwed().then(() => told.push('back'))
  signer.watch({ onLost: ({ code }) => told.push(code), onBack })
  return { heart, told, db, guard }
}

function ours(heart: Heart, size: number): number | undefined {
  const head = heart.cosigned.current(heart.log)
  return head?.size === size ? head.cosignatures.get(testWitness.verifier.vkey)?.time : undefined
}

test('a head that arrives without the agent is neither signed nor sent, until the agent is back', async () => {
  const agent = await FakeAgent.start(honestly(testWitness))
  const { heart, told } = await start(agent)
  expect((await heart.submit('poll', history.head(5))).kind).toBe('advanced')
  expect(ours(heart, 5)).toBeDefined()
  const published = heart.published.length

  await agent.stop()
  const refused = { kind: 'refused', code: 'AGENT_UNAVAILABLE', size: 9 }
  expect(await heart.submit('poll', history.head(9))).toMatchObject(refused)
  // It is promised on disk; nothing larger is promised before that is signed.
  expect(heart.store.heads.get(heart.log).signed?.size).toBe(9)
  expect(await heart.submit('poll', history.head(11))).toMatchObject({ ...refused, size: 11 })
  expect(heart.store.heads.get(heart.log).signed?.size).toBe(9)
  expect(ours(heart, 5)).toBeDefined()
  expect(heart.published).toHaveLength(published)

  await agent.listen()
  await told.next((what) => what === 'back')
  expect(ours(heart, 9)).toBeDefined()
  expect(cosignatureIn(heart.published.at(-1)!).time).toBe(ours(heart, 9))
  expect((await heart.submit('poll', history.head(11))).kind).toBe('advanced')
  expect(ours(heart, 11)).toBeDefined()
  expect(heart.errors).toEqual([])
  await heart.stop()
})

test.each<[string, Parameters<typeof FakeAgent.start>[0]]>([
  ['signs something else', honestly(testWitness, (message) => testWitness.sign(message.reverse()))],
  ['signs with another key', honestly(testSigner('witness.example', 8, 0x04))],
  ['talks nonsense', saying(new Uint8Array(100).fill(0xff))],
  ['never answers', () => undefined],
])('an agent that %s makes no cosignature, and nothing of it is sent or kept', async (_what, answering) => {
  const agent = await FakeAgent.start(answering)
  const { heart } = await start(agent)
  expect(await heart.submit('poll', history.head(5))).toMatchObject({ kind: 'refused', code: 'AGENT_UNAVAILABLE' })
  expect(heart.published).toEqual([])
  expect(heart.cosigned.current(heart.log)?.cosignatures.size ?? 0).toBe(0)
  expect(await heart.store.history.get(heart.log, 5)).toBeUndefined()
  await heart.stop()
})

test('a node that starts without its agent stays up, and makes the promised cosignature once the agent is there', async () => {
  const agent = await FakeAgent.start(honestly(testWitness))
  const first = await start(agent)
  await first.heart.submit('poll', history.head(5))
  await agent.stop()
  await first.heart.submit('poll', history.head(9))
  await first.heart.witness.stop()

  const again = await start(agent, first.db, first.guard)
  expect(again.heart.store.heads.get(again.heart.log).tree?.size).toBe(9)
  expect(ours(again.heart, 9)).toBeUndefined()
  await agent.listen()
  await again.told.next((what) => what === 'back')
  expect(ours(again.heart, 9)).toBeDefined()
  await again.heart.stop()
})

test('a log that was frozen while the agent was unavailable stays unsigned', async () => {
  const agent = await FakeAgent.start(honestly(testWitness))
  const { heart, told } = await start(agent)
  await heart.submit('poll', history.head(5))
  await agent.stop()
  await heart.submit('poll', history.head(9))
  expect((await heart.submit('gossip', history.fork(3, 'b').head(9), 'p')).kind).toBe('conflict')
  await agent.listen()
  await told.next((what) => what === 'back')
  expect(ours(heart, 9)).toBeUndefined()
  await heart.stop()
})
