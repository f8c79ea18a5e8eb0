/**
 * The example of docs/mirror.md, unchanged except for ports and keys: every command is run in order, and prints what
 * the page shows. Skipped if there is no go command or no git, unless REQUIRE_PEERS=1, which makes that a failure.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { PROGRAM } from '../helpers/cli.js'
import { newestGo, removeTree, required } from '../helpers/go.js'
import { temporaryHome } from '../helpers/home.js'
import { findPeer } from '../helpers/peers.js'

const SECTION = 'A tampered zip stops a build'

interface Said {
  readonly command: string
  /** Lines of its output; `...` matches any text. */
  readonly output: readonly string[]
}

/** The commands of a section, with the output on the page; unprompted output of the node has an empty command. */
function commandsOf(section: string): Said[] {
  const page = readFileSync(new URL('../../docs/mirror.md', import.meta.url), 'utf8')
  const text = page.split(/^## /m).find((part) => part.startsWith(`${section}\n`))!
  const blocks = [...text.matchAll(/^```\n([^]*?)^```$/gm)].map(([, block]) => block!)
  return blocks.flatMap((block) =>
    block.split(/^\$ /m).flatMap((one, i) => {
      const lines = one.trimEnd().split('\n')
      if (i === 0) return one === '' ? [] : [{ command: '', output: lines }]
      return [{ command: lines[0]!, output: lines.slice(1).filter((line) => line !== '...') }]
    }),
  )
}

/** The pattern of a line of the page: dots match any text, and times, hashes and ports match any others. */
function pattern(line: string): RegExp {
  const plain = line.replaceAll(/[$^*+?()[\]{}|\\]/g, '\\$&').replaceAll(/\.(?!\.\.)/g, '.')
  const open = plain.replaceAll(/\.\.\.|…/g, '.*').replaceAll(/\d\d:\d\d:\d\dZ/g, '\\d\\d:\\d\\d:\\d\\dZ')
  // A TAB is shown as spaces.
  return new RegExp(open.replaceAll(/ +/g, '\\s+'))
}

/** A terminal: a shell that runs one command after another. */
class Terminal {
  readonly #shell: ChildProcessWithoutNullStreams
  #said = ''
  #onMore: () => void = () => undefined

  constructor(cwd: string, env: Record<string, string>) {
    this.#shell = spawn('bash', ['--norc'], { cwd, env, detached: true })
    for (const stream of [this.#shell.stdout, this.#shell.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#said += text
        this.#onMore()
      })
    }
    this.#shell.once('exit', () => this.#onMore())
    onTestFinished(() => this.end())
  }

  /** Runs a command to its end; returns its output. */
  async run(command: string): Promise<string> {
    const from = this.#said.length
    this.#shell.stdin.write(`${command}\necho "end $?"\n`)
    await this.until(/^end \d+$/m, from)
    return this.#said.slice(from)
  }

  /** Starts a command that does not end. */
  start(command: string): void {
    this.#shell.stdin.write(`exec ${command}\n`)
  }

  /** Waits for a text, past or future. */
  async until(sought: RegExp, from = 0): Promise<RegExpExecArray> {
    for (;;) {
      const found = sought.exec(this.#said.slice(from))
      if (found !== null) return found
      if (this.#isOver) throw new Error(`it ended: ${this.#said}`)
      await new Promise<void>((resolve) => (this.#onMore = resolve))
    }
  }

  get #isOver(): boolean {
    return this.#shell.exitCode !== null || this.#shell.signalCode !== null
  }

  /** Like Ctrl-C. */
  async end(): Promise<void> {
    if (this.#isOver) return
    const exited = once(this.#shell, 'exit')
    process.kill(-this.#shell.pid!, 'SIGTERM')
    await exited
  }
}

test.runIf(required)('git is here, as REQUIRE_PEERS asks', () => {
  expect(findPeer('git')).toBeDefined()
})

test.skipIf(newestGo() === undefined || findPeer('git') === undefined)(
  'docs/mirror.md: a tampered zip stops a build',
  async () => {
    const root = temporaryHome()
    onTestFinished(() => removeTree(root))
    const bin = join(root, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'gossum'), `#!/bin/sh\nexec "${process.execPath}" "${PROGRAM}" "$@"\n`)
    chmodSync(join(bin, 'gossum'), 0o755)
    const person = ['AUTHOR', 'COMMITTER'].flatMap((who) => [
      [`GIT_${who}_NAME`, 'A'],
      [`GIT_${who}_EMAIL`, 'a@example.com'],
    ])
    const env = {
      PATH: `${bin}:${dirname(newestGo()!.path)}:/usr/local/bin:/usr/bin:/bin`,
      HOME: root,
      TMPDIR: root,
      GOENV: 'off',
      GOTOOLCHAIN: 'local',
      GOSSUM_MDNS: 'false',
      GIT_CONFIG_NOSYSTEM: '1',
      ...(Object.fromEntries(person) as Record<string, string>),
    }
    const work = join(root, 'work')
    mkdirSync(work)
    const first = new Terminal(work, env)
    let node: Terminal | undefined
    const real = { vkey: '', log: '', http: '' }
    const settled = (text: string): string =>
      text
        .replaceAll('VKEY', real.vkey)
        .replaceAll('127.0.0.1:46788', real.log)
        .replaceAll('127.0.0.1:46787', real.http)

    const commands = commandsOf(SECTION)
    expect(commands.length).toBeGreaterThan(20)
    for (const { command, output } of commands) {
      if (command === '') {
        for (const line of output) await node!.until(pattern(settled(line)))
      } else if (command.startsWith('gossum log serve')) {
        const log = new Terminal(work, env)
        log.start(`${command} --listen 127.0.0.1:0`)
        real.vkey = (await log.until(/^log +(\S+)$/m))[1]!
        real.log = (await log.until(/^url +http:\/\/(\S+)$/m))[1]!
      } else if (command.startsWith('gossum run')) {
        await node?.end()
        node = new Terminal(work, env)
        const port = real.http.split(':')[1] ?? '0'
        node.start(`${settled(command)} --http 127.0.0.1:${port} --listen /ip4/127.0.0.1/tcp/0`)
        real.http = (await node.until(/^api +http:\/\/(\S+)$/m))[1]!
        for (const line of output) await node.until(pattern(settled(line)))
      } else {
        const said = await first.run(settled(command))
        for (const line of output) expect(said, `$ ${command}`).toMatch(pattern(settled(line)))
        // The page says which commands are meant to fail.
        if (output.length === 0) expect(said, `$ ${command}`).toMatch(/^end 0$/m)
      }
    }
  },
)
