import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig, SUM_GOLANG_ORG } from '../../src/config/config.js'
import { createNode, type NodeControls } from '../../src/node/node.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { readFiles, ReplayLog } from '../fakes/replay-log.js'
import { freePort } from '../helpers/free-port.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { push, PushingLog } from '../helpers/witness-client.js'
import { readJsonLines, SMALL } from '../sumdb/genuine.js'

test('a listener that throws does not prevent a signature', async () => {
  const log = await ReplayLog.start(readFiles(new URL('genuine/', SMALL)))
  const [first] = readJsonLines<{ size: number; note: string }>(new URL('heads.jsonl', SMALL))
  log.latest = utf8(first!.note)
  const config = loadConfig(
    { home: temporaryHome(), log: [`${SUM_GOLANG_ORG} ${log.url}`], listen: [], http: '127.0.0.1:0', poll: 0.1 },
    { env: {} },
  )
  let told = 0
  const node = await createNode(config, () => {
    told++
    throw new Error('a bug of the listener')
  })
  await expect.poll(async () => (await node.view.status()).logs[0]?.reachable, { timeout: 20_000 }).toBe(true)
  const [followed] = (await node.view.status()).logs
  expect(followed).toMatchObject({ size: first!.size, cosignatures: [{ counted: true }] })
  expect(followed!.verifiedAt).not.toBeNull()
  expect(told).toBeGreaterThan(1)
  expect(await node.view.metrics()).toMatch(/gossum_errors_total\{code="INTERNAL"\} [1-9]/)
  await node.stop()
  await log.close()
})

const pushing = new PushingLog(testSigner('log.example/one', 1))
const { vkey } = pushing.signer.verifier
const configFor = (...log: string[]) =>
  loadConfig(
    { home: temporaryHome(), log, listen: [], http: '127.0.0.1:0', poll: 60, name: 'witness.example' },
    { env: {} },
  )

test('a log that is only pushed is cosigned and shown, and never polled', async () => {
  const node = await createNode(configFor(`${vkey} -`))
  expect((await node.view.readiness()).ready, 'it comes when it wants to').toBe(true)
  expect((await push(node.http, pushing.body(0, 5))).status).toBe(200)
  expect((await push(node.http, pushing.body(5, 9))).status).toBe(200)
  const [log] = (await node.view.status()).logs
  expect(log).toMatchObject({
    origin: 'log.example/one',
    url: null,
    size: 9,
    reachable: null,
    lastPoll: null,
    error: null,
  })
  const metrics = await node.view.metrics()
  expect(metrics).toContain(`gossum_head_size{log="log.example/one",log_id="${log!.id}"} 9`)
  expect(metrics).not.toContain('gossum_log_reachable{')
  expect(metrics).toContain('gossum_heads_received_total{door="push",outcome="advanced",code=""} 2')
  expect(metrics).toContain('gossum_http_requests_total{route="/add-checkpoint",status="200"} 2')
  expect(metrics, 'as none').toContain('gossum_http_requests_total{route="/api/v1/peers",status="500"} 0')
  await node.stop()
})

test('a polled log that cannot be reached is trusted on first use when it is pushed', async () => {
  // Nothing listens there.
  const node = await createNode(configFor(`${vkey} http://127.0.0.1:9 log.example/one`))
  expect((await push(node.http, pushing.body(0, 5))).status).toBe(200)
  await node.stop()
})

test('a log with the name of the witness is refused', async () => {
  const same = testSigner('witness.example', 3).verifier
  await expect(createNode(configFor(`${same.vkey} -`))).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test('a reload that is requested while the node is starting waits until it has started', async () => {
  const home = temporaryHome()
  const port = await freePort()
  const settings = {
    home,
    log: [`${vkey} -`],
    http: '127.0.0.1:0',
    listen: [`/ip4/127.0.0.1/tcp/${port}`],
    mdns: false,
  }
  const config = loadConfig(settings, { env: {} })
  let listened: boolean | undefined
  const controls: NodeControls = {
    log: { level: 'info', levels: ['info'] },
    // When it is read, what the start does last has been done: the mesh listens.
    reread: () => {
      listened = readFileSync('/proc/net/tcp', 'utf8').includes(
        `:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`,
      )
      return config
    },
    onReload: () => undefined,
    onRequest: () => undefined,
  }
  const starting = createNode(config, undefined, controls)
  const socketPath = join(home, 'operator.sock')
  await expect.poll(() => existsSync(socketPath), { interval: 1 }).toBe(true)
  const asked = request({ socketPath, path: '/api/v1/reload', method: 'POST' })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  expect(answer.statusCode).toBe(200)
  answer.resume()
  const node = await starting
  expect(listened).toBe(true)
  await node.stop()
})
