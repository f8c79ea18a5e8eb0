/** Real nodes on loopback with handlers that record their calls, for the tests of this folder. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { randomBytes } from 'node:crypto'
import { afterEach } from 'vitest'
import { Mesh, type MeshOptions } from '../../src/gossip/mesh.js'
import type { Drop, EvidenceFate } from '../../src/gossip/gossip.js'
import type { Identity } from '../../src/gossip/sync/identity.js'
import type { EvidenceName } from '../../src/gossip/sync/messages.js'
import type { Bringer, SignedPage, SyncHandlers, Advertised } from '../../src/gossip/sync/server/sync-server.js'
import { toHex, utf8 } from '../../src/tlog/bytes.js'
import { logId } from '../../src/tlog/checkpoint.js'
import { sha256 } from '../../src/tlog/hash.js'
import { makeSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { GossumError } from '../../src/errors.js'
import type { Tree } from '../../src/tlog/merkle.js'
import type { Prefix } from '../../src/witness/decide.js'
import type { Candidate } from '../../src/witness/head.js'
import type { Outcome } from '../../src/witness/outcome.js'
import type { WitnessPromise } from '../../src/witness/promise.js'

export const LOG = logId('sum.example', 'go.sum database tree')

/** The id of an evidence file: the first 16 hex digits of its SHA-256. */
export function evidenceIdOf(bytes: Uint8Array): string {
  return toHex(sha256(bytes).subarray(0, 8))
}

/**
 * Keeps what it receives and distinguishes new from known. The first word of a text determines the outcome: `bad` is
 * refused as malformed, `stranger` as of an unknown log, `throw` throws, `hang` is never decided.
 */
export class MemoryHandlers implements SyncHandlers {
  readonly candidates: Candidate[] = []
  readonly known = new Map<string, Uint8Array>()
  readonly files = new Map<string, { log: string; bytes: Uint8Array }>()
  /** Kept tiles, by path. */
  readonly tiles = new Map<string, Uint8Array>()
  /** What is held of a witness, by verifier key: one page. */
  readonly signed = new Map<string, Uint8Array[]>()
  /** What peers reported about our own witness keys. */
  readonly tellings: { heads: string[]; promises: readonly WitnessPromise[]; peer: string }[] = []
  /** Chosen peers whose answers were complete. */
  readonly answers: string[] = []
  /** Promises and lines received from peers. */
  readonly kept: { promise: WitnessPromise; from: Bringer }[] = []
  readonly lines: { text: string; peer: string }[] = []
  /** Makes the proofs, if it can. */
  prove: ((of: Tree, size: number) => Promise<Prefix>) | undefined
  readonly #waiting: { check: () => boolean; resolve: () => void }[] = []

  submit(candidate: Candidate): Promise<Outcome> {
    this.candidates.push(candidate)
    const text = Buffer.from(candidate.note).toString()
    if (text.startsWith('throw')) throw new Error('a bug of ours')
    if (text.startsWith('hang')) return new Promise(() => undefined)
    const news = !this.known.has(text)
    if (text.startsWith('bad')) return this.#done({ kind: 'refused', news: false, code: 'NOTE_MALFORMED' })
    if (text.startsWith('stranger')) return this.#done({ kind: 'refused', news: false, code: 'LOG_UNKNOWN' })
    this.known.set(text, candidate.note)
    return this.#done({ kind: news ? 'advanced' : 'known', news, log: LOG })
  }

  submitEvidence(log: string, bytes: Uint8Array): Promise<EvidenceFate> {
    if (Buffer.from(bytes).toString().startsWith('bad')) return this.#done('invalid')
    const id = evidenceIdOf(bytes)
    const fate = this.files.has(id) ? 'known' : 'new'
    this.files.set(id, { log, bytes })
    return this.#done(fate)
  }

  heads(): Promise<Uint8Array[]> {
    return Promise.resolve([...this.known.values()])
  }

  evidenceIds(): Promise<EvidenceName[]> {
    return Promise.resolve([...this.files].map(([id, { log }]) => ({ log, id })))
  }

