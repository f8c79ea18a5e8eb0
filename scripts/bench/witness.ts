/**
 * POST /add-checkpoint of this witness and of the real litewitness, alternating in one run, so that the machine's load
 * affects both alike: resubmission of one head, and chains of heads that each need a proof and an fsync.
 *
 *   npm run bench:witness
 *   npm run bench:witness -- --deposit   # a second node of ours keeps the promises of the first
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { SUM_GOLANG_ORG } from '../../src/config/config.js'
import type { StatusView } from '../../src/status/shapes.js'
import { loadOrCreateWitnessKey, WITNESS_FILE } from '../../src/keys/key-file.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { makeSignerKey, parseNote, SIGNATURE_TYPES, verifyNote } from '../../src/tlog/note.js'
import { PROGRAM } from '../../test/helpers/cli.js'
import { findLitewitness, startLitewitness, type KnownLog } from '../../test/helpers/litewitness.js'
import { usageOf } from '../../test/helpers/process-usage.js'
import { readLines, vectorUrl } from '../../test/helpers/vectors.js'
import { PushingLog } from '../../test/helpers/witness-client.js'

const ROUNDS = 7
const SLICE_MS = 1000
const CONNECTIONS = [1, 8, 64]
/** litewitness keeps one state per origin, so each log has an origin of its own: the name of its key. */
const LOGS = 50
/** Records of a log when its chain begins; each step adds one. A proof has some ten hashes. */
const FIRST_SIZE = 1000

interface Contestant {
  readonly name: string
  readonly port: number
  readonly pid: number
  /** How far each log's chain has advanced at this witness. */
  readonly sizes: number[]
}

// ---- requests --------------------------------------------------------------------------------------------------

