/**
 * Where the command line speaks: stdout is data, stderr is talk. With --json stdout has JSON lines and nothing else.
 */
import { errorCode, errorText, ERRORS, GossumError } from '../errors.js'

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

/** Milliseconds before something slow is announced. */
const PROGRESS_AFTER_MS = 1000
const ERASE_LINE = '\r\x1b[K'

/** Control characters and bidirectional overrides: text of others must not move the cursor or turn a line around. */
const UNPRINTABLE = /[\0-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]|\x1b(?!\[\d{1,2}m)/g

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
    if (this.isJson) this.raw(`${JSON.stringify(value)}\n`)
  }

  /** One line of data for people; nothing with --json. */
  line(text: string): void {
    if (!this.isJson) this.#print(this.#streams.stdout, text)
  }

  /** Data as it is. */
  raw(data: string | Uint8Array): void {
    this.#streams.stdout.write(data)
  }

  /** One line of talk; --quiet leaves only the important. */
  talk(text: string, { important = false } = {}): void {
    if (important || this.#flags.quiet !== true) this.#print(this.#streams.stderr, text)
  }

  /** One line of talk for who sits in front of it: only on a terminal. */
  aside(text: () => string): void {
    if (this.#streams.stderr.isTTY === true && !this.isJson) this.talk(text())
  }

  /** One line of a command whose talk is its data; with --json it is talk. */
  story(text: string): void {
    if (this.isJson) this.talk(text)
    else if (this.#flags.quiet !== true) this.line(text)
  }

  /** Says what takes its time, on a terminal, and takes the words back when it is done. */
  async progress<T>(label: string, work: Promise<T>): Promise<T> {
    const { stderr } = this.#streams
    if (stderr.isTTY !== true || this.isJson || this.#flags.quiet === true) return work
    let isShown = false as boolean
    const timer = setTimeout(() => {
      isShown = true
      stderr.write(`${label} …`)
    }, PROGRESS_AFTER_MS)
    try {
      return await work
    } finally {
      clearTimeout(timer)
      if (isShown) stderr.write(ERASE_LINE)
    }
  }

  /** Text for stdout in a style, where colour is wanted. */
  paint(style: keyof typeof STYLES, text: string): string {
    return this.#hasColor(this.#streams.stdout) ? styled(style, text) : text
  }

  /** Tells about an error: what happened, and what can be done. One JSON line with --json. */
  error(error: unknown, hint = hintOf(error)): void {
    const { stderr } = this.#streams
    const message = messageOf(error)
    if (this.isJson) {
      stderr.write(`${JSON.stringify({ error: { code: errorCode(error), message, hint } })}\n`)
      return
    }
    const name = 'gossum:'
    this.#print(stderr, `${this.#hasColor(stderr) ? styled('red', name) : name} ${message}`)
    this.hint(hint)
  }

  /** What can be done; nothing with --json, where errors carry it. */
  hint(text: string): void {
    const label = 'hint:'
    const { stderr } = this.#streams
    if (!this.isJson) this.#print(stderr, `${this.#hasColor(stderr) ? styled('dim', label) : label} ${text}`)
  }

  #print(stream: Stream, text: string): void {
    stream.write(`${text.replace(UNPRINTABLE, '\u{fffd}')}\n`)
  }

  /** --no-color > NO_COLOR > FORCE_COLOR > TERM=dumb > whether it is a terminal. */
  #hasColor(stream: Stream): boolean {
    const { env } = this.#streams
    if (this.#flags.color === false || env['NO_COLOR']) return false
    if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true
    return env['TERM'] !== 'dumb' && stream.isTTY === true
  }
}

function styled(style: keyof typeof STYLES, text: string): string {
  return `\x1b[${STYLES[style]}m${text}\x1b[0m`
}

function messageOf(error: unknown): string {
  if (error instanceof GossumError) return error.message
  return `${ERRORS.INTERNAL[0]}: ${(error instanceof Error ? error.stack : undefined) ?? errorText(error)}`
}

function hintOf(error: unknown): string {
  if (isForeignAddress(error)) return 'this machine has no such address; 127.0.0.1 is always there'
  return error instanceof GossumError ? error.hint : ERRORS.INTERNAL[1]
}

/** Whether it is about listening on an address of another machine. libp2p says so in the cause only. */
function isForeignAddress(error: unknown): boolean {
  if (errorCode(error) !== 'ADDRESS_IN_USE' && errorCode(error) !== 'CONFIG_INVALID') return false
  const cause = error instanceof Error ? errorText(error.cause) : ''
  return `${errorText(error)} ${cause}`.includes('EADDRNOTAVAIL')
}
