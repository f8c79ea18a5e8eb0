/**
 * A log hides a fork in a spelling that the go command accepts and a strict witness would discard: whatever the go
 * command reads is compared, kept and used to convict; only what is canonical is signed.
 */
import { createHash } from 'node:crypto'
import { Point } from '@noble/ed25519'
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import { concatBytes, fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { formatHash } from '../../src/tlog/hash.js'
import { formatNote } from '../../src/tlog/note.js'
import { isFrozen } from '../../src/store/heads.js'
import { breakWrites } from '../helpers/broken-disk.js'
import { MemoryGuard, startHeart, testSigner, type Heart } from '../helpers/heart.js'
import { History, setUnusedBit, showing } from '../helpers/history.js'

const SEED = 1
const signer = testSigner('log.example', SEED)
const key = signer.verifier
const history = new History(signer)

// ---- spellings -------------------------------------------------------------------------------------------------

const littleEndian = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
const sha512 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha512').update(bytes).digest())

/** A signature with the identity point as R: [S]B - [k]A is the identity for S = k a, so Go accepts it. */
function signWithIdentity(text: string): Uint8Array {
  const { n } = Point.CURVE()
  const expanded = sha512(new Uint8Array(32).fill(SEED)).subarray(0, 32).slice()
  expanded[0]! &= 0xf8
  expanded[31] = (expanded[31]! & 0x7f) | 0x40
  const identity = Uint8Array.of(1, ...new Uint8Array(31))
  const k = littleEndian(sha512(concatBytes(identity, key.publicKey, utf8(text)))) % n
  const s = (k * littleEndian(expanded)) % n
  const scalar = Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse()
  const { name, keyId } = key
  return formatNote({ text, signatures: [{ name, keyId, bytes: concatBytes(identity, scalar) }] })
}

const spellings: [string, (of: History, size: number) => Uint8Array][] = [
  ['an extension line', (of, size) => of.sign(`${of.text(size)}an extension\n`)],
  ['blank lines and noise below the tree', (of, size) => of.sign(`${of.text(size)}\n\nno — tree\n`)],
  ['unused bits of the root set', (of, size) => of.sign(`${setUnusedBit(of.text(size).slice(0, -1))}\n`)],
  ['unused bits of the signature set', (of, size) => utf8(`${setUnusedBit(fromUtf8(of.head(size))!.slice(0, -1))}\n`)],
]

async function heartAt(size: number, ...shown: History[]): Promise<Heart> {
  const heart = await startHeart({ logKey: key, prefix: showing(history, ...shown) })
  await heart.submit('poll', history.head(size))
  return heart
}

function convictions(heart: Heart): (readonly [number, number])[] {
  return heart.evidence.map(({ file }) => verifyEvidence(parseEvidence(file), [key]).sizes)
}

describe.each(spellings)('a fork with %s', (_name, spell) => {
  const fork = history.fork(10, 'b')

  test('convicts at our size or below', async () => {
    const heart = await heartAt(20)
    expect((await heart.submit('gossip', spell(fork, 20), 'p')).kind).toBe('conflict')
    expect((await heart.submit('gossip', spell(fork, 15), 'p')).kind).toBe('conflict')
    expect(convictions(heart)).toEqual([
      [20, 20],
      [15, 20],
    ])
  })

  test('convicts above our size if the log backs it, and is not signed', async () => {
    const heart = await heartAt(20, fork)
    expect((await heart.submit('poll', spell(fork, 25))).kind).toBe('conflict')
    expect(convictions(heart)).toEqual([[20, 25]])
  })

  test('is a reported suspect above our size if the log does not back it', async () => {
    const heart = await heartAt(20)
    expect(await heart.submit('gossip', spell(fork, 25), 'p')).toMatchObject({ kind: 'pending', code: 'TILE_INVALID' })
    expect(heart.suspects.list(heart.log)).toHaveLength(1)
  })

  test('is not signed while it agrees with us, and convicts once our history has diverged from it', async () => {
    const late = history.fork(22, 'late')
    const heart = await heartAt(20, late)
    const published = heart.published.length
    for (const door of ['gossip', 'poll'] as const) {
      expect(await heart.submit(door, spell(late, 25))).toMatchObject({ kind: 'pending', code: 'NOT_CANONICAL' })
    }
    expect(heart.store.heads.get(heart.log).tree?.size).toBe(20)
    for (const note of heart.published.slice(published)) expect(fromUtf8(note)).not.toContain('witness.example')
    await heart.submit('poll', history.head(30))
    await heart.witness.idle()
    expect(convictions(heart)).toEqual([[25, 30]])
    expect((await heart.submit('gossip', spell(late, 25), 'p')).kind).toBe('conflict')
  })

  test('is not accepted as a first head', async () => {
    const heart = await startHeart({ logKey: key, prefix: showing(fork) })
    expect(await heart.submit('poll', spell(fork, 20))).toMatchObject({ kind: 'pending', code: 'NOT_CANONICAL' })
    expect(heart.store.heads.get(heart.log).seq).toBe(0)
  })

  test('in our own history is no fork: it is known or past, and nothing is signed', async () => {
    const heart = await heartAt(20)
    const published = heart.published.length
    expect((await heart.submit('gossip', spell(history, 20), 'p')).kind).toBe('known')
    expect((await heart.submit('gossip', spell(history, 12), 'p')).kind).toBe('past')
    expect(heart.published).toHaveLength(published)
    expect(heart.evidence).toHaveLength(0)
  })
})

describe('a fork signed with the identity as R, which Go accepts and other verifiers reject', () => {
  const fork = history.fork(10, 'b')
  test('convicts at our size and below', async () => {
    const heart = await heartAt(20)
    for (const size of [20, 15]) {
      expect((await heart.submit('gossip', signWithIdentity(fork.text(size)), 'p')).kind).toBe('conflict')
    }
    expect(convictions(heart)).toEqual([
      [20, 20],
      [15, 20],
    ])
  })
  test('does not lend its signature to another text', async () => {
    const heart = await heartAt(20)
    const forged = utf8(fromUtf8(signWithIdentity(fork.text(20)))!.replace('\n20\n', '\n19\n'))
    expect(await heart.submit('gossip', forged, 'p')).toMatchObject({ kind: 'refused', code: 'SIGNATURE_INVALID' })
  })
})

test('a fork whose head is too large for a message with the evidence still convicts the log', async () => {
  const fork = history.fork(10, 'b')
  const heart = await heartAt(20)
  const padded = fork.sign(`${fork.text(20)}${'"'.repeat(40_000)}\n`)
  expect((await heart.submit('gossip', padded, 'p')).kind).toBe('conflict')
  expect(isFrozen(heart.store.heads.get(heart.log))).toBe(true)
  const [kept] = heart.evidence
  expect(kept!.file.length).toBeGreaterThan(64 * 1024)
  expect(verifyEvidence(parseEvidence(kept!.file), [key]).sizes).toEqual([20, 20])
})

describe('a head of an impossible size', () => {
  const impossible = (size: bigint): Uint8Array =>
    history.sign(formatCheckpoint({ origin: SUMDB_ORIGIN, ...history.tree(5) }).replace('\n5\n', `\n${size}\n`))

  test.each([2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n])(
    '%d freezes the log at once and raises an alarm',
    async (size) => {
      const db = new MemoryLevel()
      const guard = new MemoryGuard()
      const options = { logKey: key, prefix: showing(history), db, guard }
      const heart = await startHeart(options)
      await heart.submit('poll', history.head(20))
      expect(await heart.submit('gossip', impossible(size), 'p')).toMatchObject({
        kind: 'pending',
        code: 'SIZE_IMPOSSIBLE',
        news: true,
      })
      expect(await heart.submit('gossip', impossible(size), 'q')).toMatchObject({ kind: 'pending', news: false })
      expect(heart.suspectAlarms).toMatchObject([{ size: null, peer: 'p' }])
      expect(await heart.submit('poll', history.head(30))).toMatchObject({ code: 'LOG_FROZEN' })
      const again = await startHeart(options)
      expect(await again.submit('poll', history.head(30))).toMatchObject({ code: 'LOG_FROZEN' })
      const [suspect] = again.suspects.list(again.log)
      expect(await again.store.heads.acknowledge(again.log, suspect!.id)).toBe(true)
      expect((await again.submit('poll', history.head(30))).kind).toBe('advanced')
      const third = await startHeart(options)
      expect((await third.submit('poll', history.head(31))).kind).toBe('advanced')
    },
  )

  test('freezes the log even if a crash came between keeping it and freezing', async () => {
    const db = new MemoryLevel()
    const guard = new MemoryGuard()
    const options = { logKey: key, prefix: showing(history), db, guard }
    const heart = await startHeart(options)
    await heart.submit('poll', history.head(20))
    let writes = 0
    let isDying = true
    breakWrites(db, () => (isDying && ++writes > 1 ? new Error('killed') : undefined))
    await expect(heart.submit('gossip', impossible(2n ** 53n), 'p')).rejects.toThrow('killed')
    isDying = false
    const again = await startHeart(options)
    expect(isFrozen(again.store.heads.get(again.log))).toBe(true)
  })

  test('is refused if Go refuses it too, or if it has another origin', async () => {
    const heart = await heartAt(20)
    expect(await heart.submit('gossip', impossible(2n ** 63n), 'p')).toMatchObject({
      kind: 'refused',
      code: 'CHECKPOINT_MALFORMED',
    })
    const elsewhere = history.sign(`other.example\n${2n ** 60n}\n${formatHash(history.tree(5).root)}\n`)
    expect(await heart.submit('gossip', elsewhere, 'p')).toMatchObject({ kind: 'refused', code: 'ORIGIN_MISMATCH' })
    expect(isFrozen(heart.store.heads.get(heart.log))).toBe(false)
  })
})
