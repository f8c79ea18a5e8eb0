/** The fuzzer: runs and supervises a thread for each target, reports findings, and keeps the inputs that reach most. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { corpusOf, keepCorpus } from '../../test/fuzz/targets/corpus.js'
import type { Target } from '../../test/fuzz/targets/target.js'
import { findPeer } from '../../test/helpers/peers.js'
import { BYTES_AT, RUNS, SIZE, type Done, type Finding, type Job, type Report } from './job.js'

/** Seconds of processor time after which an input is considered endless; and of wall clock. */
const HANG_SECONDS = 20
const STILL_SECONDS = 300
const LOOK_MS = 500
/** The memory limit of a thread, in MiB: some hundred times the largest input. */
const MEMORY_MB = 1024
/** The folder for findings. */
const FOUND = 'build/fuzz'

const USAGE = `npm run fuzz -- [TARGET ...] [options]
  --seconds T    in all, for all targets together (60)
  --inputs N     of each target, instead
  --seed S       so that a run can be made again; printed
  --keep         put what reaches most into test/fuzz/corpus
  --list         which targets there are
  --input FILE   run one input of one target
`

// The parent is gone, perhaps killed: nobody reads the findings or removes the bundle any more.
process.once('disconnect', () => {
  rmSync(new URL('.', import.meta.url), { recursive: true, force: true })
  process.exit(1)
})
process.channel?.unref()

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string' },
    inputs: { type: 'string' },
    seed: { type: 'string' },
    keep: { type: 'boolean' },
    list: { type: 'boolean' },
    input: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})

const url = new URL('./targets.mjs', import.meta.url).href
const { TARGETS } = (await import(url)) as { TARGETS: Readonly<Record<string, Target>> }
const goPeer = findPeer('fuzzdiff')
const print = (text: string): void => void process.stdout.write(`${text}\n`)

function number(text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (Number.isNaN(value) || value < 0) fail(USAGE)
  return value
}

function fail(why: string): never {
  process.stderr.write(why)
  process.exit(2)
}

if (values.help === true) {
  print(USAGE)
  process.exit()
}
const unknown = positionals.find((name) => !Object.hasOwn(TARGETS, name))
if (unknown !== undefined) fail(`${unknown} is no target; --list shows all\n`)
if (values.list === true) {
  for (const [name, { about, go }] of Object.entries(TARGETS))
    print(`${name.padEnd(18)} ${about}${go ? '; and Go' : ''}`)
  process.exit()
}
const names = positionals.length > 0 ? positionals : Object.keys(TARGETS)
if (values.input !== undefined) {
  const bytes = new Uint8Array(readFileSync(values.input))
  print((await TARGETS[names[0]!]!.check(bytes)) ? 'accepted' : 'refused')
  process.exit()
}

const seed = number(values.seed, Math.floor(Math.random() * 2 ** 32))
const inputs = number(values.inputs, Infinity)
const seconds =
  values.inputs === undefined ? number(values.seconds, 60) / names.length : number(values.seconds, Infinity)
print(
  `${names.length} targets, seed ${seed}${goPeer === undefined ? '; without Go: scripts/ci/peers.sh installs it' : ''}`,
)

let findings = 0
for (const name of names) {
  const done = await fuzz(name)
  if (done === undefined) continue
  const { runs, seconds: took, accepted, branches, licences, corpus } = done
  const share = ((100 * accepted) / Math.max(1, runs)).toFixed(0)
  const differ = Object.entries(licences).map(([why, times]) => `${times} ${why}`)
  print(
    `${name.padEnd(18)} ${runs} inputs, ${Math.round(runs / took)}/s, ${share} % accepted, ` +
      `${branches} branches, by ${corpus.length}${differ.length > 0 ? `; Go differs: ${differ.join(', ')}` : ''}`,
  )
  if (values.keep === true) keepCorpus(name, corpus)
}
print(findings === 0 ? 'nothing found' : `${findings} found: ${FOUND}/`)
process.exitCode = findings === 0 ? 0 : 1

/** Resolves when the target has had its inputs or its time; to undefined if an input ended its thread. */
function fuzz(name: string): Promise<Done | undefined> {
  const target = TARGETS[name]!
  // Inputs a few bytes above the limit are tried, too.
  const shared = new SharedArrayBuffer(BYTES_AT + target.most + 1024)
  const kept = corpusOf(name)
  const job: Job = { name, targets: url, shared, seed, inputs, seconds, kept, goPeer }
  const numbers = new Int32Array(shared, 0, BYTES_AT / 4)
  const worker = new Worker(new URL('./thread.mjs', import.meta.url), {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
  })
  const last = (): Uint8Array => new Uint8Array(shared.slice(BYTES_AT, BYTES_AT + numbers[SIZE]!))
  return new Promise((resolve) => {
    let before = -1
    let since = { at: performance.now(), used: process.cpuUsage() }
    const watch = setInterval(() => {
      const now = Atomics.load(numbers, RUNS)
      if (now !== before) since = { at: performance.now(), used: process.cpuUsage() }
      before = now
      const { user, system } = process.cpuUsage(since.used)
      const isOver = user + system > 1e6 * HANG_SECONDS || performance.now() - since.at > 1000 * STILL_SECONDS
      if (!isOver || now === 0) return
      tell(name, { fault: `it has not ended after ${HANG_SECONDS} seconds of processor time`, bytes: last() })
      finish(undefined)
    }, LOOK_MS)
    let isFinished = false
    const finish = (done: Done | undefined): void => {
      isFinished = true
      clearInterval(watch)
      void worker.terminate()
      resolve(done)
    }
    worker.on('message', (report: Report) => {
      if ('finding' in report) tell(name, report.finding)
      else finish(report.done)
    })
    worker.on('error', (error) => {
      tell(name, { fault: `it ended its thread: ${error.stack ?? error.message}`, bytes: last() })
      finish(undefined)
    })
    worker.on('exit', (code) => {
      if (isFinished) return
      tell(name, { fault: `it ended its thread with code ${code}: it waits for what never comes`, bytes: last() })
      finish(undefined)
    })
  })
}

function tell(name: string, { fault, bytes }: Finding): void {
  findings++
  mkdirSync(FOUND, { recursive: true })
  const file = join(FOUND, `${name}-${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`)
  writeFileSync(file, bytes)
  const start = bytes.length <= 200 ? JSON.stringify(Buffer.from(bytes).toString('latin1')) : `${bytes.length} bytes`
  print(`${name}: FOUND ${fault}\n  input: ${start}\n  again: npm run fuzz -- ${name} --input ${file}`)
}
