/** Tiles that are wrong, changing or missing, and the gap that allowed forged tiles. */
import { describe, expect, test } from 'vitest'
import { formatRecord } from '../../src/sumdb/module.js'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { hashLeaf, hashNode, HASH_SIZE, type Hash } from '../../src/tlog/hash.js'
import { subtreeIndexes } from '../../src/tlog/merkle.js'
import { openTiles, planTiles, recordHashIndex, tilePath } from '../../src/tlog/tile.js'
import { LargeLog } from '../fakes/large-log.js'
import {
  endless,
  flipBit,
  madeUpRecord,
  refuse,
  replaceBody,
  stall,
  stallInBody,
  type Behaviour,
} from '../fakes/lying-log.js'
import {
  ALL_OK,
  answerWith,
  bodyAt,
  detail,
  history,
  lookupOf,
  probing,
  serve,
  SIZE,
  signer,
  target,
  verdicts,
} from './probing.js'

// ---- tiles -----------------------------------------------------------------------------------------------------

/** How the nth request (from 1) for a path is handled. */
function onTime(nth: number, wanted: string, behaviour: Behaviour): (path: string) => Behaviour | undefined {
  let times = 0
  return (path) => (path === wanted && ++times === nth ? behaviour : undefined)
}

describe('tiles', () => {
  test.each([
    ['the edge', 'tile/8/0/001.p/255', 40],
    ['a full tile', 'tile/8/0/000', 40],
    ['the level above', 'tile/8/1/000.p/1', 3],
    ['records', 'tile/8/data/000', 60],
    ['records at the edge', 'tile/8/data/001.p/255', 60],
  ])('with one bit flipped, in %s, fail', async (_, wanted, at) => {
    const log = await serve(history)
    log.lie = (path) => (path === wanted ? flipBit(at) : undefined)
    const report = await probing(log.url)
    expect(report.verdict).toBe('dishonest')
    expect(verdicts(report)).toMatchObject({ head: 'ok', tiles: 'failed' })
  })

  test.each([
    ['too short', replaceBody((body) => body.subarray(0, 32))],
    ['too long', replaceBody((body) => concatBytes(body, body))],
    ['empty', replaceBody(() => new Uint8Array())],
    ['endless', endless],
  ])('that are %s fail', async (_, behaviour) => {
    const log = await serve(history)
    log.lie = (path) => (path === 'tile/8/0/000' ? behaviour : undefined)
    expect(verdicts(await probing(log.url))).toMatchObject({ tiles: 'failed' })
  })

  test('that change when requested again fail', async () => {
    const log = await serve(history)
    log.lie = onTime(2, 'tile/8/0/000', flipBit(8000))
    const report = await probing(log.url, { references: [] })
    expect(report.verdict).toBe('dishonest')
    expect(detail(report, 'tiles')).toContain('tile/8/0/000 is different when requested again')
  })

  test.each(['tile/8/0/000.p/', 'tile/8/0/001.p/'])(
    'whose narrower versions are no prefixes fail: %s',
    async (begin) => {
      const log = await serve(history)
      log.lie = (path) => (path.startsWith(begin) && !path.endsWith('.p/255') ? flipBit(0) : undefined)
      const report = await probing(log.url)
      expect(verdicts(report)).toMatchObject({ tiles: 'failed', syntax: 'ok', history: 'ok' })
      expect(detail(report, 'tiles')).toMatch(/is not the beginning of tile\/8\/0\/00[01]/)
    },
  )

  test('need not be served at past widths', async () => {
    const log = await serve(history)
    log.lie = (path) => (path.includes('.p/') && !/\.p\/(255|1)$/.test(path) ? refuse(404) : undefined)
    expect((await probing(log.url, { references: [{ name: 'x', url: log.url }] })).verdict).toBe('honest')
  })

  test.each([
    ['refused', refuse(404)],
    ['answered with an error', refuse(500)],
    ['never sent', stall],
    ['never ended', stallInBody],
  ])('that are %s leave the verdict undecided', async (_, behaviour) => {
    const log = await serve(history)
    log.lie = (path) => (path === 'tile/8/0/000' ? behaviour : undefined)
    const report = await probing(log.url, { deadlineMs: 4000 })
    expect(report.verdict).toBe('undecided')
    expect(verdicts(report).tiles).toBe('unknown')
  })

  test('that are wrong are reported even if others never arrive', async () => {
    const log = await serve(history)
    log.lie = (path) => (path === 'tile/8/0/000' ? flipBit(0) : path.startsWith('tile/8/data/') ? stall : undefined)
    const report = await probing(log.url, { deadlineMs: 1500 })
    expect(report.verdict).toBe('dishonest')
    expect(verdicts(report)).toMatchObject({ tiles: 'failed' })
  })
})

