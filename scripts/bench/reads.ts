/**
 * The cost of reading the newest head of a log from an observer: the whole answer, and 304 for a reader that has it.
 * Compared with a bare node:http server that answers with the same bytes and ETags, and with nginx on the published
 * folder if it is installed. All are processes of their own, measured alternately.
 *
 *   npm run bench:reads
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { madeUpRecords } from '../../test/fakes/lying-log.js'
import { freePort } from '../../test/helpers/free-port.js'
import { usageOf } from '../../test/helpers/process-usage.js'

const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const SAMPLE = fileURLToPath(new URL('../../deploy/public-reads/nginx.conf', import.meta.url))
const NGINX = ['/usr/sbin/nginx', '/usr/local/sbin/nginx'].find((file) => existsSync(file))
const CONNECTIONS = 16
const TURN_MS = 2_000
const TURNS = 5

const root = await mkdtemp(join(tmpdir(), 'gossum-bench-'))
const children: ChildProcess[] = []

/** Starts a program, and resolves to the first line that it prints. */
async function start(file: string, args: readonly string[]): Promise<{ pid: number; line: string }> {
  const env = { ...process.env, GOSSUM_MDNS: 'false' }
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  children.push(child)
  const lines = createInterface({ input: child.stdout })
  const [line] = (await once(lines, 'line')) as [string]
  // Without a reader the pipe fills up.
  lines.on('line', () => undefined)
  return { pid: child.pid!, line }
}

interface Reading {
  readonly name: string
  readonly url: string
  readonly pid: number
  /** Requests per second, and processor time in microseconds per request, of each round. */
  readonly turns: { readonly rate: number; readonly cpu: number }[]
}

/** Sends as many requests as fit into a round, each after the previous answer on its connection. Returns the number. */
async function load(url: URL, etag: string | undefined, status: number): Promise<number> {
  const until = performance.now() + TURN_MS
  const condition = etag === undefined ? '' : `if-none-match: ${etag}\r\n`
  const request = Buffer.from(`GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\n${condition}\r\n`)
  const expected = `HTTP/1.1 ${status}`
  const one = async (): Promise<number> => {
    const socket = connect(Number(url.port), url.hostname)
    await once(socket, 'connect')
    socket.setNoDelay(true)
    let answered = 0
    let text = ''
    return new Promise((resolve, reject) => {
      socket.on('error', reject).on('close', () => resolve(answered))
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        const end = text.indexOf('\r\n\r\n')
        if (end === -1) return
        const length = status === 304 ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1])
        if (text.length < end + 4 + length) return
        if (!text.startsWith(expected)) return reject(new Error(text.slice(0, 200)))
        text = ''
        answered++
        // Servers close a connection after a number of requests; ours stay far below it.
        if (performance.now() < until) socket.write(request)
        else socket.destroy()
      })
      socket.write(request)
    })
  }
  const counts = await Promise.all(Array.from({ length: CONNECTIONS }, one))
  return counts.reduce((sum, count) => sum + count, 0)
}

