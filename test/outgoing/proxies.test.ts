/** Proxies from the environment, over real sockets: what is requested through them, and what never is. */
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bastionCertificate, privateKeyPem } from '../../src/http/bastion/bastion-certificate.js'
import { Outgoing } from '../../src/outgoing/http-client.js'
import { readProxies } from '../../src/outgoing/proxies.js'
import { Fetcher } from '../../src/sumdb/fetcher.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'

const through = (env: Record<string, string>, url: string): string | undefined => readProxies(env)(new URL(url))?.host

describe('the proxy', () => {
  const both = { http_proxy: 'http://plain:1', HTTPS_PROXY: 'secure:2' }
  test.each([
    ['http://log.example/x', 'plain:1'],
    ['https://log.example/x', 'secure:2'],
    ['http://localhost:46787/', undefined],
    ['http://127.0.0.9/', undefined],
    ['http://[::1]:80/', undefined],
  ])('%s: %s', (url, proxy) => {
    expect(through(both, url)).toBe(proxy)
  })

  test('is taken from the lower-case variable first, and an empty one means none', () => {
    const env = { http_proxy: 'lower:1', HTTP_PROXY: 'upper:1', https_proxy: '', HTTPS_PROXY: '' }
    expect(through(env, 'http://a.example/')).toBe('lower:1')
    expect(through(env, 'https://a.example/')).toBeUndefined()
  })

  test.each([
    ['*', 'http://a.example/', true],
    ['a.example', 'http://a.example/', true],
    ['A.Example', 'http://sub.a.example/', true],
    ['.a.example', 'http://sub.a.example/', true],
    ['*.a.example', 'http://sub.a.example/', true],
    ['a.example', 'http://ba.example/', false],
    ['b.example, a.example', 'http://a.example/', true],
    ['b.example a.example', 'http://a.example/', true],
    ['a.example:8080', 'http://a.example:8080/', true],
    ['a.example:8080', 'http://a.example/', false],
    ['a.example:80', 'http://a.example/', true],
    ['192.0.2.7', 'http://192.0.2.7/', true],
    ['2.7', 'http://192.0.2.7/', false],
    ['192.0.2.0/24', 'http://192.0.2.7/', true],
    ['192.0.2.0/24', 'http://192.0.3.7/', false],
    ['192.0.2.0/99', 'http://192.0.2.0/', false],
    ['2001:db8::1', 'http://[2001:db8::1]/', true],
    ['[2001:db8::1]:80', 'http://[2001:db8::1]/', true],
    ['2001:db8::/32', 'http://[2001:db8::1]:90/', true],
    ['', 'http://a.example/', false],
  ])('NO_PROXY %j exempts %s: %s', (no, url, exempt) => {
    expect(through({ HTTP_PROXY: 'p:1', NO_PROXY: no }, url)).toBe(exempt ? undefined : 'p:1')
  })

  test.each(['socks5://u:s3cret@p:1', 'http://u:s3c/ret@p:1', 'ftp://p'])(
    'cannot be %s, and the error does not repeat it',
    (value) => {
      expect(() => readProxies({ HTTPS_PROXY: value })).toThrow(/HTTPS_PROXY is not the http or https URL of a proxy$/)
    },
  )
})

