/** Answers to lookups that are empty, about another module, forged, or too long. */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import type { ProbeReport } from '../../src/audit/probe.js'
import { moduleOf } from '../../src/audit/probe-lookups.js'
import { formatRecord } from '../../src/sumdb/module.js'
import { SumdbServer } from '../../src/sumdb/log-server.js'
import { RecordTree } from '../../src/sumdb/tree.js'
import { verifyEvidence } from '../../src/evidence/evidence.js'
import { concatBytes, fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { parseNote } from '../../src/tlog/note.js'
import { SPOILED } from '../helpers/spoiled.js'
import {
  endless,
  honestly,
  madeUpRecord,
  madeUpRecords,
  memoryLog,
  refuse,
  replaceBody,
  stall,
  type Behaviour,
} from '../fakes/lying-log.js'
import {
  ALL_OK,
  answerWith,
  bodyAt,
  detail,
  history,
  key,
  lookupOf,
  probing,
  serve,
  signed,
  signer,
  SIZE,
  spelledOddly,
  target,
  verdicts,
} from './probing.js'

/** Another history under the same key. */
const forked = await memoryLog(signer, [...madeUpRecords(0, 500), ...madeUpRecords(500, SIZE, 'b')])

describe('lookups', () => {
  async function judged(answer: Uint8Array | Behaviour): Promise<ProbeReport> {
    const log = await serve(history)
    const behaviour = answer instanceof Uint8Array ? replaceBody(() => answer) : answer
    log.lie = (path) => (path === lookupOf(target).slice(1) ? behaviour : undefined)
    return probing(log.url, { modules: [target] })
  }
  const other = madeUpRecord(6)

  test('without a record fail (CVE-2026-42501)', async () => {
    const head = await history.head()
    for (const answer of ['', '\n', '5\n\n', '5\n\n\n']) {
      const report = await judged(concatBytes(utf8(answer), head))
      expect(report.verdict, JSON.stringify(answer)).toBe('dishonest')
      expect(verdicts(report)).toEqual({ ...ALL_OK, lookups: 'failed' })
    }
    expect(verdicts(await judged(new Uint8Array()))).toEqual({ ...ALL_OK, lookups: 'failed' })
  })

  test('with a proven record of another module fail (CVE-2026-42501)', async () => {
    const report = await judged(await bodyAt(lookupOf(other)))
    expect(verdicts(report)).toEqual({ ...ALL_OK, lookups: 'failed' })
    expect(detail(report, 'lookups')).toContain('it has no line for example.com/Module5 v1.5.0')
  })

  test('with the record of another version fail', async () => {
    const log = await serve(
      await memoryLog(signer, [
        target,
        { ...target, version: 'v1.5.01', text: target.text.replaceAll('v1.5.0', 'v1.5.01') },
      ]),
    )
    const longer = await bodyAt(`${lookupOf(target)}1`, log.history)
    log.lie = (path) => (path === lookupOf(target).slice(1) ? replaceBody(() => longer) : undefined)
    expect(verdicts(await probing(log.url, { modules: [target] }))).toMatchObject({ lookups: 'failed', tiles: 'ok' })
  })

  test('with lines that are only in the head fail (CVE-2026-56864)', async () => {
    const report = await judged(await answerWith(6, utf8(other.text), target.text))
    expect(verdicts(report)).toEqual({ ...ALL_OK, lookups: 'failed' })
    expect(detail(report, 'lookups')).toContain('are outside the record')
  })

  test('with the right record but other lines in the head also fail', async () => {
    const report = await judged(await answerWith(5, utf8(target.text), madeUpRecord(5, 'forged').text))
    expect(verdicts(report)).toEqual({ ...ALL_OK, lookups: 'failed' })
    expect(detail(report, 'lookups')).toContain('are outside the record')
  })

  test('with lines before the number fail (CVE-2026-56864)', async () => {
    const report = await judged(concatBytes(utf8(target.text), await bodyAt(lookupOf(other))))
    expect(verdicts(report)).toEqual({ ...ALL_OK, lookups: 'failed' })
  })

  test('with a forged record fail', async () => {
    const forged = await answerWith(5, utf8(madeUpRecord(5, 'forged').text), '')
    const report = await judged(forged)
    expect(verdicts(report)).toEqual({ ...ALL_OK, lookups: 'failed' })
    expect(detail(report, 'lookups')).toContain('the answer is not record 5 of the tree of 511')
  })

  test.each<[string, Behaviour]>([
    ['a record beyond the tree', replaceBody((body) => utf8(fromUtf8(body)!.replace(/^5\n/, '511\n')))],
    ['an unsigned head', replaceBody((body) => utf8(fromUtf8(body)!.replace('\n511\n', '\n512\n')))],
    ['a head in a form that no witness signs', replaceBody(spelledOddly)],
    ['endless bytes', endless],
    ['bytes that are not text', replaceBody(() => new Uint8Array(500).fill(0xff))],
  ])('with %s fail', async (_, behaviour) => {
    expect(verdicts(await judged(behaviour))).toEqual({ ...ALL_OK, lookups: 'failed' })
  })

  test('with any extension line in the head fail, since no witness signs that', async () => {
    const report = await judged(await answerWith(5, utf8(target.text), 'more\n'))
    expect(verdicts(report)).toEqual({ ...ALL_OK, lookups: 'failed' })
    expect(detail(report, 'lookups')).toContain('canonical form that witnesses cosign')
  })

  test.each(SPOILED)('with %s around the head of a fork show a split view', async (_, spoil) => {
    const report = await judged(spoil(target.text, await forked.head()))
    expect(report.verdict).toBe('split-view')
    expect(verifyEvidence(report.evidence!, [key]).sizes).toEqual([SIZE, SIZE])
  })

  test('with lines outside of the record and the head of a fork show a split view', async () => {
    const text = `${parseNote(await forked.head()).text}${target.text}`
    const report = await judged(concatBytes(formatRecord(5, utf8(target.text)), signed(text)))
    expect(report.verdict).toBe('split-view')
  })

  test('for a malformed path that return the head of a fork show a split view', async () => {
    const log = await serve(history)
    const body = concatBytes(formatRecord(5, utf8(target.text)), await forked.head())
    const shouted: Behaviour = (response, honest) => honestly(response, { ...honest, status: 200, body })
    log.lie = (path) => (path.startsWith('lookup/example.com/M') ? shouted : undefined)
    const report = await probing(log.url, { modules: [target] })
    expect([report.verdict, verdicts(report).lookups, verdicts(report).syntax]).toEqual(['split-view', 'ok', 'failed'])
  })

  test('may be answered from a cache, with an older head', async () => {
    const older = concatBytes(formatRecord(5, utf8(target.text)), await history.head(300))
    expect(verdicts(await judged(older))).toEqual(ALL_OK)
  })

  test.each([
    ['refused', refuse(404)],
    ['answered with an error', refuse(500)],
    ['never sent', stall],
  ])('that are %s leave the verdict undecided', async (_, behaviour) => {
    const log = await serve(history)
    log.lie = (path) => (path === lookupOf(target).slice(1) ? behaviour : undefined)
    const report = await probing(log.url, { modules: [target], deadlineMs: 4000 })
    expect(report.verdict).toBe('undecided')
    expect(verdicts(report)).toMatchObject({ tiles: 'ok', lookups: 'unknown' })
  })

  test('with a record that also has lines about other modules fail', async () => {
    const both = { ...target, text: target.text + madeUpRecord(700).text }
    const log = await serve(await memoryLog(signer, [both]))
    const report = await probing(log.url, { references: [] })
    expect(detail(report, 'lookups')).toContain('record 0 also has lines about others')
    expect(verdicts(report)).toMatchObject({ tiles: 'ok', lookups: 'failed' })
  })

  test('with a different record than elsewhere in the tree fail', async () => {
    const db = new MemoryLevel()
    const tree = await RecordTree.open(db)
    await tree.append([{ key: 'hidden', record: utf8(madeUpRecord(5, 'old').text) }])
    const log = await serve(await SumdbServer.open({ db, signer }))
    await log.history.append([target])
    // Either record may be read from the tile of records: random number 0 selects the first.
    const report = await probing(log.url, { references: [], random: () => 0 })
    expect(detail(report, 'lookups')).toContain('it is record 1, but the tree has it in record 0')
    expect(verdicts(report)).toMatchObject({ tiles: 'ok', lookups: 'failed' })
  })

  test('are not made for a record without a module version', () => {
    const record = (text: string): unknown => moduleOf({ id: 0, record: utf8(text) })
    expect(record('example.com/a v1.0.0 h1:x\n')).toMatchObject({ path: 'example.com/a', version: 'v1.0.0' })
    expect(record('example.com/a v1.0.0/go.mod h1:x\n')).toMatchObject({ path: 'example.com/a', version: 'v1.0.0' })
    for (const text of ['', '\n', 'x\n', '../a v1.0.0 h1:x\n', 'a v1 h1:x\n']) expect(record(text)).toBeUndefined()
  })
})
