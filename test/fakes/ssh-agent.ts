/** An ssh-agent that can lie, break off, or stay silent: a test determines the answer to each request. */
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { publicKeyBlob, SshReader, sshString, uint32 } from '../../src/keys/ssh/ssh-wire.js'
import { concatBytes, readUint32 } from '../../src/tlog/bytes.js'
import type { SignerKey } from '../../src/tlog/note.js'
import { shortFolder } from '../helpers/openssh.js'

/** How the agent handles one request; the request begins with its type byte. */
export type Answering = (request: Uint8Array, connection: Socket) => void

export function frame(type: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(Uint8Array.of(type), ...content)
  return concatBytes(uint32(body.length), body)
}

export function identities(...publicKeys: readonly Uint8Array[]): Uint8Array {
  const keys = publicKeys.flatMap((key) => [sshString(publicKeyBlob(key)), sshString('a comment')])
  return frame(12, uint32(publicKeys.length), ...keys)
}

export function signature(bytes: Uint8Array, type = 'ssh-ed25519'): Uint8Array {
  return frame(14, sshString(concatBytes(sshString(type), sshString(bytes))))
}

/** The message to be signed, from a request of type 13. */
export function messageOf(request: Uint8Array): Uint8Array {
  const reader = new SshReader(request.subarray(1))
  reader.string()
  return reader.string()
}

/** Answers like an honest agent that holds one key; or like one that signs with another function. */
export function honestly({ verifier, sign }: SignerKey, signing = sign): Answering {
  return (request, connection) =>
    void connection.end(request[0] === 11 ? identities(verifier.publicKey) : signature(signing(messageOf(request))))
}

/** Answers any request with these bytes, and closes the connection. */
export function saying(bytes: Uint8Array): Answering {
  return (_request, connection) => void connection.end(bytes)
}

export class FakeAgent {
  readonly socket: string
  /** Types of the requests, in order. */
  readonly requests: number[] = []
  answering: Answering
  readonly #connections = new Set<Socket>()
  #server: Server | undefined

  private constructor(socket: string, answering: Answering) {
    this.socket = socket
    this.answering = answering
  }

  /** Listens until the test ends. */
  static async start(answering: Answering): Promise<FakeAgent> {
    const agent = new FakeAgent(join(shortFolder(), 'agent'), answering)
    onTestFinished(() => agent.stop())
    await agent.listen()
    return agent
  }

  async listen(): Promise<void> {
    const server = createServer((connection) => {
      this.#connections.add(connection)
      connection.on('error', () => undefined).on('close', () => this.#connections.delete(connection))
      let received = new Uint8Array()
      connection.on('data', (chunk) => {
        received = concatBytes(received, chunk) as Uint8Array<ArrayBuffer>
        if (received.length < 4 || received.length < 4 + readUint32(received, 0)) return
        this.requests.push(received[4]!)
        this.answering(received.slice(4), connection)
      })
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.socket, resolve))
  }

  /** Closes the agent and removes its socket. */
  async stop(): Promise<void> {
    const server = this.#server
    if (server?.listening !== true) return
    this.#connections.forEach((connection) => connection.destroy())
    await new Promise((resolve) => server.close(resolve))
  }
}
