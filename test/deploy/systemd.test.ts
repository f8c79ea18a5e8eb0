/**
 * Tests deploy/systemd/gossum.service: systemd accepts the unit and its sandbox, and a node sends the notifications
 * that the unit waits for. Skipped without systemd's tools; with REQUIRE_PEERS=1 it fails instead.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { startGossum } from '../helpers/cli.js'
import { required } from '../helpers/go.js'
import { temporaryHome } from '../helpers/home.js'
import { findPeer } from '../helpers/peers.js'

const UNIT = new URL('../../deploy/systemd/gossum.service', import.meta.url).pathname
const PROGRAM = '/usr/local/bin/gossum'
/** The highest exposure that systemd-analyze may report, in tenths: 2.0 is "OK" for a network service. */
const MOST_EXPOSED = 20
const analyze = findPeer('systemd-analyze')
const notify = findPeer('systemd-notify')
const python = findPeer('python3')
const run = promisify(execFile)

test.skipIf(analyze === undefined && !required)('systemd accepts the unit, and rates its exposure as low', async () => {
  // The program is not installed here, so a stub replaces it.
  const folder = temporaryHome()
  mkdirSync(folder, { recursive: true })
  const program = join(folder, 'gossum')
  writeFileSync(program, '#!/bin/sh\n')
  chmodSync(program, 0o755)
  const text = readFileSync(UNIT, 'utf8')
  expect(text).toContain(`ExecStart=${PROGRAM} run\n`)
  const unit = join(folder, 'gossum.service')
  writeFileSync(unit, text.replace(PROGRAM, program))
  const { stdout, stderr } = await run(analyze!, ['verify', '--man=no', unit])
  expect(stdout + stderr).toBe('')
  await run(analyze!, ['security', '--offline=true', `--threshold=${MOST_EXPOSED}`, '--no-pager', unit])
})

/** A notification socket like systemd's. Prints each line that it receives. */
const LISTENER = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("listening", flush=True)
while True:
    for line in s.recv(4096).decode().split("\\n"):
        print(line, flush=True)
`

test.skipIf((notify === undefined || python === undefined) && !required)(
  'a node notifies systemd that it is ready, alive, reloading and stopping',
  async () => {
    const folder = temporaryHome()
    mkdirSync(folder, { recursive: true })
    const socket = join(folder, 'notify')
    const listener = spawn(python!, ['-c', LISTENER, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void listener.kill())
    const told: string[] = []
    const lines = createInterface(listener.stdout)
    lines.on('line', (line) => told.push(line))
    const until = async (is: () => boolean): Promise<void> => {
      while (!is()) await once(lines, 'line')
    }
    await until(() => told.includes('listening'))
    const node = await startGossum(
      [
        ...[
          'run',
          '--json',
          '--home',
          join(folder, 'home'),
          '--http',
          '127.0.0.1:0',
          '--listen',
          '/ip4/127.0.0.1/tcp/0',
        ],
        ...['--log', 'demo.log.example+c8722052+AXp+KVoxBVR0NQiGj1Ve401ZXhZnY8Sps7CCY+R2UUIi http://127.0.0.1:1'],
      ],
      { env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '2000000' } },
    )
    // The watchdog is notified although the log cannot be reached: a restart would not help.
    await until(() => told.filter((line) => line === 'WATCHDOG=1').length > 1)
    expect(told.indexOf('READY=1')).toBeLessThan(told.indexOf('WATCHDOG=1'))
    node.child.kill('SIGHUP')
    await until(() => told.filter((line) => line === 'READY=1').length === 2)
    expect(told.lastIndexOf('READY=1')).toBeGreaterThan(told.indexOf('RELOADING=1'))
    const stopped = node.stop()
    await until(() => told.includes('STOPPING=1'))
    expect(await stopped).toBe(0)
  },
)
