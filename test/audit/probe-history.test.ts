/** Old heads, and heads of another history. */
import { describe, expect, test } from 'vitest'
import type { ProbeOptions, ProbeReport } from '../../src/audit/probe.js'
import { verifyEvidence } from '../../src/evidence/evidence.js'
import type { SumdbServer } from '../../src/sumdb/log-server.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { EMPTY_ROOT, HASH_SIZE, type Hash } from '../../src/tlog/hash.js'
import { makeSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { madeUpRecords, memoryLog, refuse, replaceBody } from '../fakes/lying-log.js'
import {
  ALL_OK,
  bodyAt,
  detail,
  history,
  key,
  lookupOf,
  probing,
  seen,
  serve,
  signed,
  signer,
  SIZE,
  target,
  verdicts,
} from './probing.js'

// ---- what others see -------------------------------------------------------------------------------------------

describe('an old head', () => {
  const stale = async (size: number, maxLag?: number): Promise<ProbeReport> => {
    const log = await serve(history)
    const old = await history.head(size)
    log.lie = (path) => (path === 'latest' ? replaceBody(() => old) : undefined)
    return probing(log.url, maxLag === undefined ? {} : { maxLag })
  }

  test('fails', async () => {
    const report = await stale(300)
    expect(report.verdict).toBe('dishonest')
    expect(verdicts(report)).toEqual({ ...ALL_OK, fresh: 'failed' })
    expect(detail(report, 'fresh')).toBe('its head (300) is 208 records older than that of the node (508)')
  })

  test('may be a little old', async () => {
    expect(verdicts(await stale(502)).fresh).toBe('ok')
    expect(verdicts(await stale(501)).fresh).toBe('failed')
    expect(verdicts(await stale(300, 208)).fresh).toBe('ok')
    expect(verdicts(await stale(300, 207)).fresh).toBe('failed')
    expect(verdicts(await stale(508, 0)).fresh).toBe('ok')
  })
})

describe('without usable references', () => {
  test.each<[string, ProbeOptions['references']]>([
    ['no reference', []],
    ['an unreachable node', [{ name: 'n', url: 'http://127.0.0.1:1' }]],
    ['a node with an unsigned head', [{ name: 'n', url: 'http://127.0.0.1:1', head: utf8('x\n1\n\n— x AAAAAAA=\n') }]],
  ])('(%s) the verdict is undecided', async (_, references) => {
    const log = await serve(history)
    const report = await probing(log.url, { references })
    expect(verdicts(report)).toEqual({ ...ALL_OK, fresh: 'unknown', history: 'unknown' })
    expect(report.verdict).toBe('undecided')
  })
})

describe('another history under the same key', () => {
  const fork = async (at: number, size: number): Promise<SumdbServer> =>
    memoryLog(signer, [...madeUpRecords(0, at), ...madeUpRecords(at, size, 'fork')])

  test('that is larger than the head of the node is proven with its own tiles', async () => {
    const log = await serve(await fork(500, 600))
    const report = await probing(log.url)
    expect(report.verdict).toBe('split-view')
    expect(verdicts(report)).toEqual({ ...ALL_OK, history: 'failed' })
    expect(verifyEvidence(report.evidence!, [key]).sizes).toEqual([508, 600])
  })

  test('of the same size is proven without tiles', async () => {
    const log = await serve(await fork(500, 508))
    log.lie = (path) => (path.startsWith('tile/') ? refuse(500) : undefined)
    const report = await probing(log.url)
    expect(report.verdict).toBe('split-view')
    expect(verifyEvidence(report.evidence!, [key]).sizes).toEqual([508, 508])
  })

  test('that is smaller is proven with the tiles of a reference', async () => {
    const log = await serve(await fork(500, 507))
    const reference = await serve(history)
    const report = await probing(log.url, { references: [{ name: 'the log', url: reference.url }] })
    expect(report.verdict).toBe('split-view')
    expect(verifyEvidence(report.evidence!, [key]).sizes).toEqual([507, 511])
    // A node's own checksum database works as well.
    const node = { name: 'the node', url: reference.url, head: seen }
    expect((await probing(log.url, { references: [node] })).verdict).toBe('split-view')
  })

  test('that is smaller stays undecided without tiles', async () => {
    const log = await serve(await fork(500, 507))
    const report = await probing(log.url)
    expect(report.verdict).toBe('undecided')
    expect(verdicts(report)).toEqual({ ...ALL_OK, history: 'unknown' })
  })

  test('that appears only in lookups is also proven', async () => {
    const log = await serve(history)
    const other = await fork(500, 505)
    const answer = await bodyAt(lookupOf(target), other)
    log.lie = (path) => (path === lookupOf(target).slice(1) ? replaceBody(() => answer) : undefined)
    const report = await probing(log.url, { modules: [target] })
    expect(report.verdict).toBe('split-view')
    expect(verdicts(report)).toEqual({ ...ALL_OK, lookups: 'failed' })
    expect(verifyEvidence(report.evidence!, [key]).sizes).toEqual([505, 511])
  })

  test('is not proven by a head that the log did not sign', async () => {
    const stranger = makeSignerKey('example.com/log', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(8))
    const foreign = await memoryLog(stranger, madeUpRecords(0, 400, 'b'))
    const log = await serve(history)
    const report = await probing(log.url, {
      references: [{ name: 'n', url: 'http://127.0.0.1:1', head: await foreign.head() }],
    })
    expect(report.verdict).toBe('undecided')
    expect(report.evidence).toBeUndefined()
  })
})

test('all references are compared', async () => {
  const log = await serve(history)
  const names = ['a', 'b']
  const references = names.map((name) => ({ name, url: 'http://127.0.0.1:1', head: seen }))
  expect(detail(await probing(log.url, { references }), 'history')).toBe(
    'one history with a (sizes 511 and 508) and b (sizes 511 and 508)',
  )
})

test('an empty reference agrees with every history, unless its root is not the empty one', async () => {
  const log = await serve(history)
  const after = async (root: Hash): Promise<ProbeReport> => {
    const head = signed(formatCheckpoint({ origin: SUMDB_ORIGIN, size: 0, root }))
    return probing(log.url, { references: [{ name: 'n', url: 'http://127.0.0.1:1', head }] })
  }
  expect(verdicts(await after(EMPTY_ROOT))).toEqual(ALL_OK)
  const impossible = await after(new Uint8Array(HASH_SIZE))
  expect(impossible.verdict).toBe('split-view')
  expect(verifyEvidence(impossible.evidence!, [key]).sizes).toEqual([0, SIZE])
})
