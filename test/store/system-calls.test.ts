/**
 * The system calls of a process that advances logs: after each of them the power may fail. Whatever was not synced by
 * then is dropped or torn, and the journal is opened again: every state that had been announced is in it.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { Disk } from '../../src/store/disk.js'
import { Heads } from '../../src/store/heads.js'
import { Journal } from '../../src/store/journal.js'
import { temporaryHome } from '../helpers/home.js'
import { canTrace, trace, type SystemCall } from '../helpers/system-calls.js'
import { MemoryJournal, seeded, type Chance } from '../helpers/volatile-disk.js'

const CHILD = fileURLToPath(new URL('../helpers/journal-child.ts', import.meta.url))
/** Crashes tried after each call. */
const TRIES = 4

/** The directory of a home as the calls have made it, and what of it is durable. */
class TracedHome {
  /** What the process was told is durable. */
  readonly announced = new Map<string, number>()
  readonly #home: string
  /** The file of each name, at the last sync of the directory and since. */
  #names: ReadonlyMap<string, MemoryJournal>[] = [new Map()]

  constructor(home: string) {
    this.#home = home
  }

  /** Applies a call. Returns whether it was about the journal, or announced something. */
  async follow({ name, file, numbers, texts, result }: SystemCall): Promise<boolean> {
    const now = this.#names.at(-1)!
    const path = texts[0]?.toString() ?? ''
    const at = now.get(file ?? path)
    if (name === 'openat') {
      if (path !== join(this.#home, 'journal.new')) return false
      this.#names.push(new Map(now).set(path, new MemoryJournal(new Uint8Array())))
    } else if (name === 'write' && numbers[0] === 1 && path.startsWith('{"log":')) this.#announce(path)
    else if (name === 'fsync' && file === this.#home) this.#names = [now]
    else if (name === 'write' && /\/db\/\d+\.log$/.test(file ?? '')) this.#expectDurable(path)
    else if (at === undefined) return false
    else if (name === 'write') {
      // The preallocated space, written before the file is renamed: see afterCrash.
      if (texts[0]!.every((byte) => byte === 0)) return false
      at.append(texts[0]!.subarray(0, result))
    } else if (name === 'pwrite64') {
      expect(numbers.at(-1)).toBe(at.content!.length)
      at.append(texts[0]!.subarray(0, result))
    } else if (name === 'fsync' || name === 'fdatasync') await at.datasync()
    else if (name === 'ftruncate') await at.truncate(numbers[1]!)
    else if (name === 'rename') {
      const renamed = new Map(now).set(texts[1]!.toString(), at)
      renamed.delete(path)
      this.#names.push(renamed)
    } else if (name !== 'unlink') throw new Error(`a call that is not followed: ${name}`)
    return true
  }

  /** The journal as a crash at this moment could leave it; without a file if there may be none. */
  afterCrash(chance: Chance): MemoryJournal {
    const names = this.#names[Math.floor(chance() * this.#names.length)]!
    const left = names.get(join(this.#home, 'journal'))?.afterCrash(chance).content
    return left === undefined ? new MemoryJournal() : new MemoryJournal(Buffer.concat([left, new Uint8Array(1000)]))
  }

  #announce(text: string): void {
    for (const line of text.trimEnd().split('\n')) {
      const { log, seq } = JSON.parse(line) as { log: string; seq: number }
      this.announced.set(log, seq)
    }
  }

  /** The database follows: a state that is written to it is durable in the journal, whatever a crash would lose. */
  #expectDurable(written: string): void {
    const journal = Buffer.from(this.afterCrash(() => 0).content ?? []).toString()
    for (const [state] of written.matchAll(/\{"seq":\d+,"size":\d+,"root":"[^"]+"/g)) expect(journal).toContain(state)
  }
}

test('after any system call, nothing that was announced is lost', { timeout: 180_000 }, async ({ skip }) => {
  if (!canTrace()) {
    if (process.env['REQUIRE_PEERS'] === '1') throw new Error('strace cannot trace a process here')
    return skip('strace is needed to see the system calls of a process')
  }
  const home = temporaryHome()
  const calls = trace(process.execPath, ['--conditions=gossum-source', '--import', 'tsx', CHILD, home])
  const traced = new TracedHome(home)
  const counts = { changes: 0, crashes: 0, renames: 0 }
  for (const call of calls) {
    if (!(await traced.follow(call))) continue
    counts.changes++
    if (call.name === 'rename') counts.renames++
    for (let i = 0; i < TRIES; i++) {
      const journal = await Journal.open(traced.afterCrash(i === 0 ? () => 0 : seeded(counts.crashes)))
      counts.crashes++
      const heads = await Heads.load(new Disk(new MemoryLevel()).table('state'), journal)
      for (const [log, seq] of traced.announced) {
        expect(heads.disagreement(log), `after ${counts.changes} changes`).toBeUndefined()
        expect(heads.get(log).seq, `after ${counts.changes} changes`).toBeGreaterThanOrEqual(seq)
      }
    }
  }
  expect([...traced.announced.values()]).toEqual([80, 40, 40])
  // Two openings, and at least one file that grew too long.
  expect(counts.renames).toBeGreaterThanOrEqual(3)
})
