/**
 * A witness behind a bastion: the real litebastion carries the pushes of logs, and a bastion that carries nothing is
 * noticed.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import type { StatusView } from '../../src/status/shapes.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { verifyCosignature } from '../../src/tlog/cosignature.js'
import { parseNote, parseVerifierKey } from '../../src/tlog/note.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { findPeer } from '../helpers/peers.js'
import { PushingLog } from '../helpers/witness-client.js'
import { freePort } from '../helpers/free-port.js'

const litebastion = findPeer('litebastion')
const openssl = findPeer('openssl')
const hasPeers = litebastion !== undefined && openssl !== undefined
const log = new PushingLog(testSigner('log.example/behind', 1))
const LOG = ['--log', `${log.signer.verifier.vkey} -`]

test('the peers of these tests are here', () => {
  if (process.env['REQUIRE_PEERS'] === '1') expect(hasPeers, 'litebastion and openssl (scripts/ci/peers.sh)').toBe(true)
})

/** A certificate for loopback, trusted only by clients that are configured with it. */
function certificate(): { readonly cert: string; readonly key: string; readonly dir: string } {
  const dir = temporaryHome()
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')]
  const name = ['-subj', '/CN=bastion.example', '-addext', 'subjectAltName=IP:127.0.0.1']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  execFileSync(openssl!, ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', cert], { stdio: 'pipe' })
  return { cert, key, dir }
}

async function statusOf(node: RunningNode): Promise<StatusView> {
  return (await (await fetch(`${node.ready.http}/api/v1/status`)).json()) as StatusView
}

interface Reply {
  readonly status: number
  readonly body: string
}

/** Sends a request through the bastion, as a log that trusts its certificate. */
async function ask(url: string, ca: string, body?: Uint8Array): Promise<Reply> {
  const request = httpsRequest(url, { ca: readFileSync(ca), agent: false, method: body === undefined ? 'GET' : 'POST' })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return { status: response.statusCode!, body: Buffer.concat(chunks).toString() }
}

test.skipIf(!hasPeers)(
  'litebastion carries what logs push, and nothing else; when it comes back, so do we',
  async () => {
    const { cert, key, dir } = certificate()
    const [port, backends] = [await freePort(), join(dir, 'backends')]
    writeFileSync(backends, '')
    const startBastion = async (): Promise<ChildProcess> => {
      const args = ['-listen', `127.0.0.1:${port}`, '-tls-cert', cert, '-tls-key', key, '-backends', backends]
      const child = spawn(litebastion!, args, { stdio: ['ignore', 'ignore', 'pipe'] })
      onTestFinished(() => void child.kill('SIGKILL'))
      for await (const line of createInterface(child.stderr)) if (line.includes('listening')) break
      child.stderr.resume()
      return child
    }
    const bastion = await startBastion()
    const args = [...LOG, '--bastion', `https://127.0.0.1:${port}`]
    const node = await RunningNode.start(temporaryHome(), args, { NODE_EXTRA_CA_CERTS: cert })

    // The bastion does not know our key yet; then it is added, as its operator would.
    const before = (await statusOf(node)).bastion!
    expect(before).toMatchObject({ lastCosignature: null })
    expect(before.state).not.toBe('serving')
    const hash = new URL(before.url).pathname.split('/')[1]!
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    writeFileSync(backends, `${hash}\n`)
    bastion.kill('SIGHUP')
    await node.event((event) => event.event === 'bastion' && event.state === 'serving')

    const { status, body } = await ask(`${before.url}add-checkpoint`, cert, log.body(0, 5))
    expect(status, body).toBe(200)
    const line = parseNote(utf8(`${log.text(5)}\n${body}`)).signatures[0]!
    verifyCosignature(log.text(5), line, parseVerifierKey(node.ready.witness))
    expect((await ask(`${before.url}add-checkpoint`, cert, log.body(3, 9))).status).toBe(409)
    const subtree = await ask(`${before.url}sign-subtree`, cert, log.body(0, 5))
    expect([subtree.status, subtree.body.includes('ML-DSA-44')]).toEqual([404, true])
    // Routes for the operator, or for this machine only, are not reachable from outside.
    for (const path of ['api/v1/status', 'metrics', 'sumdb/sum.golang.org/latest']) {
      expect((await ask(`${before.url}${path}`, cert)).status, path).toBe(404)
    }
    const serving = (await statusOf(node)).bastion!
    expect(serving.state).toBe('serving')
    expect(Date.parse(serving.lastCosignature!)).toBeGreaterThan(Date.now() - 60_000)

    bastion.kill('SIGKILL')
    await node.event((event) => event.event === 'bastion' && event.state === 'connecting' && event.error !== null)
    const { told } = node
    await startBastion()
    await node.event((event) => event.event === 'bastion' && event.state === 'serving', told)
    expect((await ask(`${before.url}add-checkpoint`, cert, log.body(5, 9))).status).toBe(200)
  },
)

test.skipIf(!hasPeers)(
  'a bastion that accepts our connection and carries nothing is detected, and dialled again',
  async () => {
    const { cert, key } = certificate()
    const held: TLSSocket[] = []
    let again: () => void = () => undefined
    const twice = new Promise<void>((resolve) => (again = resolve))
    const options = { cert: readFileSync(cert), key: readFileSync(key), requestCert: true, rejectUnauthorized: false }
    const server = createTlsServer({ ...options, ALPNProtocols: ['bastion/0', 'http/1.1'] }, (socket) => {
      socket.on('error', () => undefined)
      if (socket.alpnProtocol !== 'bastion/0') {
        socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      } else if (held.push(socket) === 2) again()
    })
    onTestFinished(() => {
      held.forEach((socket) => socket.destroy())
      server.close()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const args = [...LOG, '--bastion', `https://127.0.0.1:${port}`]
    const node = await RunningNode.start(temporaryHome(), args, { NODE_EXTRA_CA_CERTS: cert })
    await node.event(
      (event) => event.event === 'bastion' && event.state === 'connected' && /502/.test(event.error ?? ''),
    )
    const ready = await fetch(`${node.ready.http}/readyz?verbose`)
    expect(ready.status).toBe(503)
    expect(await ready.text()).toMatch(/bastion.*502/)
    await twice
    // The bastion identifies us by the same key both times.
    const keys = held.map((socket) => socket.getPeerX509Certificate()!.publicKey.export({ format: 'jwk' }).x)
    expect(keys[0]).toBe(keys[1])
  },
)

test.skipIf(!hasPeers)('a server that is no bastion, or whose certificate is not trusted, is reported', async () => {
  const { cert, key } = certificate()
  const server = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => socket.destroy())
  server.on('tlsClientError', () => undefined)
  onTestFinished(() => void server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const [trusting, careful] = await Promise.all([
    RunningNode.start(temporaryHome(), [...LOG, '--bastion', url], { NODE_EXTRA_CA_CERTS: cert }),
    RunningNode.start(temporaryHome(), [...LOG, '--bastion', url]),
  ])
  const isTold = (words: RegExp) => (event: { event: string; error?: unknown }) =>
    event.event === 'bastion' && words.test(String(event.error))
  await trusting.event(isTold(/not a bastion/))
  await careful.event(isTold(/self.signed certificate/))
})
