import { expect, test } from 'vitest'
import { SumdbClient } from '../../src/sumdb/client.js'
import { parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { verifyCosignature } from '../../src/tlog/cosignature.js'
import { isBy, parseNote } from '../../src/tlog/note.js'
import { madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { startHeart, testSigner, testWitness } from '../helpers/heart.js'

const logSigner = testSigner('log.example', 1)

/** A log over real HTTP, and a client of it as the vantage. */
async function vantage(records: ReturnType<typeof madeUpRecords>) {
  const server = await memoryLog(logSigner, records)
  const listening = await server.listen({ host: '127.0.0.1', port: 0 })
  const client = new SumdbClient({ url: listening.url, key: logSigner.verifier, retries: 0 })
  const prefix = client.prefix.bind(client)
  return { server, prefix, close: () => listening.close() }
}

test('a head from the log is proven, cosigned, and published after it is on disk', async () => {
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
  await heart.pipeline.stop()
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
