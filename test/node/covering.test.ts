/**
 * The times of records in a node: of many quorum heads at once the last one is kept, and none is announced before it is
 * on disk.
 */
import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { CoveringTimes } from '../../src/node/covering.js'
import { Covered } from '../../src/store/covered.js'
import { Disk } from '../../src/store/disk.js'
import { endOfTurn } from '../../src/lib/timed.js'

const LOG = 'ab'.repeat(32)

function start() {
  const disk = new Disk(new MemoryLevel())
  const covered = new Covered(disk.table('covered-sizes'), disk.table('covered-times'))
  const state = { size: 0, time: 1000, looks: 0 }
  const timers = new Set<() => void>()
  const covering = new CoveringTimes(
    covered,
    async (log) => {
      state.looks++
      await covered.add(log, { size: state.size, time: state.time })
    },
    (act) => {
      timers.add(act)
      return () => void timers.delete(act)
    },
  )
  const comes = (size: number, time: number): void => {
    state.size = size
    state.time = time
    covering.changed(LOG)
  }
  const secondOver = (): void => {
    const due = [...timers]
    timers.clear()
    due.forEach((act) => act())
  }
  return { state, covering, comes, secondOver }
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

test('of a log that grows all the time one head is written per second, unless somebody asks', async () => {
  const { state, covering, comes, secondOver } = start()
  comes(10, 1000)
  for (let i = 1; i <= 5; i++) {
    await covering.ofLog(LOG).since(0)
    for (let size = 1; size <= 100; size++) comes(i * 1000 + size, 1000 + i)
    await endOfTurn()
    expect(state.looks).toBe(i)
    secondOver()
  }
  expect(await covering.of(LOG, 5050)).toMatchObject({ size: 5100, time: 1005 })
  expect(state.looks).toBe(6)
  comes(5200, 1006)
  expect(await covering.ofLog(LOG).since(1007), 'nothing is left out that is known').toBe(5200)
  expect(state.looks).toBe(7)
})
