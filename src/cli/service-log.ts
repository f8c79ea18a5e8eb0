/** What a running node writes to stderr: text for people or JSON lines for programs, and at which level. */
import { LOG_LEVELS, type LogLevel } from '../config/settings.js'
import type { NodeEvent } from '../node/events.js'
import type { JsonLog } from './json-log.js'
import { isLogged, levelOf } from './ui/event-level.js'
import { describeEvent, type Telling } from './ui/event-text.js'
import type { Output } from './ui/output.js'

export interface ServiceLogOptions {
  readonly level: LogLevel
  readonly out: Output
  /** Undefined for text. */
  readonly json: JsonLog | undefined
}

export class ServiceLog {
  readonly levels = LOG_LEVELS
  /** May be changed at any time. */
  level: LogLevel
  readonly #out: Output
  readonly #json: JsonLog | undefined

  constructor({ level, out, json }: ServiceLogOptions) {
    this.level = level
    this.#out = out
    this.#json = json
  }

  event(event: NodeEvent, telling: Telling): void {
    // With --json every event is on stdout.
    if (this.#json === undefined && this.#out.isJson) return
    const level = levelOf(event, telling.hasPolicy)
    if (!isLogged(level, this.level)) return
    const lines = describeEvent(event, telling)
    if (this.#json === undefined) {
      for (const line of lines) this.#out.talk(line, { important: line.startsWith('!') })
      return
    }
    const { at, ...fields } = event
    this.#json.write(level, sentenceOf(lines) ?? event.event, { ...fields, at })
  }

  /** Logs that a request was answered. `route` is the declared route, not the path. */
  request(route: string, status: number): void {
    if (!isLogged('debug', this.level)) return
    const text = `${route === '' ? 'an unknown path' : route} ${status}`
    if (this.#json !== undefined) this.#json.write('debug', text, { event: 'request', route, status })
    else if (!this.#out.isJson) this.#out.talk(`  ${new Date().toISOString().slice(11, 19)}Z  request    ${text}`)
  }

  /** Logs a message that is not an event. */
  say(level: LogLevel, text: string, fields: object): void {
    if (isLogged(level, this.level)) this.#json?.write(level, text, fields)
  }

  /** Logs a message that is not an event, in the text form as well. */
  warn(text: string, fields: object): void {
    if (this.#json !== undefined) this.say('warn', text, fields)
    else if (isLogged('warn', this.level)) this.#out.talk(`! ${text}`, { important: true })
  }

  end(): void {
    this.#json?.end()
  }
}

/** The lines of an event as one, without its time and without the mark of an alarm. */
function sentenceOf(lines: readonly string[]): string | undefined {
  const words = lines.map((line) =>
    line
      .replace(/^[! ] (\d\d:\d\d:\d\dZ)?/, '')
      .trim()
      .replaceAll(/ {2,}/g, ' '),
  )
  return words.length === 0 ? undefined : words.join('; ')
}