/** A proxy that answers requests in absolute form, and always connects to one address, whatever was requested. */
async function startProxy(connects: { to?: number; status?: number } = {}) {
  const asked: Pick<IncomingMessage, 'url' | 'method' | 'headers'>[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    response.end(`by proxy: ${request.url}`)
  })
  server.on('connect', (request, socket) => {
    asked.push(request)
    if (connects.to === undefined) {
      socket.end(`HTTP/1.1 ${connects.status ?? 407} No\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    const other = connect(connects.to, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(other).pipe(socket)
    })
    for (const one of [socket, other]) one.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { asked, host: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

describe('requests', () => {
  test('to http addresses go to the proxy with its login, except exempt ones', async () => {
    const proxy = await startProxy()
    const env = { HTTP_PROXY: `http://me:s3%40cret@${proxy.host}`, NO_PROXY: 'near.example' }
    const far = await startProxy()
    const { fetch } = new Outgoing({ env, lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]) })
    const get = (url: string): Promise<Uint8Array> => new Fetcher({ url, fetch }).get('latest', 1000)
    expect(fromUtf8(await get('http://log.example/db'))).toBe('by proxy: http://log.example/db/latest')
    expect(proxy.asked[0]!.headers).toMatchObject({
      host: 'log.example',
      'proxy-authorization': `Basic ${Buffer.from('me:s3@cret').toString('base64')}`,
    })
    const port = far.host.split(':')[1]!
    expect(fromUtf8(await get(`http://near.example:${port}`))).toBe('by proxy: /latest')
    expect(far.asked[0]!.headers).not.toHaveProperty('proxy-authorization')
    expect(proxy.asked).toHaveLength(1)
  })

  test('to https addresses go through a tunnel, with TLS to the address itself', async () => {
    const key = privateKeyPem(new Uint8Array(32).fill(3))
    const signer = createPrivateKey(key)
    const publicKey = createPublicKey(signer).export({ format: 'der', type: 'spki' }).subarray(-32)
    const cert = bastionCertificate(publicKey, (message) => sign(null, message, signer))
    const server = createTlsServer({ key, cert })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const names: unknown[] = []
    server.on('tlsClientError', () => undefined)
    server.on('connection', () => names.push('connected'))
    const proxy = await startProxy({ to: (server.address() as AddressInfo).port })
    const { fetch } = new Outgoing({ env: { HTTPS_PROXY: `http://me:s3cret@${proxy.host}` } })
    const one = new Fetcher({ url: 'https://log.example', fetch, retries: 0 })
    // The certificate is not trusted: an attacker in the proxy cannot pose as the log.
    await expect(one.get('latest', 100)).rejects.toThrow(/self.signed|certificate/i)
    expect(names).toEqual(['connected'])
    expect(proxy.asked[0]).toMatchObject({ method: 'CONNECT', url: 'log.example:443' })
    expect(proxy.asked[0]!.headers['proxy-authorization']).toBe(`Basic ${Buffer.from('me:s3cret').toString('base64')}`)
  })

  test('refused by a proxy give an error without its password', async () => {
    const proxy = await startProxy({ status: 407 })
    const { fetch } = new Outgoing({ env: { https_proxy: `http://me:s3cret@${proxy.host}` } })
    const failure = new Fetcher({ url: 'https://log.example', fetch, retries: 0 }).get('latest', 100)
    const error: unknown = await failure.catch((reason: unknown) => reason)
    expect(String(error)).toContain(`the proxy ${proxy.host} answered 407`)
    expect(JSON.stringify(error) + String(error)).not.toContain('s3cret')
  })

  test('to several addresses fail with all reasons', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const lookup = () => Promise.resolve(['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 })))
    const { fetch } = new Outgoing({ env: {}, lookup })
    const failure = new Fetcher({ url: `http://log.example:${port}`, fetch, retries: 0 }).get('latest', 100)
    await expect(failure).rejects.toThrow(`127.0.0.1:${port}; connect ECONNREFUSED 127.0.0.2:${port}`)
  })

  test('carry a body', async () => {
    const proxy = await startProxy()
    const { fetch } = new Outgoing({ env: {} })
    const { signal } = new AbortController()
    const answer = await fetch(`http://${proxy.host}/a?b=c`, {
      ...{ method: 'POST', headers: {}, redirect: 'manual', signal, body: utf8('text') as Uint8Array<ArrayBuffer> },
    })
    expect(answer.status).toBe(200)
    expect(proxy.asked[0]).toMatchObject({ method: 'POST', url: '/a?b=c', headers: { 'content-length': '4' } })
  })
})
