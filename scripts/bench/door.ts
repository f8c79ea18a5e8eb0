/**
 * The cost for the go command of using a node instead of the log: downloads of 50 modules by the real go command,
 * lookups under load, and the memory of the node over 100,000 requests. Upstream is `gossum log serve`, in a process of
 * its own; the measurements of both sides alternate.
 *
 *   npm run bench:door
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { madeUpRecord, madeUpRecords } from '../../test/fakes/lying-log.js'
import { goCommands, GoUser, publish, removeTree, type GoCommand } from '../../test/helpers/go.js'
import { usageOf } from '../../test/helpers/process-usage.js'

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const MODULES = 50
const DOWNLOADS = 7
/** Records in the log in addition to the modules: enough for tiles of three levels. */
const RECORDS = 70_000
const CLIENTS = [1, 8, 64]
const LOOKUPS = 10_000
const REQUESTS = 100_000

const root = await mkdtemp(join(tmpdir(), 'gossum-bench-'))
const children: ChildProcess[] = []

const quantile = (values: number[], q: number): number =>
  values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))]!
const show = (label: string, value: string): boolean => process.stdout.write(`${label.padEnd(52)}${value}\n`)

/** Starts gossum and resolves to its first line. */
async function gossum(...args: string[]): Promise<{ child: ChildProcess; ready: unknown }> {
  const env = { ...process.env, GOSSUM_MDNS: 'false' }
  const child = spawn(process.execPath, [PROGRAM, ...args, '--json'], { stdio: ['ignore', 'pipe', 'inherit'], env })
  children.push(child)
  const lines = createInterface({ input: child.stdout })
  const [line] = (await once(lines, 'line')) as [string]
  // Without a reader the pipe fills up.
  lines.on('line', () => undefined)
  return { child, ready: JSON.parse(line) as unknown }
}

interface Log {
  readonly log: string
  readonly url: string
}

interface Node {
  readonly http: string
  readonly logs: { gosumdb: string; name: string }[]
}

