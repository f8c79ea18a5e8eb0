/** Shelves of promises in memory, with small rooms and a clock that is set by hand. */
import { MemoryLevel } from 'memory-level'
import { Disk, type Database } from '../../src/store/disk.js'
import { PromiseShelf, type Bearer, type KeptPromise, type Room } from '../../src/store/kept-promises.js'

export const logId = (i: number): string => i.toString(16).padStart(64, '0')
export const LOG = logId(0)

export function promise(witness: string, size: number, rest: Partial<KeptPromise> = {}): KeptPromise {
  return {
    witness,
    log: LOG,
    seq: size,
    time: 100,
    size,
    root: `root ${size}`,
    head: `head ${size}`,
    signature: 'c2ln',
    ...rest,
  }
}

/** Spaces for this many promises. */
export const roomsFor = (promises: number, bytes = 1e9, ofOneKey = promises): Record<Bearer, Room> => {
  const room = { promises, bytes, ofOneKey }
  return { counted: room, chosen: room, stranger: room }
}

export async function startShelf(rooms = roomsFor(100), db: Database = new MemoryLevel()) {
  const clock = { now: 1_700_000_000_000 }
  const table = new Disk(db).table('deposits')
  const load = () => PromiseShelf.load(table, () => clock.now++, rooms)
  return { clock, table, load, shelf: await load() }
}

export const kept = (shelf: PromiseShelf, witnesses: readonly string[], log = LOG): boolean[] =>
  witnesses.map((witness) => shelf.get(witness, log) !== undefined)
