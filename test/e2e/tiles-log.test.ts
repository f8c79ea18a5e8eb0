/** A node process that follows a checksum database and a log of c2sp.org/tlog-tiles; neither affects the other. */
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import { formatCheckpoint, logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { formatHash } from '../../src/tlog/hash.js'
import { flipBit, LyingLog, madeUpRecords, memoryLog, replaceBody, type Behaviour } from '../fakes/lying-log.js'
import { TilesLog } from '../fakes/tiles-log.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { askWitness, push } from '../helpers/witness-client.js'

const tilesSigner = testSigner('tiles.example/log', 1)
const sumdbSigner = testSigner('sumdb.example', 2)
const ORIGIN = 'tiles.example/a log: of tiles'
const TILES = logId('tiles.example/log', ORIGIN)
const SUMDB = logId('sumdb.example', SUMDB_ORIGIN)

let tiles: LyingLog<TilesLog>
let sumdb: LyingLog
let node: RunningNode

beforeEach(async () => {
  tiles = await LyingLog.start(new TilesLog(tilesSigner, { origin: ORIGIN }).grow(300))
  onTestFinished(() => tiles.close())
  sumdb = await LyingLog.start(await memoryLog(sumdbSigner, madeUpRecords(0, 20)))
  onTestFinished(() => sumdb.close())
  node = await RunningNode.start(temporaryHome(), [
    ...['--log', `${tilesSigner.verifier.vkey} ${tiles.url} ${ORIGIN}`],
    ...['--log', `${sumdbSigner.verifier.vkey} ${sumdb.url}`],
    ...['--poll', '0.1'],
  ])
  await outcome(TILES, 'advanced', 300)
  await outcome(SUMDB, 'advanced', 20)
})

/** Waits until a head of this log and size had this outcome. */
function outcome(log: string, kind: string, size: number | null, code: string | null = null): Promise<unknown> {
  return node.event(
    (event) =>
      event.event === 'outcome' &&
      event.log === log &&
      event.outcome === kind &&
      event.size === size &&
      event.code === code,
  )
}

/** The other log goes on unaffected. */
async function sumdbGoesOn(): Promise<void> {
  await sumdb.history.append(madeUpRecords(20, 30))
  await outcome(SUMDB, 'advanced', 30)
}

async function logs(): Promise<Record<string, unknown>[]> {
  return ((await node.json('/api/v1/logs')) as { logs: Record<string, unknown>[] }).logs
}

/** Submits a head as anyone can. */
async function bring(head: Uint8Array): Promise<{ evidence: string }> {
  const answer = await askWitness(node.ready.http, '/api/v1/heads', { method: 'POST', body: head })
  return JSON.parse(answer.body) as { evidence: string }
}

test('both are followed, each in its own words', async () => {
  tiles.history.grow(400)
  await outcome(TILES, 'advanced', 700)
  await sumdbGoesOn()
  expect(await logs()).toMatchObject([
    { id: TILES, origin: ORIGIN, size: 700, frozen: false, reachable: true },
    { id: SUMDB, origin: SUMDB_ORIGIN, size: 30, frozen: false, reachable: true },
  ])
  expect(tiles.requests.filter((path) => !/^(checkpoint|tile\/\d\/\d{3}(\.p\/\d+)?)$/.test(path))).toEqual([])
  expect(sumdb.requests.filter((path) => !/^(latest|tile\/8\/.*)$/.test(path))).toEqual([])
  // The go command uses checksum databases only.
  expect(node.ready.logs.map(({ gosumdb }) => gosumdb)).toEqual([
    null,
    `${sumdbSigner.verifier.vkey} ${node.ready.http}/sumdb/sumdb.example`,
  ])
})

describe('a lie of the log', () => {
  test('shown to others, at a size that we hold, is caught when it is submitted here', async () => {
    const lie = tiles.history.fork(250, 300)
    const { evidence } = await bring(lie.head())
    const file = await (await fetch(`${node.ready.http}/api/v1/evidence/${evidence}`)).arrayBuffer()
    const verdict = verifyEvidence(parseEvidence(new Uint8Array(file)), [tilesSigner.verifier])
    expect(verdict.sizes).toEqual([300, 300])
    tiles.history.grow(1)
    await outcome(TILES, 'refused', 301, 'LOG_FROZEN')
    await sumdbGoesOn()
  })

  test('that forgets what it told us is caught by its own tiles', async () => {
    tiles.history = tiles.history.fork(250, 700)
    await outcome(TILES, 'conflict', 700)
    const [evidence] = ((await node.json('/api/v1/evidence')) as { evidence: { id: string }[] }).evidence
    const file = await (await fetch(`${node.ready.http}/api/v1/evidence/${evidence!.id}`)).arrayBuffer()
    const verdict = verifyEvidence(parseEvidence(new Uint8Array(file)), [tilesSigner.verifier])
    expect(verdict.sizes).toEqual([300, 700])
    expect((await logs()).map(({ frozen }) => frozen)).toEqual([true, false])
    await sumdbGoesOn()
  })

  const lies: [string, Behaviour][] = [
    ['wrong', flipBit(40)],
    ['cut short', replaceBody((body) => body.slice(0, -1))],
  ]
  test.each(lies)('in a tile that is %s signs nothing, until the right one comes', async (_what, lie) => {
    tiles.lie = (path) => (path.startsWith('tile/0/001') ? lie : undefined)
    tiles.history.grow(400)
    await outcome(TILES, 'pending', 700, 'TILE_INVALID')
    expect((await logs())[0]).toMatchObject({ size: 300, frozen: false, suspects: [{ size: 700 }] })
    await sumdbGoesOn()
    tiles.lie = () => undefined
    await outcome(TILES, 'advanced', 700)
    expect((await logs())[0]).toMatchObject({ size: 700, suspects: [] })
  })

  test('about whose head it is is refused', async () => {
    tiles.history.grow(100)
    const tree = tiles.history.tree()
    tiles.history.checkpoint = tiles.history.head(formatCheckpoint({ ...tree, origin: SUMDB_ORIGIN }))
    await node.event((event) => event.event === 'outcome' && event.code === 'ORIGIN_MISMATCH')
    // The same key with the other origin is another log, which is not followed here.
    expect((await logs())[0]).toMatchObject({ size: 300, suspects: [] })
    tiles.history.checkpoint = undefined
    await outcome(TILES, 'advanced', 400)
  })

  test('about a tree that nobody can have freezes it', async () => {
    const root = formatHash(tiles.history.tree().root)
    tiles.history.checkpoint = tiles.history.head(`${ORIGIN}\n9007199254740993\n${root}\n`)
    await outcome(TILES, 'pending', null, 'SIZE_IMPOSSIBLE')
    expect((await logs()).map(({ frozen }) => frozen)).toEqual([true, false])
  })
})

test('a checkpoint with an extension line is kept, compared and not cosigned', async () => {
  tiles.history.grow(100)
  const text = formatCheckpoint({ ...tiles.history.tree(), origin: ORIGIN })
  tiles.history.checkpoint = tiles.history.head(`${text}an extension\n`)
  await outcome(TILES, 'pending', 400, 'NOT_CANONICAL')
  expect((await logs())[0]).toMatchObject({ size: 300, suspects: [{ size: 400, code: 'NOT_CANONICAL' }] })
  tiles.history.checkpoint = undefined
  await outcome(TILES, 'advanced', 400)

  // A head of another history convicts all the same.
  const lie = tiles.history.fork(250, 400)
  const { size, root } = lie.tree()
  const note = lie.head(`${ORIGIN}\n${size}\n${formatHash(root)}\nan extension\n`)
  expect(await bring(note)).toMatchObject({ outcome: 'conflict', log: TILES, size: 400 })
})

test('what it pushes is cosigned as what is polled', async () => {
  tiles.lie = () => () => undefined
  tiles.history.grow(700)
  expect(await push(node.ready.http, tiles.history.pushed(300))).toMatchObject({
    status: 200,
    body: expect.stringMatching(/^— gossum-/) as string,
  })
  await outcome(TILES, 'advanced', 1000)
  expect(await push(node.ready.http, tiles.history.pushed(300))).toMatchObject({ status: 409, body: '1000\n' })
})