// ---- CVE-2026-56865 --------------------------------------------------------------------------------------------

describe('a forged record in the gap of CVE-2026-56865', () => {
  /** Whether a client that skips the checks of as many tiles as the edge has HASHES would read this leaf. */
  async function fools(
    size: number,
    root: Hash,
    index: number,
    leaf: Hash,
    serving: { url: string },
  ): Promise<boolean> {
    const plan = planTiles(size, [recordHashIndex(index)])
    const data = await Promise.all(
      plan.tiles.map(
        async (tile) => new Uint8Array(await (await fetch(`${serving.url}/${tilePath(tile)}`)).arrayBuffer()),
      ),
    )
    const careless = { ...plan, edge: subtreeIndexes(0, size).length }
    expect(() => openTiles(plan, data, root)).toThrow(/does not match its parent/)
    return Buffer.from(openTiles(careless, data, root)([recordHashIndex(index)])[0]!).equals(leaf)
  }

  function withEntry(tile: Uint8Array, at: number, hash: Hash): Uint8Array {
    const copy = new Uint8Array(tile)
    copy.set(hash, at * HASH_SIZE)
    return copy
  }

  function rootOf(tile: Uint8Array): Hash {
    let hashes = Array.from({ length: tile.length / HASH_SIZE }, (_, i) =>
      tile.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE),
    )
    while (hashes.length > 1)
      hashes = Array.from({ length: hashes.length / 2 }, (_, i) => hashNode(hashes[2 * i]!, hashes[2 * i + 1]!))
    return hashes[0]!
  }

  const forged = utf8(madeUpRecord(5, 'forged').text)

  test('in one tile fools a client that counts hashes, but not the probe', async () => {
    const log = await serve(history)
    const tile = withEntry(await bodyAt('/tile/8/0/000'), 5, hashLeaf(forged))
    const answer = await answerWith(5, forged, '')
    const lies = new Map([
      [lookupOf(target).slice(1), answer],
      ['tile/8/0/000', tile],
    ])
    log.lie = (path) => (lies.has(path) ? replaceBody(() => lies.get(path)!) : undefined)
    expect(await fools(SIZE, await history.root(), 5, hashLeaf(forged), log)).toBe(true)
    const report = await probing(log.url, { modules: [target] })
    expect(report.verdict).toBe('dishonest')
    expect(verdicts(report)).toMatchObject({ head: 'ok', tiles: 'failed', lookups: 'failed' })
    expect(detail(report, 'lookups')).toContain('tile/8/0/000 does not match its parent at size 511')
  })

  test('in two matching tiles fools that client, but not the probe', async () => {
    // 10 hashes in 3 tiles on 3 levels: 7 further tiles went unchecked, and a lookup needs 2.
    const size = 66_511
    const large = new LargeLog(signer, size)
    const log = await serve(large)
    const leaves = withEntry(await bodyAt('/tile/8/0/000', large), 5, hashLeaf(forged))
    const parents = withEntry(await bodyAt('/tile/8/1/000', large), 0, rootOf(leaves))
    const answer = concatBytes(formatRecord(5, forged), large.head())
    const lies = new Map([
      [lookupOf(target).slice(1), answer],
      ['tile/8/0/000', leaves],
      ['tile/8/1/000', parents],
    ])
    log.lie = (path) => (lies.has(path) ? replaceBody(() => lies.get(path)!) : undefined)
    expect(await fools(size, large.root, 5, hashLeaf(forged), log)).toBe(true)
    const report = await probing(log.url, { modules: [target], references: [] })
    expect(report.verdict).toBe('dishonest')
    expect(verdicts(report)).toMatchObject({ head: 'ok', tiles: 'failed', lookups: 'failed' })
    log.lie = () => undefined
    expect(verdicts(await probing(log.url, { references: [{ name: 'x', url: log.url }] }))).toEqual(ALL_OK)
  })
})
