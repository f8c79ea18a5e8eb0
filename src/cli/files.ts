/** Files that the command line names: reading is bounded, and `-` is stdin; writing replaces nothing. */
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { errorText, GossumError } from '../errors.js'
import { concatBytes } from '../tlog/bytes.js'

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

/** Writes a new file, on disk when this resolves. Throws FILE_UNWRITABLE, also when there is a file by this name. */
export async function writeNewFile(path: string, bytes: Uint8Array): Promise<void> {
  let isOurs = false
  try {
    const file = await open(path, 'wx')
    isOurs = true
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    // Half a file would look like a whole one.
    if (isOurs) await rm(path, { force: true }).catch(() => undefined)
    throw new GossumError('FILE_UNWRITABLE', errorText(error), error)
  }
}