  evidence(id: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.files.get(id)?.bytes)
  }

  prefix(_: string, of: Tree, size: number): Promise<Prefix> {
    if (this.prove === undefined) return Promise.reject(new GossumError('LOG_UNREACHABLE'))
    return this.prove(of, size)
  }

  tile(_: string, path: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.tiles.get(path))
  }

  signedBy(witness: string): Promise<SignedPage> {
    return Promise.resolve({ heads: this.signed.get(witness) ?? [], promises: [] })
  }

  keepPromise(promise: WitnessPromise, from: Bringer): Promise<boolean> {
    this.kept.push({ promise, from })
    return this.#done(true)
  }

  keepLine(note: Uint8Array, peer: string): Promise<void> {
    this.lines.push({ text: Buffer.from(note).toString(), peer })
    return this.#done(undefined)
  }

  told(peer: string, { heads, promises }: Advertised): Promise<void> {
    this.tellings.push({ heads: heads.map((note) => Buffer.from(note).toString()), promises, peer })
    return this.#done(undefined)
  }

  answered(peer: string): void {
    this.answers.push(peer)
    void this.#done(undefined)
  }

  /** Everything that was submitted, as texts. */
  get texts(): string[] {
    return this.candidates.map(({ note }) => Buffer.from(note).toString())
  }

  /** Resolves when the condition becomes true after a submission. */
  when(check: () => boolean): Promise<void> {
    if (check()) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ check, resolve }))
  }

  /** Resolves when a head with this text has been submitted. */
  receives(text: string): Promise<void> {
    return this.when(() => this.texts.includes(text))
  }

  #done<T>(value: T): Promise<T> {
    for (const { check, resolve } of this.#waiting) if (check()) resolve()
    return Promise.resolve(value)
  }
}

export interface TestNode {
  readonly mesh: Mesh
  readonly handlers: MemoryHandlers
  readonly drops: Drop[]
  readonly errors: unknown[]
  /** The address at which others dial it. */
  readonly address: string
}

const running = new Set<Mesh>()
afterEach(async () => {
  const meshes = [...running]
  running.clear()
  await Promise.all(meshes.map((mesh) => mesh.stop()))
})

export function newPeerKey(): Promise<PrivateKey> {
  return generateKeyPair('Ed25519')
}

/** A new witness. */
export function newIdentity(name: string): Identity {
  const { verifier, sign } = makeSignerKey(name, SIGNATURE_TYPES.cosignature, new Uint8Array(randomBytes(32)))
  return { witness: verifier.vkey, key: verifier, sign }
}

/** The options of a mesh, in one object. */
type NodeOptions = Partial<MeshOptions['reach'] & MeshOptions['own']> &
  MeshOptions['times'] &
  MeshOptions['told'] & { handlers?: MemoryHandlers }

/** A node on a free loopback port; it is stopped after the test. */
export async function startNode(options: NodeOptions = {}): Promise<TestNode> {
  const handlers = options.handlers ?? new MemoryHandlers()
  const drops: Drop[] = []
  const errors: unknown[] = []
  const all = {
    peerKey: options.peerKey ?? (await newPeerKey()),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: [],
    logs: [LOG],
    keys: options.identity === undefined ? [] : [options.identity.witness],
    onError: (error: unknown) => errors.push(error),
    onDropped: (drop: Drop) => drops.push(drop),
    ...options,
  }
  const mesh = await Mesh.start({ reach: all, own: all, times: all, told: all, handlers })
  running.add(mesh)
  return { mesh, handlers, drops, errors, address: mesh.multiaddrs()[0] ?? '' }
}

export async function stopNode(node: TestNode): Promise<void> {
  running.delete(node.mesh)
  await node.mesh.stop()
}

/** Polls a condition for which libp2p has no event. */
export async function until(check: () => boolean, what: string, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Publishes different heads until one has a recipient: subscriptions arrive some time after the connection. */
export async function publishWhenHeard(node: TestNode, text: string, recipients = 1): Promise<string> {
  const deadline = Date.now() + 60_000
  for (let n = 0; Date.now() < deadline; n++) {
    const attempt = `${text} ${n}`
    if ((await node.mesh.gossip.publish('head', LOG, utf8(attempt))) >= recipients) return attempt
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`nobody listens to ${text}`)
}
