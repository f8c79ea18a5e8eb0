import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { Disk } from '../../src/store/disk.js'
import { TwoGenerationCache } from '../../src/store/two-generation-cache.js'
import { LookupStore } from '../../src/store/lookup-store.js'
import { utf8 } from '../../src/tlog/bytes.js'

function tables(most: number) {
  const disk = new Disk(new MemoryLevel())
  const [first, second] = [disk.table('0'), disk.table('1')]
  const count = async (): Promise<number> => (await first.keys()).length + (await second.keys()).length
  return { kept: new TwoGenerationCache(first, second, most), count }
}

test('in two generations, what is used stays, and the rest is bounded', async () => {
  const { kept, count } = tables(10)
  await kept.put('used', 'value')
  for (let i = 0; i < 500; i++) {
    await kept.put(`once ${i}`, 'value')
    if (i % 5 === 0) expect(await kept.get('used')).toBe('value')
    expect(await count()).toBeLessThanOrEqual(21)
  }
  expect(await kept.get('once 3')).toBeUndefined()
  expect(await kept.get('once 499')).toBe('value')
})

test('a record is read back unchanged, for its log and module only', async () => {
  const { kept } = tables(10)
  const store = new LookupStore(kept)
  const record = utf8('example.com/m v1.0.0 h1:abc=\nexample.com/m v1.0.0/go.mod h1:def=\n')
  for (const id of [0, 7, 1024, Number.MAX_SAFE_INTEGER]) {
    await store.of('one').put('example.com/m@v1.0.0', { id, record })
    expect(await store.of('one').get('example.com/m@v1.0.0')).toEqual({ id, record })
  }
  expect(await store.of('two').get('example.com/m@v1.0.0')).toBeUndefined()
  expect(await store.of('one').get('example.com/m@v1.0.1')).toBeUndefined()
})

test.each(['', '7', 'x\nrecord', 'x7\nrecord', '07\nrecord', '-7\nrecord', '9007199254740992\nrecord'])(
  'a damaged record counts as none: %j',
  async (text) => {
    const { kept } = tables(10)
    await kept.put('log/m', text)
    expect(await new LookupStore(kept).of('log').get('m')).toBeUndefined()
  },
)

test.each([
  [4096, 1],
  [4097, 0],
])('records up to 4096 bytes are kept: of %d bytes, %d', async (bytes, records) => {
  const { kept, count } = tables(10)
  await new LookupStore(kept).of('log').put('m', { id: 0, record: new Uint8Array(bytes).fill(0x61) })
  expect(await count()).toBe(records)
})
