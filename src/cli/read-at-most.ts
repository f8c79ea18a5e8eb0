/** Bytes that come in pieces, with a bound. Pure. */
import { concatBytes } from '../tlog/bytes.js'

/** All the bytes; undefined when there are more than `most`, of which no more is read. */
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
