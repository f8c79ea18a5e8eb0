/** Reading files that the command line names: bounded, and `-` is stdin. */
import { createReadStream } from 'node:fs'
import { errorText, GossumError } from '../errors.js'
import { concatBytes } from '../tlog/bytes.js'

/** Whether a file could not be read because there is none. */
export function isMissing(error: unknown): boolean {
  const cause = error instanceof GossumError ? (error.cause as NodeJS.ErrnoException | undefined) : undefined
  return cause?.code === 'ENOENT'
}

/** The bytes of a file, or of stdin for `-`. Throws FILE_UNREADABLE, also for more than `most` bytes. */
export async function readFileBounded(path: string, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    const stream: AsyncIterable<Uint8Array> = path === '-' ? process.stdin : createReadStream(path)
    for await (const chunk of stream) {
      length += chunk.length
      if (length > most) throw new GossumError('FILE_UNREADABLE', `${path}: larger than ${most} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof GossumError) throw error
    throw new GossumError('FILE_UNREADABLE', errorText(error), error)
  }
  return concatBytes(...chunks)
}
