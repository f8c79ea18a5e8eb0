/** Whole nodes that push to a witness: what is kept of a key that nobody counts, and what cannot be proven. */
import { expect, onTestFinished, test } from 'vitest'
import { loadConfig, type Settings } from '../../src/config/config.js'
import { createNode, type GossumNode } from '../../src/node/node.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { LyingLog, madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { FakePlace, HonestWitness, isCosignedBy, type Asked } from '../fakes/place.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { push, PushingLog } from '../helpers/witness-client.js'

const logSigner = testSigner('log.example/one', 1)
const stranger = testSigner('stranger.example', 10, SIGNATURE_TYPES.cosignature)

/** The lines of the head that was pushed. */
const headIn = ({ body }: Asked): string[] => new TextDecoder().decode(body).split('\n\n')[1]?.split('\n') ?? []
const originOf = (asked: Asked): string | undefined => headIn(asked)[0]
const sizeOf = (asked: Asked): number => Number(headIn(asked)[1])

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

test('nothing more of a log is pushed once it is frozen, while other logs are', async () => {
  const log = await LyingLog.start(await memoryLog(logSigner, madeUpRecords(0, 300)))
  onTestFinished(() => log.close())
  const other = new PushingLog(testSigner('other.example', 2))
  const witness = new HonestWitness(stranger, logSigner.verifier)
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  const place = await FakePlace.start((asked) => {
    if (originOf(asked) !== SUMDB_ORIGIN) return { status: asked.method === 'GET' ? 404 : 403 }
    return (response) => void released.then(() => response.end(witness.answer(asked).body))
  })
  const node = await start({
    log: [`${logSigner.verifier.vkey} ${log.url}`, `${other.signer.verifier.vkey} -`],
    feed: [`${stranger.verifier.vkey} ${place.url}`],
  })
  await place.asked.next(() => true)
  // The next head is due when the first is answered, but before that the log is convicted.
  await log.history.append(madeUpRecords(300, 400))
  const { id } = (await node.view.status()).logs.find(({ name }) => name === logSigner.verifier.name)!
  await expect.poll(async () => (await node.view.head(id))?.size).toBe(400)
  const fork = await memoryLog(logSigner, madeUpRecords(0, 400, 'fork'))
  await fetch(`${node.http}/api/v1/heads`, { method: 'POST', body: Buffer.from(await fork.head()) })
  await expect.poll(async () => (await node.view.evidence()).length).toBe(1)
  release()
  // Pushes are made in the order in which they are due: it would have been between these two.
  for (const size of [5, 9]) {
    expect((await push(node.http, other.body(size === 5 ? 0 : 5, size))).status).toBe(200)
    await place.asked.next((asked) => asked.method === 'POST' && sizeOf(asked) === size)
  }
  const pushed = place.asked.seen.filter(({ method }) => method === 'POST')
  expect(pushed.map((asked) => `${originOf(asked)} ${sizeOf(asked)}`)).toEqual([
    `${SUMDB_ORIGIN} 300`,
    'other.example 5',
    'other.example 9',
  ])
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
