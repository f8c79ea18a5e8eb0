/**
 * The mirror compared with goproxy (github.com/goproxy/goproxy, scripts/ci/peers.sh), with the same files from the same
 * upstream, alternating: `go mod download` of 100 modules, zips under load, the memory that a zip of 200 MB costs, and
 * the first request for a module. Each proxy, the log and the go command are processes of their own.
 *
 *   npm run bench:mirror
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { LyingLog, madeUpRecords } from '../../test/fakes/lying-log.js'
import { GoUser, newestGo, removeTree, type GoCommand, type GoSettings } from '../../test/helpers/go.js'
import { usageOf } from '../../test/helpers/process-usage.js'
import { goproxy, startGoproxy } from '../../test/helpers/goproxy.js'
import { makeModule, ModuleFolder, pathOf, type Made } from '../../test/helpers/module-folder.js'

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
/** The name of the log. goproxy accepts none with a slash. */
const NAME = 'sum.example.org'
const MODULES = 100
const ROUNDS = 9
/** Records in the log in addition to the modules: enough for tiles of three levels. */
const RECORDS = 70_000
const CLIENTS = [1, 8, 64]
const REQUESTS = 3000
const LARGE = 200 * 1024 * 1024

const root = await mkdtemp(join(tmpdir(), 'gossum-bench-'))
const children: ChildProcess[] = []

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
const show = (label: string, value: string): boolean => process.stdout.write(`${label.padEnd(58)}${value}\n`)

// ---- what is served --------------------------------------------------------------------------------------------

/** Text that compresses like code, to a quarter. */
function codeOf(seed: number, bytes: number): string {
  const lines: string[] = []
  for (let n = 0, length = 0; length < bytes; n++) {
    const name = createHash('sha256').update(`${seed} ${n}`).digest('base64url').slice(0, 20)
    const line = `// Value${n} is what was said of it in ${name}.\nconst Value${n} = "${name}"\n`
    lines.push(line)
    length += line.length
  }
  return `package lib\n\n${lines.join('')}`
}

/** 100 modules of 4 KB to 1.2 MB, most of them small, as modules are. */
function modules(): Made[] {
  return Array.from({ length: MODULES }, (_, i) => {
    const size = 4096 * Math.ceil(Math.exp((5.7 * ((i * 37) % MODULES)) / MODULES))
    const files = Math.min(40, Math.ceil(size / 16_384))
    const each = Array.from({ length: files }, (_, n) => [`lib${n}.go`, codeOf(i * 1000 + n, size / files)] as const)
    return makeModule(`example.org/lib${i}`, `v1.${i}.0`, Object.fromEntries(each))
  })
}

/** A module whose zip has 200 MB of incompressible data, like a toolchain. */
async function largeModule(folder: ModuleFolder): Promise<Made> {
  const made = makeModule('example.org/large', 'v1.0.0', {})
  const name = 'example.org/large@v1.0.0/data'
  const data = randomBytes(LARGE)
  const digest = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
  const lines = [`${digest(data)}  ${name}\n`, `${digest(made.mod)}  example.org/large@v1.0.0/go.mod\n`]
  const sum = createHash('sha256').update(lines.join('')).digest('base64')
  const text = made.record.text.replace(/v1\.0\.0 h1:\S+/, `v1.0.0 h1:${sum}`)
  const large = { ...made, entries: [{ name, data }, ...made.entries], record: { ...made.record, text } }
  await folder.put(large)
  return large
}

// ---- processes -------------------------------------------------------------------------------------------------

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
  /** Verifier key. */
  readonly log: string
  readonly url: string
}

/** A proxy under test. */
interface Proxy {
  readonly name: string
  readonly child: ChildProcess
  /** Its GOPROXY URL. */
  readonly url: string
}

async function startMirror({ log, url }: Log, upstream: string): Promise<Proxy> {
  const home = await mkdtemp(join(root, 'node-'))
  const fixed = ['--home', home, '--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0']
  const { child, ready } = await gossum('run', ...fixed, '--log', `${log} ${url}`, '--mirror', upstream)
  const { http } = ready as { http: string }
  while ((await fetch(`${http}/sumdb/${NAME}/latest`)).status !== 200)
    await new Promise((later) => setTimeout(later, 50))
  return { name: 'gossum', child, url: `${http}/mod` }
}