async function startNode({ log, url }: Log): Promise<{ child: ChildProcess; ready: Node; sumdb: string }> {
  const home = await mkdtemp(join(root, 'node-'))
  const args = ['--home', home, '--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0', '--log', `${log} ${url}`]
  const { child, ready: line } = await gossum('run', ...args)
  const ready = line as Node
  const sumdb = `${ready.http}/sumdb/${ready.logs[0]!.name}`
  while ((await fetch(`${sumdb}/latest`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50))
  return { child, ready, sumdb }
}

// ---- downloads -------------------------------------------------------------------------------------------------

/** Milliseconds of `go mod download` of all modules by a user with empty caches. */
async function download(go: GoCommand, modules: readonly string[], proxy: string, gosumdb: string): Promise<number> {
  const user = await GoUser.create(go, root)
  const from = performance.now()
  const args = ['mod', 'download', ...modules]
  const { exit, output } = await user.run(args, { GOPROXY: `file://${proxy}`, GOSUMDB: gosumdb })
  const ms = performance.now() - from
  if (exit !== 0) throw new Error(output)
  await removeTree(user.home)
  return ms
}

async function downloads(log: Log, modules: readonly string[], proxy: string): Promise<void> {
  const go = goCommands()[0]
  if (go === undefined) return void show('go mod download', 'not measured: there is no go command here')
  const direct = `${log.log} ${log.url}`
  const [plain, cold, warm]: [number[], number[], number[]] = [[], [], []]
  await download(go, modules, proxy, direct)
  for (let i = 0; i < DOWNLOADS; i++) {
    const { child, ready } = await startNode(log)
    plain.push(await download(go, modules, proxy, direct))
    cold.push(await download(go, modules, proxy, ready.logs[0]!.gosumdb))
    warm.push(await download(go, modules, proxy, ready.logs[0]!.gosumdb))
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  const [base, first, second] = [plain, cold, warm].map((times) => quantile(times, 0.5)) as [number, number, number]
  show(`${go.version} mod download of ${MODULES} modules, from the log`, `${Math.round(base)} ms`)
  show('  through a node that has seen none of them', `${Math.round(first)} ms, x ${(first / base).toFixed(2)}`)
  show('  through a node that has', `${Math.round(second)} ms, x ${(second / base).toFixed(2)}  (goal <= 1.05)`)
}

// ---- load ------------------------------------------------------------------------------------------------------

const paths = Array.from({ length: 1000 }, (_, i) => {
  const n = (i * 67) % RECORDS
  return `/lookup/example.com/!module${n}@${madeUpRecord(n).version}`
})

/** Requests the paths repeatedly, `clients` at a time; returns the milliseconds that each took. */
async function load(base: string, clients: number, count: number): Promise<{ perSecond: number; times: number[] }> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const times: number[] = []
  let next = 0
  const client = async (): Promise<void> => {
    while (next < count) {
      const path = paths[next++ % paths.length]!
      const from = performance.now()
      await new Promise<void>((resolve, reject) => {
        get(`${base}${path}`, { agent }, (response) => {
          if (response.statusCode !== 200) reject(new Error(`${path}: ${String(response.statusCode)}`))
          response.resume().once('end', resolve)
        }).on('error', reject)
      })
      times.push(performance.now() - from)
    }
  }
  const from = performance.now()
  await Promise.all(Array.from({ length: clients }, client))
  const seconds = (performance.now() - from) / 1000
  agent.destroy()
  return { perSecond: count / seconds, times }
}

async function lookups(log: Log): Promise<void> {
  const { child, sumdb } = await startNode(log)
  const before = usageOf(child.pid!).cpu
  const cold = await load(sumdb, 8, paths.length)
  const cpu = ((usageOf(child.pid!).cpu - before) * 1000) / paths.length
  show(
    'lookups seen for the first time, 8 clients',
    `${Math.round(cold.perSecond)}/s, p99 ${quantile(cold.times, 0.99).toFixed(1)} ms, ${cpu.toFixed(1)} ms of CPU each (goal <= 3.5)`,
  )
  for (const clients of CLIENTS) {
    const theirs = await load(log.url, clients, LOOKUPS / 5)
    const ours = await load(sumdb, clients, LOOKUPS)
    const ratio = ours.perSecond / theirs.perSecond
    const p99 = `p99 ${quantile(ours.times, 0.99).toFixed(1)} ms`
    show(
      `lookups, ${clients} clients`,
      `${Math.round(ours.perSecond)}/s, ${p99}; the log ${Math.round(theirs.perSecond)}/s, x ${ratio.toFixed(1)}`,
    )
  }
  const rss: number[] = [usageOf(child.pid!).rss]
  for (let i = 0; i < 4; i++) {
    await load(sumdb, 16, REQUESTS / 4)
    rss.push(usageOf(child.pid!).rss)
  }
  show(`memory over ${REQUESTS} requests, each quarter`, `${rss.map((mb) => Math.round(mb)).join(', ')} MB`)
}

try {
  const proxy = join(root, 'proxy')
  await mkdir(proxy)
  const modules: string[] = []
  const texts = madeUpRecords(0, RECORDS).map(({ text }) => text)
  for (let i = 0; i < MODULES; i++) {
    const { path, version, text } = await publish(proxy, `example.org/lib${i}`, 'v1.0.0', `const N = ${i}`)
    modules.push(`${path}@${version}`)
    // Spread over the log, as modules are.
    texts.splice(Math.floor((i * RECORDS) / MODULES), 0, text)
  }
  const goSum = join(root, 'go.sum')
  await writeFile(goSum, texts.join(''))
  const { ready } = await gossum(
    'log',
    'serve',
    '--home',
    join(root, 'log'),
    '--listen',
    '127.0.0.1:0',
    '--records',
    goSum,
  )
  await downloads(ready as Log, modules, proxy)
  await lookups(ready as Log)
} finally {
  for (const child of children) child.kill('SIGKILL')
  await rm(root, { recursive: true, force: true })
}
