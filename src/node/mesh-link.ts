/**
 * The mesh as the other parts of a node see it. They are built before it starts, and work without one: until then no
 * peer is connected, nothing is counted, and what is sent reaches no peer.
 */
import { GossumError } from '../errors.js'
import { setTimeout as delay } from 'node:timers/promises'
import type { Mesh, MeshInterests } from '../gossip/mesh.js'
import type { VerifierKey } from '../tlog/note.js'

/** Milliseconds between two checks for returning peers. */
const LOOK_MS = 20

export class MeshLink {
  /** The number of chosen peers, as far as it is known before the mesh starts. */
  readonly #chosen: number
  readonly #onError: (error: unknown) => void
  #mesh: Mesh | undefined

  constructor(chosen: number, onError: (error: unknown) => void) {
    this.#chosen = chosen
    this.#onError = onError
  }

  start(mesh: Mesh): void {
    this.#mesh = mesh
  }

  /**
   * Changes the interests (Mesh.attend). Resolves when the chosen peers that had to reconnect have done so, or after so
   * many milliseconds: they should be there for what they are to remember.
   */
  async attend(interests: MeshInterests, ms: number): Promise<void> {
    if (this.#mesh === undefined) return
    const before = this.chosen().connected
    await this.#mesh.attend(interests)
    const areBack = (): boolean => before.every((peer) => this.chosen().connected.includes(peer))
    for (const end = performance.now() + ms; !areBack() && performance.now() < end;) await delay(LOOK_MS)
  }

  async stop(): Promise<void> {
    await this.#mesh?.stop()
  }

  /** The mesh itself, for the status. */
  get mesh(): Mesh | undefined {
    return this.#mesh
  }

  /** Keys that neighbours count. */
  relayed(): readonly VerifierKey[] {
    return this.#mesh?.relayed() ?? []
  }

  /** Keys that neighbours have proven to hold. */
  neighbours(): readonly VerifierKey[] {
    return this.#mesh?.neighbours() ?? []
  }

  /** Whether a neighbour counts this key. */
  counts(vkey: string): boolean {
    return this.#mesh?.counts(vkey) === true
  }

  isChosen(peer: string): boolean {
    return this.#mesh?.isChosen(peer) === true
  }

  chosen(): ReturnType<Mesh['chosen']> {
    return this.#mesh?.chosen() ?? { all: this.#chosen, connected: [] }
  }

  promise(...sent: Parameters<Mesh['promise']>): Promise<Awaited<ReturnType<Mesh['promise']>>> {
    return this.#mesh?.promise(...sent) ?? Promise.resolve(undefined)
  }

  /** What is published is on disk already, so a failure of the mesh is only reported. */
  readonly publishHead = (log: string, note: Uint8Array): void => {
    this.#mesh?.gossip.publish('head', log, note).catch(this.#onError)
  }

  /** The same for an evidence file. */
  publishEvidence(log: string, file: Uint8Array): void {
    this.#mesh?.gossip.publish('evidence', log, file).catch(this.#onError)
  }

  /** Throws PEER_UNHELPFUL when no peer has it. */
  async prefixFrom(...asked: Parameters<Mesh['prefixFrom']>): ReturnType<Mesh['prefixFrom']> {
    return this.#required().prefixFrom(...asked)
  }

  /** Throws PEER_UNHELPFUL when no peer has it. */
  async tileFrom(...asked: Parameters<Mesh['tileFrom']>): ReturnType<Mesh['tileFrom']> {
    return this.#required().tileFrom(...asked)
  }

  #required(): Mesh {
    if (this.#mesh === undefined) throw new GossumError('PEER_UNHELPFUL', 'this node has no mesh')
    return this.#mesh
  }
}
