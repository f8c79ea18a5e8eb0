/**
 * `gossum audit` compared with the best alternatives, on the same generated log, alternating: fsck of
 * transparency-dev/tessera, which hashes and compares tiles, and a Go program on golang.org/x/mod
 * (scripts/peers/auditlog), which does everything that ours does. Whole processes, from start to end. Prints wall time
 * and CPU time; on a busy machine only the CPU time is comparable.
 *
 *   npm run bench:audit                           needs fsck and auditlog (scripts/ci/peers.sh), Linux
 *   npm run bench:audit -- --records N            of the log (default 2,000,000; made once, about 270 bytes each, twice)
 *   npm run bench:audit -- --rounds N             runs of each, alternating (default 3)
 *   npm run bench:audit -- --memory N,N,...       sizes to measure memory with (default 1000000,4000000; 16000000 takes 9 GB)
 *   npm run bench:audit -- --only hash,full,memory,server,resume
 */
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { UNIT_RECORDS, unitsOf } from '../../src/audit/walk/unit.js'
import { findPeer } from '../../test/helpers/peers.js'
import { benchLog, type BenchLog } from './audit-log.js'
import { CAN_BIND, gossumAudit, inFolder, requireClean, start, take, type Run, type Took } from './audited.js'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '3' },
    memory: { type: 'string', default: '1000000,4000000' },
    only: { type: 'string', default: 'hash,full,memory,server,resume' },
  },
})
const RECORDS = Number(values.records)
const ROUNDS = Number(values.rounds)
const WORKERS = [1, 2]

const grouped = (value: number): string => Math.round(value).toLocaleString('en-US')
const print = (text: string): void => void process.stdout.write(`${text}\n`)
const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!

function peer(name: string): string {
  const file = findPeer(name)
  if (file === undefined) throw new Error(`there is no ${name}: scripts/ci/peers.sh installs it`)
  return file
}

/** `gossum audit` of a folder, with a new home each time. */
function ours(log: string, threads: number): Promise<Took> {
  return inFolder(async (home) => {
    const took = await take(gossumAudit(log, home, threads))
    requireClean(took, RECORDS)
    return took
  })
}

function show(label: string, runs: readonly Took[], records: number): { seconds: number; cpu: number } {
  const seconds = median(runs.map((run) => run.seconds))
  const cpu = median(runs.map((run) => run.cpu))
  const peak = Math.max(...runs.map((run) => run.peak))
  const rate = `${grouped(records / seconds)} records/s`
  const perRecord = `${((cpu / records) * 1e6).toFixed(2)} us CPU a record`
  const figures = `${seconds.toFixed(2).padStart(7)} s  ${rate.padStart(19)}  ${perRecord}  ${grouped(peak)} MB`
  print(`  ${label.padEnd(30)}${figures}`)
  return { seconds, cpu }
}

/** Two programs, alternating, with one worker and with two. */
async function compare(
  names: readonly [string, string],
  theirs: (workers: number) => Promise<Took>,
  own: (workers: number) => Promise<Took>,
): Promise<void> {
  for (const workers of WORKERS) {
    const [a, b]: [Took[], Took[]] = [[], []]
    for (let round = 0; round < ROUNDS; round++) {
      a.push(await theirs(workers))
      b.push(await own(workers))
    }
    print(workers === 1 ? `one worker${CAN_BIND ? ', bound to one core' : ''}` : `${workers} workers`)
    const [peers, gossum] = [show(names[0], a, RECORDS), show(names[1], b, RECORDS)]
    const ratio = (what: 'seconds' | 'cpu'): string => `${(peers[what] / gossum[what]).toFixed(2)} x`
    print(`  ours is ${ratio('seconds')} as fast by the clock, ${ratio('cpu')} by CPU time (goal >= 1.0)`)
  }
}

async function hashOnly(log: BenchLog): Promise<void> {
  print('\nHash-only, tlog-tiles, from local files')
  const fsck = peer('fsck')
  await inFolder(async (dir) => {
    const key = join(dir, 'key')
    writeFileSync(key, log.vkey)
    const theirs = async (workers: number): Promise<Took> => {
      const args = ['--ui=false', `-N=${workers}`, `--storage_url=file://${log.tiles}`, `--public_key=${key}`]
      const took = await take({ file: fsck, args, cores: workers })
      // It exits with 0 whatever it found.
      if (!took.stderr.includes("Successfully fsck'd")) throw new Error(took.stderr)
      return took
    }
    await compare(['fsck of tessera', 'gossum audit'], theirs, (threads) =>
      ours(`${log.vkey} file:${log.tiles} ${log.origin}`, threads),
    )
  })
}

