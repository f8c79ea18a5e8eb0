/** Whole nodes that push to a witness: what is kept of a key that nobody counts, and what cannot be proven. */
import { expect, onTestFinished, test } from 'vitest'
import { loadConfig, type Settings } from '../../src/config/config.js'
import { createNode, type GossumNode } from '../../src/node/node.js'
import { SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { LyingLog, madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { FakePlace, HonestWitness, isCosignedBy } from '../fakes/place.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { push, PushingLog } from '../helpers/witness-client.js'

const logSigner = testSigner('log.example/one', 1)
const stranger = testSigner('stranger.example', 10, SIGNATURE_TYPES.cosignature)

async function start(settings: Settings): Promise<GossumNode> {
  const fixed = { home: temporaryHome(), listen: [], http: '127.0.0.1:0', poll: 0.1, name: 'us.example' }
  const node = await createNode(loadConfig({ ...fixed, ...settings }, { env: {} }))
  onTestFinished(() => node.stop())
  return node
}

test('the cosignature of a witness in no policy is kept and shown, but not counted', async () => {
  const log = await LyingLog.start(await memoryLog(logSigner, madeUpRecords(0, 300)))
  onTestFinished(() => log.close())
  const witness = new HonestWitness(stranger, logSigner.verifier)
  const place = await FakePlace.start(witness.answer)
  const node = await start({
    log: [`${logSigner.verifier.vkey} ${log.url}`],
    feed: [`${stranger.verifier.vkey} ${place.url}`],
  })
  const cosignatures = async () => (await node.view.status()).logs[0]!.cosignatures
  const counted = async () => (await cosignatures()).map(({ name, counted }) => `${name} ${counted}`).sort()
  await expect.poll(counted).toEqual(['stranger.example false', 'us.example true'])
  const { id } = (await node.view.status()).logs[0]!
  const head = (await node.view.head(id))!
  expect(isCosignedBy(head.note, stranger.verifier)).toBe(true)
  // Also for the next head, which needs a proof.
  await log.history.append(madeUpRecords(0, 700))
  await expect.poll(() => witness.tree?.size).toBe(700)
  await expect
    .poll(() => node.view.metrics())
    .toMatch(/gossum_exchange_requests_total\{place="stranger\.example",outcome="ok"\} [2-9]/)
})

test('without tiles of a push-only log no proof is possible, which is not reported as a fault of the place', async () => {
  const log = new PushingLog(logSigner)
  const witness = new HonestWitness(stranger, logSigner.verifier)
  const place = await FakePlace.start(witness.answer)
  const node = await start({
    log: [`${logSigner.verifier.vkey} -`],
    feed: [`${stranger.verifier.vkey} ${place.url}`],
  })
  expect((await push(node.http, log.body(0, 5))).status).toBe(200)
  await expect.poll(() => witness.tree?.size).toBe(5)
  expect((await push(node.http, log.body(5, 9))).status).toBe(200)
  const row = async () => (await node.view.status()).exchange[0]
  await expect.poll(row).toMatchObject({ error: expect.stringMatching(/^cannot reach the log/) as string })
  expect(witness.tree?.size).toBe(5)
  // Once the witness has it from elsewhere, no proof is needed.
  witness.answer({ method: 'POST', path: '/add-checkpoint', body: log.body(5, 9) })
  await expect.poll(async () => (await row())?.error).toBe(null)
})

test('a log from a log list is not fed, since it contacts witnesses itself', async () => {
  const place = await FakePlace.start(() => ({ status: 404 }))
  const [plain, listed] = ['plain.example', 'listed.example'].map((name, i) => new PushingLog(testSigner(name, 1 + i)))
  const config = loadConfig(
    {
      ...{ home: temporaryHome(), listen: [], http: '127.0.0.1:0', poll: 0.1 },
      log: [plain!, listed!].map(({ signer }) => `${signer.verifier.vkey} -`),
      feed: [place.url],
    },
    { env: {} },
  )
  const logs = config.logs.map((log) => (log.origin === 'listed.example' ? { ...log, list: 'a list' } : log))
  const node = await createNode({ ...config, logs })
  onTestFinished(() => node.stop())
  // It comes first, and the place is asked about the other all the same.
  for (const log of [listed!, plain!]) expect((await push(node.http, log.body(0, 5))).status).toBe(200)
  await place.asked.next(() => true)
  expect(place.asked.seen.map(({ body }) => new TextDecoder().decode(body).split('\n')[2])).toEqual(['plain.example'])
})
