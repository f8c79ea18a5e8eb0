/** Real programs of others that tests run against; scripts/ci/peers.sh installs them. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Whether a missing program is a failure. */
export const peersRequired = process.env['REQUIRE_PEERS'] === '1'

function answerOf(program: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || undefined
  } catch {
    return undefined
  }
}

/** The file of a program: where the variable points, on PATH, or where Go installs programs; undefined without one. */
export function findPeer(name: string, variable: string): string | undefined {
  const named = process.env[variable] || answerOf('which', [name])
  if (named) return named
  const installed = [answerOf('go', ['env', 'GOBIN']), join(answerOf('go', ['env', 'GOPATH']) ?? '', 'bin')]
  return installed.map((directory) => directory && join(directory, name)).find((path) => path && existsSync(path))
}