async function startTheirs({ log, url }: Log, upstream: string): Promise<Proxy> {
  const home = await mkdtemp(join(root, 'goproxy-'))
  const args = ['--proxied-sumdbs', `${NAME} ${url}`]
  const running = await startGoproxy(home, { GOPROXY: upstream, GOSUMDB: `${log} ${url}` }, args)
  children.push(running.child)
  return { name: 'goproxy', ...running }
}

// ---- downloads -------------------------------------------------------------------------------------------------

/** Milliseconds of `go mod download` of everything that a go.mod requires, by a user with empty caches. */
async function download(go: GoCommand, made: readonly Made[], settings: GoSettings, goSum: boolean): Promise<number> {
  const user = await GoUser.create(go, root)
  const requires = made.map(({ path, version }) => `\t${path} ${version}\n`).join('')
  await writeFile(join(user.home, 'go.mod'), `module example.com/app\n\ngo 1.19\n\nrequire (\n${requires})\n`)
  if (goSum) await writeFile(join(user.home, 'go.sum'), made.map(({ record }) => record.text).join(''))
  const from = performance.now()
  const { exit, output } = await user.run(['mod', 'download'], settings)
  const ms = performance.now() - from
  if (exit !== 0) throw new Error(output)
  await removeTree(user.home)
  return ms
}

async function downloads(
  go: GoCommand,
  made: readonly Made[],
  upstream: string,
  log: Log,
  start: readonly (() => Promise<Proxy>)[],
): Promise<Proxy[]> {
  const direct = { GOPROXY: upstream, GOSUMDB: `${log.log} ${log.url}` }
  const through = ({ url }: Proxy): GoSettings => ({ GOPROXY: url, GOSUMDB: log.log })
  await download(go, made, direct, false)
  const cold = new Map<string, number[]>()
  let proxies: Proxy[] = []
  for (let i = 0; i < 3; i++) {
    for (const { child } of proxies) child.kill('SIGKILL')
    proxies = await Promise.all(start.map((one) => one()))
    for (const proxy of proxies) {
      cold.set(proxy.name, [...(cold.get(proxy.name) ?? []), await download(go, made, through(proxy), false)])
    }
  }
  const plain: number[] = []
  for (const goSum of [true, false]) {
    const times = new Map<string, number[]>(proxies.map(({ name }) => [name, []]))
    const costs = new Map<string, number[]>(proxies.map(({ name }) => [name, []]))
    for (let i = 0; i < ROUNDS; i++) {
      // The order alternates with each round.
      for (const proxy of i % 2 === 0 ? proxies : proxies.toReversed()) {
        const before = usageOf(proxy.child.pid!).cpu
        times.get(proxy.name)!.push(await download(go, made, through(proxy), goSum))
        costs.get(proxy.name)!.push((usageOf(proxy.child.pid!).cpu - before) * 1000)
      }
      if (goSum) plain.push(await download(go, made, direct, true))
    }
    const label = goSum ? 'with a go.sum' : 'and without'
    show(`${go.version} mod download, ${MODULES} modules, warm, ${label}`, summary(times))
    show('  processor time of the proxy', summary(costs))
  }
  show('  the same from the upstream itself, with a go.sum', `${Math.round(median(plain))} ms`)
  show('  asked for the first time, without a go.sum', summary(cold))
  return proxies
}

/** The medians, and the ratio of ours to the other's. */
function summary(times: ReadonlyMap<string, readonly number[]>): string {
  const each = [...times].map(([name, all]) => `${name} ${Math.round(median(all))} ms`)
  const [ours, theirs] = ['gossum', 'goproxy'].map((name) => times.get(name))
  const ratio = ours === undefined || theirs === undefined ? '' : `, x ${(median(ours) / median(theirs)).toFixed(2)}`
  return `${each.join(', ')}${ratio}`
}

// ---- load ------------------------------------------------------------------------------------------------------

