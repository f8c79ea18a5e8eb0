/** A webhook: it keeps what it receives, and gives the answers of a test. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface WebhookRequest {
  readonly path: string
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** On the monotonic clock. */
  readonly at: number
}

export class WebhookServer {
  /** With a secret path. */
  readonly url: string
  readonly requests: WebhookRequest[] = []
  answer: (response: ServerResponse, request: WebhookRequest) => void = (response) =>
    void response.writeHead(200).end('ok')
  readonly #waiting = new Set<() => void>()

  private constructor(url: string) {
    this.url = url
  }

  /** It is closed when the test ends. */
  static async start(): Promise<WebhookServer> {
    const server = createServer((request, response) => {
      const pieces: Buffer[] = []
      request.on('error', () => undefined).on('data', (piece: Buffer) => pieces.push(piece))
      request.on('end', () => {
        const { url = '', method = '', headers } = request
        const seen = { path: url, method, headers, body: Buffer.concat(pieces).toString('utf8'), at: performance.now() }
        started.requests.push(seen)
        started.#waiting.forEach((look) => look())
        started.answer(
          response.on('error', () => undefined),
          seen,
        )
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const started = new WebhookServer(`http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path`)
    return started
  }

  /** The request of this number, as soon as it arrives. */
  request(number: number): Promise<WebhookRequest> {
    return new Promise((resolve) => {
      const look = (): void => {
        const request = this.requests[number]
        if (request === undefined) return
        this.#waiting.delete(look)
        resolve(request)
      }
      this.#waiting.add(look)
      look()
    })
  }
}
