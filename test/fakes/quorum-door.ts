/**
 * A node's checksum database as a client sees it, below /sumdb/<name>/: the only head that it serves, also in lookups,
 * is the quorum head with its cosignatures.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LogReply, SumdbServer } from '../../src/sumdb/log-server.js'
import { concatBytes } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, type SignerKey } from '../../src/tlog/note.js'

/** The head with cosignatures by these witnesses, all with the same time. */
export function cosigned(head: Uint8Array, witnesses: readonly SignerKey[]): Uint8Array {
  const { text, signatures } = parseNote(head)
  const lines = witnesses.map((witness) => cosign(text, 1_700_000_000, witness).signature)
  return formatNote({ text, signatures: [...signatures, ...lines] })
}

export class QuorumDoor {
  readonly url: string
  readonly close: () => Promise<void>
  /** The quorum head. */
  head: Uint8Array
  /** A different answer to a path below the door; undefined for that of an honest node. */
  instead: (path: string) => Pick<LogReply, 'status' | 'body'> | undefined = () => undefined
  /** The requested paths below the door. */
  readonly requests: string[] = []

  private constructor(url: string, head: Uint8Array, close: () => Promise<void>) {
    this.url = url
    this.head = head
    this.close = close
  }

  /** Serves this log under this name. */
  static async start(log: SumdbServer, name: string, head: Uint8Array): Promise<QuorumDoor> {
    const prefix = `/sumdb/${name}/`
    const server = createServer((request, response) => {
      const url = request.url ?? ''
      if (!url.startsWith(prefix)) {
        response.writeHead(404).end('not found\n')
        return
      }
      const path = url.slice(prefix.length)
      door.requests.push(path)
      void log.handle(`/${path}`).then((answer) => {
        const { status, body } = door.instead(path) ?? door.#honest(path, answer)
        response.writeHead(status, { 'content-length': body.length }).end(body)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const close = async (): Promise<void> => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    }
    const door = new QuorumDoor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, head, close)
    return door
  }

  #honest(path: string, answer: LogReply): Pick<LogReply, 'status' | 'body'> {
    if (path === 'latest') return { status: 200, body: this.head }
    if (!path.startsWith('lookup/') || answer.status !== 200) return answer
    const record = answer.body.subarray(0, Buffer.from(answer.body).indexOf('\n\n') + 2)
    return { status: 200, body: concatBytes(record, this.head) }
  }
}
