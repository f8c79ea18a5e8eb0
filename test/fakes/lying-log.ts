/**
 * A log that lies: a real SumdbServer behind a listener that can misbehave on each path, and that can switch to another
 * history under the same key.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MemoryLevel } from 'memory-level'
import { SumdbServer, type LogReply, type NewRecord } from '../../src/sumdb/log-server.js'
import type { SignerKey } from '../../src/tlog/note.js'

/** How one request is answered; `honest` is what the log behind would answer. */
export type Behaviour = (response: ServerResponse, honest: LogReply) => void

/** Two go.sum lines of a generated module version; the same arguments give the same text. */
export function madeUpRecord(n: number, salt = 'a'): NewRecord {
  const path = `example.com/Module${n}`
  const version = `v1.${n}.0`
  const hash = Buffer.from(`${salt}${n}`.padEnd(32, '.').slice(0, 32)).toString('base64')
  return { path, version, text: `${path} ${version} h1:${hash}\n${path} ${version}/go.mod h1:${hash}\n` }
}

/** The generated records [from, to). */
export function madeUpRecords(from: number, to: number, salt = 'a'): NewRecord[] {
  return Array.from({ length: to - from }, (_, i) => madeUpRecord(from + i, salt))
}

/** A real checksum database in memory with these records. */
export async function memoryLog(signer: SignerKey, records: readonly NewRecord[] = []): Promise<SumdbServer> {
  const log = await SumdbServer.open({ db: new MemoryLevel(), signer })
  await log.append(records)
  return log
}

// ---- behaviours ------------------------------------------------------------------------------------------------

export const honestly: Behaviour = (response, honest) => {
  response.writeHead(honest.status, { 'content-type': honest.type, 'content-length': honest.body.length })
  response.end(honest.body)
}

/** Accepts the request and never answers. */
export const stall: Behaviour = () => undefined

/** Sends the head of an answer and the first bytes of its body, and then nothing more. */
export const stallInBody: Behaviour = (response, honest) => {
  response.writeHead(200, { 'content-length': honest.body.length + 1 })
  response.write(honest.body)
}

/** Sends without end, as fast as the client reads. */
export const endless: Behaviour = (response) => {
  const chunk = new Uint8Array(64 * 1024)
  response.on('error', () => undefined)
  const pour = (): void => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', pour)
  pour()
}

/** Announces the whole body and closes the connection in the middle of it. */
export const closeEarly: Behaviour = (response, honest) => {
  response.writeHead(200, { 'content-length': honest.body.length + 1 })
  response.write(honest.body, () => response.destroy())
}

/** Answers with a status and, if given, Retry-After. */
export function refuse(status: number, retryAfter?: string): Behaviour {
  return (response) => {
    response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter })
    response.end(`no, says status ${status}\n`)
  }
}

/** Sends other bytes instead of the body. */
export function replaceBody(change: (body: Uint8Array) => Uint8Array): Behaviour {
  return (response, honest) => honestly(response, { ...honest, body: change(honest.body) })
}

/** Flips the lowest bit of one byte. */
export function flipBit(at: number): Behaviour {
  return replaceBody((body) => body.map((byte, i) => (i === at ? byte ^ 1 : byte)))
}

// ---- the log ---------------------------------------------------------------------------------------------------

/** Answers requests like a log. */
export interface Answering {
  handle(pathname: string): Promise<LogReply>
}

export class LyingLog<History extends Answering = SumdbServer> {
  readonly url: string
  readonly close: () => Promise<void>
  /** The history that is served. Replace it to show another one: a fork, if the key is the same. */
  history: History
  /** How to answer a path (without the leading slash); honestly if it returns undefined. */
  lie: (path: string) => Behaviour | undefined = () => undefined
  /** The requested paths, in order, without the leading slash. */
  readonly requests: string[] = []
  /** The methods of the requests. */
  readonly methods: string[] = []

  private constructor(history: History, url: string, close: () => Promise<void>) {
    this.history = history
    this.url = url
    this.close = close
  }

  /** A log that serves below a path, which begins with a slash; all other paths are not found. */
  static async start<History extends Answering>(history: History, below = ''): Promise<LyingLog<History>> {
    const server = createServer((request, response) => {
      const url = request.url ?? ''
      const path = decodeURIComponent(url.slice(1))
      log.requests.push(path)
      log.methods.push(request.method ?? '')
      const behave = log.lie(path) ?? honestly
      const known = url.startsWith(`${below}/`) ? url.slice(below.length) : '/nothing'
      void log.history.handle(known).then((honest) => behave(response, honest))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const close = async (): Promise<void> => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    }
    const log = new LyingLog(history, `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close)
    return log
  }
}
