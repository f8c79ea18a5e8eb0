/** Attacks over the sync protocol: floods of requests, readers that do not read, frames whose length is a lie. */
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { encodeEvidence, makeSplitView } from '../../src/evidence/evidence.js'
import { evidenceTopic, headsTopic } from '../../src/gossip/topics.js'
import { concatBytes, toBase64, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { parseNote, signNote, formatNote } from '../../src/tlog/note.js'
import { messageFrame } from '../gossip/stranger.js'
import { isEvidence } from '../helpers/fleet-node.js'
import { expectBounded, expectNoticed, startArena, type Arena } from './arena.js'
import { Attacker, framed, request, varint } from './attacker.js'

/** All requests of the protocol, each for as much as possible. */
function everyRequest({ log, fleet }: Arena, newest: Uint8Array): Uint8Array[] {
  const root = toBase64(randomBytes(32))
  const ids = Array.from({ length: 16 }, () => randomBytes(8).toString('hex'))
  const signature = toBase64(randomBytes(2420))
  const promise = { log: log.id, witness: fleet.keys[0]!.vkey, seq: 1, time: 1, head: 'x'.repeat(500), signature }
  const lists = Array.from({ length: 256 }, () => ({ log: log.id, id: randomBytes(8).toString('hex') }))
  return [
    request({ type: 'hello', heads: [Buffer.from(newest).toString()], evidence: [] }),
    request({ type: 'hello', heads: [], evidence: lists }),
    request({ type: 'evidence', ids }),
    request({ type: 'proof', log: log.id, of: { size: 300, root }, size: 257 }),
    request({ type: 'proof', log: log.id, of: { size: Number.MAX_SAFE_INTEGER, root }, size: 300 }),
    request({ type: 'tile', log: log.id, path: 'tile/8/0/000' }),
    request({ type: 'tile', log: log.id, path: 'tile/8/7/x999/x999/999' }),
    request({ type: 'signed', witness: fleet.keys[0]!.vkey }),
    request({ type: 'signed', witness: fleet.keys[0]!.vkey, after: '0'.repeat(64) }),
    request({
      type: 'promise',
      promises: Array(64).fill(promise),
      lines: Array(64).fill(Buffer.from(newest).toString()),
    }),
    request({ type: 'unheard-of' }),
  ]
}

test('floods of every sync request', async () => {
  const arena = await startArena()
  const attackers = await Promise.all([1, 2, 3].map(() => Attacker.start(arena.address)))
  const { server } = arena.log.views[0]!.history
  const asked = arena.log.views[0]!.requests
  const damage = await arena.attack(
    attackers.map(({ peerId }) => peerId),
    async (signal) => {
      const asks = everyRequest(arena, await server.head())
      let n = 0
      await Promise.all(attackers.map((attacker) => attacker.sync(signal, () => asks[n++ % asks.length])))
    },
  )
  expectBounded(damage)
  for (const attacker of attackers) expect(attacker.cut).toBeGreaterThan(0)
  // How much a stranger may make us fetch from the log is bounded too: three nodes' polls and a little more.
  expect(arena.log.views[0]!.requests - asked).toBeLessThan(1_000)
})

/** A file of about 50 kB that convicts the other log, whose key the attacker has: two padded heads of one size. */
function largeEvidence({ other }: Arena, size: number): Uint8Array {
  const heads = ['a', 'b'].map((salt) => {
    const text = formatCheckpoint({ origin: SUMDB_ORIGIN, size, root: randomBytes(32) }) + `${salt.repeat(24_000)}\n`
    return parseNote(formatNote({ text, signatures: [signNote(text, other.signer)] }))
  })
  return encodeEvidence(makeSplitView(other.signer.verifier, [heads[0]!, heads[1]!]))
}

test('clients that request much and never read', async () => {
  const arena = await startArena()
  const { victim, other } = arena
  // The largest answers contain evidence, so there has to be some.
  const herald = await Attacker.start(arena.address)
  const told = new AbortController()
  const files = Array.from({ length: 4 }, (_, i) =>
    framed(messageFrame(evidenceTopic(other.id), largeEvidence(arena, 1_000 + i))),
  )
  const telling = herald.gossip(told.signal, () => files.shift())
  await victim.when('evidence', isEvidence(other.id))
  told.abort()
  await telling
  const { evidence } = (await victim.json('/api/v1/evidence')) as { evidence: { id: string }[] }

  const attackers = await Promise.all(Array.from({ length: 20 }, () => Attacker.start(arena.address)))
  const ask = request({ type: 'evidence', ids: evidence.map(({ id }) => id) })
  const damage = await arena.attack(
    attackers.map(({ peerId }) => peerId),
    async (signal) => {
      const asks = Array.from({ length: 24 }, () => ask)
      await Promise.all(attackers.flatMap((attacker) => [1, 2].map(() => attacker.askAndNeverRead(signal, asks))))
    },
  )
  expectBounded(damage)
})

test('frames with a false length, on sync and on gossip', async () => {
  const arena = await startArena()
  const attackers = await Promise.all([1, 2].map(() => Attacker.start(arena.address)))
  const body = utf8(JSON.stringify({ type: 'hello', heads: [], evidence: [] }))
  const lies = [
    // Longer than any frame, longer than a number, not a number at all.
    concatBytes(varint(2 ** 40), body),
    concatBytes(new Uint8Array(12).fill(0xff), body),
    concatBytes(varint(256 * 1024 + 1), randomBytes(64 * 1024)),
    // Shorter and longer than the following bytes.
    concatBytes(varint(body.length - 5), body),
    concatBytes(varint(200_000), body),
    // Of the stated length, and nonsense.
    framed(randomBytes(100_000)),
    framed(messageFrame(headsTopic(arena.log.id), randomBytes(65 * 1024))),
  ]
  let n = 0
  const damage = await arena.attack(
    attackers.map(({ peerId }) => peerId),
    async (signal) => {
      const next = (): Uint8Array => lies[n++ % lies.length]!
      await Promise.all([attackers[0]!.sync(signal, next), attackers[1]!.gossip(signal, next)])
    },
  )
  expectBounded(damage)
  expect(attackers[0]!.cut).toBeGreaterThan(0)
  if (attackers[1]!.cut === 0) expectNoticed(damage)
})

test('empty frames, as many as fit into a packet', async () => {
  const arena = await startArena()
  const attackers = await Promise.all([1, 2].map(() => Attacker.start(arena.address)))
  // A length of zero is one byte: 65,536 messages.
  const empty = new Uint8Array(64 * 1024)
  const damage = await arena.attack(
    attackers.map(({ peerId }) => peerId),
    async (signal) => {
      await Promise.all([attackers[0]!.sync(signal, () => empty), attackers[1]!.gossip(signal, () => empty)])
    },
  )
  expectBounded(damage)
  expect(attackers[0]!.cut).toBeGreaterThan(0)
  if (attackers[1]!.cut === 0) expectNoticed(damage)
})
