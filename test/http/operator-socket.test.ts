/** The operator's socket, in a real file system: no other user can open it, and it exists again after every kind of end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { tellNode } from '../../src/cli/operator-client.js'
import { OperatorDoor } from '../../src/http/operator-socket.js'
import { operatorSocket } from '../../src/http/operator-path.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { temporaryHome } from '../helpers/home.js'
import { EVIDENCE_ID, fakeNode, type FakeNode } from '../helpers/node-view.js'

const ACK = `/api/v1/evidence/${EVIDENCE_ID}/ack`

async function open(home: string, node: FakeNode = fakeNode()): Promise<FakeNode> {
  const door = await OperatorDoor.start(home, node, {})
  onTestFinished(() => door.stop())
  return node
}

test('accepts commands of the operator', async () => {
  const home = temporaryHome()
  const node = await open(home)
  expect(JSON.parse(fromUtf8(await tellNode(home, ACK))!)).toEqual({ id: EVIDENCE_ID, acked: true, items: 1 })
  expect(node.acknowledged).toEqual([EVIDENCE_ID])
  await expect(tellNode(home, '/api/v1/evidence/fedcba9876543210/ack')).rejects.toMatchObject({
    code: 'EVIDENCE_UNKNOWN',
  })
  await expect(tellNode(home, '/api/v1/evidence/..%2f..%2fx/ack')).rejects.toMatchObject({ code: 'EVIDENCE_UNKNOWN' })
})

test('is accessible only to its owner, even in an open home, and leaves no other file', async () => {
  const home = temporaryHome()
  chmodSync(home, 0o777)
  const before = process.umask(0)
  try {
    await open(home)
  } finally {
    process.umask(before)
  }
  expect(statSync(operatorSocket(home)).mode & 0o777).toBe(0o600)
  expect(readdirSync(home)).toEqual(['operator.sock'])
})

test('also answers what the public server answers', async () => {
  const home = temporaryHome()
  await open(home)
  const asked = get({ socketPath: operatorSocket(home), path: '/api/v1/status' })
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  answer.resume()
  expect(answer.statusCode).toBe(200)
})

test('is removed with its node', async () => {
  const home = temporaryHome()
  const door = await OperatorDoor.start(home, fakeNode(), {})
  await Promise.all([door.stop(), door.stop()])
  expect(existsSync(operatorSocket(home))).toBe(false)
  await expect(tellNode(home, ACK)).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' })
})

test('replaces what a killed node left, finished or not', async () => {
  const home = temporaryHome()
  const socket = operatorSocket(home)
  const script = `require('net').createServer().listen(process.argv[1], () => process.stdout.write('up'))`
  const child = spawn(process.execPath, ['-e', script, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(existsSync(socket)).toBe(true)
  await expect(tellNode(home, ACK)).rejects.toMatchObject({
    code: 'NODE_UNREACHABLE',
    detail: `${socket}: the node of this home no longer runs`,
  })
  mkdirSync(join(home, 'operator.new'))
  writeFileSync(join(home, 'operator.new', 's'), '')
  const node = await open(home)
  await tellNode(home, ACK)
  expect(node.acknowledged).toEqual([EVIDENCE_ID])
})

test.runIf(process.platform === 'linux')('works in a home whose path is too long for a socket', async () => {
  const home = join(temporaryHome(), 'a'.repeat(100), 'b'.repeat(100))
  mkdirSync(home, { recursive: true })
  const node = await open(home)
  await tellNode(home, ACK)
  expect(node.acknowledged).toEqual([EVIDENCE_ID])
})

test('says why a home cannot have a socket', async () => {
  const home = join(temporaryHome(), 'file')
  writeFileSync(home, '')
  await expect(OperatorDoor.start(home, fakeNode(), {})).rejects.toMatchObject({
    code: 'OPERATOR_DOOR',
    detail: expect.stringContaining(operatorSocket(home)) as string,
  })
})

test('is refused by clients if another program answers', async () => {
  const home = temporaryHome()
  const server = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n'))
  server.listen(operatorSocket(home))
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  await expect(tellNode(home, ACK)).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' })
})
