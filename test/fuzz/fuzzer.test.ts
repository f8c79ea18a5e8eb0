/** The fuzzer itself: its mutations depend only on its seed, and it runs what it is asked to run. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { mutate } from '../../scripts/fuzz/mutate.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { scratchFolder } from '../helpers/home.js'
import { seeded } from '../helpers/tree.js'
import { TARGETS } from './targets/index.js'
import { LICENCES } from './targets/licences.js'

const run = promisify(execFile)
// The first run bundles the fuzzer, for the others, too.
const env = { ...process.env, FUZZ_BUNDLE: join(scratchFolder().dir, 'bundle') }
const fuzz = async (...args: string[]): Promise<string> =>
  (await run('node', ['scripts/fuzz/run.js', ...args], { env })).stdout

describe('changes', () => {
  const how = { words: [utf8('word')], usual: 100, most: 1000 }
  const changesOf = (seed: number): string[] => {
    const next = seeded(seed)
    const other = (): Uint8Array => utf8('another\ninput\n')
    return Array.from({ length: 20_000 }, () => {
      const made = mutate(utf8('a line\n12 more\n'), other, (bound) => next() % bound, how)
      return Buffer.from(made).toString('latin1')
    })
  }
  const changes = changesOf(1)

  test('are determined by the seed', () => {
    expect(changesOf(1)).toEqual(changes)
    expect(changesOf(2)).not.toEqual(changes)
  })

  test('are varied, with words of the grammar, parts of other inputs, and odd bytes', () => {
    const made = new Set(changes)
    expect(made.size).toBeGreaterThan(10_000)
    for (const piece of ['word', 'another', '\0', '9007199254740992', '\r', '\xff'])
      expect(
        [...made].some((text) => text.includes(piece)),
        JSON.stringify(piece),
      ).toBe(true)
  })

  test('keep to the usual size, except a few up to the maximum', () => {
    const lengths = changes.map(({ length }) => length)
    expect(lengths.filter((length) => length > how.usual).length).toBeGreaterThan(0)
    expect(lengths.filter((length) => length > how.usual).length).toBeLessThan(50)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(how.most + how.usual)
  })
})

test('all targets are listed, and one runs for the requested number of inputs', async () => {
  const listed = await fuzz('--list')
  for (const name of Object.keys(TARGETS)) expect(listed).toContain(`${name} `)
  expect(await fuzz('topic', '--inputs', '2000', '--seed', '5')).toMatch(/^topic +2000 inputs, .*\nnothing found\n$/m)
})

test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
  '%s ends all processes, and leaves nothing behind',
  async (signal) => {
    const started = spawn('node', ['scripts/fuzz/run.js', 'topic', '--seconds', '600'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env,
    })
    // Processes that hold its output are alive while that is open.
    const isOver = once(started, 'close')
    await once(started.stdout, 'data')
    started.kill(signal)
    await isOver
    expect(existsSync(`node_modules/.fuzz-${started.pid!}`)).toBe(false)
  },
)

test('docs/fuzzing.md has every target and every licence to differ from Go', () => {
  const page = readFileSync('docs/fuzzing.md', 'utf8')
  for (const name of Object.keys(TARGETS)) expect(page, name).toContain(`\`${name}\``)
  for (const [name, why] of Object.entries(LICENCES))
    expect(page.replaceAll(/ +/g, ' '), name).toContain(`| \`${name}\` | ${why} |`)
})
