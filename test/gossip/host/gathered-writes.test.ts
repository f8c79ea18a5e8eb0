import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { describe, expect, it } from 'vitest'
import { gatheringWrites } from '../../../src/gossip/host/gathered-writes.js'
import { concatBytes, fromUtf8, utf8 } from '../../../src/tlog/bytes.js'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A connection without encryption: what is sent on it goes to `raw` in two pieces, as with noise. */
async function connected() {
  const [raw, far] = multiaddrConnectionPair({ delay: 0 })
  const [secured] = multiaddrConnectionPair()
  const written: Uint8Array[] = []
  const closed: string[] = []
  raw.send = (data) => written.push(data.subarray()) > 0
  raw.close = () => Promise.resolve(void closed.push('raw'))
  secured.send = (data) => {
    if (secured.status !== 'open') throw new Error('not open')
    return raw.send(data)
  }
  secured.close = () => Promise.resolve(void closed.push('secured'))
  const nothing = { protocol: '/nothing' } as ConnectionEncrypter
  nothing.secureInbound = nothing.secureOutbound = (connection) => {
    expect(connection).toBe(raw)
    return Promise.resolve({ connection: secured, remotePeer: undefined as never })
  }
  const encrypter = gatheringWrites(() => nothing)({})
  const { connection } = await encrypter.secureOutbound(raw)
  return { connection, raw, far, written, closed }
}

describe('what is written to a connection', () => {
  it('in one turn is sent as one write, in order, and later data separately', async () => {
    const { connection, written } = await connected()
    for (const word of ['one ', 'two ', 'three']) expect(connection.send(utf8(word))).toBe(true)
    expect(written).toEqual([])
    await turn()
    connection.send(utf8('four'))
    await turn()
    expect(written.map(fromUtf8)).toEqual(['one two three', 'four'])
  })

  it('does not wait when it is much', async () => {
    const { connection, written } = await connected()
    const half = new Uint8Array(40_000).fill(7)
    connection.send(half)
    expect(written).toEqual([])
    connection.send(half)
    expect(written).toEqual([concatBytes(half, half)])
    await turn()
    expect(written).toHaveLength(1)
  })

  it.each(['connection', 'raw'] as const)('before %s is closed is not lost', async (which) => {
    const { written, closed, ...connections } = await connected()
    connections.connection.send(utf8('last words'))
    await connections[which].close()
    expect(written.map(fromUtf8)).toEqual(['last words'])
    expect(closed).toHaveLength(1)
  })

  it('is nothing after it was cut, and an error for who writes then', async () => {
    const { connection, written } = await connected()
    connection.send(utf8('too late'))
    connection.abort(new Error('cut'))
    await turn()
    expect(written).toEqual([])
    expect(() => connection.send(utf8('dead'))).toThrow()
  })

  it('harms nobody when the socket takes no more', async () => {
    const { connection, raw } = await connected()
    raw.send = () => {
      throw new Error('closed')
    }
    connection.send(utf8('lost'))
    // Nothing is thrown where it could not be caught, which would end the process.
    await turn()
    connection.send(utf8('lost, too'))
    await connection.close()
  })

  it('says when it must wait', async () => {
    const { connection } = await connected()
    expect(connection.send(utf8('a'))).toBe(true)
    Object.assign(connection, { writableNeedsDrain: true } satisfies Partial<MessageStream>)
    expect(connection.send(utf8('b'))).toBe(false)
  })
})
