/** A log that pushes its heads, and the answers of a witness: the client side of c2sp.org/tlog-witness. */
import { once } from 'node:events'
import { request as httpRequest, type Agent, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint } from '../../src/tlog/checkpoint.js'
import { formatHash, type Hash } from '../../src/tlog/hash.js'
import { proveTree, treeRoot, type Tree } from '../../src/tlog/merkle.js'
import { formatNote, signNote, type SignerKey } from '../../src/tlog/note.js'
import { proveSubtree, subtreeHash } from '../../src/tlog/subtree.js'
import { MemoryLog } from './tree.js'

/** The body of add-checkpoint. `old` is written as given. */
export function pushBody(old: number | string, proof: readonly Hash[], note: Uint8Array): Uint8Array {
  return concatBytes(utf8(`old ${old}\n${proof.map((hash) => `${formatHash(hash)}\n`).join('')}\n`), note)
}

/** The body of sign-subtree. The range is written as given. */
export function subtreeBody(range: string, hash: Hash, proof: readonly Hash[], reference: Uint8Array): Uint8Array {
  const lines = [hash, ...proof].map((line) => `${formatHash(line)}\n`).join('')
  return concatBytes(utf8(`subtree ${range}\n${lines}\n`), reference)
}

/** A log in memory that signs its heads under its own name, and can prove what it signs. */
export class PushingLog {
  readonly signer: SignerKey
  readonly origin: string
  readonly #log = new MemoryLog()
  readonly #salt: string
  readonly #fork: number

  /** Records from number `fork` on depend on the salt; those before it are the same for every salt. */
  constructor(signer: SignerKey, { origin = signer.verifier.name, salt = 'a', fork = 0 } = {}) {
    this.signer = signer
    this.origin = origin
    this.#salt = salt
    this.#fork = fork
  }

  /** Another history under the same key, which has this many records in common with every other fork. */
  fork(at: number, salt = 'b'): PushingLog {
    return new PushingLog(this.signer, { origin: this.origin, salt, fork: at })
  }

  #grow(size: number): void {
    for (let i = this.#log.leaves.length; i < size; i++)
      this.#log.append(utf8(`record ${i} of ${i < this.#fork ? 'a' : this.#salt}\n`))
  }

  tree(size: number): Tree {
    this.#grow(size)
    return { size, root: treeRoot(size, this.#log.read) }
  }

  text(size: number): string {
    return formatCheckpoint({ origin: this.origin, ...this.tree(size) })
  }

  /** Any text with the log's signature. */
  sign(text: string): Uint8Array {
    return formatNote({ text, signatures: [signNote(text, this.signer)] })
  }

  head(size: number): Uint8Array {
    return this.sign(this.text(size))
  }

  proof(from: number, to: number): Hash[] {
    this.#grow(to)
    return from === 0 || from === to ? [] : proveTree(to, from, this.#log.read)
  }

  /** The hash of a subtree, and the proof that it is in the tree of `size`. */
  subtreeProof(start: number, end: number, size: number): { readonly hash: Hash; readonly proof: readonly Hash[] } {
    this.#grow(size)
    const { read } = this.#log
    return { hash: subtreeHash(start, end, read), proof: proveSubtree(size, start, end, read) }
  }

  /** The honest request for a subtree, with a cosigned head of `size` as the reference. */
  subtreeBody(start: number, end: number, size: number, reference: Uint8Array): Uint8Array {
    const { hash, proof } = this.subtreeProof(start, end, size)
    return subtreeBody(`${start} ${end}`, hash, proof, reference)
  }

  /** The honest request that takes a witness from one size to another. */
  body(from: number, to: number): Uint8Array {
    return pushBody(from, this.proof(from, to), this.head(to))
  }
}

export interface WitnessAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Asking {
  readonly method?: string
  readonly body?: string | Uint8Array
  readonly headers?: Record<string, string>
  readonly agent?: Agent
}

/** One request, sent unchanged: fetch would correct some of them. */
export async function askWitness(url: string, path: string, asking: Asking = {}): Promise<WitnessAnswer> {
  const { method = 'GET', body, headers = {}, agent } = asking
  const request = httpRequest(url, { method, headers, agent: agent ?? false, path })
  // A server that refuses a body while it is being sent may close the connection; its answer is what counts.
  request.on('error', () => undefined)
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return { status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') }
}

/** POSTs a body to /add-checkpoint. */
export function push(url: string, body: string | Uint8Array, asking: Asking = {}): Promise<WitnessAnswer> {
  return askWitness(url, '/add-checkpoint', { ...asking, method: 'POST', body })
}
