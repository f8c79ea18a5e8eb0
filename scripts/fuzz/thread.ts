/**
 * Fuzzes one target in a thread of its own, so that an input that never ends, or uses all memory, stops only that
 * thread.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type * as Targets from '../../test/fuzz/targets/index.js'
import { openGo, type AskGo } from './go.js'
import { grow, mutate, type Draw } from './mutate.js'
import { BYTES_AT, RUNS, SIZE, type Job, type Report } from './job.js'

const { name, shared, seed, inputs, seconds, kept, goPeer, targets: targetsUrl } = workerData as Job
const { TARGETS, takeRefusal } = (await import(targetsUrl)) as typeof Targets
// Imported after the parsers, because it needs the array that they create.
const { Reached } = await import('./hits.js')
const target = TARGETS[name]!
// The stack of a refusal is not used, and is most of its cost.
Error.stackTraceLimit = 3

/** The usual maximum size of an input, in bytes; and the maximum number of inputs in the corpus. */
const USUAL_BYTES = 4096
const MAX_CORPUS = 4000
/** Seconds of processor time above which an input is a finding. */
const SLOW_SECONDS = target.seconds ?? 1
const MAX_FINDINGS = 10
const DIFFERENT = 'Go reads'
/** Milliseconds spent on minimizing a finding. */
const SHRINK_MS = 5000

const numbers = new Int32Array(shared, 0, BYTES_AT / 4)
const place = new Uint8Array(shared, BYTES_AT)
const say = (report: Report): void => parentPort!.postMessage(report)
const encoder = new TextEncoder()
const bytesOf = (text: string | Uint8Array): Uint8Array => (typeof text === 'string' ? encoder.encode(text) : text)

/** Mulberry32. */
let state = seed >>> 0
const draw: Draw = (bound) => {
  state = (state + 0x6d2b79f5) >>> 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * bound)
}

const askGo: AskGo | undefined = goPeer === undefined || target.go === undefined ? undefined : openGo(goPeer)
const licences: Record<string, number> = {}
let accepted = 0

/** How an input breaks a promise; undefined if it breaks none. */
async function faultOf(bytes: Uint8Array): Promise<string | undefined> {
  try {
    const read = target.check(bytes)
    // Awaiting costs more than most parsers.
    if (typeof read === 'boolean' ? read : await read) accepted++
    return undefined
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

async function difference(bytes: Uint8Array, ask: AskGo): Promise<string | undefined> {
  const { ask: what, ours, licence } = target.go!
  const [we, go] = [await ours(bytes), ask(what, bytes)]
  if (we === go) return undefined
  const why = licence?.(bytes, we, go)
  const how = we === undefined ? 'what we refuse' : go === undefined ? 'nothing' : 'something else'
  if (why === undefined) return `${DIFFERENT} ${how}\n  ours: ${String(we)}\n  Go's: ${String(go)}`
  licences[why] = (licences[why] ?? 0) + 1
  return undefined
}

const reached = new Reached()
/** Whether the last input reached something new. */
let isNews = false

/** Why an input is a finding: a broken promise, a difference from Go, or its time, measured twice. */
async function run(bytes: Uint8Array): Promise<string | undefined> {
  place.set(bytes)
  numbers[SIZE] = bytes.length
  Atomics.add(numbers, RUNS, 1)
  const before = performance.now()
  reached.begin()
  const fault = await faultOf(bytes)
  isNews = reached.isNew()
  isNews = isNewRefusal(refusals) || isNews
  if (fault !== undefined) return fault
  if (performance.now() - before > 1000 * SLOW_SECONDS) {
    const used = process.cpuUsage()
    await faultOf(bytes)
    const { user } = process.cpuUsage(used)
    if (user > 1e6 * SLOW_SECONDS) return `slow: ${(user / 1e6).toFixed(1)} s for ${bytes.length} bytes`
  }
  return askGo && difference(bytes, askGo)
}

/** Kinds of findings, distinguished by where they are thrown, not by what they say about one input. */
const kinds = new Set<string>()
const kindOf = (fault: string): string =>
  fault
    .split('\n')
    .slice(0, fault.startsWith(DIFFERENT) ? 1 : 3)
    .join('\n')
    .replaceAll(/\d+/g, '0')
    .slice(0, 400)

async function found(bytes: Uint8Array, fault: string): Promise<void> {
  const kind = kindOf(fault)
  if (kinds.has(kind) || kinds.size >= MAX_FINDINGS) return
  kinds.add(kind)
  const isStill = async (less: Uint8Array): Promise<boolean> => kindOf((await run(less)) ?? '') === kind
  const small = fault.startsWith('slow') ? bytes : await smaller(bytes, isStill)
  say({ finding: { fault: (await run(small)) ?? fault, bytes: small } })
}

/** A smaller part of the bytes for which the same is true: ever smaller pieces are left out. */
async function smaller(bytes: Uint8Array, isStill: (less: Uint8Array) => Promise<boolean>): Promise<Uint8Array> {
  const until = performance.now() + SHRINK_MS
  for (let size = bytes.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at + size <= bytes.length && performance.now() < until;) {
      const less = new Uint8Array(bytes.length - size)
      less.set(bytes.subarray(0, at))
      less.set(bytes.subarray(at + size), at)
      if (await isStill(less)) bytes = less
      else at += size
    }
  }
  return bytes
}

const how = {
  words: target.words.map(bytesOf).filter(({ length }) => length > 0),
  usual: Math.min(USUAL_BYTES, target.most),
  most: target.most,
}
const corpus: Uint8Array[] = []
/** How many of the newest inputs of the corpus are mutated more often. */
const RECENT = 16

/** Kinds of refusals, and the maximum number that are distinguished. */
const refusals = new Set<string>()
const MAX_REFUSALS = 100

/** The kind of the refusal in `run`, without what is specific to one input. */
function refusalOf(): string | undefined {
  return takeRefusal()
    ?.slice(0, 200)
    .replaceAll(/"(?:[^"\\]|\\.)*"?|(?:0x)?\d[0-9a-f]*|0x[0-9a-f]+|[A-Za-z0-9+/=]{20,}/g, '0')
}

