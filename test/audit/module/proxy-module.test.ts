/** Proxies, honest and not, on loopback and as files: which one of a GOPROXY is used, and what is refused. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { redirectOf } from '../../../src/module/module-proxy.js'
import { viewOfProxies, type ProxyAnswer } from '../../../src/audit/module/proxy-module.js'
import { attempted } from '../../../src/errors/attempt.js'
import { hashesOfRecord } from '../../../src/audit/module/module-views.js'
import { codeOf } from '../../helpers/codes.js'
import { publish } from '../../helpers/go.js'
import { scratchFolder } from '../../helpers/home.js'
import { readFile } from 'node:fs/promises'

const { dir } = scratchFolder()
const PATH = 'example.com/Mod'
const proxyDir = join(dir, 'proxy')
const record = await publish(proxyDir, PATH, 'v1.0.0', 'const A = 1')
const hashes = hashesOfRecord(record.text.trim().split('\n'))
const BASE = '/example.com/!mod/@v/'

type Act = (request: IncomingMessage, response: ServerResponse) => void
/** Behaviours that replace serving the files, by path. */
const instead = new Map<string, Act>()
const requests: string[] = []
const server = createServer((request, response) => {
  const path = request.url ?? ''
  requests.push(path)
  const act = instead.get(path)
  if (act !== undefined) return act(request, response)
  readFile(join(proxyDir, path)).then(
    (bytes) => response.end(bytes),
    () => response.writeHead(404).end('not found'),
  )
})
let url: string
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  instead.clear()
  requests.length = 0
})

const ask = (goproxy: string, version = 'v1.0.0'): Promise<ProxyAnswer> =>
  viewOfProxies({ path: PATH, version }, goproxy, mkdtempSync(join(dir, 's-')))
const status =
  (code: number, headers: Record<string, string> = {}): Act =>
  (_, response) =>
    void response.writeHead(code, headers).end('no')

test('the zip and the go.mod of a proxy are hashed, over HTTP and from files', async () => {
  expect(await ask(url)).toEqual({ view: { kind: 'has', hashes, from: url }, isListed: false })
  const files = pathToFileURL(proxyDir).href
  expect(await ask(files)).toEqual({ view: { kind: 'has', hashes, from: files }, isListed: false })
})

test('a version that is listed but missing is reported as listed', async () => {
  instead.set(`${BASE}v1.0.0.zip`, status(410))
  expect(await ask(url)).toMatchObject({ view: { kind: 'absent' }, isListed: true })
  expect(await ask(url, 'v1.0.1')).toMatchObject({ view: { kind: 'absent' }, isListed: false })
  expect(await ask(pathToFileURL(proxyDir).href, 'v1.0.1')).toMatchObject({ view: { kind: 'absent' }, isListed: false })
})

describe('a list of proxies', () => {
  test('continues after a comma if a proxy does not have the version', async () => {
    for (const code of [404, 410]) {
      instead.set(`/first${BASE}v1.0.0.mod`, status(code))
      expect(await ask(`${url}/first, ${url}`)).toMatchObject({ view: { kind: 'has', from: url } })
    }
  })

  test('stops after a comma on other errors, since that proxy might have it', async () => {
    instead.set(`/first${BASE}v1.0.0.mod`, status(403))
    expect(await ask(`${url}/first,${url}`)).toMatchObject({ view: { kind: 'unknown' } })
    expect(requests).toEqual([`/first${BASE}v1.0.0.mod`])
    expect(await ask(`${url}/first|${url}`)).toMatchObject({ view: { kind: 'has', from: url } })
  })

  test('ends at direct or off', async () => {
    expect(await ask(`direct,${url}`)).toMatchObject({
      view: { kind: 'not-asked', reason: expect.stringContaining('--git') as string },
    })
    expect(await ask(`off,${url}`)).toMatchObject({ view: { kind: 'not-asked' } })
    expect(await ask(`${url}/nowhere,direct`)).toMatchObject({ view: { kind: 'absent' } })
    expect(await ask(',|,')).toMatchObject({ view: { kind: 'not-asked' } })
    expect(requests.filter((path) => path.startsWith(BASE))).toEqual([])
  })

  test.each(['ftp://example.com', 'example.com', 'http://', '/proxy'])('with %s is refused', async (name) => {
    expect(await attempted(ask(name))).toMatchObject({ code: 'USAGE' })
  })
})

