/** The two layouts in which logs are served, and a log of c2sp.org/tlog-tiles with the same client over real HTTP. */
import { afterEach, describe, expect, test } from 'vitest'
import { SumdbClient, type SumdbClientOptions } from '../../src/sumdb/client.js'
import { dialectOf } from '../../src/sumdb/log-layout.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { checkTree } from '../../src/tlog/merkle.js'
import type { Tile } from '../../src/tlog/tile.js'
import { flipBit, LyingLog, refuse, replaceBody, type Behaviour } from '../fakes/lying-log.js'
import { TilesLog } from '../fakes/tiles-log.js'
import { testSigner } from '../helpers/heart.js'

const signer = testSigner('tiles.example/log', 1)
const logs: LyingLog<TilesLog>[] = []
afterEach(() => Promise.all(logs.splice(0).map((log) => log.close())))

async function serve(history: TilesLog): Promise<LyingLog<TilesLog>> {
  const log = await LyingLog.start(history)
  logs.push(log)
  return log
}

function client(log: LyingLog<TilesLog>, options: Partial<SumdbClientOptions> = {}): SumdbClient {
  const { origin } = log.history
  return new SumdbClient({ url: log.url, key: signer.verifier, origin, retries: 0, ...options })
}

function code(expected: string): Error {
  return expect.objectContaining({ code: expected }) as Error
}

describe('dialects', () => {
  const tile = (level: number, index: number, width: number): Tile => ({ height: 8, level, index, width })
  test.each([
    [tile(0, 0, 256), 'tile/8/0/000', 'tile/0/000'],
    [tile(2, 0, 1), 'tile/8/2/000.p/1', 'tile/2/000.p/1'],
    [tile(8, 8, 8), 'tile/8/8/008.p/8', 'tile/8/008.p/8'],
    [tile(1, 1_234_067, 255), 'tile/8/1/x001/x234/067.p/255', 'tile/1/x001/x234/067.p/255'],
    [tile(-1, 273, 112), 'tile/8/data/273.p/112', 'tile/entries/273.p/112'],
  ])('spell one tile in two ways', (place, ofSumdb, ofOthers) => {
    expect(dialectOf(SUMDB_ORIGIN).tilePath(place)).toBe(ofSumdb)
    expect(dialectOf('tiles.example/log').tilePath(place)).toBe(ofOthers)
  })

  test('depend on the exact origin', () => {
    for (const origin of ['go.sum database tree v2', 'Go.sum database tree', ' go.sum database tree'])
      expect(dialectOf(origin).newestHead).toBe('checkpoint')
    expect(dialectOf(SUMDB_ORIGIN).newestHead).toBe('latest')
  })
})

describe('a log of c2sp.org/tlog-tiles', () => {
  test('is followed with its checkpoint and its tiles, without other requests', async () => {
    const log = await serve(new TilesLog(signer).grow(300).grow(400))
    const { head } = await client(log).latest()
    expect(head).toEqual({ origin: 'tiles.example/log', ...log.history.tree() })
    const { root, proof } = await client(log).prefix(head, 300)
    expect(root).toEqual(log.history.tree(300).root)
    checkTree(proof, 700, head.root, 300, root)
    // The first tile need not be read: its root is in the one above.
    expect(log.requests.sort()).toEqual(['checkpoint', 'tile/0/001', 'tile/0/002.p/188', 'tile/1/000.p/2'])
  })

  test('that has grown meanwhile has the full tile in place of the partial one', async () => {
    const log = await serve(new TilesLog(signer).grow(600))
    const { head } = await client(log).latest()
    log.history.grow(600)
    expect((await client(log).prefix(head, 512)).root).toEqual(log.history.tree(512).root)
    expect(log.requests).toContain('tile/0/002.p/88')
    expect(log.requests).toContain('tile/0/002')
  })

  test('is cached, and requested from peers, under the names that all nodes share', async () => {
    const log = await serve(new TilesLog(signer).grow(700))
    const { head } = await client(log).latest()
    const kept = new Map<string, Uint8Array>()
    const asked: string[] = []
    const peers = client(log, {
      cache: {
        get: (path) => Promise.resolve(kept.get(path)),
        put: (path, data) => Promise.resolve(void kept.set(path, data)),
      },
      fallback: async (path) => {
        asked.push(path)
        return (await log.history.handle(`/${path.replace('tile/8/', 'tile/')}`)).body
      },
    })
    log.lie = (path) => (path === 'tile/0/001' ? refuse(503) : undefined)
    expect((await peers.prefix(head, 300)).root).toEqual(log.history.tree(300).root)
    expect(asked).toEqual(['tile/8/0/001'])
    expect([...kept.keys()].sort()).toEqual(['tile/8/0/001', 'tile/8/0/002.p', 'tile/8/1/000.p'])
  })

  const tiles = ['tile/0/001', 'tile/0/002.p/188', 'tile/1/000.p/2']
  const lies: [string, Behaviour][] = [
    ['a flipped bit', flipBit(7)],
    ['a hash too few', replaceBody((body) => body.slice(32))],
    ['half a hash too few', replaceBody((body) => body.slice(16))],
    ['nothing', replaceBody(() => new Uint8Array())],
  ]
  test.each(tiles.flatMap((tile) => lies.map(([what, lie]) => [what, tile, lie] as const)))(
    'with %s in %s proves nothing',
    async (_what, tile, lie) => {
      const log = await serve(new TilesLog(signer).grow(700))
      const { head } = await client(log).latest()
      log.lie = (path) => (path === tile ? lie : undefined)
      await expect(client(log).prefix(head, 300)).rejects.toThrow(code('TILE_INVALID'))
    },
  )

  test('that sends more than a tile is not read to the end', async () => {
    const log = await serve(new TilesLog(signer).grow(700))
    const { head } = await client(log).latest()
    log.lie = () => replaceBody((body) => new Uint8Array(body.length + 1))
    await expect(client(log).prefix(head, 300)).rejects.toThrow(code('LOG_ANSWER_INVALID'))
  })

  test('has only the tiles of its own history', async () => {
    const log = await serve(new TilesLog(signer).grow(700))
    const { head } = await client(log).latest()
    log.history = log.history.fork(650, 700)
    await expect(client(log).prefix(head, 300)).rejects.toThrow(code('TILE_INVALID'))
  })

  test('must have its own origin in its heads, under its key', async () => {
    const log = await serve(new TilesLog(signer, { origin: SUMDB_ORIGIN }).grow(3))
    await expect(client(log, { origin: 'tiles.example/log' }).latest()).rejects.toThrow(code('ORIGIN_MISMATCH'))
    log.history = new TilesLog(testSigner('tiles.example/log', 2)).grow(3)
    await expect(client(log).latest()).rejects.toThrow(code('SIGNATURE_MISSING'))
  })
})
