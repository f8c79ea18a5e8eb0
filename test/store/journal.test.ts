import { appendFileSync, existsSync, fstatSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DiskJournalFile } from '../../src/store/journal-file.js'
import {
  CHAIN_START,
  formatJournal,
  formatWrite,
  readJournal,
  type Chain,
  type StateText,
} from '../../src/store/journal-text.js'
import { Journal } from '../../src/store/journal.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { temporaryHome } from '../helpers/home.js'
import { MemoryJournal, seeded, type Fault, type Place } from '../helpers/volatile-disk.js'

const [A, B, C] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)]
const state = (n: number, log = A): StateText => [log, JSON.stringify({ seq: n, note: `— text\n of ${n}` })]

/** A journal file that begins with some states, and the writes after it. */
function written(first: readonly StateText[], ...writes: (readonly StateText[])[]): Buffer {
  let { text, chain } = formatJournal(first, CHAIN_START)
  for (const states of writes) {
    const write = formatWrite(states, chain)
    text += write.text
    chain = write.chain
  }
  return Buffer.from(text)
}

const read = (bytes: Uint8Array) => {
  const { states, damage } = readJournal(bytes)
  return { states: [...states], damage }
}
const lineEnds = (bytes: Buffer): number[] => [...bytes].flatMap((byte, i) => (byte === 0x0a ? [i + 1] : []))

describe('a journal', () => {
  test('has the last state of each log, over many writes and runs', async () => {
    const file = new MemoryJournal()
    for (let run = 0; run < 3; run++) {
      const journal = await Journal.open(file)
      await Promise.all([journal.append(...state(run * 2, A)), journal.append(...state(run, B))])
      await journal.append(...state(run * 2 + 1, A))
      await journal.close()
    }
    const journal = await Journal.open(file)
    expect([...journal.states]).toEqual([state(5, A), state(2, B)])
    expect(readJournal(file.content!).damage).toBeUndefined()
  })

  test('that is cut in its last write loses that write; cut earlier, it is damaged', () => {
    const bytes = written([state(1), state(1, B)], [state(2)], [state(3), state(2, B), state(1, C)])
    const [, , begun, second, third, fourth] = lineEnds(bytes)
    for (let length = 0; length < bytes.length; length++) {
      const { states, damage } = read(bytes.subarray(0, length))
      if (length < begun!) expect(damage, `cut to ${length}`).toMatch(/damaged/)
      else {
        const expected =
          length < second!
            ? [state(1), state(1, B)]
            : length < third!
              ? [state(2), state(1, B)]
              : length < fourth!
                ? [state(3), state(1, B)]
                : [state(3), state(2, B)]
        expect({ states, damage }, `cut to ${length}`).toEqual({ states: expected, damage: undefined })
      }
    }
  })

  test('with holes in its last write loses that write; with holes earlier, it is damaged', () => {
    const bytes = written([state(1)], [state(2)], [state(3), state(2, B), state(1, C)])
    const ends = lineEnds(bytes)
    for (let from = 0; from < bytes.length; from += 7) {
      const torn = Buffer.from(bytes).fill(0, from, from + 5)
      const { states, damage } = read(torn)
      if (from + 5 <= ends[2]!) expect(damage, `at ${from}`).toMatch(/damaged/)
      else if (from >= ends[2]!) expect([damage, new Map(states).get(A)]).toEqual([undefined, expect.any(String)])
    }
  })

  test('with a changed bit is damaged, unless only the end of its last line is gone, as after a crash', () => {
    const bytes = written([state(1)], [state(2)], [state(3)])
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 4
      const { states, damage } = read(changed)
      if (at === bytes.length - 1) expect({ states, damage }).toEqual({ states: [state(2)], damage: undefined })
      else expect(damage, `byte ${at}`).toMatch(/damaged/)
    }
  })

  describe('of whole lines, each with its own hash, is damaged', () => {
    const first = formatJournal([state(1)], CHAIN_START)
    const { write, hash } = first.chain
    const next = formatWrite([state(2)], first.chain)
    const two = formatWrite([state(2), state(2, B)], first.chain)
    const three = formatWrite([state(2), state(2, B), state(2, C)], first.chain)
    /** The first line of a write, and the chain that continues after it. */
    const begun = ({ text }: { text: string }) => {
      const line = text.slice(0, text.indexOf('\n') + 1)
      return { text: line, hash: line.slice(-65, -1) }
    }
    const behind = (states: StateText[], chain: Chain): string => formatWrite(states, chain).text

    test.each<[string, string]>([
      ['if a write was left out', behind([state(3)], { write: write + 1, hash })],
      ['if a number is repeated', next.text + behind([state(3)], { write, hash: next.chain.hash })],
      ['if one does not continue from the line before it', behind([state(3)], { write, hash: 'f'.repeat(64) })],
      [
        'if a write begins before the last has ended',
        begun(two).text + behind([state(3)], { write: write + 1, hash: begun(two).hash }),
      ],
      [
        'if a line is missing in the middle of a write',
        begun(three).text + behind([state(3)], { write, hash: begun(three).hash }),
      ],
    ])('%s', (_when, text) => {
      expect(read(utf8(first.text + next.text)).damage, 'the lines are not at fault').toBeUndefined()
      expect(read(utf8(first.text + text)).damage).toMatch(/line \d is not what was written/)
    })
  })

  test('with a hole in a write of several lines is damaged if a later write follows', () => {
    const bytes = written([state(1)], [state(2), state(2, B), state(2, C)], [state(3)])
    const [, , from] = lineEnds(bytes)
    const torn = Buffer.from(bytes).fill(0, from! + 5, from! + 9)
    expect(read(torn).damage).toMatch(/line 4 is not what was written/)
    const last = torn.subarray(0, lineEnds(bytes)[4])
    expect(read(last), 'and not when there is none').toEqual({ states: [state(2)], damage: undefined })
  })

  test('names its first wrong line, and keeps what can be read after it', () => {
    const lines = written([state(1)], [state(2)], [state(3, B)])
      .toString()
      .split('\n')
    const { states, damage } = read(utf8(lines.with(2, 'rubbish').join('\n')))
    expect(damage).toBe('the journal is damaged: line 3 is not what was written')
    expect(states).toEqual([state(1), state(3, B)])
  })

  test.each([
    ['empty', ''],
    ['another file', 'hello\n'],
    [
      'the end of a journal',
      written([state(1)], [state(2)])
        .toString()
        .split('\n')
        .slice(1)
        .join('\n'),
    ],
  ])('that is %s is damaged', (_name, text) => {
    expect(readJournal(utf8(text)).damage).toMatch('does not begin like one')
  })
})

