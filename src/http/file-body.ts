/**
 * A file as the body of an answer. It is read piece by piece, each when the client has taken the one before, so an
 * answer of any size costs the memory of one piece.
 */
import { open, type FileHandle } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import type { BytePart } from './byte-range.js'
import type { SentBody } from './sent-body.js'

/** Bytes read at a time: the memory cost of an answer while it is sent. */
export const PIECE_BYTES = 128 * 1024

/** The source of the bytes, shared by the whole file and its parts. */
class Source {
  readonly from: FileHandle | Uint8Array
  readonly #release: () => void
  #isClosed = false

  constructor(from: FileHandle | Uint8Array, release: () => void) {
    this.from = from
    this.#release = release
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // Closing a file that was only read loses nothing.
    if (!(this.from instanceof Uint8Array)) void this.from.close().catch(() => undefined)
    this.#release()
  }
}

export class FileBody implements SentBody {
  readonly length: number
  readonly #start: number
  readonly #source: Source

  private constructor(source: Source, { start, length }: BytePart) {
    this.#source = source
    this.#start = start
    this.length = length
  }

  /** A file whose bytes are in memory. */
  static of(bytes: Uint8Array, release: () => void): FileBody {
    return new FileBody(new Source(bytes, release), { start: 0, length: bytes.length })
  }

  /** Opens a file of this size. `release` is called once, when reading ends, also if opening fails, which throws. */
  static async open(path: string, size: number, release: () => void): Promise<FileBody> {
    try {
      return new FileBody(new Source(await open(path, 'r'), release), { start: 0, length: size })
    } catch (error) {
      release()
      throw error
    }
  }

  get heldBytes(): number {
    return Math.min(this.length, PIECE_BYTES)
  }

  /** A part of the same file. Closing either closes both. */
  part(start: number, length: number): FileBody {
    return new FileBody(this.#source, { start: this.#start + start, length })
  }

  async send(response: ServerResponse, onError: (error: unknown) => void): Promise<void> {
    const { from } = this.#source
    const end = this.#start + this.length
    try {
      if (from instanceof Uint8Array) {
        response.end(from.subarray(this.#start, end))
        return
      }
      const piece = Buffer.allocUnsafe(this.heldBytes)
      for (let at = this.#start; at < end;) {
        const { bytesRead } = await from.read(piece, 0, Math.min(end - at, PIECE_BYTES), at)
        if (response.destroyed) return
        if (bytesRead === 0) throw new Error('a file that was being sent became shorter')
        at += bytesRead
        const bytes = piece.subarray(0, bytesRead)
        if (at === end) response.end(bytes)
        // The client is gone.
        else if (!(await isTaken(response, bytes))) return
      }
      if (this.length === 0) response.end()
    } catch (error) {
      response.destroy()
      onError(error)
    } finally {
      this.close()
    }
  }

  close(): void {
    this.#source.close()
  }
}

/** Resolves to true when the bytes have left, to false if the answer has ended before. */
function isTaken(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const onClose = (): void => resolve(false)
    response.once('close', onClose)
    response.write(bytes, (error) => {
      response.off('close', onClose)
      resolve(error === undefined || error === null)
    })
  })
}
