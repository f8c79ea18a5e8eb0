/**
 * A file as the body of an answer: read in pieces, the next one when the client has taken the one before, so that an
 * answer of any size costs the memory of one piece.
 */
import { open, type FileHandle } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import type { BytePart } from './byte-range.js'

/** Bytes that are read at a time: what an answer costs while it is sent. */
export const PIECE_BYTES = 128 * 1024

export class FileBody {
  readonly size: number
  readonly #from: FileHandle | Uint8Array
  readonly #release: () => void
  #isClosed = false

  private constructor(from: FileHandle | Uint8Array, size: number, release: () => void) {
    this.#from = from
    this.size = size
    this.#release = release
  }

  /** A file whose bytes are in memory. */
  static of(bytes: Uint8Array, release: () => void): FileBody {
    return new FileBody(bytes, bytes.length, release)
  }

  /** Opens a file of this size. `release` is called once, when nothing more is read of it, also if it cannot be opened: that throws. */
  static async open(path: string, size: number, release: () => void): Promise<FileBody> {
    try {
      return new FileBody(await open(path, 'r'), size, release)
    } catch (error) {
      release()
      throw error
    }
  }

  /**
   * Sends a part of the file as the body of an answer whose headers are written, ends the answer, and closes the file.
   * Never throws: an answer that cannot go on is cut off, so that nobody takes it for a whole one, and `onError` is told.
   */
  async send(response: ServerResponse, { start, length }: BytePart, onError: (error: unknown) => void): Promise<void> {
    const from = this.#from
    try {
      if (from instanceof Uint8Array) {
        response.end(from.subarray(start, start + length))
        return
      }
      const piece = Buffer.allocUnsafe(Math.min(length, PIECE_BYTES))
      for (let at = start; at < start + length;) {
        const { bytesRead } = await from.read(piece, 0, Math.min(start + length - at, PIECE_BYTES), at)
        if (response.destroyed) return
        if (bytesRead === 0) throw new Error('a file that was being sent became shorter')
        at += bytesRead
        const bytes = piece.subarray(0, bytesRead)
        if (at === start + length) response.end(bytes)
        // The client went away.
        else if (!(await isTaken(response, bytes))) return
      }
      if (length === 0) response.end()
    } catch (error) {
      response.destroy()
      onError(error)
    } finally {
      this.close()
    }
  }

  /** Safe to call twice. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // A file that was only read has nothing to lose.
    if (!(this.#from instanceof Uint8Array)) void this.#from.close().catch(() => undefined)
    this.#release()
  }
}

/** Resolves when the bytes have left, to true; or when the answer has ended before. */
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
