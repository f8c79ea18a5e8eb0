/** The real goproxy (github.com/goproxy/goproxy): scripts/ci/peers.sh installs it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { findPeer } from './peers.js'
import { freePort } from './free-port.js'

export const goproxy = findPeer('goproxy')

export interface RunningGoproxy {
  readonly child: ChildProcess
  /** Its GOPROXY URL. */
  readonly url: string
}

/** Starts it with a folder of its own, an upstream and a checksum database, configured as for the go command. */
export async function startGoproxy(
  home: string,
  settings: { readonly GOPROXY: string; readonly GOSUMDB: string },
  args: readonly string[] = [],
): Promise<RunningGoproxy> {
  // It does not report its port.
  const port = await freePort()
  const files = ['--address', `127.0.0.1:${port}`, '--cacher-dir', join(home, 'files'), '--temp-dir', home]
  const env = { PATH: process.env['PATH'], HOME: home, GOENV: 'off', ...settings }
  const child = spawn(goproxy!, ['server', ...files, ...args], { stdio: 'ignore', env })
  const url = `http://127.0.0.1:${port}`
  while ((await fetch(url).catch(() => undefined)) === undefined) {
    if (child.exitCode !== null) throw new Error(`goproxy ended with ${child.exitCode}`)
    await setTimeout(50)
  }
  return { child, url }
}
