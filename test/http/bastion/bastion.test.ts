/**
 * Requests through a bastion have a time limit, and so has everything that we wait for. The test acts as the bastion.
 */
import { createPrivateKey, sign } from 'node:crypto'
import { once } from 'node:events'
import { connect, constants, type ClientHttp2Session } from 'node:http2'
import { createServer, type AddressInfo } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { bastionCertificate, privateKeyPem } from '../../../src/http/bastion/bastion-certificate.js'
import { Bastion, type BastionLimits, type BastionReport } from '../../../src/http/bastion/bastion.js'
import { text } from '../../../src/http/reply.js'
import type { Route } from '../../../src/http/router.js'

const seed = new Uint8Array(32).fill(5)
const key = createPrivateKey(privateKeyPem(seed))
const publicKey = new Uint8Array(Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url'))

// The certificate of this bastion is not trusted by any authority.
const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
beforeAll(() => void (process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'))
afterAll(() => {
  if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
  else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
})

function start(port: number, limits: Partial<BastionLimits>, routes: readonly Route[] = []): Promise<BastionReport> {
  return new Promise((resolve) => {
    const bastion = new Bastion({
      url: `https://127.0.0.1:${port}`,
      key: { publicKey, seed },
      routes,
      onChange: (report) => {
        if (report.error !== null) resolve(report)
      },
      now: Date.now,
      limits,
    })
    onTestFinished(() => bastion.stop())
    bastion.start()
  })
}

/** A bastion, and the session over which it sends requests to the witness. */
async function carrying(limits: Partial<BastionLimits>, routes: readonly Route[]): Promise<ClientHttp2Session> {
  const cert = bastionCertificate(publicKey, (message) => sign(null, message, key))
  const server = createTlsServer({
    cert,
    key: privateKeyPem(seed),
    ALPNProtocols: ['bastion/0'],
    requestCert: true,
    rejectUnauthorized: false,
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connected = once(server, 'secureConnection') as Promise<[TLSSocket]>
  void start((server.address() as AddressInfo).port, limits, routes)
  const [socket] = await connected
  const session = connect('http://witness', { createConnection: () => socket })
  session.on('error', () => undefined)
  onTestFinished(() => {
    session.destroy()
    server.close()
  })
  return session
}

/** Opens a stream and resolves to the code with which it was closed. */
async function ended(session: ClientHttp2Session, path: string, body?: string): Promise<number> {
  const stream = session.request({ ':method': 'POST', ':path': path }, { endStream: false })
  stream.on('error', () => undefined).resume()
  if (body !== undefined) stream.end(body)
  await once(stream, 'close')
  return stream.rstCode
}

const answer: Route = { method: 'POST', path: '/add-checkpoint', maxBodyBytes: 1024, handle: () => text('fine') }
const silent: Route = {
  method: 'POST',
  path: '/silent',
  maxBodyBytes: 1024,
  handle: () => new Promise(() => undefined),
}

test('an endless request is reset and releases its stream, and others are answered', async () => {
  const session = await carrying({ requestMs: 500 }, [answer])
  expect(await ended(session, '/add-checkpoint')).toBe(constants.NGHTTP2_CANCEL)
  expect(await ended(session, '/add-checkpoint', 'a body')).toBe(constants.NGHTTP2_NO_ERROR)
})

test('a stream without an answer is reset', async () => {
  const session = await carrying({ streamMs: 50 }, [silent])
  expect(await ended(session, '/silent', 'a body')).toBe(constants.NGHTTP2_CANCEL)
})

test('a bastion that accepts the connection but stays silent is abandoned', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const report = await start((server.address() as AddressInfo).port, { dialMs: 50 })
  expect(report).toMatchObject({
    state: 'connecting',
    error: expect.stringContaining('no connection to 127.0.0.1') as string,
  })
})
