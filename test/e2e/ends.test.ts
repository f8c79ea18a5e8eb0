/** How a process ends when its output is not read, or its input is missing: never as if it had succeeded. */
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'
import { PROGRAM, gossum, jsonError } from '../helpers/cli.js'
import { temporaryHome } from '../helpers/home.js'
import { serve } from './faults/world.js'

type Stdio = 'pipe' | number

/** A node on loopback that polls a log ten times a second, with these streams. */
async function run(stdio: readonly [Stdio, Stdio], args: readonly string[] = []) {
  const log = await serve(5)
  const fixed = ['--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0', '--home', temporaryHome()]
  const child = spawn(process.execPath, [PROGRAM, 'run', ...fixed, '--log', log.setting, '--poll', '0.1', ...args], {
    stdio: ['ignore', ...stdio],
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', GOSSUM_MDNS: 'false' },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let [stderr, grown] = ['', 5]
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  return {
    child,
    stderr: () => stderr,
    /** Resolves when the process ends; until then there is always output. */
    async end(): Promise<number | null> {
      let hasEnded = false as boolean
      const end = ended.then(([code]) => ((hasEnded = true), code))
      while (!hasEnded) {
        await log.append(grown, ++grown)
        await Promise.race([end, new Promise((resolve) => setTimeout(resolve, 100))])
      }
      return end
    },
  }
}

describe('a node whose output is not read any more', () => {
  test('ends in order, with 1 if it is stdout, and reports it', async () => {
    const node = await run(['pipe', 'pipe'], ['--json'])
    await once(createInterface(node.child.stdout!), 'line')
    node.child.stdout!.destroy()
    expect(await node.end()).toBe(1)
    expect(node.stderr()).toContain('OUTPUT_UNWRITABLE')
  })

  test('ends with 1 if it is stderr, where the messages are', async () => {
    const node = await run(['pipe', 'pipe'])
    node.child.stdout!.resume()
    await once(node.child.stdout!, 'data')
    node.child.stderr!.destroy()
    expect(await node.end()).toBe(1)
  })

  test('ends with 1 if the disk of stdout is full', async ({ skip }) => {
    if (process.platform !== 'linux') return skip('there is no /dev/full here')
    const node = await run([openSync('/dev/full', 'w'), 'pipe'], ['--json'])
    expect(await node.end()).toBe(1)
    expect(node.stderr()).toContain('no space left')
  })
})

test('a command whose output does not fit reports it; one whose reader has closed the pipe succeeds', async ({
  skip,
}) => {
  if (process.platform !== 'linux') return skip('there is no /dev/full here')
  const full = spawn(process.execPath, [PROGRAM, 'help', 'exit-codes'], {
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
  })
  let stderr = ''
  full.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  expect(await once(full, 'close')).toEqual([1, null])
  expect(stderr).toContain('the output cannot be written')
})

test.each([
  ['hangs up at once', (socket: Socket) => socket.end()],
  ['hangs up when it was asked', (socket: Socket) => socket.once('data', () => socket.end())],
])(
  'a server that %s is an error of every command that asks',
  async (_what, act) => {
    const server = createServer((socket) => act(socket.on('error', () => undefined)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    for (const command of [['status'], ['heads'], ['evidence', 'list']]) {
      const result = await gossum([...command, '--node', url, '--json'])
      expect(result, command.join(' ')).toMatchObject({ code: 1, stdout: '' })
      expect(['NODE_UNREACHABLE', 'ANSWER_MISSING', 'TIMEOUT']).toContain(jsonError(result).code)
    }
  },
  120_000,
)
