/** Go's own libraries as a peer (scripts/peers/modrules). */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { findPeer } from '../helpers/peers.js'

const run = promisify(execFile)

export const modrules = findPeer('modrules')

export interface GoVerdict {
  readonly hash?: string
  readonly error?: string
}

/** Its output, one line per answer. */
export async function askGo(args: readonly string[], lines: readonly unknown[] = []): Promise<unknown[]> {
  const work = run(modrules!, args, { maxBuffer: 64 * 1024 * 1024, env: { PATH: process.env['PATH'] } })
  // Most commands need no input, and end without reading any.
  work.child.stdin!.on('error', () => undefined)
  work.child.stdin!.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const { stdout } = await work
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
}

export async function goSays(...args: string[]): Promise<GoVerdict> {
  return (await askGo(args))[0] as GoVerdict
}
