/** Writes answers and waits until the peer has taken them. */
import { once } from 'node:events'
import type { Stream } from '@libp2p/interface'
import type { LengthPrefixedStream } from '@libp2p/utils'

/**
 * Writes a frame, and resolves when none of it waits in the stream any more. The `drain` event says less: when its
 * connection has room again, libp2p fires it on all streams, even on those that nobody reads and whose window is full.
 */
export async function writeWhole(
  frames: Pick<LengthPrefixedStream<Stream>, 'write'>,
  stream: Stream,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  await frames.write(bytes, { signal })
  while (stream.status === 'open' && stream.writeBufferLength > 0)
    await Promise.race(['idle', 'close'].map((event) => once(stream, event, { signal })))
}
