import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { SumdbClient } from '../../src/sumdb/client.js'
import { parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { endOfTurn } from '../../src/lib/timed.js'
import { cosign, verifyCosignature } from '../../src/tlog/cosignature.js'
import { formatNote, isBy, parseNote, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import { isDelivery } from '../../src/witness/outcome.js'
import { madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { cosignatureIn, MemoryGuard, startHeart, testSigner, testWitness, type Heart } from '../helpers/heart.js'

const logSigner = testSigner('log.example', 1)

/** A log over real HTTP, and a client of it as the source of proofs. */
async function vantage(records: ReturnType<typeof madeUpRecords>) {
  const server = await memoryLog(logSigner, records)
  const listening = await server.listen({ host: '127.0.0.1', port: 0 })
  const client = new SumdbClient({ url: listening.url, key: logSigner.verifier, retries: 0 })
  const prefix = client.prefix.bind(client)
  return { server, prefix, close: () => listening.close() }
}

test('a head from the log is proven, cosigned, and written to disk before it is published', async () => {
  const log = await vantage(madeUpRecords(0, 10))
  const heart = await startHeart({ logKey: logSigner.verifier, prefix: log.prefix })
  expect((await heart.submit('poll', await log.server.head())).kind).toBe('advanced')
  await log.server.append(madeUpRecords(10, 300))
  expect(await heart.submit('gossip', await log.server.head())).toMatchObject({
    kind: 'advanced',
    size: 300,
    news: true,
  })

  const note = parseNote(heart.published.at(-1)!)
  const line = note.signatures.find((signature) => isBy(signature, testWitness.verifier))!
  expect(verifyCosignature(note.text, line, testWitness.verifier).time).toBeGreaterThan(1_600_000_000)
  expect(await heart.store.history.get(heart.log, 300)).toBe(fromUtf8(heart.published.at(-1)!))
  expect((await heart.submit('gossip', await log.server.head(50))).kind).toBe('past')
  expect((await heart.submit('gossip', await log.server.head())).kind).toBe('known')
  await log.close()
})

test('a cosignature earns credit if it is new and by a key that we count, not by a relayed key', async () => {
  const log = await vantage(madeUpRecords(0, 10))
  const [counted, relayed] = [testSigner('counted.example', 41, 4), testSigner('relayed.example', 42, 4)]
  const keys = [testWitness.verifier, counted.verifier]
  const options = { logKey: logSigner.verifier, prefix: log.prefix, counted: keys, relayed: [relayed.verifier] }
  const heart = await startHeart(options)
  await heart.submit('poll', await log.server.head())
  const { text, signatures } = parseNote(await log.server.head())
  const by = (signer: SignerKey): Uint8Array =>
    formatNote({ text, signatures: [...signatures, cosign(text, 1_700_000_000, signer).signature] })
  const strangers = await heart.submit('gossip', by(relayed), 'p')
  expect(strangers).toMatchObject({ kind: 'known', news: true })
  expect(isDelivery(strangers)).toBe(false)
  expect(isDelivery(await heart.submit('gossip', by(counted), 'p'))).toBe(true)
  expect(isDelivery(await heart.submit('gossip', by(counted), 'q')), 'once').toBe(false)
  await log.close()
})

test('two roots at one size convict the log and freeze it', async () => {
  const log = await vantage(madeUpRecords(0, 10))
  const fork = await memoryLog(logSigner, madeUpRecords(0, 10, 'fork'))
  const heart = await startHeart({ logKey: logSigner.verifier, prefix: log.prefix })
  await heart.submit('poll', await log.server.head())
  const outcome = await heart.submit('gossip', await fork.head(), 'the victim')
  expect(outcome).toMatchObject({ kind: 'conflict', news: true, size: 10 })
  const [kept] = heart.evidence
  expect(verifyEvidence(parseEvidence(kept!.file), [logSigner.verifier])).toMatchObject({ sizes: [10, 10] })

  await log.server.append(madeUpRecords(10, 20))
  expect(await heart.submit('poll', await log.server.head())).toMatchObject({ kind: 'refused', code: 'LOG_FROZEN' })
  await heart.store.heads.acknowledge(heart.log, kept!.id)
  expect((await heart.submit('poll', await log.server.head())).kind).toBe('advanced')
  await log.close()
})

test('a smaller fork convicts with a proof; a larger one is a suspect until our history overtakes it', async () => {
  const log = await vantage(madeUpRecords(0, 40))
  const heart = await startHeart({ logKey: logSigner.verifier, prefix: log.prefix })
  await heart.submit('poll', await log.server.head())
  const fork = await memoryLog(logSigner, madeUpRecords(0, 300, 'fork'))

  expect(await heart.submit('gossip', await fork.head(100), 'the victim')).toMatchObject({
    kind: 'pending',
    news: true,
  })
  expect(heart.suspects.list(heart.log)).toHaveLength(1)
  expect(await heart.submit('gossip', await fork.head(100), 'the victim')).toMatchObject({
    kind: 'pending',
    news: false,
  })
  await log.server.append(madeUpRecords(40, 200))
  expect((await heart.submit('poll', await log.server.head())).kind).toBe('advanced')
  await heart.feed.next(({ kind }) => kind === 'conflict')
  expect(heart.suspects.list(heart.log)).toHaveLength(0)
  expect(verifyEvidence(parseEvidence(heart.evidence[0]!.file), [logSigner.verifier])).toMatchObject({
    sizes: [100, 200],
  })

  expect(await heart.submit('gossip', await fork.head(33))).toMatchObject({ kind: 'conflict' })
  expect(verifyEvidence(parseEvidence(heart.evidence[1]!.file), [logSigner.verifier])).toMatchObject({
    sizes: [33, 200],
  })
  await log.close()
})

test('an unsigned, foreign or malformed head is refused, each with its code', async () => {
  const log = await vantage(madeUpRecords(0, 3))
  const heart = await startHeart({ logKey: logSigner.verifier, prefix: log.prefix })
  const foreign = await memoryLog(testSigner('other.example', 2), madeUpRecords(0, 3))
  const forged = fromUtf8(await log.server.head())!.replace('\n3\n', '\n4\n')
  expect(await heart.submit('poll', utf8('hello'))).toMatchObject({ kind: 'refused', code: 'NOTE_MALFORMED' })
  expect(await heart.submit('poll', await foreign.head())).toMatchObject({ kind: 'refused', code: 'SIGNATURE_MISSING' })
  expect(await heart.submit('poll', utf8(forged))).toMatchObject({ kind: 'refused', code: 'SIGNATURE_INVALID' })
  expect(heart.published).toHaveLength(0)
  await log.close()
})

test('what is published is on disk at that moment, both the state and the cosigned head', async () => {
  const log = await vantage(madeUpRecords(0, 10))
  const checks: Promise<void>[] = []
  const heart: Heart = await startHeart({
    logKey: logSigner.verifier,
    prefix: log.prefix,
    onPublish: (note, id) => {
      const { tree, signed, note: kept } = heart.store.heads.get(id)
      const { text } = parseNote(note)
      expect(kept).toContain(text)
      expect(signed).toEqual({ key: testWitness.verifier.vkey, size: tree!.size, time: cosignatureIn(note).time })
      checks.push(heart.store.history.get(id, tree!.size).then((stored) => expect(stored).toBe(fromUtf8(note))))
    },
  })
  for (const size of [1, 4, 10]) await heart.submit('poll', await log.server.head(size))
  expect(checks).toHaveLength(3)
  await Promise.all(checks)
  await log.close()
})

test('a head that was refused for its content is not verified again', async () => {
  let verified = 0
  const counting = (...of: Parameters<typeof logSigner.verifier.verify>): boolean => {
    verified++
    return logSigner.verifier.verify(...of)
  }
  const log = await vantage(madeUpRecords(0, 3))
  const heart = await startHeart({ logKey: { ...logSigner.verifier, verify: counting }, prefix: log.prefix })
  const forged = utf8(fromUtf8(await log.server.head())!.replace('\n3\n', '\n4\n'))
  for (const source of ['gossip', 'sync', 'poll'] as const)
    expect(await heart.submit(source, forged)).toMatchObject({ kind: 'refused', code: 'SIGNATURE_INVALID' })
  expect(verified).toBe(1)
  await log.close()
})

test('a past head is not proven again, but a refusal that depends on our state is reconsidered', async () => {
  const log = await vantage(madeUpRecords(0, 10))
  let proofs = 0
  const prefix: typeof log.prefix = (...args) => {
    proofs++
    return log.prefix(...args)
  }
  const heart = await startHeart({ logKey: logSigner.verifier, prefix })
  await heart.submit('poll', await log.server.head(5))
  const older = await log.server.head(3)
  for (let i = 0; i < 3; i++) expect((await heart.submit('gossip', older)).kind).toBe('past')
  expect(proofs).toBe(1)
  await heart.store.heads.hold(heart.log, '0abc')
  const newer = await log.server.head(9)
  expect(await heart.submit('poll', newer)).toMatchObject({ code: 'LOG_FROZEN' })
  await heart.store.heads.acknowledge(heart.log, '0abc')
  expect((await heart.submit('poll', newer)).kind).toBe('advanced')
  expect(heart.outcomes, 'every door hears every outcome').toHaveLength(6)
  await log.close()
})

test('if the database and the journal disagree, nothing is signed, and a fork still convicts', async () => {
  const log = await vantage(madeUpRecords(0, 10))
  const fork = await memoryLog(logSigner, madeUpRecords(0, 10, 'fork'))
  const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
  const options = { logKey: logSigner.verifier, prefix: log.prefix, db, guard }
  const first = await startHeart(options)
  for (const size of [3, 5]) await first.submit('poll', await log.server.head(size))
  const older = new MemoryGuard(guard.content)
  await first.submit('poll', await log.server.head(6))
  await first.store.flush()

  const after = { ...options, guard: older }
  const heart = await startHeart(after)
  expect(await heart.submit('poll', await log.server.head(10))).toMatchObject({ code: 'STATE_DISAGREES' })
  expect((await heart.submit('poll', await log.server.head(5))).kind).toBe('known')
  expect(heart.published).toEqual([])
  expect((await heart.submit('gossip', await fork.head(5))).kind).toBe('conflict')
  expect(heart.evidence).toHaveLength(1)

  await heart.store.heads.recover(heart.log)
  const again = await startHeart(after)
  expect(await again.submit('poll', await log.server.head(10))).toMatchObject({ code: 'LOG_FROZEN' })
  await again.store.heads.acknowledge(again.log, heart.evidence[0]!.id)
  expect((await again.submit('poll', await log.server.head(10))).kind).toBe('advanced')
  await log.close()
})

test('a log that returns with another key under the same name is refused at start', async () => {
  const log = await vantage(madeUpRecords(0, 3))
  const db = new MemoryLevel()
  const guard = new MemoryGuard()
  const heart = await startHeart({ logKey: logSigner.verifier, prefix: log.prefix, db, guard })
  await heart.submit('poll', await log.server.head())
  const impostor = testSigner('log.example', 9)
  await expect(startHeart({ logKey: impostor.verifier, prefix: log.prefix, db, guard })).rejects.toMatchObject({
    code: 'LOG_KEY_CHANGED',
  })
  await log.close()
})

test('stopping does not wait for a proof from a log that does not answer', async () => {
  const log = await vantage(madeUpRecords(0, 3))
  const heart = await startHeart({
    logKey: logSigner.verifier,
    prefix: (_of, _size, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
  })
  await heart.submit('poll', await log.server.head())
  await log.server.append(madeUpRecords(3, 9))
  const undecided = heart.submit('gossip', await log.server.head())
  await heart.witness.stop()
  expect(await undecided).toMatchObject({ kind: 'pending', code: 'TIMEOUT' })
  await log.close()
})

test('a cosignature that arrives while our own is being deposited is not lost', async () => {
  const log = await vantage(madeUpRecords(0, 3))
  const other = testSigner('other.example', 8, SIGNATURE_TYPES.cosignature)
  let letGo: (result: 'deposited') => void = () => undefined
  const deposits = {
    required: false,
    hasChosen: true,
    isDeposited: () => false,
    deposit: () => new Promise<'deposited'>((resolve) => (letGo = resolve)),
    released: () => undefined,
  }
  const heart = await startHeart({
    logKey: logSigner.verifier,
    prefix: log.prefix,
    counted: [testWitness.verifier, other.verifier],
    barrier: { deposits },
  })
  const head = await log.server.head()
  const advancing = heart.submit('poll', head)
  while (heart.store.heads.get(heart.log).tree === undefined) await endOfTurn()
  const { text, signatures } = parseNote(head)
  const line = cosign(text, 1_800_000_000, other).signature
  await heart.submit('gossip', formatNote({ text, signatures: [...signatures, line] }), 'peer')
  letGo('deposited')
  expect((await advancing).kind).toBe('advanced')
  expect(heart.quorums.at(-1)?.size).toBe(3)
  expect([...heart.cosigned.current(heart.log)!.cosignatures.keys()]).toHaveLength(2)
  await heart.stop()
  await log.close()
})
