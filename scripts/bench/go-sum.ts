/**
 * `gossum check go.sum` compared with golang.org/x/mod's gosumcheck: the same file, the same log (`gossum log serve`),
 * whole processes, alternating. Cold means with an empty cache; gosumcheck has none, so it always takes the same time.
 * There are two logs: one with the records of some go.sum files, small enough to be read whole, and one with a hundred
 * thousand more records, where each module is looked up as at sum.golang.org.
 *
 *   npm run bench:go-sum                      needs gosumcheck (scripts/ci/peers.sh) and go.sum files
 *   npm run bench:go-sum -- --files DIR       the go.sum files; the longest is checked, all are in the log
 *   npm run bench:go-sum -- --rounds N        runs of each, alternating (default 9)
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { madeUpRecord } from '../../test/fakes/lying-log.js'
import { findPeer } from '../../test/helpers/peers.js'
import { sharedPath } from '../../test/helpers/shared.js'

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
/** Additional records that make a log too large to be read whole for one file. */
const MORE_RECORDS = 110_000

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: sharedPath('sumdb/gosum') },
    rounds: { type: 'string', default: '9' },
  },
})
const ROUNDS = Number(values.rounds)
const peer = findPeer('gosumcheck')
if (peer === undefined) throw new Error('there is no gosumcheck: scripts/ci/peers.sh installs it')

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]!
const ms = (value: number): string => `${Math.round(value).toLocaleString('en-US')} ms`

const dir = mkdtempSync(join(tmpdir(), 'gossum-bench-'))
const texts = readdirSync(values.files).map((name) => readFileSync(join(values.files, name), 'utf8'))
const longest = texts.reduce((a, b) => (b.length > a.length ? b : a))
const goSum = join(dir, 'go.sum')
writeFileSync(goSum, longest)
writeFileSync(join(dir, 'policy'), 'quorum none\n')
const lines = longest.trimEnd().split('\n')
const modules = new Set(lines.map((line) => line.split(' ', 2).join('@').replace('/go.mod', '')))
process.stdout.write(
  `${lines.length.toLocaleString('en-US')} lines of ${modules.size.toLocaleString('en-US')} module versions\n`,
)

/** Milliseconds of a program from start to end. The program must report no problems. */
function time(program: string, args: readonly string[]): number {
  const env = { ...process.env, XDG_CACHE_HOME: join(dir, 'cache'), GONOSUMDB: 'none.example', GOENV: 'off' }
  const from = performance.now()
  const { status, stdout, stderr } = spawnSync(program, args, { env, encoding: 'utf8' })
  const taken = performance.now() - from
  if (status !== 0 || stdout !== '') throw new Error(`${program}: ${status} ${stdout}${stderr}`)
  return taken
}

async function compare(what: string, records: string): Promise<void> {
  const home = mkdtempSync(join(dir, 'log-'))
  writeFileSync(join(home, 'records'), records)
  const serve = [
    'log',
    'serve',
    '--home',
    home,
    '--listen',
    '127.0.0.1:0',
    '--json',
    '--records',
    join(home, 'records'),
  ]
  const server = spawn(process.execPath, [PROGRAM, ...serve], { stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    const [line] = (await once(createInterface({ input: server.stdout }), 'line')) as [string]
    const { log, url, size } = JSON.parse(line) as { log: string; url: string; size: number }
    const ours = ['check', 'go.sum', goSum, '--log', `${log} ${url}`, '--policy', join(dir, 'policy')]
    const [theirs, cold, warm]: [number[], number[], number[]] = [[], [], []]
    for (let round = 0; round <= ROUNDS; round++) {
      rmSync(join(dir, 'cache'), { recursive: true, force: true })
      const times = [time(peer!, ['-k', log, '-u', url, goSum]), time(process.execPath, [PROGRAM, ...ours])]
      times.push(time(process.execPath, [PROGRAM, ...ours]))
      // The first round warms up.
      if (round > 0) [theirs, cold, warm].forEach((list, i) => list.push(times[i]!))
    }
    process.stdout.write(`\n${what}, ${size.toLocaleString('en-US')} records; medians of ${ROUNDS}\n`)
    show('gosumcheck', median(theirs))
    show(
      'gossum check go.sum, cold',
      median(cold),
      `${(median(theirs) / median(cold)).toFixed(1)} x faster (goal >= 1.5)`,
    )
    show(
      'gossum check go.sum, warm',
      median(warm),
      `${(median(theirs) / median(warm)).toFixed(1)} x faster (goal >= 20)`,
    )
  } finally {
    server.kill('SIGTERM')
    await once(server, 'exit')
  }
}

function show(label: string, value: number, ratio = ''): void {
  process.stdout.write(`${label.padEnd(44)}${ms(value).padStart(10)}  ${ratio}\n`)
}

try {
  const own = texts.join('')
  await compare('a log that is read whole', own)
  const more = Array.from({ length: MORE_RECORDS }, (_, i) => madeUpRecord(i).text).join('')
  await compare('a log that is asked for each module', `${own}${more}`)
  // The lower bound for any program in Node.
  const nothing = Array.from({ length: ROUNDS }, () => time(process.execPath, ['-e', '0']))
  const version = Array.from({ length: ROUNDS }, () => spawnTime([PROGRAM, '--version']))
  process.stdout.write('\n')
  show('Node alone, from start to end', median(nothing))
  show('gossum --version', median(version))
} finally {
  rmSync(dir, { recursive: true, force: true })
}

function spawnTime(args: readonly string[]): number {
  const from = performance.now()
  spawnSync(process.execPath, args)
  return performance.now() - from
}
