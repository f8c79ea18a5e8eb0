/** Evidence on the shelf: what is durable is listed, in one order, and nothing that is damaged is taken for evidence. */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import type { KeptEvidence } from '../../src/evidence/kept.js'
import { Disk } from '../../src/store/disk.js'
import { EvidenceStore } from '../../src/store/evidence-store.js'
import { breakWrites } from '../helpers/broken-disk.js'

const LOG = 'ab'.repeat(32)

const evidence = (id: string, seenAt = '2026-01-01T00:00:00.000Z', more: Partial<KeptEvidence> = {}): KeptEvidence => ({
  id,
  type: 'gossum/fork/v1',
  log: LOG,
  sizes: [5, 8],
  ...more,
  seenAt,
  text: `the file of ${id}`,
})

const badRecord = evidence('bad', undefined, {
  witness: 'witness.example+00000000+AAAA',
  module: 'example.com/m@v1.0.0',
  records: [0, 7],
})

function shelfWith() {
  const db = new MemoryLevel()
  const disk = { broken: false }
  breakWrites(db, () => (disk.broken ? new Error('broken') : undefined))
  const table = new Disk(db).table('evidence')
  const fresh = () => new EvidenceStore(table)
  return { disk, table, fresh, shelf: fresh() }
}

/** What both lists of a shelf name. */
async function listed(shelf: EvidenceStore): Promise<string[]> {
  const ids = (await shelf.list()).map(({ id }) => id)
  expect((await shelf.summaries()).map(({ id }) => id)).toEqual(ids)
  return ids
}

test('what is kept is read back as it was, now and after a restart, and its summary is all but the file', async () => {
  const { shelf, fresh } = shelfWith()
  const all = [badRecord, evidence('fork')]
  for (const one of all) await shelf.put(one)
  for (const each of [shelf, fresh()]) {
    for (const one of all) expect(await each.get(one.id)).toStrictEqual(one)
    expect(await each.list()).toStrictEqual(all)
    const summaries = await each.summaries()
    expect(summaries.map((summary, i) => ({ ...summary, text: all[i]!.text }))).toStrictEqual(all)
    expect(summaries.some((summary) => 'text' in summary)).toBe(false)
  }
  expect(await shelf.get('unknown')).toBeUndefined()
})

test('evidence is listed in the order in which it was first seen, and what came at one time by its id', async () => {
  const early = '2025-12-31T00:00:00.000Z'
  const late = '2026-02-01T00:00:00.000Z'
  const arrivals = [evidence('c'), evidence('a', late), evidence('b'), evidence('z', early), evidence('d')]
  const order = ['z', 'b', 'c', 'd', 'a']
  for (const arriving of [arrivals, arrivals.toReversed()]) {
    const { shelf, fresh } = shelfWith()
    expect(await listed(shelf)).toEqual([])
    for (const one of arriving) await shelf.put(one)
    for (const each of [shelf, fresh()]) expect(await listed(each)).toEqual(order)
  }
})

describe('the summaries', () => {
  test('follow what is kept, replaced and forgotten after they were first read', async () => {
    const { shelf } = shelfWith()
    await shelf.put(evidence('a'))
    expect(await listed(shelf)).toEqual(['a'])
    await shelf.put(evidence('b'))
    await shelf.put({ ...evidence('a'), type: 'gossum/other/v1' })
    expect((await shelf.summaries()).map(({ type }) => type)).toEqual(['gossum/other/v1', 'gossum/fork/v1'])
    await shelf.del('a')
    expect(await listed(shelf)).toEqual(['b'])
    expect(await shelf.get('a')).toBeUndefined()
  })

  test('have what is kept while they are read for the first time', async () => {
    const { shelf, fresh } = shelfWith()
    await shelf.put(evidence('a'))
    const again = fresh()
    await Promise.all([again.summaries(), again.put(evidence('b')), again.del('a')])
    expect(await listed(again)).toEqual(['b'])
  })

  test('do not have what the disk rejected, and still have what it did not delete', async () => {
    const { shelf, disk } = shelfWith()
    await shelf.put(evidence('a'))
    expect(await listed(shelf)).toEqual(['a'])
    disk.broken = true
    for (const act of [shelf.put(evidence('b')), shelf.del('a')])
      await expect(act).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
    expect(await listed(shelf)).toEqual(['a'])
  })
})

describe('a damaged record', () => {
  test.each<[string, Record<string, unknown>]>([
    ...['id', 'type', 'log', 'seenAt', 'text', 'sizes'].map((name): [string, Record<string, unknown>] => [
      `has no ${name}`,
      { [name]: undefined },
    ]),
    ['has a witness that is no text', { witness: 7 }],
    ['has a module that is no text', { module: null }],
    ['has one size', { sizes: [5] }],
    ['has three sizes', { sizes: [5, 8, 9] }],
    ['has a text for its sizes', { sizes: '58' }],
    ['has an object for its sizes', { sizes: { 0: 5, 1: 8, length: 2 } }],
    ['has a size that is no number', { sizes: [5, '8'] }],
    ['has a size below zero', { sizes: [-1, 8] }],
    ['has one record number', { records: [0] }],
    ['has a record number that is not whole', { records: [0, 7.5] }],
    ['has null for its record numbers', { records: null }],
  ])('that %s is no evidence, and is named', async (_what, change) => {
    const { shelf, table } = shelfWith()
    await shelf.put(evidence('good'))
    await table.put('bad', JSON.stringify({ ...badRecord, ...change }))
    const damaged = { code: 'STORE_DAMAGED', detail: 'table evidence, record bad' }
    await expect(shelf.get('bad')).rejects.toMatchObject(damaged)
    await expect(shelf.list()).rejects.toMatchObject(damaged)
    await expect(shelf.summaries()).rejects.toMatchObject(damaged)
    expect(await shelf.get('good')).toEqual(evidence('good'))
  })

  test('holds up neither what is kept nor what is forgotten, and once it is gone the rest is listed', async () => {
    const { shelf, table } = shelfWith()
    await shelf.put(evidence('a'))
    await table.put('bad', '{')
    const failing = expect(shelf.summaries()).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    await Promise.all([failing, shelf.put(evidence('b')), shelf.del('a')])
    await expect(shelf.summaries()).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    await shelf.del('bad')
    expect(await listed(shelf)).toEqual(['b'])
  })
})