describe('appends', () => {
  test('that wait together share one write and one sync, and all resolve', async () => {
    const file = new MemoryJournal()
    const passed: Place[] = []
    const journal = await Journal.open(file)
    file.fault = (place) => void passed.push(place)
    const logs = Array.from({ length: 50 }, (_, i) => i.toString(16).padStart(64, '0'))
    await Promise.all(logs.map((log) => journal.append(...state(1, log))))
    expect(passed).toEqual(['append', 'datasync'])
    expect(journal.states.size).toBe(50)
  })

  test('are on disk when they resolve, even if a crash follows at once', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const file = new MemoryJournal()
      const journal = await Journal.open(file)
      await journal.append(...state(1))
      void journal.append(...state(2)).catch(() => undefined)
      const again = await Journal.open(file.crash(seeded(seed)))
      expect(again.damage).toBeUndefined()
      expect([state(1)[1], state(2)[1]]).toContain(again.states.get(A))
    }
  })

  test('are refused by a damaged journal, which stays as it is', async () => {
    const bytes = written([state(1)], [state(2)], [state(3)]).fill(0x20, 300, 310)
    const file = new MemoryJournal(bytes)
    const journal = await Journal.open(file)
    await expect(journal.append(...state(9))).rejects.toThrow('damaged')
    expect(file.content).toEqual(bytes)
  })

  test('continue in a short file when the long one has grown too long, without losing a log', async () => {
    const path = join(temporaryHome(), 'journal')
    const journal = await Journal.open(new DiskJournalFile(path))
    await journal.append(...state(1, B))
    const note = 'x'.repeat(1000)
    const long = (seq: number): string => JSON.stringify({ seq, note })
    for (let seq = 1; seq <= 1200; seq++) await journal.append(A, long(seq))
    await journal.close()
    expect(statSync(path).size).toBeLessThan(500_000)
    const again = await Journal.open(new DiskJournalFile(path))
    expect([...again.states]).toEqual([state(1, B), [A, long(1200)]])
    await again.close()
  })
})