async function turn({ url, pid, turns }: Reading, is304: boolean): Promise<void> {
  const answer = await fetch(url)
  await answer.text()
  const before = usageOf(pid).cpu
  const began = performance.now()
  const count = await load(new URL(url), is304 ? answer.headers.get('etag')! : undefined, is304 ? 304 : 200)
  const seconds = (performance.now() - began) / 1000
  turns.push({ rate: count / seconds, cpu: ((usageOf(pid).cpu - before) / count) * 1e6 })
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

// ---- the servers -----------------------------------------------------------------------------------------------

/** Gives the same answers as the node, and does nothing else. */
function bareServer(path: string, headers: Record<string, string>, body: string): string {
  return `
    const { createServer } = require('node:http')
    const path = ${JSON.stringify(path)}, headers = ${JSON.stringify(headers)}, body = Buffer.from(${JSON.stringify(body)})
    const server = createServer((request, response) => {
      if (request.url !== path) return response.writeHead(404).end()
      if (request.headers['if-none-match'] === headers.etag) return response.writeHead(304, headers).end()
      response.writeHead(200, { ...headers, 'content-length': body.length }).end(body)
    })
    server.listen(0, '127.0.0.1', () => console.log(server.address().port))`
}

async function startNginx(folder: string): Promise<{ url: string; pid: number } | undefined> {
  if (NGINX === undefined) return undefined
  const port = await freePort()
  const server = (await readFile(SAMPLE, 'utf8'))
    .replace(/listen 443 ssl;/, `listen 127.0.0.1:${port};`)
    .replace(/ssl_certificate.*\n.*ssl_certificate_key.*\n/, '')
    .replace('/srv/gossum', folder)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${root};`)
    .join(' ')
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  // One process, like the others.
  const main = `${user} daemon off; master_process off; pid ${root}/pid; error_log stderr; events {}`
  const http = `access_log off; keepalive_requests 100000000; ${paths}`
  await writeFile(join(root, 'nginx.conf'), `${main}\nhttp { ${http}\n${server}}\n`)
  const child = spawn(NGINX, ['-e', 'stderr', '-p', root, '-c', join(root, 'nginx.conf')], { stdio: 'inherit' })
  children.push(child)
  const url = `http://127.0.0.1:${port}`
  while ((await fetch(url).catch(() => undefined)) === undefined) await delay(50)
  return { url, pid: child.pid! }
}

interface Ready {
  readonly witness: string
  readonly multiaddrs: readonly string[]
  readonly http: string
  readonly logs: { readonly id: string }[]
}

try {
  const records = join(root, 'go.sum')
  await writeFile(
    records,
    madeUpRecords(0, 1000)
      .map(({ text }) => text)
      .join(''),
  )
  const serving = ['--home', join(root, 'log'), '--listen', '127.0.0.1:0', '--records', records, '--json']
  const served = await start(process.execPath, [PROGRAM, 'log', 'serve', ...serving])
  const { log, url } = JSON.parse(served.line) as { log: string; url: string }
  const run = (name: string, ...more: string[]) => {
    const flags = ['--home', join(root, name), '--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0', '--json']
    return start(process.execPath, [PROGRAM, 'run', ...flags, '--log', `${log} ${url}`, ...more])
  }
  const { witness, multiaddrs } = JSON.parse((await run('witness', '--guard-wait', '0')).line) as Ready
  const policy = join(root, 'policy')
  await writeFile(policy, `log ${log}\nwitness w ${witness}\nquorum w\n`)
  const folder = join(root, 'public')
  const reading = ['--observer', '--policy', policy, '--bootstrap', multiaddrs[0]!, '--publish', folder]
  const node = await run('observer', ...reading)
  const { http, logs } = JSON.parse(node.line) as Ready
  const path = `/api/v1/logs/${logs[0]!.id}/head`
  while ((await fetch(`${http}${path}`)).status !== 200 || !existsSync(join(folder, path))) await delay(50)
  // By then the witness's cosignature is in the head.
  await delay(3_000)
  const answer = await fetch(`${http}${path}`)
  const body = await answer.text()
  const names = [
    'etag',
    'cache-control',
    'content-type',
    'vary',
    'access-control-allow-origin',
    'x-content-type-options',
  ]
  const headers = Object.fromEntries(names.map((name) => [name, answer.headers.get(name)!]))
  const bare = await start(process.execPath, ['-e', bareServer(path, headers, body)])
  const nginx = await startNginx(folder)
  const all = (): Reading[] => [
    { name: 'node:http alone', url: `http://127.0.0.1:${bare.line}${path}`, pid: bare.pid, turns: [] },
    { name: 'gossum run --observer', url: `${http}${path}`, pid: node.pid, turns: [] },
    ...(nginx === undefined
      ? []
      : [{ name: 'nginx, one process, on the folder', url: `${nginx.url}${path}`, pid: nginx.pid, turns: [] }]),
  ]
  process.stdout.write(`${body.length} bytes, ${CONNECTIONS} connections, ${TURNS} turns of ${TURN_MS / 1000} s each\n`)
  for (const is304 of [false, true]) {
    const readings = all()
    for (let i = 0; i < TURNS; i++) for (const reading of readings) await turn(reading, is304)
    const first = median(readings[0]!.turns.map(({ cpu }) => cpu))
    for (const { name, turns } of readings) {
      const [rate, cpu] = [median(turns.map((each) => each.rate)), median(turns.map((each) => each.cpu))]
      const times = `x ${(cpu / first).toFixed(2)}`
      const told = `${rate.toFixed(0)} reads/s, ${cpu.toFixed(0)} us of processor each (${times})`
      process.stdout.write(`${is304 ? 304 : 200}  ${name.padEnd(36)}${told}\n`)
    }
  }
} finally {
  for (const child of children) child.kill('SIGKILL')
  await rm(root, { recursive: true, force: true, maxRetries: 5 })
}
