/**
 * The web servers of deploy/public-reads, configured as there except for addresses and certificates, on a folder of a
 * test.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { freePort } from './free-port.js'
import { temporaryHome } from './home.js'
import { findPeer } from './peers.js'

export interface WebServer {
  readonly name: string
  readonly file: string | undefined
  /** The arguments of its start, in a directory of its own. */
  readonly args: (directory: string, port: number, folder: string) => string[]
}

export interface WebAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const sample = (name: string): string =>
  readFileSync(new URL(`../../deploy/public-reads/${name}`, import.meta.url), 'utf8')

/** Replaces a part of the text, which must be there. */
function change(text: string, from: RegExp, to: string): string {
  expect(text).toMatch(from)
  return text.replace(from, to)
}

const nginx: WebServer = {
  name: 'nginx',
  file: findPeer('nginx') ?? findPeer('/usr/sbin/nginx'),
  args: (directory, port, folder) => {
    const open = change(sample('nginx.conf'), /listen 443 ssl;/, `listen 127.0.0.1:${port};`)
    const rooted = change(change(open, /ssl_certificate.*\n.*ssl_certificate_key.*\n/, ''), /\/srv\/gossum/, folder)
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory};`)
    const user = process.getuid?.() === 0 ? 'user root;' : ''
    const main = `${user} daemon off; pid ${directory}/pid; error_log stderr; events {}`
    writeFileSync(join(directory, 'conf'), `${main}\nhttp { access_log off; ${paths.join(' ')}\n${rooted}}\n`)
    return ['-e', 'stderr', '-p', directory, '-c', join(directory, 'conf')]
  },
}

const caddy: WebServer = {
  name: 'caddy',
  file: findPeer('caddy'),
  args: (directory, port, folder) => {
    const open = change(sample('Caddyfile'), /^reads\.example\.org {/m, `http://127.0.0.1:${port} {\n\tbind 127.0.0.1`)
    const alone = '{\n\tadmin off\n\tauto_https off\n}\n'
    writeFileSync(join(directory, 'Caddyfile'), alone + change(open, /\/srv\/gossum/, folder))
    return ['run', '--adapter', 'caddyfile', '--config', join(directory, 'Caddyfile')]
  },
}

export const WEB_SERVERS: readonly WebServer[] = [nginx, caddy]

/** Sends a request to a server. */
export async function askWeb(url: string, path: string, asking: { method?: string; headers?: object } = {}) {
  const { method = 'GET', headers = {} } = asking
  const asked = request(`${url}${path}`, { method, headers: { ...headers }, agent: false })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  return { status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(chunks) } satisfies WebAnswer
}

/** Starts it on the folder until the test ends. Resolves to its URL when it answers. */
export async function startWebServer({ file, args }: WebServer, folder: string): Promise<string> {
  const directory = temporaryHome()
  const port = await freePort()
  const child = spawn(file!, args(directory, port, folder), {
    env: { PATH: process.env['PATH'], HOME: directory },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words += text))
  const exit = once(child, 'exit')
  // Killing it would leave its workers behind.
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await exit
  })
  const exited = exit.then(() => Promise.reject(new Error(`${file!} ended: ${words}`)))
  const url = `http://127.0.0.1:${port}`
  const isUp = async (): Promise<void> => {
    while ((await askWeb(url, '/').catch(() => undefined)) === undefined)
      await new Promise((later) => setTimeout(later, 50))
  }
  await Promise.race([isUp(), exited])
  exited.catch(() => undefined)
  return url
}
