/** The real programs of OpenSSH: keys made by ssh-keygen, and an agent that holds them. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { removeFolder } from './home.js'

function isOnPath(name: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, name)))
}

/** Whether ssh-keygen, ssh-agent and ssh-add are installed. */
export const HAS_OPENSSH = ['ssh-keygen', 'ssh-agent', 'ssh-add'].every(isOnPath)

export interface SshKey {
  readonly path: string
  /** The content of the file. */
  readonly text: string
  /** The 32 bytes of its .pub file, when it is an Ed25519 key. */
  readonly publicKey: Uint8Array
  /** SHA256:... */
  readonly fingerprint: string
}

/** A key made by ssh-keygen in a folder that is removed when the test ends. */
export function newSshKey(...args: readonly string[]): SshKey {
  const path = join(shortFolder(), 'id')
  const given = args.includes('-t') ? args : ['-t', 'ed25519', ...args]
  execFileSync('ssh-keygen', ['-q', ...(args.includes('-N') ? [] : ['-N', '']), ...given, '-f', path])
  const publicKey = new Uint8Array(
    Buffer.from(readFileSync(`${path}.pub`, 'utf8').split(' ')[1]!, 'base64').subarray(-32),
  )
  const fingerprint = execFileSync('ssh-keygen', ['-lf', `${path}.pub`], { encoding: 'utf8' }).split(' ')[1]!
  return { path, text: readFileSync(path, 'utf8'), publicKey, fingerprint }
}

/** A folder with a short name, since the length of a socket's name is limited; removed when the test ends. */
export function shortFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'gs-'))
  onTestFinished(() => removeFolder(dir))
  return dir
}

export interface RunningAgent {
  readonly socket: string
  add(key: SshKey): void
  stop(): Promise<void>
}

/** Starts an ssh-agent on this socket, until the test ends. */
export async function startSshAgent(socket = join(shortFolder(), 'agent')): Promise<RunningAgent> {
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  onTestFinished(() => void child.kill())
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error('ssh-agent ended')))
    // It prints its socket once it listens.
    createInterface({ input: child.stdout }).on('line', (line) => line.includes(socket) && resolve())
  })
  return {
    socket,
    add: (key) =>
      void execFileSync('ssh-add', ['-q', key.path], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'pipe' }),
    async stop() {
      child.kill()
      await ended
    },
  }
}
