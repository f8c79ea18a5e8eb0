import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { Alarm } from '../../src/evidence/alarm.js'
import type { KeptConviction } from '../../src/evidence/kept.js'
import { Convictions } from '../../src/store/convictions.js'
import { Disk } from '../../src/store/disk.js'
import { EvidenceStore } from '../../src/store/evidence-store.js'

const conviction = (id: string, witness: string, acked = false): KeptConviction => ({
  id,
  witness,
  log: 'ab'.repeat(32),
  lies: ['cd'.repeat(32)],
  acked,
})

test('a witness is convicted until all evidence against it is acknowledged, after a restart too', async () => {
  const table = new Disk(new MemoryLevel()).table('convictions')
  const convictions = await Convictions.load(table)
  expect(convictions.convicted()).toEqual(new Set())
  await convictions.put(conviction('1', 'a'))
  await convictions.put(conviction('2', 'a'))
  await convictions.put(conviction('3', 'b'))
  expect(convictions.convicted()).toEqual(new Set(['a', 'b']))
  await convictions.put(conviction('1', 'a', true))
  await convictions.put(conviction('3', 'b', true))
  const again = await Convictions.load(table)
  for (const each of [convictions, again]) {
    expect(each.convicted()).toEqual(new Set(['a']))
    expect(each.get('3')).toEqual(conviction('3', 'b', true))
    expect(each.list()).toHaveLength(3)
  }
})

test('what is deleted convicts no witness, after a restart too', async () => {
  const disk = new Disk(new MemoryLevel())
  const convictions = await Convictions.load(disk.table('convictions'))
  const shelf = new EvidenceStore(disk.table('evidence'))
  await convictions.put(conviction('1', 'a'))
  await convictions.put(conviction('2', 'b'))
  await convictions.del('1')
  for (const each of [convictions, await Convictions.load(disk.table('convictions'))]) {
    expect(each.convicted()).toEqual(new Set(['b']))
    expect(each.get('1')).toBeUndefined()
  }
  const file = { id: '1', type: 'x', log: 'ab'.repeat(32), sizes: [1, 2], seenAt: '2026', text: 'y' } as const
  await shelf.put(file)
  await shelf.put({ ...file, id: '2' })
  await shelf.del('1')
  expect(await shelf.list()).toEqual([{ ...file, id: '2' }])
})

test('what the disk rejects convicts no witness', async () => {
  const db = new MemoryLevel()
  const convictions = await Convictions.load(new Disk(db).table('convictions'))
  await db.close()
  await expect(convictions.put(conviction('1', 'a'))).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
  expect(convictions.convicted()).toEqual(new Set())
})

test.each([
  ...['id', 'witness', 'log', 'lies', 'acked'].map((name) => ({ [name]: undefined })),
  ...['id', 'witness', 'log', 'acked'].map((name) => ({ [name]: 1 })),
  ...['a text', [1]].map((lies) => ({ lies })),
])('a conviction with a wrong field is damaged: %j', async (fields) => {
  const table = new Disk(new MemoryLevel()).table('convictions')
  await table.put('1', JSON.stringify({ ...conviction('1', 'a'), ...fields }))
  await expect(Convictions.load(table)).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
})

test.each(['{"id":', '7', 'null', ''])('a damaged record prevents the start and is named: %j', async (damaged) => {
  const disk = new Disk(new MemoryLevel())
  await disk.table('convictions').put('1', damaged)
  await disk.table('evidence').put('2', damaged)
  await expect(Convictions.load(disk.table('convictions'))).rejects.toMatchObject({
    code: 'STORE_DAMAGED',
    detail: 'table convictions, record 1',
  })
  const shelf = new EvidenceStore(disk.table('evidence'))
  const error = { code: 'STORE_DAMAGED', detail: 'table evidence, record 2' }
  await expect(shelf.get('2')).rejects.toMatchObject(error)
  const clock = { now: Date.now, monotonic: Date.now }
  await expect(Alarm.start({ shelf, clock } as unknown as Parameters<typeof Alarm.start>[0])).rejects.toMatchObject(
    error,
  )
})