/** Whether no input was refused in this way before. */
function isNewRefusal(seen: Set<string>): boolean {
  const kind = refusalOf()
  if (kind === undefined || seen.has(kind) || seen.size >= MAX_REFUSALS) return false
  seen.add(kind)
  return true
}

/** Enlarged inputs are not added: they cost too much time, and similar ones are generated again. */
function add(bytes: Uint8Array): void {
  if (bytes.length > how.usual) return
  corpus.push(bytes.slice())
  if (corpus.length > MAX_CORPUS) corpus.splice(draw(corpus.length), 1)
}

/** The fraction of time, and of inputs, for large inputs, which reveal time that grows faster than the input. */
const GROWN = { time: 1 / 4, inputs: 1 / 1000 }

function isForLarge(): boolean {
  const isTime = performance.now() - start < 1000 * GROWN.time * seconds || seconds === Infinity
  return isTime && runs - given <= GROWN.inputs * inputs
}

function next(): Uint8Array {
  const from = draw(2) === 0 ? Math.max(0, corpus.length - RECENT) : 0
  const any = (): Uint8Array => corpus[draw(corpus.length)]!
  const made = mutate(corpus[from + draw(corpus.length - from)]!, any, draw, how)
  return target.repair !== undefined && draw(2) === 0 ? target.repair(made) : made
}

const first = [...target.seeds.map(bytesOf), ...kept, new Uint8Array()].filter(({ length }) => length <= place.length)
const start = performance.now()
let runs = 0
async function tryOne(bytes: Uint8Array): Promise<void> {
  const fault = await run(bytes)
  if (fault !== undefined) await found(bytes, fault)
  else if (isNews || corpus.length === 0) add(bytes)
  runs++
}
for (const bytes of first) await tryOne(bytes)
accepted = 0
const given = runs
while (runs - given < inputs && performance.now() - start < 1000 * seconds && kinds.size < MAX_FINDINGS) {
  const bytes = isForLarge() ? grow(corpus[draw(corpus.length)]!, draw, how) : next()
  await tryOne(bytes.length > place.length ? bytes.subarray(0, place.length) : bytes)
}
const took = (performance.now() - start) / 1000
say({
  done: { runs: runs - given, seconds: took, accepted, branches: reached.branches, licences, corpus: await least() },
})

/**
 * The shortest inputs of the corpus that together reach everything that it reaches, and are refused in all its ways.
 */
async function least(): Promise<Uint8Array[]> {
  const again = new Reached()
  const seen = new Set<string>()
  const kept: Uint8Array[] = []
  for (const bytes of corpus.toSorted((a, b) => a.length - b.length)) {
    again.begin()
    await faultOf(bytes)
    const isBranch = again.isNew()
    if (isNewRefusal(seen) || isBranch) kept.push(bytes)
  }
  return kept
}
