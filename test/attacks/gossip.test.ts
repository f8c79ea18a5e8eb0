/** Attacks over gossipsub: frames of subscriptions, old heads, forged cosignatures, heads that nobody can prove. */
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { headsTopic } from '../../src/gossip/topics.js'
import { concatBytes, fromUtf8, uint64, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { formatNote, formatSignature, signNote } from '../../src/tlog/note.js'
import { messageFrame, subscriptionFrame } from '../gossip/stranger.js'
import { isAdvanced, isEvidence } from '../helpers/fleet-node.js'
import { expectBounded, expectNoticed, pause, startArena, type Arena } from './arena.js'
import { Attacker, framed } from './attacker.js'

/** The size of a frame that demonstrated CVE-2026-46679. */
const HUGE = 4 * 1024 * 1024

/** A head of the attacked log as a note, for a tree that need not exist. */
function signedHead({ log }: Arena, size: number, root: Uint8Array): Uint8Array {
  const text = formatCheckpoint({ origin: SUMDB_ORIGIN, size, root })
  return formatNote({ text, signatures: [signNote(text, log.signer)] })
}

/** A note with one more line. */
function withLine(note: Uint8Array, line: string): Uint8Array {
  return concatBytes(note, utf8(line))
}

test('gossip frames of 4 MB full of subscriptions', async () => {
  const arena = await startArena()
  const attacker = await Attacker.start(arena.address)
  // Each frame is a concatenation of many frames, which protobuf decodes as one frame with the combined lists.
  const parts = Array.from({ length: 225 }, (_, part) =>
    subscriptionFrame(Array.from({ length: 1000 }, (_, i) => `made-up-${part}-${i}`)),
  )
  const huge = framed(concatBytes(...parts))
  expect(huge.length).toBeGreaterThan(HUGE)
  // And as many as fit into a frame that is not rejected for its length.
  const large = framed(concatBytes(...parts.slice(0, 45)))
  expect(large.length).toBeLessThan(1024 * 1024)
  let n = 0
  const damage = await arena.attack([attacker.peerId], (signal) =>
    attacker.gossip(signal, () => (n++ % 2 === 0 ? large : huge)),
  )
  expectBounded(damage)
  if (attacker.cut === 0) expectNoticed(damage)
})

test('a flood of valid old heads with lines of junk', async () => {
  const arena = await startArena()
  const attacker = await Attacker.start(arena.address)
  const old = await arena.log.views[0]!.history.server.head(257)
  const topic = headsTopic(arena.log.id)
  const damage = await arena.attack([attacker.peerId], (signal) =>
    attacker.gossip(signal, () => {
      const junk = { name: 'junk.example', keyId: '00c0ffee', bytes: randomBytes(72) }
      return framed(
        messageFrame(
          topic,
          ...Array.from({ length: 20 }, () => withLine(old, formatSignature({ ...junk, bytes: randomBytes(72) }))),
        ),
      )
    }),
  )
  expectBounded(damage)
  expectNoticed(damage)
})

test('garbage in the name of a witness that counts, on a valid head', async () => {
  const arena = await startArena()
  const attacker = await Attacker.start(arena.address)
  const { server } = arena.log.views[0]!.history
  const { name, keyId } = arena.fleet.keys[1]!
  const topic = headsTopic(arena.log.id)
  // Slowly enough to stay below the message limits: the content has to be noticed.
  const damage = await arena.attack([attacker.peerId], (signal) =>
    attacker.gossip(signal, async () => {
      await pause(50)
      const bytes = concatBytes(uint64(Math.floor(Date.now() / 1000)), randomBytes(64))
      return framed(messageFrame(topic, withLine(await server.head(), formatSignature({ name, keyId, bytes }))))
    }),
  )
  expectBounded(damage)
  expectNoticed(damage)
})

test('heads that the log signed and nobody can prove', async () => {
  const arena = await startArena()
  const attacker = await Attacker.start(arena.address)
  const topic = headsTopic(arena.log.id)
  const view = arena.log.views[0]!
  const asked = view.requests
  // Each of another size, since two of one size would convict the log.
  let size = 1_000_000
  const damage = await arena.attack([attacker.peerId], (signal) =>
    attacker.gossip(signal, () =>
      framed(messageFrame(topic, ...Array.from({ length: 10 }, () => signedHead(arena, size++, randomBytes(32))))),
    ),
  )
  expectBounded(damage)
  expectNoticed(damage)
  // The log, which is not ours, must not be loaded either.
  expect(view.requests - asked).toBeLessThan(2_000)
})

test('a peer that relays a conflicting head is no attacker', async () => {
  const arena = await startArena()
  const messenger = await Attacker.start(arena.address)
  const { other } = arena
  const history = await other.views[0]!.history.branch(other.signer, 'lie')
  const size = await other.grow(5)
  // It has the origin of the first log, so its heads are followed and not cosigned.
  await arena.fleet.all((node) => node.when('head', isAdvanced(other.id, size)))
  await history.grow(5)
  const lie = await history.server.head()
  const abort = new AbortController()
  const frames = [framed(subscriptionFrame([headsTopic(other.id)])), framed(messageFrame(headsTopic(other.id), lie))]
  const speaking = messenger.gossip(abort.signal, () => frames.shift())
  await arena.fleet.all((node) => node.when('evidence', isEvidence(other.id)))
  const seen = await arena.peer(messenger.peerId)
  expect(seen, fromUtf8(lie)).toBeDefined()
  expect(seen!.score ?? 0).toBeGreaterThanOrEqual(0)
  expect(messenger.cut).toBe(0)
  await arena.publish()
  abort.abort()
  await speaking
})
