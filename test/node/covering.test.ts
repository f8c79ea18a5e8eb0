/**
 * The times of records in a node: of many quorum heads at once the last one is kept, and none is announced before it is
 * on disk.
 */
import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { CoveringTimes } from '../../src/node/covering.js'
import { Covered } from '../../src/store/covered.js'
import { Disk } from '../../src/store/disk.js'

const LOG = 'ab'.repeat(32)

function start() {
  const disk = new Disk(new MemoryLevel())
  const covered = new Covered(disk.table('covered-sizes'), disk.table('covered-times'))
  const state = { size: 0, time: 1000, looks: 0 }
  const covering = new CoveringTimes(covered, async (log) => {
    state.looks++
    await covered.add(log, { size: state.size, time: state.time })
  })
  const comes = (size: number, time: number): void => {
    state.size = size
    state.time = time
    covering.changed(LOG)
  }
  return { state, covering, comes }
}

test('a reader waits for a write in progress', async () => {
  const { covering, comes } = start()
  comes(10, 1000)
  expect(await covering.of(LOG, 5)).toMatchObject({ time: 1000, isExact: false })
  comes(20, 1001)
  expect(await covering.of(LOG, 15)).toMatchObject({ time: 1001, isExact: true })
  expect(await covering.of(LOG, 20)).toBeUndefined()
  expect(await covering.ofLog(LOG).since(1001)).toBe(10)
})

test('a burst of heads causes at most two writes, and the last head is stored', async () => {
  const { state, covering, comes } = start()
  for (let size = 1; size <= 500; size++) comes(size, 1000 + size)
  await covering.stop()
  expect(state.looks).toBeLessThanOrEqual(2)
  expect(await covering.of(LOG, 499)).toMatchObject({ size: 500, time: 1500 })
})
