/**
 * The watch over one log in a node: what is reported about which record, once, and what stays open until the owner
 * resolves it.
 */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MemoryLevel } from 'memory-level'
import { expect, onTestFinished, test } from 'vitest'
import { parseWatch } from '../../src/config/watch-setting.js'
import { GossumError } from '../../src/errors.js'
import { LogWatching } from '../../src/node/log-watching.js'
import { Disk } from '../../src/store/disk.js'
import { WatchStore } from '../../src/store/watch-store.js'
import { RequestBudget } from '../../src/sumdb/request-budget.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { parseNote } from '../../src/tlog/note.js'
import { Watches } from '../../src/watch/watches.js'
import type { CosignedHead } from '../../src/witness/cosigned-head.js'
import { Feed, testSigner } from '../helpers/heart.js'
import { History } from '../helpers/history.js'
import { scratchFolder } from '../helpers/home.js'

const history = new History(testSigner('log.example', 1))
const hash = (n: number): string => `h1:${Buffer.alloc(32, n).toString('base64')}`
const record = (module: string, version: string): string =>
  `${module} ${version} ${hash(1)}\n${module} ${version}/go.mod ${hash(2)}\n`

function head(size: number): CosignedHead {
  const note = parseNote(history.head(size))
  const { root } = parseCheckpoint(note.text)
  const cosignatures = new Map([['w', { signature: note.signatures[0]!, time: 1_790_000_000 }]])
  return { size, root, note, cosignatures }
}

/** A report, as "event module@version authorised". */
type Told = string

/** A log of records that the test adds to, with a list of releases in a file, watched again after each restart. */
async function watched() {
  const list = join(scratchFolder().dir, 'releases')
  await writeFile(list, '')
  const disk = new Disk(new MemoryLevel())
  const records: string[] = [record('other.example/m', 'v1.0.0')]
  const told = new Feed<Told>()
  const events: object[] = []
  const looked = new Feed<string>()
  const state = { showsProofs: true, fails: undefined as Error | undefined, now: 0 }
  const start = async () => {
    const kept = new WatchStore(disk.table('watched'))
    await kept.load()
    const watches = new Watches([parseWatch(`own.example/* authorised=${list}`, 'watch')], () => (state.now += 60_000))
    const watching = new LogWatching({
      log: 'log',
      client: {
        records: (_head, from, to) => {
          looked.push(`${from}-${to}`)
          if (state.fails !== undefined) return Promise.reject(state.fails)
          return Promise.resolve(records.slice(from, to).map((text) => utf8(text)))
        },
        recordProof: () =>
          state.showsProofs
            ? Promise.resolve({ proof: [new Uint8Array(32)] } as never)
            : Promise.reject(new GossumError('LOG_UNREACHABLE', 'down')),
      },
      quorum: () => head(records.length),
      ...{ watches, kept },
      told: {
        tell: (event) => {
          events.push(event)
          const { module, version, authorised } = event as Record<string, unknown>
          told.push(`${event.event} ${String(module)}@${String(version)} ${String(authorised)}`)
        },
        onError: (error) => told.push(`error ${(error as Error).message}`),
      },
      pace: { budget: new RequestBudget(1e6, () => Promise.resolve()), everyMs: 5 },
    })
    onTestFinished(() => watching.stop())
    watching.start()
    await expect.poll(() => kept.position('log')).toBeDefined()
    return { watching, kept }
  }
  const add = (...more: string[]): number => records.push(...more)
  return { list, start, add, told, events, looked, state, records }
}

test('records from before the first look are not news; later ones are reported in order, with a proof', async () => {
  const { list, start, add, told, events } = await watched()
  add(record('own.example/m', 'v0.9.0'))
  const { watching } = await start()
  await writeFile(list, record('own.example/m', 'v1.0.0') + record('own.example/m', 'v1.1.0'))
  add(record('own.example/m', 'v1.0.0'), record('other.example/m', 'v2.0.0'), record('own.example/m', 'v1.1.0'))
  watching.wake()
  await told.next((one) => one.includes('v1.1.0'))
  expect(told.seen).toEqual(['watch own.example/m@v1.0.0 true', 'watch own.example/m@v1.1.0 true'])
  expect(events[0]).toMatchObject({ id: 2, size: 5, proof: [Buffer.alloc(32).toString('base64')] })
})

test('a version that its owner has not authorised raises one alarm, and stays open over a restart until it is', async () => {
  const { list, start, add, told } = await watched()
  const first = await start()
  add(record('own.example/m', 'v6.6.6'))
  first.watching.wake()
  await told.next((one) => one === 'unauthorised own.example/m@v6.6.6 false')
  await first.watching.stop()

  const second = await start()
  expect(second.kept.open).toMatchObject([{ id: 1, isAlarmed: true }])
  add(record('own.example/m', 'v6.6.7'))
  second.watching.wake()
  await told.next((one) => one.includes('v6.6.7'))
  expect(told.seen.filter((one) => one.includes('v6.6.6'))).toHaveLength(1)
  await writeFile(list, record('own.example/m', 'v6.6.6') + record('own.example/m', 'v6.6.7'))
  await expect.poll(() => second.kept.open).toEqual([])
})

test('an unreadable list accuses no version; once it is readable, the alarm is raised', async () => {
  const { list, start, add, told } = await watched()
  const { watching, kept } = await start()
  await rm(list)
  add(record('own.example/m', 'v1.0.0'))
  watching.wake()
  await told.next((one) => one === 'watch own.example/m@v1.0.0 null')
  expect(kept.open).toMatchObject([{ isAlarmed: false }])
  await writeFile(list, record('own.example/m', 'v0.0.1'))
  await told.next((one) => one === 'unauthorised own.example/m@v1.0.0 false')
  expect(kept.open).toMatchObject([{ isAlarmed: true }])
})

test('a log that fails loses no record; its silence is not reported here, but other errors are', async () => {
  const { start, add, told, looked, state } = await watched()
  const { watching } = await start()
  state.fails = new GossumError('LOG_UNREACHABLE', 'down')
  add(record('own.example/m', 'v1.0.0'))
  watching.wake()
  await looked.next((one) => one === '1-2')
  state.fails = new GossumError('TILE_INVALID', 'forged')
  await told.next((one) => one.startsWith('error'))
  state.fails = undefined
  await told.next((one) => one.startsWith('unauthorised own.example/m@v1.0.0'))
  expect(told.seen.filter((one) => one.includes('down'))).toEqual([])
})

test('a missing proof delays no alarm', async () => {
  const { start, add, told, events, state } = await watched()
  const { watching } = await start()
  state.showsProofs = false
  add(record('own.example/m', 'v1.0.0'))
  watching.wake()
  await told.next((one) => one.startsWith('unauthorised'))
  expect(events[0]).toMatchObject({ proof: null, id: 1 })
})