function request(body: Uint8Array): Buffer {
  const head = `POST /add-checkpoint HTTP/1.1\r\nHost: witness\r\nContent-Length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}

/** One connection that sends one request at a time and reports when its answer is complete, with minimal work. */
class Connection {
  readonly #socket: Socket
  #answered: (status: number) => void = () => undefined
  #received: Buffer = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (data: Buffer) => this.#take(data))
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new Connection(socket)
  }

  send(message: Buffer): Promise<number> {
    this.#socket.write(message)
    return new Promise((resolve) => (this.#answered = resolve))
  }

  #take(data: Buffer): void {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data])
    const text = this.#received.toString('latin1')
    const end = text.indexOf('\r\n\r\n')
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1])
    if (end === -1 || this.#received.length < end + 4 + length) return
    this.#received = Buffer.alloc(0)
    this.#answered(Number(text.slice(9, 12)))
  }

  close(): void {
    this.#socket.destroy()
  }
}

const logs = Array.from({ length: LOGS }, (_, i) => {
  const seed = new Uint8Array(32).fill(i + 1)
  return new PushingLog(makeSignerKey(`bench-${i}.example/log`, SIGNATURE_TYPES.ed25519, seed))
})
const steps: Buffer[][] = logs.map(() => [])

const again: Buffer[][] = logs.map(() => [])

/** The request that takes a log from a size to the next. Made in advance: making it costs more than sending it. */
function step(log: number, from: number): Buffer {
  return (steps[log]![from] ??= request(logs[log]!.body(from, from + 1)))
}

/** The request for another cosignature of the same head. */
function resubmission(log: number, size: number): Buffer {
  return (again[log]![size] ??= request(logs[log]!.body(size, size)))
}

// ---- measuring -------------------------------------------------------------------------------------------------

interface Measured {
  readonly ms: number[]
  seconds: number
  cpuMs: number
}

/** The next request of a connection, and a callback for its answer; undefined if there is nothing to send now. */
type Next = (contestant: Contestant, connection: number) => { message: Buffer; done: () => void } | undefined

async function slice(contestant: Contestant, connections: number, next: Next, into: Measured): Promise<void> {
  const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(contestant.port)))
  const before = usageOf(contestant.pid).cpu
  const start = performance.now()
  await Promise.all(
    open.map(async (connection, i) => {
      while (performance.now() - start < SLICE_MS) {
        const work = next(contestant, i)
        if (work === undefined) return
        const from = performance.now()
        const status = await connection.send(work.message)
        into.ms.push(performance.now() - from)
        if (status !== 200) throw new Error(`${contestant.name} answered ${status}`)
        work.done()
      }
    }),
  )
  into.seconds += (performance.now() - start) / 1000
  into.cpuMs += 1000 * (usageOf(contestant.pid).cpu - before)
  for (const connection of open) connection.close()
}

const resubmit =
  (count: number): Next =>
  ({ sizes }, connection) => {
    const log = connection % count
    return { message: resubmission(log, sizes[log]!), done: () => undefined }
  }

/** Chains are advanced in turn, by whichever connection is free: one step of a log needs the one before it. */
function advance(count: number, contestant: Contestant): Next {
  const free = Array.from({ length: count }, (_, log) => log)
  return () => {
    const log = free.shift()
    if (log === undefined) return undefined
    const done = (): void => {
      contestant.sizes[log]!++
      free.push(log)
    }
    return { message: step(log, contestant.sizes[log]!), done }
  }
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!

interface Figures {
  rate: number
  p50: number
  p99: number
  cpuMs: number
}

function figures({ ms, seconds, cpuMs }: Measured): Figures {
  const sorted = [...ms].sort((a, b) => a - b)
  return {
    rate: ms.length / seconds,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    cpuMs: cpuMs / ms.length,
  }
}

function show(...cells: (string | number)[]): void {
  const widths = [34, 12, 10, 10, 10, 12]
  process.stdout.write(
    `${cells.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[0]!) : String(cell).padStart(widths[i] ?? 14))).join('')}\n`,
  )
}

async function duel(
  label: string,
  both: readonly Contestant[],
  connections: number,
  nextOf: (contestant: Contestant) => Next,
  raw: number,
): Promise<void> {
  const measured = both.map((): Measured => ({ ms: [], seconds: 0, cpuMs: 0 }))
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, contestant] of both.entries()) {
      // The first round warms up.
      const into = round === 0 ? { ms: [], seconds: 0, cpuMs: 0 } : measured[i]!
      await slice(contestant, connections, nextOf(contestant), into)
    }
  }
  const [ours, theirs] = measured.map(figures) as [Figures, Figures]
  for (const [i, { rate, p50, p99, cpuMs }] of [ours, theirs].entries()) {
    const share = `${((100 * rate) / raw).toFixed(0)} %`
    show(
      i === 0 ? label : '',
      both[i]!.name,
      Math.round(rate),
      p50.toFixed(2),
      p99.toFixed(2),
      (1000 * cpuMs).toFixed(0),
      share,
    )
  }
  show(
    '',
    'ratio',
    `${(ours.rate / theirs.rate).toFixed(2)}x`,
    `${(ours.p50 / theirs.p50).toFixed(2)}x`,
    `${(ours.p99 / theirs.p99).toFixed(2)}x`,
    `${(ours.cpuMs / theirs.cpuMs).toFixed(2)}x`,
  )
}

/** How many times per second one core can verify a head and sign a cosignature. */
function rawLimit(): number {
  const log = logs[0]!
  const witness = makeSignerKey('raw.example', SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(99))
  const note = parseNote(log.head(FIRST_SIZE))
  let count = 0
  const start = performance.now()
  while (performance.now() - start < 2000) {
    verifyNote(note, log.signer.verifier)
    cosign(note.text, ++count, witness)
  }
  return count / ((performance.now() - start) / 1000)
}

// ---- the contest -----------------------------------------------------------------------------------------------

interface Running {
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}

/** A node that counts ours, and so keeps as many promises as ours makes; it follows one log. Returns its address. */
async function startPeer(ours: string, { vkey, origin }: KnownLog): Promise<Running & { at: string }> {
  const { signer } = await loadOrCreateWitnessKey(join(ours, WITNESS_FILE), 'ours.example')
  const policy = join(home, 'policy')
  writeFileSync(policy, `witness ours ${signer.verifier.vkey}\nquorum ours\n`)
  const log = ['--log', `${vkey} - ${origin}`, '--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns', '--policy', policy]
  const args = ['run', '--json', '--home', join(home, 'peer'), '--http', '127.0.0.1:0', ...log]
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { multiaddrs } = JSON.parse(line) as { multiaddrs: string[] }
  return { at: multiaddrs[0]!, port: 0, pid: child.pid!, stop: () => ended(child) }
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM')
  await once(child, 'exit')
}

async function startOurs(home: string, known: readonly KnownLog[], more: readonly string[]): Promise<Running> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  const flags = known.flatMap(({ vkey, origin }) => ['--log', `${vkey} - ${origin}`])
  const args = ['run', '--home', home, '--http', `127.0.0.1:${port}`, '--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns']
  const child = spawn(process.execPath, [PROGRAM, ...args, ...flags, ...more], { stdio: 'ignore' })
  const isUp = async (): Promise<boolean> => {
    try {
      const status = (await (await fetch(`http://127.0.0.1:${port}/api/v1/status`)).json()) as StatusView
      return status.guard.state !== 'waiting'
    } catch {
      return false
    }
  }
  while (!(await isUp())) await delay(50)
  return { port, pid: child.pid!, stop: () => ended(child) }
}

