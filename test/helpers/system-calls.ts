/** The system calls of a process, as recorded by strace, in the order in which they ended. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One call that succeeded. */
export interface SystemCall {
  readonly name: string
  /** The file of the call, if the process has it open. */
  readonly file: string | undefined
  readonly numbers: readonly number[]
  /** Bytes, and paths in the arguments. */
  readonly texts: readonly Buffer[]
  readonly result: number
}

const TRACED = 'openat,write,pwrite64,fdatasync,fsync,rename,ftruncate,unlink'

/** Whether processes can be traced on this machine. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0
}

/** Runs a command to its end and returns its system calls. Throws if it fails. */
export function trace(command: string, args: readonly string[]): SystemCall[] {
  const directory = mkdtempSync(join(tmpdir(), 'gossum-trace-'))
  const output = join(directory, 'calls')
  try {
    const options = `-f --seccomp-bpf -y -xx -s 10000000 -e trace=${TRACED} -e signal=none -o`.split(' ')
    execFileSync('strace', [...options, output, command, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    return parseTrace(readFileSync(output, 'latin1'))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function parseTrace(text: string): SystemCall[] {
  const begun = new Map<string, string>()
  return text.split('\n').flatMap((line) => {
    const [, thread, rest] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (thread === undefined || rest === undefined) return []
    if (rest.endsWith('<unfinished ...>')) {
      begun.set(thread, rest.slice(0, -'<unfinished ...>'.length))
      return []
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)
    return parseCall(resumed === null ? rest : `${begun.get(thread) ?? ''}${resumed[1]!}`)
  })
}

function parseCall(call: string): SystemCall[] {
  const [, name, args, result] = /^(\w+)\((.*)\) += (\d+)/.exec(call) ?? []
  if (name === undefined || args === undefined) return []
  const [, file] = /^\d+<([^>]*)>/.exec(args) ?? []
  const texts = [...args.matchAll(/"([^"]*)"/g)].map(([, text]) => unescaped(text!))
  const bare = args.replaceAll(/"[^"]*"|<[^>]*>/g, '')
  const numbers = [...bare.matchAll(/(?<![\w|])-?\d+/g)].map(([number]) => Number(number))
  return [
    { name, file: file === undefined ? undefined : unescaped(file).toString(), numbers, texts, result: Number(result) },
  ]
}

function unescaped(text: string): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex')
}
