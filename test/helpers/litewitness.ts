/**
 * The real litewitness (filippo.io/torchwood) as a process: found at $LITEWITNESS, on the PATH, or where `go install`
 * puts it. It signs through an ssh-agent of its own, which is started with it.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { EMPTY_ROOT, formatHash } from '../../src/tlog/hash.js'
import { parseVerifierKey, type VerifierKey } from '../../src/tlog/note.js'
import { removeFolder } from './home.js'
import { freePort } from './free-port.js'

/** Its name as a witness. */
const NAME = 'peer.example/litewitness'

/** A log that a witness is configured with. */
export interface KnownLog {
  readonly origin: string
  readonly vkey: string
}

export interface RunningWitness {
  readonly url: string
  readonly key: VerifierKey
  readonly pid: number
  /** The socket of the ssh-agent that holds its key. */
  readonly agent?: string
  stop(): Promise<void>
}

function output(command: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}

/** The path of litewitness; undefined if it, sqlite3 or OpenSSH is not installed. */
export function findLitewitness(): string | undefined {
  const goPath = output('go', 'env', 'GOPATH')
  const candidates = [
    process.env['LITEWITNESS'],
    output('which', 'litewitness'),
    goPath && join(goPath, 'bin', 'litewitness'),
  ]
  const found = candidates.find((path) => path && existsSync(path))
  const tools = ['ssh-agent', 'ssh-add', 'ssh-keygen', 'sqlite3']
  return tools.every((tool) => output('which', tool)) ? found : undefined
}

/**
 * The SQL that its own tool writes to add logs, each beginning as the empty tree. The tool itself cannot be built where
 * one of its libraries is not available.
 */
function logsAsSql(logs: readonly KnownLog[]): string {
  const text = (value: string): string => `'${value.replaceAll("'", "''")}'`
  return [
    'CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL);',
    'CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin));',
    ...logs.flatMap(({ origin, vkey }) => [
      `INSERT INTO log VALUES (${text(origin)}, 0, ${text(formatHash(EMPTY_ROOT))});`,
      `INSERT INTO key VALUES (${text(origin)}, ${text(vkey)});`,
    ]),
  ].join('\n')
}

/** Starts it with these logs, of any origins, on a free port of loopback, with a new database. */
export async function startLitewitness(litewitness: string, logs: readonly KnownLog[]): Promise<RunningWitness> {
  // A short path, since the length of a socket's name is limited.
  const dir = mkdtempSync(join(tmpdir(), 'lw-'))
  const [db, key, socket] = [join(dir, 'db'), join(dir, 'key'), join(dir, 'agent')]
  execFileSync('sqlite3', ['-batch', '-bail', db], { input: logsAsSql(logs), stdio: 'pipe' })
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const fingerprint = execFileSync('ssh-keygen', ['-lf', `${key}.pub`], { encoding: 'utf8' }).split(' ')[1]!
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] })
  const children: ChildProcess[] = [agent]
  const stop = async (): Promise<void> => {
    await Promise.all(children.reverse().map(ended))
    await removeFolder(dir)
  }
  try {
    // It prints its socket once it listens.
    await line(agent, agent.stdout, (text) => text.includes(socket))
    execFileSync('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'pipe' })
    const port = await freePort()
    const args = ['-db', db, '-ssh-agent', socket, '-listen', `127.0.0.1:${port}`, '-name', NAME, '-key', fingerprint]
    const server = spawn(litewitness, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    children.push(server)
    let vkey = ''
    await line(server, server.stderr, (text) => {
      vkey = /vkey=(\S+)/.exec(text)?.[1] ?? vkey
      return text.includes('msg=listening')
    })
    return { url: `http://127.0.0.1:${port}`, key: parseVerifierKey(vkey), pid: server.pid!, agent: socket, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}

/** The first line that is accepted; rejects if the process ends before. Later output is read and dropped. */
function line(child: ChildProcess, stream: NodeJS.ReadableStream, accept: (text: string) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const seen: string[] = []
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`it ended: ${seen.join('\n')}`)))
    createInterface({ input: stream }).on('line', (text) => {
      if (seen.length < 100) seen.push(text)
      if (accept(text)) resolve()
    })
  })
}