async function fullCheck(log: BenchLog): Promise<void> {
  print('\nFull check, checksum database, from local files')
  const auditlog = peer('auditlog')
  const theirs = async (workers: number): Promise<Took> => {
    const took = await take({ file: auditlog, args: ['-N', String(workers), log.sumdb, log.vkey], cores: workers })
    const { audited, findings, duplicates } = JSON.parse(took.stdout) as Record<string, unknown>
    if (audited !== RECORDS || findings !== 0 || duplicates !== 0) throw new Error(took.stdout)
    return took
  }
  await compare(['Go on golang.org/x/mod', 'gossum audit'], theirs, (threads) =>
    ours(`${log.vkey} file:${log.sumdb}`, threads),
  )
}

async function memory(): Promise<void> {
  print('\nMemory, full check, two threads (goal: flat, < 400 MB)')
  for (const records of values.memory.split(',').map(Number)) {
    const log = benchLog(records, print)
    const took = await inFolder((home) => take(gossumAudit(`${log.vkey} file:${log.sumdb}`, home, 2)))
    requireClean(took, records)
    show(`${grouped(records)} records`, [took], records)
  }
}

/** The same folder, served over HTTP by this process. */
async function fromServer(log: BenchLog): Promise<void> {
  print('\nFull check from a server on this machine, two threads')
  let [requests, bytes] = [0, 0]
  const server = createServer((request, response) => {
    requests++
    readFile(join(log.sumdb, new URL(request.url!, 'http://log').pathname)).then(
      (data) => {
        bytes += data.length
        response.end(data)
      },
      () => response.writeHead(404).end(),
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const took = await ours(`${log.vkey} http://127.0.0.1:${port}`, 2)
    show('gossum audit', [took], RECORDS)
    print(`  ${grouped(requests)} requests, ${(bytes / requests / 1024).toFixed(1)} KiB each on average`)
  } finally {
    server.close()
  }
}

/** Kills an audit in the middle, and measures how long the rest takes. */
async function resume(log: BenchLog): Promise<void> {
  print('\nResume after kill -9, full check, two threads')
  await inFolder(async (home) => {
    const run = gossumAudit(`${log.vkey} file:${log.sumdb}`, home, 2)
    const child = start(run)
    const ended = once(child, 'close')
    const kept = (): number => partsIn(home)
    const half = Math.floor(unitsOf(RECORDS) / 2)
    while (kept() < half && child.exitCode === null) await delay(5)
    child.kill('SIGKILL')
    await ended
    const done = kept()
    print(`  killed with ${done} of ${unitsOf(RECORDS)} units of ${grouped(UNIT_RECORDS)} records done`)
    await again('the same command, to the end', run)
    await again('once more: nothing to do', run)
  })
}

async function again(label: string, run: Run): Promise<void> {
  const took = await take(run)
  requireClean(took, RECORDS)
  print(`  ${label.padEnd(30)}${took.seconds.toFixed(2).padStart(7)} s  ${took.cpu.toFixed(2)} s CPU`)
}

function partsIn(home: string): number {
  const audits = join(home, 'audit')
  if (!existsSync(audits)) return 0
  const folders = readdirSync(audits).map((id) => join(audits, id, 'parts'))
  return folders.flatMap((dir) => (existsSync(dir) ? readdirSync(dir) : [])).filter((name) => name.endsWith('.part'))
    .length
}

const log = benchLog(RECORDS, print)
print(`${grouped(RECORDS)} records of ${Math.round(log.bytes / RECORDS)} bytes; medians of ${ROUNDS}, in turns`)
const sections: Record<string, () => Promise<void>> = {
  hash: () => hashOnly(log),
  full: () => fullCheck(log),
  memory,
  server: () => fromServer(log),
  resume: () => resume(log),
}
for (const name of values.only.split(',')) await sections[name]!()
print(`\nload of the machine: ${loadavg()[0]!.toFixed(1)}; beyond its cores, CPU time says more than the clock`)
