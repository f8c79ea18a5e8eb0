/**
 * The reverse proxies of docs/operating.md, configured as there except for addresses and certificates, with a real
 * node: Debian's nginx and Caddy. Skipped if they are not installed, unless REQUIRE_PEERS=1, which makes that a
 * failure.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { LogView } from '../../src/status/shapes.js'
import { gossum } from '../helpers/cli.js'
import { required } from '../helpers/go.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { oldHome, oldLog, pushedBy } from '../helpers/old-home.js'
import { findPeer } from '../helpers/peers.js'
import { freePort } from '../helpers/free-port.js'

/** The snippet of the docs in this language. */
function snippet(language: string): string {
  const docs = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8')
  return new RegExp('```' + language + '\\n([^]*?)```').exec(docs)![1]!
}

/** Replaces two strings of the text, which must be there. */
function change(text: string, from: RegExp, to: string): string {
  expect(text).toMatch(from)
  return text.replace(from, to)
}

interface Proxy {
  readonly name: string
  readonly file: string | undefined
  /** The arguments of its start, in a directory of its own. */
  readonly args: (directory: string, port: number, node: string) => string[]
}

const NODE = /127\.0\.0\.1:46787/g

const nginx: Proxy = {
  name: 'nginx',
  file: findPeer('nginx') ?? findPeer('/usr/sbin/nginx'),
  args: (directory, port, node) => {
    const open = change(snippet('nginx'), /listen 443 ssl;/, `listen 127.0.0.1:${port};`)
    const server = change(change(open, /ssl_certificate.*\n.*ssl_certificate_key.*\n/, ''), NODE, node)
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory};`)
    const user = process.getuid?.() === 0 ? 'user root;' : ''
    const main = `${user} daemon off; pid ${directory}/pid; error_log stderr; events {}`
    writeFileSync(join(directory, 'conf'), `${main}\nhttp { access_log off; ${paths.join(' ')}\n${server}}\n`)
    return ['-e', 'stderr', '-p', directory, '-c', join(directory, 'conf')]
  },
}

const caddy: Proxy = {
  name: 'caddy',
  file: findPeer('caddy'),
  args: (directory, port, node) => {
    const site = change(
      snippet('caddy'),
      /^witness\.example\.org {/,
      `http://witness.example.org:${port} {\n\tbind 127.0.0.1`,
    )
    const alone = '{\n\tadmin off\n\tauto_https off\n}\n'
    writeFileSync(join(directory, 'Caddyfile'), alone + change(site, NODE, node))
    return ['run', '--adapter', 'caddyfile', '--config', join(directory, 'Caddyfile')]
  },
}

/** Starts the proxy, and sends requests through it, from an address of this machine. */
async function start({ file, args }: Proxy, node: RunningNode) {
  const directory = temporaryHome()
  const port = await freePort()
  const child = spawn(file!, args(directory, port, new URL(node.ready.http).host), {
    env: { PATH: process.env['PATH'], HOME: directory },
    stdio: 'ignore',
  })
  const exit = once(child, 'exit')
  // Killing it would leave its workers behind.
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await exit
  })
  const exited = exit.then(() => Promise.reject(new Error(`${file!} ended`)))
  const ask = async (
    path: string,
    asking: { method?: string; from?: string; headers?: object; body?: string } = {},
  ) => {
    const { method = 'GET', from: localAddress = '127.0.0.1', headers, body } = asking
    const options = { host: '127.0.0.1', port, path, method, localAddress, agent: false as const }
    const asked = request({ ...options, headers: { host: 'witness.example.org', ...headers } })
    asked.end(body)
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    let text = ''
    for await (const chunk of answer.setEncoding('utf8')) text += chunk as string
    return { status: answer.statusCode!, text }
  }
  const isUp = async (): Promise<void> => {
    while ((await ask('/livez').catch(() => undefined))?.status !== 200)
      await new Promise((later) => setTimeout(later, 50))
  }
  await Promise.race([isUp(), exited])
  exited.catch(() => undefined)
  return ask
}

const [A, B] = [oldLog('a'), oldLog('b')]

describe.each([nginx, caddy])('$name', (proxy) => {
  test.runIf(required)('is here, as REQUIRE_PEERS asks', () => {
    expect(proxy.file).toBeDefined()
  })

  test.runIf(proxy.file !== undefined)(
    'forwards the public routes, and gives no client the rights of the operator',
    async () => {
      const args = [...pushedBy(A, B), '--trusted-proxy', '127.0.0.1/32']
      const node = await RunningNode.start(oldHome('floor-and-holds'), args)
      const ask = await start(proxy, node)
      const { logs } = JSON.parse((await ask('/api/v1/logs')).text) as { logs: LogView[] }
      const hold = logs[0]!.holds.find(({ acked }) => !acked)!
      expect(JSON.parse((await ask('/api/v1/witness')).text)).toMatchObject({
        contact: null,
        logs: [{ frozen: true }, {}],
      })

      for (const headers of [{}, { host: 'localhost' }, { 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1' }]) {
        const refused = await ask(`/api/v1/evidence/${hold.id}/ack`, { method: 'POST', headers })
        // Caddy answers with an empty 200 for a Host that it does not serve.
        expect(refused.text).not.toContain('acked')
      }
      expect(JSON.parse((await ask('/api/v1/logs')).text)).toMatchObject({ logs: [{ frozen: true }, {}] })
      const acked = await gossum(['evidence', 'ack', hold.id, '--home', node.home])
      expect(acked.code, acked.stderr).toBe(0)
      expect(JSON.parse((await ask('/api/v1/logs')).text)).toMatchObject({ logs: [{ frozen: false }, {}] })

      // The routes for logs, the go command and readers are forwarded; private ones are not.
      for (const path of [
        `/api/v1/logs/${logs[0]!.id}/heads`,
        '/api/v1/evidence',
        '/api/v1/witnesses',
        `/${logs[0]!.id}/checkpoint`,
      ]) {
        expect((await ask(path)).status, path).toBe(200)
      }
      expect((await ask('/add-checkpoint', { method: 'POST', body: 'x' })).text).toMatch(/^invalid input/)
      const odd = await ask('/sumdb/other/lookup/github.com/!azure/x@v1.0.0')
      expect(odd.text).toMatch(/^gossum: .*other\/lookup\/github\.com\/!azure\/x@v1\.0\.0/)
      for (const path of ['/metrics', '/api/v1/status', '/api/v1/peers', '/']) {
        expect((await ask(path)).status, path).toBe(404)
      }
    },
  )

  test.runIf(proxy.file !== undefined)('is trusted about client addresses, and clients are not', async () => {
    const node = await RunningNode.start(temporaryHome(), [...pushedBy(A), '--trusted-proxy', '127.0.0.1'])
    const ask = await start(proxy, node)
    const bring = (from: string, headers = {}) =>
      ask('/api/v1/heads', { method: 'POST', from, headers, body: 'no note' })
    let last = await bring('127.0.0.2')
    while (last.status !== 429) last = await bring('127.0.0.2')
    // Another client has a budget of its own, and nobody gets one by claiming another address.
    expect((await bring('127.0.0.3')).status).toBe(400)
    const statuses = []
    for (const n of [1, 2, 3, 4, 5])
      statuses.push((await bring('127.0.0.2', { 'x-forwarded-for': `9.9.${n}.9` })).status)
    expect(statuses).toContain(429)
  })
})