const litewitness = findLitewitness()
if (litewitness === undefined) throw new Error('no litewitness here: scripts/ci/peers.sh installs it')
const home = mkdtempSync(join(tmpdir(), 'gossum-bench-'))
const known = [
  ...logs.map(({ origin, signer }) => ({ origin, vkey: signer.verifier.vkey })),
  { origin: SUMDB_ORIGIN, vkey: SUM_GOLANG_ORG },
]
const place = join(home, 'ours')
mkdirSync(place, { mode: 0o700 })
const depositary = process.argv.includes('--deposit') ? await startPeer(place, known[0]!) : undefined
const ours = await startOurs(place, known, depositary === undefined ? [] : ['--bootstrap', depositary.at])
const theirs = await startLitewitness(litewitness, known)
const contestants: Contestant[] = [
  { name: 'gossum', port: ours.port, pid: ours.pid, sizes: logs.map(() => FIRST_SIZE) },
  { name: 'litewitness', port: Number(new URL(theirs.url).port), pid: theirs.pid, sizes: logs.map(() => FIRST_SIZE) },
]
try {
  const raw = rawLimit()
  process.stdout.write(`raw verify + sign, one core: ${Math.round(raw)}/s\n\n`)
  show('', '', 'req/s', 'p50 ms', 'p99 ms', 'CPU us/req', 'of raw limit')

  const genuine = (readLines(vectorUrl('sumdb-add-checkpoint.jsonl')) as { body: string }[]).map(({ body }) =>
    request(utf8(body)),
  )
  const walks = contestants.map((): Measured => ({ ms: [], seconds: 0, cpuMs: 0 }))
  for (const [i, { port, name }] of contestants.entries()) {
    const connection = await Connection.open(port)
    for (const message of genuine) {
      const from = performance.now()
      if ((await connection.send(message)) !== 200) throw new Error(`${name} refused a genuine head`)
      walks[i]!.ms.push(performance.now() - from)
    }
    connection.close()
  }
  for (const [i, { ms }] of walks.entries()) {
    const sorted = [...ms].sort((a, b) => a - b)
    show(
      i === 0 ? `${ms.length} genuine heads, cold` : '',
      contestants[i]!.name,
      '',
      quantile(sorted, 0.5).toFixed(2),
      quantile(sorted, 0.99).toFixed(2),
    )
  }

  for (const { port } of contestants) {
    const connection = await Connection.open(port)
    for (const log of logs) await connection.send(request(log.body(0, FIRST_SIZE)))
    connection.close()
  }
  for (const count of [1, LOGS]) {
    for (const connections of CONNECTIONS) {
      const label = `${connections} connections, ${count} logs`
      await duel(`resubmission, ${label}`, contestants, connections, () => resubmit(count), raw)
      // One log is one chain: one request at a time, whatever the number of connections.
      if (connections > 1 && count === 1) continue
      // Made in advance, more than needed.
      const ahead = Math.ceil(((ROUNDS + 1) * SLICE_MS * 5) / count)
      for (let log = 0; log < count; log++) {
        const first = Math.min(...contestants.map(({ sizes }) => sizes[log]!))
        for (let i = 0; i < ahead; i++) step(log, first + i)
      }
      await duel(`advancing, ${label}`, contestants, connections, (contestant) => advance(count, contestant), raw)
    }
  }
  show('')
  for (const { name, pid } of contestants) show('memory at the end', name, `${usageOf(pid).rss.toFixed(0)} MB`)
} finally {
  await ours.stop()
  await theirs.stop()
  await depositary?.stop()
  rmSync(home, { recursive: true })
}
