/**
 * Many small requests to one server, over connections that stay open: what fetch does, for a third of its time. Only as
 * much of fetch as Fetcher uses.
 */
import { Agent as HttpAgent, get as httpGet, type ClientRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, get as httpsGet } from 'node:https'
import type { Fetch, FetchAnswer } from './fetcher.js'

type Reader = ReturnType<NonNullable<FetchAnswer['body']>['getReader']>

/** A fetch over at most so many connections, which do not keep the process when they are idle. */
export function keepAliveFetch(connections: number): Fetch {
  const options = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections }
  const agents = { http: new HttpAgent(options), https: new HttpsAgent(options) }
  return (url, { headers, signal }) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const request = url.startsWith('https:')
        ? httpsGet(url, { agent: agents.https, headers })
        : httpGet(url, { agent: agents.http, headers })
      endWith(signal, request)
      request.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error))
      request.on('response', (message) => resolve(answerOf(message, request)))
    })
}

/** Ends the request when the signal is aborted, and lets go of the signal when the request is over. */
function endWith(signal: AbortSignal, request: ClientRequest): void {
  const onAbort = (): void => {
    request.destroy(signal.reason as Error)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  request.once('close', () => signal.removeEventListener('abort', onAbort))
}

function answerOf(message: IncomingMessage, request: ClientRequest): FetchAnswer {
  const header = (name: string): string | null => {
    const value = message.headers[name]
    return typeof value === 'string' ? value : null
  }
  return {
    status: message.statusCode!,
    headers: { get: header },
    body: { getReader: () => readerOf(message, request) },
  }
}

function readerOf(message: IncomingMessage, request: ClientRequest): Reader {
  let failure: Error | undefined
  let wake = (): void => undefined
  message.on('readable', () => wake())
  message.on('close', () => wake())
  message.on('error', (error) => {
    failure = error
    wake()
  })
  return {
    async read() {
      for (;;) {
        const chunk = message.read() as Uint8Array | null
        if (chunk !== null) return { done: false, value: chunk }
        if (failure !== undefined) throw failure
        if (message.readableEnded) return { done: true, value: undefined }
        if (message.destroyed) throw new Error('the connection was closed in the middle of the answer')
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
    cancel() {
      request.destroy()
      return Promise.resolve()
    },
  }
}
