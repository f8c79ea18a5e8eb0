/** Reads a stream of bytes up to a limit. Pure. */
import { concatBytes } from '../tlog/bytes.js'

/** All the bytes; undefined as soon as there are more than `most`. */
export async function readAtMost(chunks: AsyncIterable<Uint8Array>, most: number): Promise<Uint8Array | undefined> {
  const read: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    length += chunk.length
    if (length > most) return undefined
    read.push(chunk)
  }
  return concatBytes(...read)
}
