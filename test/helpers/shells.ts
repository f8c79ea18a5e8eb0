/**
 * The shells of this machine as a person uses them: on a terminal, with a completion script loaded, and with a `gossum`
 * that prints its arguments. Tests of a shell that is not installed are skipped, unless REQUIRE_PEERS=1 makes that a
 * failure.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
type ShellName = (typeof SHELLS)[number]

export function hasShell(name: ShellName): boolean {
  // Its terminal comes from util-linux.
  const needed = name === 'fish' ? [name] : [name, 'script']
  const folders = (process.env['PATH'] ?? '').split(':')
  return needed.every((program) => folders.some((folder) => existsSync(join(folder, program))))
}

/** Prints its arguments. */
const TOLD = `gossum() { printf 'called:'; printf '<%s>' "$@"; printf ':done\\n'; }`

const BASH_RC = `bind 'set enable-bracketed-paste off'
bind 'set bell-style none'
PS1='ready'; PS1="$PS1> "
${TOLD}
source ./script
cd files
`

const ZSH_RC = `unsetopt beep prompt_cr prompt_sp
autoload -U compinit
compinit -u -D
source ./script
${TOLD}
zle -C all-matches complete-word _generic
zstyle ':completion:all-matches:*' completer _all_matches _complete
zstyle ':completion:all-matches:*' insert true
bindkey '^[*' all-matches
PS1='ready'; PS1="$PS1> "
cd files
`

/** What fish prints after the completions of a line. */
const FISH_END = ':done'
const FISH = `source ../script
while read line
  complete -C $line
  echo ${FISH_END}
end`

/** The output when a line may be typed; zsh also enables bracketed paste. */
const READY = { bash: 'ready> $', zsh: String.raw`ready> \u001b\[\?2004h$` }

export interface CompletingShell {
  /** All completions of the last word of a line. */
  completed(line: string): Promise<string[]>
  close(): Promise<void>
}

/** `directory` contains the script, as `script`, and a folder `files`, which is the shell's working directory. */
export async function openShell(name: ShellName, directory: string): Promise<CompletingShell> {
  return name === 'fish' ? new FishShell(directory) : TerminalShell.open(name, directory)
}

/** A shell without a terminal that completes one line of its input after another: starting it costs most of a completion. */
class FishShell implements CompletingShell {
  readonly #process: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterableIterator<string>

  constructor(directory: string) {
    const env = { PATH: process.env['PATH'], HOME: directory, TERM: 'dumb', LC_ALL: 'C.UTF-8' }
    this.#process = spawn('fish', ['--no-config', '-c', FISH], { cwd: join(directory, 'files'), env })
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()
  }

  async completed(line: string): Promise<string[]> {
    this.#process.stdin.write(`${line}\n`)
    const found: string[] = []
    for (;;) {
      const next = await this.#lines.next()
      if (next.done === true) throw new Error('fish has ended')
      if (next.value === FISH_END) return found
      found.push(plain(next.value.split('\t')[0]!))
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#process, 'close')
    this.#process.stdin.end()
    await closed
  }
}

/** A shell on a terminal made by script(1). */
class TerminalShell implements CompletingShell {
  readonly #process: ChildProcessWithoutNullStreams
  readonly #ready: string
  #heard = ''

  private constructor(process: ChildProcessWithoutNullStreams, ready: string) {
    this.#ready = ready
    this.#process = process
    process.stdout.setEncoding('utf8').on('data', (text: string) => (this.#heard += text))
  }

  static async open(name: 'bash' | 'zsh', directory: string): Promise<TerminalShell> {
    writeFileSync(join(directory, 'bashrc'), BASH_RC)
    writeFileSync(join(directory, '.zshrc'), ZSH_RC)
    const command = name === 'bash' ? 'bash --noprofile --rcfile bashrc -i' : 'zsh -d -i'
    const env = { PATH: process.env['PATH'], HOME: directory, ZDOTDIR: directory, TERM: 'dumb', LC_ALL: 'C.UTF-8' }
    const child = spawn('script', ['-qfc', command, '/dev/null'], { cwd: directory, env })
    const shell = new TerminalShell(child, READY[name])
    await shell.#until('')
    return shell
  }

  async completed(line: string): Promise<string[]> {
    this.#heard = ''
    // Meta-*: inserts all completions instead of the word.
    this.#process.stdin.write(`${line}\u001b*\r`)
    const [, called] = await this.#until(String.raw`called:(.*?):done\s.*`)
    const args = [...called!.matchAll(/<(.*?)>/gs)].map(([, arg]) => arg!)
    const typed = line.split(' ')
    const found = args.slice(typed.length - 2).map(plain)
    // A word without completions stays as it was typed.
    return found.length === 1 && found[0] === typed.at(-1) ? [] : found.filter((arg) => arg !== '')
  }

  /** Waits for this output, and for the next prompt. */
  async #until(told: string): Promise<RegExpExecArray> {
    const pattern = new RegExp(told + this.#ready, 's')
    for (;;) {
      const found = pattern.exec(this.#heard)
      if (found !== null) return found
      await once(this.#process.stdout, 'data')
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#process, 'close')
    this.#process.stdin.end('exit\r')
    await closed
  }
}

/** Without what a shell adds to a folder, or to a flag that takes a value. */
function plain(found: string): string {
  return found.replace(/(?<=.)[/=]$/, '')
}
