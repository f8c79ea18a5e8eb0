import { expect, test } from 'vitest'
import { TileStore } from '../../src/store/tile-store.js'
import type { TwoGenerationCache } from '../../src/store/two-generation-cache.js'

test('tiles are kept as bytes for each log and path, whatever array they are part of', async () => {
  const kept = new Map<string, string>()
  const store = new TileStore({
    get: (key: string) => Promise.resolve(kept.get(key)),
    put: (key: string, value: string) => Promise.resolve(void kept.set(key, value)),
  } as unknown as TwoGenerationCache)
  const whole = Uint8Array.from({ length: 100 }, (_, i) => i)
  await store.of('one').put('tile/8/0/000', whole.subarray(32, 64))
  await store.of('other').put('tile/8/0/000', whole.subarray(0, 32))
  expect(await store.of('one').get('tile/8/0/000')).toEqual(whole.slice(32, 64))
  expect(await store.of('other').get('tile/8/0/000')).toEqual(whole.slice(0, 32))
  expect(await store.of('one').get('tile/8/0/001')).toBeUndefined()
})