describe('answers', () => {
  const zip = `${BASE}v1.0.0.zip`

  test('may be redirected a few times', async () => {
    instead.set(zip, status(302, { location: `/stored${BASE}v1.0.0.zip` }))
    instead.set(`/stored${BASE}v1.0.0.zip`, status(307, { location: '/file.zip' }))
    instead.set('/file.zip', (_, response) => {
      void readFile(join(proxyDir, `${BASE}v1.0.0.zip`)).then((bytes) => response.end(bytes))
    })
    expect(await ask(url)).toMatchObject({ view: { kind: 'has', hashes } })
    instead.set('/file.zip', status(302, { location: '/file.zip' }))
    expect(await ask(url)).toMatchObject({
      view: { kind: 'unknown', reason: expect.stringContaining('redirects') as string },
    })
  })

  test.each(['file:///etc/passwd', 'ftp://example.com/', 'http://', ''])(
    'may not be redirected to %j',
    async (location) => {
      instead.set(zip, status(302, { location }))
      expect(await ask(url)).toMatchObject({ view: { kind: 'unknown' } })
    },
  )

  test('with a temporary error are requested again', async () => {
    let left = 2
    instead.set(zip, (_, response) => {
      if (left-- > 0) response.writeHead(503).end()
      else void readFile(join(proxyDir, `${BASE}v1.0.0.zip`)).then((bytes) => response.end(bytes))
    })
    expect(await ask(url)).toMatchObject({ view: { kind: 'has', hashes } })
  })

  test('that end too early are discarded and requested again', async () => {
    let left = 1
    instead.set(zip, (_, response) => {
      if (left-- > 0) {
        response.writeHead(200, { 'content-length': 5000 })
        response.write('x'.repeat(3000), () => response.destroy())
      } else void readFile(join(proxyDir, `${BASE}v1.0.0.zip`)).then((bytes) => response.end(bytes))
    })
    expect(await ask(url)).toMatchObject({ view: { kind: 'has', hashes } })
  })

  test('that are not a zip are reported as unusable', async () => {
    instead.set(zip, (_, response) => response.end('<html>sign in</html>'))
    expect(await ask(url)).toMatchObject({ view: { kind: 'unusable', reason: expect.stringContaining(url) as string } })
  })

  test('without an end are cut off', async () => {
    instead.set(`${BASE}v1.0.0.mod`, (_, response) => {
      response.on('error', () => undefined)
      const chunk = Buffer.alloc(1 << 20)
      const pour = (): void => {
        if (!response.destroyed) response.write(chunk, pour)
      }
      pour()
    })
    expect(await ask(url)).toMatchObject({
      view: { kind: 'unknown', reason: expect.stringContaining('more than') as string },
    })
  })
})

test('an https answer may only redirect to https', () => {
  const led = (to: string): string | undefined =>
    redirectOf({ status: 302, headers: { get: () => to }, body: null }, 'https://proxy.example/a/b')
  expect(led('/c')).toBe('https://proxy.example/c')
  expect(led('https://store.example/x')).toBe('https://store.example/x')
  expect(codeOf(() => led('http://store.example/x'))).toBe('PROXY_FAILED')
})

test('a folder in place of a file is not read', async () => {
  const odd = join(dir, 'odd')
  mkdirSync(join(odd, 'example.com/!mod/@v/v1.0.0.mod'), { recursive: true })
  expect(await ask(pathToFileURL(odd).href)).toMatchObject({ view: { kind: 'unknown' } })
  rmSync(odd, { recursive: true })
  writeFileSync(odd, '')
  expect(await ask(pathToFileURL(odd).href)).toMatchObject({ view: { kind: 'absent' } })
})
