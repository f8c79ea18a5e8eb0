/** Work done by processes that know only what they are given. */
import { spawn } from 'node:child_process'
import type { VerifierKey } from '../../../tlog/note.js'
import { EXIT } from '../../exit.js'
import { demoEnv, PROGRAM } from './child.js'

/** Whether `gossum verify` finds this evidence valid, given the key of the log and the witnesses of the policy. */
export async function verifiedByFreshProcess(path: string, { vkey }: VerifierKey, policy: string): Promise<boolean> {
  return (await exitOf(['verify', '--log', vkey, '--policy', policy, path])) === EXIT.fine
}

/**
 * Whether `gossum audit`, reading the log at this URL with a home of its own, convicts it; the evidence is then at
 * `path`.
 */
export async function convictedByAuditor(
  url: string,
  { vkey }: VerifierKey,
  home: string,
  path: string,
): Promise<boolean> {
  const args = ['audit', '--log', `${vkey} ${url}`, '--home', home, '--rate', '0', '--write-evidence', path]
  return (await exitOf(args)) === EXIT.misbehaviour
}

function exitOf(args: readonly string[]): Promise<number | null> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: 'ignore', env: demoEnv(process.env) })
  return new Promise((resolve) => child.once('exit', resolve))
}
