/**
 * A whole node as a process: cold start to ready, memory and CPU when idle, and the times of the demo (head to quorum,
 * fork to first and to last evidence).
 *
 *   npm run bench
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const STARTS = 7
const DEMOS = 5
const IDLE_SECONDS = 30

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!
const show = (label: string, value: string): boolean => process.stdout.write(`${label.padEnd(44)}${value}\n`)

async function start(home: string) {
  const args = ['run', '--json', '--home', home, '--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0']
  const from = performance.now()
  // Nothing answers at that address: the node is idle and keeps trying, as on a machine without a network.
  const log = ['--log', 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8 http://127.0.0.1:9']
  const child = spawn(process.execPath, [PROGRAM, ...args, ...log], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(createInterface({ input: child.stdout }), 'line')
  return { child, ms: performance.now() - from }
}

async function stop(child: ReturnType<typeof spawn>): Promise<void> {
  child.kill('SIGTERM')
  await once(child, 'exit')
}

/** Resident memory in MB and CPU time in seconds of a process (Linux). */
function usage(pid: number): { rss: number; cpu: number } {
  const rss = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return { rss, cpu: (Number(fields[11]) + Number(fields[12])) / 100 }
}

const home = mkdtempSync(join(tmpdir(), 'gossum-bench-'))
const times: number[] = []
for (let i = 0; i < STARTS; i++) {
  const { child, ms } = await start(home)
  times.push(ms)
  await stop(child)
}
show(
  'cold start to ready',
  `${Math.round(median(times))} ms, worst ${Math.round(Math.max(...times))} ms of ${STARTS}  (goal < 1,000)`,
)

const { child } = await start(home)
const before = usage(child.pid!)
await new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1000))
const after = usage(child.pid!)
await stop(child)
rmSync(home, { recursive: true })
show(
  'memory of an idle node',
  `${Math.round(before.rss)} MB at start, ${Math.round(after.rss)} MB after ${IDLE_SECONDS} s  (goal < 110)`,
)
show('CPU of an idle node', `${((100 * (after.cpu - before.cpu)) / IDLE_SECONDS).toFixed(2)} % of a core`)

interface DemoResult {
  quorum: { ms: number }
  splitView: { firstMs: number; allMs: number }
  sameSize: { firstMs: number; allMs: number }
}
const demos: DemoResult[] = []
for (let i = 0; i < DEMOS; i++) {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, 'demo', '--json'])
  demos.push(JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as DemoResult)
}
const spread = (values: number[]): string => `${median(values)} ms, worst ${Math.max(...values)} ms of ${DEMOS}`
show('demo, 5 nodes: head to quorum everywhere', spread(demos.map((demo) => demo.quorum.ms)))
show('  same-size fork shown to first evidence', `${spread(demos.map((demo) => demo.sameSize.firstMs))}  (goal < 500)`)
show('  same-size fork shown to last evidence', `${spread(demos.map((demo) => demo.sameSize.allMs))}  (goal < 2,000)`)
show('  smaller fork shown to first evidence', `${spread(demos.map((demo) => demo.splitView.firstMs))}  (goal < 500)`)
show('  smaller fork shown to last evidence', `${spread(demos.map((demo) => demo.splitView.allMs))}  (goal < 2,000)`)
