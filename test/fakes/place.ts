/** A place outside the mesh that gives the answers of a test, and records its requests. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { utf8 } from '../../src/tlog/bytes.js'
import { parseAddCheckpoint } from '../../src/http/witness/add-checkpoint-body.js'
import { cosign, verifyCosignature } from '../../src/tlog/cosignature.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { checkTree, type Tree } from '../../src/tlog/merkle.js'
import { formatSignature, isBy, parseNote, verifyNote, type SignerKey, type VerifierKey } from '../../src/tlog/note.js'
import { Feed } from '../helpers/heart.js'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: Uint8Array
  /** Milliseconds of the monotonic clock. */
  readonly at: number
}

export interface Reply {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
}

/** How a request is handled: with an answer, or with a misbehaviour. */
export type Answering = (asked: Asked) => Reply | ((response: ServerResponse) => void)

export class FakePlace {
  readonly url: string
  answer: Answering
  /** The requests, in order; they can be awaited. */
  readonly asked = new Feed<Asked>()
  /** Requests in progress, and the maximum there has been. */
  underWay = 0
  most = 0

  private constructor(url: string, answer: Answering) {
    this.url = url
    this.answer = answer
  }

  /** Listens until the test ends. */
  static async start(answer: Answering): Promise<FakePlace> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      place.most = Math.max(place.most, ++place.underWay)
      response.on('close', () => place.underWay--)
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const { method = '', url = '', headers } = request
        const asked = { method, path: url, headers, body: new Uint8Array(Buffer.concat(chunks)), at: performance.now() }
        const reply = place.answer(asked)
        if (typeof reply === 'function') reply(response)
        else response.writeHead(reply.status, reply.headers).end(reply.body)
        place.asked.push(asked)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    const place = new FakePlace(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, answer)
    return place
  }
}

/** The answers of an honest witness of one log: strict about the proof, as c2sp.org/tlog-witness requires. */
export class HonestWitness {
  readonly signer: SignerKey
  readonly #log: VerifierKey
  /** The last tree that it cosigned. */
  tree: Tree | undefined
  /** The note of that tree, with its own line. */
  checkpoint: Uint8Array | undefined

  constructor(signer: SignerKey, log: VerifierKey) {
    this.signer = signer
    this.#log = log
  }

  readonly answer = ({ method, path, body }: Pick<Asked, 'method' | 'path' | 'body'>): Reply => {
    if (method === 'GET') return this.checkpoint ? { status: 200, body: this.checkpoint } : { status: 404 }
    if (path !== '/add-checkpoint') return { status: 404 }
    const { proof, note: bytes } = parseAddCheckpoint(body)
    const note = parseNote(bytes)
    verifyNote(note, this.#log)
    const head = parseCheckpoint(note.text)
    const held = this.tree?.size ?? 0
    if (proof.oldSize !== held) {
      return { status: 409, headers: { 'content-type': 'text/x.tlog.size' }, body: `${held}\n` }
    }
    try {
      if (this.tree !== undefined) checkTree(proof.hashes, head.size, head.root, held, this.tree.root)
    } catch {
      return { status: 422, body: 'bad consistency proof\n' }
    }
    this.tree = head
    const { signature } = cosign(note.text, Math.floor(Date.now() / 1000), this.signer)
    const line = formatSignature(signature)
    this.checkpoint = utf8(`${new TextDecoder().decode(bytes)}${line}`)
    return { status: 200, body: line }
  }
}

/** Whether a note has a line by this witness that verifies. */
export function isCosignedBy(note: string | Uint8Array, key: VerifierKey): boolean {
  const { text, signatures } = parseNote(typeof note === 'string' ? utf8(note) : note)
  return signatures.some((line) => isBy(line, key) && verifyCosignature(text, line, key).time > 0)
}