/** Requests zips repeatedly, `clients` at a time. */
async function load(base: string, paths: readonly string[], clients: number, count: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  let next = 0
  let bytes = 0
  const client = async (): Promise<void> => {
    while (next < count) {
      const path = paths[next++ % paths.length]!
      await new Promise<void>((resolve, reject) => {
        get(`${base}/${path}`, { agent }, (response) => {
          if (response.statusCode !== 200) reject(new Error(`${path}: ${String(response.statusCode)}`))
          response.on('data', (piece: Buffer) => (bytes += piece.length)).once('end', resolve)
        }).on('error', reject)
      })
    }
  }
  const from = performance.now()
  await Promise.all(Array.from({ length: clients }, client))
  const seconds = (performance.now() - from) / 1000
  agent.destroy()
  return { perSecond: count / seconds, mbPerSecond: bytes / 2 ** 20 / seconds }
}

async function throughput(proxies: readonly Proxy[], made: readonly Made[]): Promise<void> {
  const paths = made.map((one) => pathOf(one, 'zip'))
  for (const clients of CLIENTS) {
    const rates = new Map<string, { perSecond: number; mbPerSecond: number }[]>(proxies.map(({ name }) => [name, []]))
    for (let i = 0; i < 5; i++) {
      for (const { name, url } of i % 2 === 0 ? proxies : proxies.toReversed()) {
        rates.get(name)!.push(await load(url, paths, clients, REQUESTS))
      }
    }
    const each = [...rates].map(([name, all]) => {
      const [count, mb] = [median(all.map(({ perSecond }) => perSecond)), median(all.map((one) => one.mbPerSecond))]
      return `${name} ${Math.round(count)}/s, ${Math.round(mb)} MB/s`
    })
    show(`zips, ${clients} clients`, each.join('; '))
  }
}

// ---- memory ----------------------------------------------------------------------------------------------------

/** How far the memory of a process rises above its level at rest while `act` runs, in MB. */
async function rise({ child }: Proxy, act: () => Promise<unknown>): Promise<number> {
  const rss = (): number => usageOf(child.pid!).rss
  const before = rss()
  let most = before
  const timer = setInterval(() => (most = Math.max(most, rss())), 5)
  await act()
  clearInterval(timer)
  return most - before
}

async function large(proxies: readonly Proxy[], made: Made): Promise<void> {
  const zip = pathOf(made, 'zip')
  for (const proxy of proxies) {
    const pass = (clients: number) => load(proxy.url, [zip], clients, clients)
    const from = performance.now()
    const cold = await rise(proxy, () => pass(1))
    const seconds = (performance.now() - from) / 1000
    const warm = await rise(proxy, () => pass(1))
    const many = await rise(proxy, () => pass(8))
    show(
      `a zip of 200 MB through ${proxy.name}`,
      `first time +${cold.toFixed(0)} MB, ${seconds.toFixed(1)} s; again +${warm.toFixed(0)} MB; 8 at once +${many.toFixed(0)} MB`,
    )
  }
}

// ----------------------------------------------------------------------------------------------------------------

try {
  const go = newestGo()
  if (go === undefined) throw new Error('there is no go command here')
  const dir = join(root, 'upstream')
  await mkdir(dir)
  const folder = new ModuleFolder(dir)
  const made = modules()
  await folder.put(...made)
  const big = await largeModule(folder)
  const texts = madeUpRecords(0, RECORDS).map(({ text }) => text)
  // Spread over the log, as modules are.
  made.forEach(({ record }, i) => texts.splice(Math.floor((i * RECORDS) / MODULES), 0, record.text))
  await writeFile(join(root, 'go.sum'), [...texts, big.record.text].join(''))
  const serve = [
    '--home',
    join(root, 'log'),
    '--listen',
    '127.0.0.1:0',
    '--records',
    join(root, 'go.sum'),
    '--name',
    NAME,
  ]
  const log = (await gossum('log', 'serve', ...serve)).ready as Log
  const upstream = await LyingLog.start(folder)
  if (goproxy === undefined) show('goproxy', 'not measured: it is not here (scripts/ci/peers.sh)')
  const proxies = await downloads(go, made, upstream.url, log, [
    () => startMirror(log, upstream.url),
    ...(goproxy === undefined ? [] : [() => startTheirs(log, upstream.url)]),
  ])
  await throughput(proxies, made)
  await large(proxies, big)
  await upstream.close()
} finally {
  for (const child of children) child.kill('SIGKILL')
  await rm(root, { recursive: true, force: true })
}