/** Appends states until one is durable in spite of faults; nothing that was acknowledged may ever be lost. */
describe('a disk that fails', () => {
  const faults: [Place, Fault][] = [
    ['append', 'EIO'],
    ['append', 'ENOSPC'],
    ['append', 'short'],
    ['datasync', 'EIO'],
    ['datasync', 'ENOSPC'],
    ['truncate', 'EIO'],
    ['replace', 'ENOSPC'],
    ['renamed', 'EIO'],
  ]

  test.each(faults)(
    'at %s with %s, any number of times, loses nothing acknowledged, and the journal continues',
    async (at, fault) => {
      for (let seed = 0; seed < 40; seed++) {
        const chance = seeded(seed)
        let file = new MemoryJournal()
        let journal = await Journal.open(file)
        const acked = new Map<string, number>()
        for (let n = 1; n <= 40; n++) {
          const log = [A, B, C][Math.floor(chance() * 3)]!
          // The fault that leads to places that are passed only after a failure.
          const before: Place = at === 'truncate' ? 'append' : at === 'replace' || at === 'renamed' ? 'datasync' : at
          file.fault = (place) =>
            (place === at || place === before) && chance() < 0.3 ? (place === at ? fault : 'EIO') : undefined
          const appended = await journal.append(...state(n, log)).then(
            () => true,
            () => false,
          )
          if (appended) acked.set(log, n)
          file.fault = () => undefined
          if (chance() > 0.2) continue
          file = file.crash(chance)
          journal = await Journal.open(file)
          expect(journal.damage, `seed ${seed}`).toBeUndefined()
          for (const [known, last] of acked) {
            const { seq } = JSON.parse(journal.states.get(known)!) as { seq: number }
            expect(seq, `seed ${seed}`).toBeGreaterThanOrEqual(last)
          }
        }
        await journal.append(...state(99))
        expect((await Journal.open(file.crash(chance))).states.get(A)).toBe(state(99)[1])
      }
    },
  )

  test('to sync has the file written again, because a later sync would not reveal the loss', async () => {
    const file = new MemoryJournal()
    const journal = await Journal.open(file)
    await journal.append(...state(1))
    const passed: Place[] = []
    file.fault = (place) => (passed.push(place), place === 'datasync' && passed.length === 2 ? 'EIO' : undefined)
    await expect(journal.append(...state(2))).rejects.toThrow('EIO')
    await journal.append(...state(3))
    expect(passed).toEqual(['append', 'datasync', 'replace', 'renamed', 'append', 'datasync'])
    expect((await Journal.open(file.crash(() => 0))).states.get(A)).toBe(state(3)[1])
  })

  test('in the middle of a write leaves nothing of it after the next write', async () => {
    const file = new MemoryJournal()
    const journal = await Journal.open(file)
    await journal.append(...state(1))
    const before = file.content
    file.fault = (place) => (place === 'append' ? 'short' : undefined)
    await expect(journal.append(...state(2))).rejects.toThrow('bytes were written')
    expect(file.content!.length).toBeGreaterThan(before!.length)
    file.fault = () => undefined
    await journal.append(...state(3, B))
    expect(read(file.content!)).toEqual({ states: [state(1), state(3, B)], damage: undefined })
  })

  test('while the journal is opened is reported', async () => {
    for (const at of ['read', 'replace', 'renamed'] as const) {
      const file = new MemoryJournal(written([state(1)]))
      file.fault = (place) => (place === at ? 'EIO' : undefined)
      await expect(Journal.open(file)).rejects.toThrow('EIO')
    }
  })
})

describe('the file', () => {
  test('is for its owner only, and does not keep what a crash left of a replacement or a line', async () => {
    const path = join(temporaryHome(), 'journal')
    const journal = await Journal.open(new DiskJournalFile(path))
    await journal.append(...state(1))
    await journal.close()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    writeFileSync(`${path}.new`, 'half written')
    appendFileSync(path, 'half a line')
    const again = await Journal.open(new DiskJournalFile(path))
    await again.close()
    expect([...again.states]).toEqual([state(1)])
    expect(existsSync(`${path}.new`)).toBe(false)
    expect(readFileSync(path, 'utf8')).not.toContain('half')
  })

  test('has room for appends, which a crash leaves behind and an orderly end removes', async () => {
    const path = join(temporaryHome(), 'journal')
    const journal = await Journal.open(new DiskJournalFile(path))
    const { size } = statSync(path)
    for (let n = 1; n <= 3; n++) await journal.append(...state(n))
    expect(statSync(path).size).toBe(size)
    const crashed = `${path}-crashed`
    writeFileSync(crashed, readFileSync(path))
    const again = await Journal.open(new DiskJournalFile(crashed))
    expect([again.damage, ...again.states]).toEqual([undefined, state(3)])
    await again.append(...state(4))
    await again.close()
    await journal.close()
    for (const file of [path, crashed]) expect(readFileSync(file)).not.toContain(0)
    expect(readJournal(readFileSync(crashed)).states.get(A)).toBe(state(4)[1])
  })

  test('is synced before an append resolves, and a new file before it is renamed, and then the directory', async () => {
    const home = temporaryHome()
    const probe = await open(home, 'r')
    const proto = Object.getPrototypeOf(probe) as Record<'sync' | 'datasync', (this: { fd: number }) => Promise<void>>
    const originals = { sync: proto.sync, datasync: proto.datasync }
    const calls: string[] = []
    for (const name of ['sync', 'datasync'] as const)
      proto[name] = function () {
        const isNew = existsSync(join(home, 'journal.new'))
        calls.push(`${name} ${fstatSync(this.fd).isDirectory() ? 'directory' : isNew ? 'new file' : 'file'}`)
        return originals[name].call(this)
      }
    try {
      const journal = await Journal.open(new DiskJournalFile(join(home, 'journal')))
      expect(calls.splice(0)).toEqual(['sync new file', 'sync directory'])
      await journal.append(...state(1))
      expect(calls.splice(0)).toEqual(['datasync file'])
      await journal.close()
    } finally {
      Object.assign(proto, originals)
      await probe.close()
    }
  })
})
