/**
 * Gathers what is written to a connection in one turn of the event loop. libp2p encrypts every frame of a stream
 * separately, and passes it to the socket in two pieces, length and bytes: two system calls and two packets, at both
 * ends, for a 400-byte message that goes to eight neighbours. That is most of what a head costs a node. Here all frames
 * of a turn are encrypted and written as one. What is sent is the same, byte for byte, below the encryption.
 */
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface'
import { concatBytes } from '../../tlog/bytes.js'

/** Bytes that do not wait for the end of the turn: about as much as one noise message holds. */
const AT_ONCE_BYTES = 60 * 1024

/** The same encryption, over connections whose writes are gathered. */
export function gatheringWrites<Components>(
  create: (components: Components) => ConnectionEncrypter,
): (components: Components) => ConnectionEncrypter {
  return (components) => {
    const encrypter = create(components)
    for (const secure of ['secureInbound', 'secureOutbound'] as const) {
      const plain = encrypter[secure].bind(encrypter)
      encrypter[secure] = async (raw, options) => {
        sendInOnePiece(raw)
        const secured = await plain(raw, options)
        const flush = gather(secured.connection)
        for (const connection of [raw, secured.connection]) flushBeforeClose(connection, flush)
        return secured
      }
    }
    return encrypter
  }
}

/** Noise sends the length of a message separately from the message. */
function sendInOnePiece(raw: MessageStream): void {
  const send = raw.send.bind(raw)
  raw.send = (data) => send(data.subarray())
}

/** Delays what is sent until the end of the turn; the returned function sends it now. */
function gather(connection: MessageStream): () => void {
  const send = connection.send.bind(connection)
  let waiting: Uint8Array[] = []
  let bytes = 0
  let endOfTurn: NodeJS.Immediate | undefined

  const flush = (): void => {
    clearImmediate(endOfTurn)
    const data = waiting
    endOfTurn = undefined
    waiting = []
    bytes = 0
    // A connection that was cut in the meantime takes nothing any more.
    if (data.length === 0 || connection.status !== 'open') return
    try {
      send(concatBytes(...data))
    } catch {
      // The connection has closed itself because of this, and notifies its users.
    }
  }
  connection.send = (data) => {
    // When closed, send() throws what it should.
    if (connection.status !== 'open') return send(data)
    waiting.push(data.subarray())
    bytes += data.byteLength
    if (bytes >= AT_ONCE_BYTES) flush()
    else endOfTurn ??= setImmediate(flush)
    return !connection.writableNeedsDrain
  }
  return flush
}

function flushBeforeClose(connection: MessageStream, flush: () => void): void {
  const close = connection.close.bind(connection)
  connection.close = (options) => {
    flush()
    return close(options)
  }
}
