/**
 * The output of the command line: stdout is for data, stderr for people. With --json, stdout has JSON lines and nothing
 * else.
 *
 * Much of the text is untrusted. All of it is cleaned here and coloured afterwards, so every escape sequence that
 * reaches a terminal was made here.
 */
import { randomBytes } from 'node:crypto'
import { errorCode, errorText, ERRORS, GossumError } from '../../errors.js'
import { printable, printableJson, printableLines } from '../../lib/printable.js'

export interface OutputFlags {
  readonly json?: boolean
  readonly quiet?: boolean
  /** False with --no-color. */
  readonly color?: boolean
}

interface Stream {
  readonly isTTY?: boolean
  write(data: string | Uint8Array): unknown
}

interface Streams {
  readonly stdout: Stream
  readonly stderr: Stream
  readonly env: NodeJS.ProcessEnv
}

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const

/** Milliseconds before a slow operation is announced. */
const PROGRESS_AFTER_MS = 1000
const ERASE_LINE = '\r\x1b[K'

/** Precedes the number of a style until the line is printed; random, so that no untrusted text can contain it. */
const MARK = randomBytes(12).toString('hex')

/** The output of a command with these flags. */
export function output(flags: OutputFlags, streams: Streams = process): Output {
  return new Output(flags, streams)
}

export class Output {
  readonly #flags: OutputFlags
  readonly #streams: Streams

  constructor(flags: OutputFlags, streams: Streams) {
    this.#flags = flags
    this.#streams = streams
  }

  /** Whether --json was given. */
  get isJson(): boolean {
    return this.#flags.json === true
  }

  /** One JSON line of data; nothing without --json. */
  json(value: unknown): void {
    if (this.isJson) this.raw(`${printableJson(JSON.stringify(value))}\n`)
  }

  /** One line of data for people; nothing with --json. */
  line(text: string): void {
    if (!this.isJson) this.#print(this.#streams.stdout, text)
  }

  /** Data verbatim; cleaned if stdout is a terminal. */
  raw(data: string | Uint8Array): void {
    const { stdout } = this.#streams
    const text = typeof data === 'string' ? data : stdout.isTTY === true ? new TextDecoder().decode(data) : undefined
    stdout.write(stdout.isTTY === true ? printableLines(text!) : data)
  }

  /** Several lines for people that form one text, such as a file that could not be written anywhere. */
  block(text: string): void {
    this.#streams.stderr.write(`${printableLines(text)}\n`)
  }

  /** One line for people; --quiet keeps only the important ones. */
  talk(text: string, { important = false } = {}): void {
    if (important || this.#flags.quiet !== true) this.#print(this.#streams.stderr, text)
  }

  /** One line for people, only on a terminal. */
  aside(text: () => string): void {
    if (this.#streams.stderr.isTTY === true && !this.isJson) this.talk(text())
  }

  /** One line of a command whose messages are its data; with --json it goes to stderr. */
  story(text: string): void {
    if (this.isJson) this.talk(text)
    else if (this.#flags.quiet !== true) this.line(text)
  }

  /**
   * Announces slow work on a terminal, and erases the label when the work is done. A label that changes is printed
   * again.
   */
  async progress<T>(label: string | (() => string), work: Promise<T>): Promise<T> {
    const { stderr } = this.#streams
    if (stderr.isTTY !== true || this.isJson || this.#flags.quiet === true) return work
    let isShown = false as boolean
    const show = (): void => {
      if (isShown && typeof label === 'string') return
      stderr.write(`${isShown ? ERASE_LINE : ''}${printable(typeof label === 'string' ? label : label())} …`)
      isShown = true
    }
    const timer = setInterval(show, PROGRESS_AFTER_MS)
    try {
      return await work
    } finally {
      clearInterval(timer)
      if (isShown) stderr.write(ERASE_LINE)
    }
  }

  /** Text for stdout in a style, where colour is enabled. */
  paint(style: keyof typeof STYLES, text: string): string {
    return this.#hasColor(this.#streams.stdout) ? marked(style, text) : text
  }

  /** Reports an error: what happened, and what can be done. One JSON line with --json. */
  error(error: unknown, hint = hintOf(error)): void {
    const { stderr } = this.#streams
    const message = messageOf(error)
    if (this.isJson) {
      stderr.write(`${printableJson(JSON.stringify({ error: { code: errorCode(error), message, hint } }))}\n`)
      return
    }
    const name = 'gossum:'
    // Only internal errors have more lines: the stack.
    const [first, ...more] = message.split('\n')
    this.#print(stderr, `${this.#hasColor(stderr) ? marked('red', name) : name} ${first!}`)
    for (const line of more) this.#print(stderr, `  ${line}`)
    this.hint(hint)
  }

  /** What can be done; nothing with --json, where the error object carries it. */
  hint(text: string): void {
    const label = 'hint:'
    const { stderr } = this.#streams
    if (!this.isJson) this.#print(stderr, `${this.#hasColor(stderr) ? marked('dim', label) : label} ${text}`)
  }

  #print(stream: Stream, text: string): void {
    const [first, ...parts] = text.split(MARK)
    stream.write(`${printable(first!)}${parts.map(styled).join('')}\n`)
  }

  /** --no-color > NO_COLOR > FORCE_COLOR > TERM=dumb > whether it is a terminal. */
  #hasColor(stream: Stream): boolean {
    const { env } = this.#streams
    if (this.#flags.color === false || env['NO_COLOR']) return false
    if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true
    return env['TERM'] !== 'dumb' && stream.isTTY === true
  }
}

function marked(style: keyof typeof STYLES, text: string): string {
  return `${MARK}${STYLES[style]}m${text}${MARK}0m`
}

/** The text after a mark: the number of a style, then untrusted text. */
function styled(part: string): string {
  const end = part.indexOf('m') + 1
  return `\x1b[${part.slice(0, end)}${printable(part.slice(end))}`
}

function messageOf(error: unknown): string {
  if (error instanceof GossumError) return error.message
  return `${ERRORS.INTERNAL[0]}: ${(error instanceof Error ? error.stack : undefined) ?? errorText(error)}`
}

function hintOf(error: unknown): string {
  if (isForeignAddress(error)) return 'this machine has no such address; 127.0.0.1 always works'
  return error instanceof GossumError ? error.hint : ERRORS.INTERNAL[1]
}

/** Whether listening failed because the address belongs to another machine. libp2p says so only in the cause. */
function isForeignAddress(error: unknown): boolean {
  if (errorCode(error) !== 'ADDRESS_IN_USE' && errorCode(error) !== 'CONFIG_INVALID') return false
  const cause = error instanceof Error ? errorText(error.cause) : ''
  return `${errorText(error)} ${cause}`.includes('EADDRNOTAVAIL')
}
