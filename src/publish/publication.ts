/** Brings the published folder up to date: writes the current answers of the API that have changed. */
import { hash } from 'node:crypto'
import { errorText, GossumError } from '../errors.js'
import {
  changingPaths,
  fileOf,
  lastingPaths,
  MARKER,
  removable,
  SWEPT,
  type PublishedFinds,
  type PublishedLogs,
} from './layout.js'
import type { PublicFolder } from './public-folder.js'

/** An answer of the API. */
export interface PublishedAnswer {
  readonly status: number
  readonly body: Uint8Array
}

export interface PublicationParts {
  readonly logs: PublishedLogs
  /** The evidence and suspects so far. */
  readonly finds: () => Promise<PublishedFinds>
  /** The API's answer for a path. */
  readonly ask: (path: string) => Promise<PublishedAnswer>
  /** What the marker contains besides the time: the key of the witness; null for an observer. */
  readonly witness: string | null
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Whether the node is stopping: then a round ends, too, between two files. */
  readonly isOver: () => boolean
}

/** Milliseconds between two markers. */
export const MARKER_MS = 15_000

export class Publication {
  readonly #folder: PublicFolder
  readonly #parts: PublicationParts
  /** The content of the folder, by hash. */
  readonly #written = new Map<string, string>()
  #isSwept = false
  #markedAt = -Infinity

  constructor(folder: PublicFolder, parts: PublicationParts) {
    this.#folder = folder
    this.#parts = parts
  }

  /**
   * Brings the folder up to date. What lists and feeds name exists before they name it: they are read first, and
   * written last. Throws the first error.
   */
  async round(): Promise<void> {
    const { logs, finds, isOver } = this.#parts
    const changing = new Map<string, Uint8Array | undefined>()
    const faults: unknown[] = []
    for (const path of changingPaths(logs)) {
      if (isOver()) return
      await withoutFault(faults, async () => void changing.set(fileOf(path), await this.#read(path)))
    }
    const lasting = lastingPaths(await finds())
    const kept = new Set([...changingPaths(logs), ...lasting].map(fileOf))
    for (const path of lasting) {
      const file = fileOf(path)
      if (isOver()) return
      if (!this.#written.has(file)) await withoutFault(faults, async () => this.#put(file, await this.#read(path)))
    }
    for (const [file, body] of changing) {
      if (isOver()) return
      await withoutFault(faults, () => this.#put(file, body))
    }
    for (const file of await this.#left(kept)) await withoutFault(faults, () => this.#put(file, undefined))
    if (faults.length > 0) throw faults[0]
    this.#isSwept = true
    await this.#mark()
  }

  /** Undefined if the path does not exist, or no longer does. */
  async #read(path: string): Promise<Uint8Array | undefined> {
    const { status, body } = await this.#parts.ask(path)
    if (status === 200) return body
    if (status === 404) return undefined
    throw new GossumError('PUBLISH_FAILED', `${path} was answered with ${status}`)
  }

  async #put(file: string, body: Uint8Array | undefined): Promise<void> {
    if (body === undefined) {
      await this.#folder.remove(file)
      this.#written.delete(file)
      return
    }
    const digest = digestOf(body)
    if (this.#written.get(file) === digest) return
    const found = this.#written.has(file) ? undefined : await this.#folder.read(file, body.length)
    if (found === undefined || digestOf(found) !== digest) await this.#folder.write(file, body)
    this.#written.set(file, digest)
  }

  /** Files that should not exist any more; the first time, including those of an earlier run. Evidence stays. */
  async #left(kept: ReadonlySet<string>): Promise<string[]> {
    const names = (folder: string) => (this.#isSwept ? [] : this.#folder.names(folder))
    const found = { top: await names(SWEPT.top), logs: await names(SWEPT.logs), suspects: await names(SWEPT.suspects) }
    const files = [...removable(found), ...this.#written.keys()]
    return [...new Set(files)].filter((file) => !kept.has(file) && !isEvidence(file))
  }

  async #mark(): Promise<void> {
    const { now, witness } = this.#parts
    if (now() - this.#markedAt < MARKER_MS && now() >= this.#markedAt) return
    this.#markedAt = now()
    const marker = { at: new Date(this.#markedAt).toISOString(), witness }
    await this.#folder.write(MARKER, Buffer.from(`${JSON.stringify(marker)}\n`))
  }
}

/** One occupied path does not prevent the others from being written; a full disk does. */
async function withoutFault(faults: unknown[], act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    faults.push(error)
  }
}

function isEvidence(file: string): boolean {
  return file.startsWith('api/v1/evidence/') && file !== fileOf('/api/v1/evidence')
}

function digestOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64url')
}

/** Why a round failed, without the path of the folder on this machine: it is public. */
export function publishFault(error: unknown, dir: string): string {
  return errorText(error).replaceAll(dir, '<folder>')
}
