/** Unread answers: those of one peer, and of all strangers together, are bounded. */
import type { Connection, Stream } from '@libp2p/interface'
import { afterEach, expect, it } from 'vitest'
import { SYNC_PROTOCOL } from '../../../../src/gossip/sync/messages.js'
import { STREAMS_PER_PEER } from '../../../../src/gossip/sync/server/sync-server.js'
import { writeWhole } from '../../../../src/gossip/sync/server/write-whole.js'
import { concatBytes, utf8 } from '../../../../src/tlog/bytes.js'
import { LOG, startNode, until, type TestNode } from '../../helpers.js'
import { connect, openSync, startFake, startStranger } from '../../stranger.js'

/** Three files of maximum size: as much as one answer can carry. */
const IDS = ['a', 'b', 'c'].map((letter) => letter.repeat(16))
const ASK = { type: 'evidence', ids: IDS }
const FRAME = concatBytes(Uint8Array.of(JSON.stringify(ASK).length), utf8(JSON.stringify(ASK)))
/** As many strangers as are needed for 16 MiB at less than a MiB each. */
const STRANGERS = 22

async function startKeeper(bootstrap: string[] = []): Promise<TestNode> {
  const node = await startNode({ bootstrap })
  for (const id of IDS) node.handlers.files.set(id, { log: LOG, bytes: utf8(id.slice(0, 1).repeat(64 * 1024)) })
  return node
}

let over = new AbortController()
afterEach(() => {
  over.abort()
  over = new AbortController()
})

/** Sends requests on one stream after the other, and reads nothing. */
function askAndNeverRead(connection: Connection): void {
  const { signal } = over
  const go = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        const stream = await connection.newStream(SYNC_PROTOCOL)
        // Nothing is read from it, so its window fills up: the first answer fits, the second waits.
        stream.pause()
        for (let i = 0; i < 3; i++) stream.send(FRAME)
        while (stream.status === 'open') await new Promise((resolve) => setTimeout(resolve, 50))
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }
  void go()
}

/** The answer to a peer that sends one request, on a stream of its own. */
async function answerTo(connection: Connection): Promise<{ type: string; files?: string[] }> {
  const { ask, stream } = await openSync(connection)
  const answer = await ask(ASK)
  stream.abort(new Error('enough'))
  return answer as { type: string }
}

it('a peer that reads nothing is sent at most one mebibyte, and others are still answered', async () => {
  const node = await startKeeper()
  const connection = await connect(await startStranger(), node)
  for (let i = 0; i < STREAMS_PER_PEER; i++) askAndNeverRead(connection)
  await until(() => node.drops.includes('sync-busy'), 'it is not answered any more')
  const other = await connect(await startStranger(), node)
  expect((await answerTo(other)).files).toHaveLength(IDS.length)
}, 60_000)

it('an answer is written only once its buffer is empty, even if libp2p reports earlier that there is room', async () => {
  const stream = Object.assign(new EventTarget(), { status: 'open', writeBufferLength: 0 })
  // Like a stream whose window is full while its connection drains.
  const write = (bytes: Uint8Array): Promise<void> => {
    stream.writeBufferLength = bytes.length
    return Promise.resolve()
  }
  const { signal } = new AbortController()
  let isWritten = false
  const written = writeWhole({ write }, stream as unknown as Stream, new Uint8Array(9), signal).then(
    () => (isWritten = true),
  )
  stream.dispatchEvent(new Event('drain'))
  await new Promise((resolve) => setImmediate(resolve))
  expect(isWritten).toBe(false)
  stream.writeBufferLength = 0
  stream.dispatchEvent(new Event('idle'))
  await written
})

it('strangers that read nothing use at most 16 MiB together, and nothing of the share of chosen peers', async () => {
  const chosen = await startFake(() => ({ type: 'hello' }))
  const node = await startKeeper([chosen.address])
  await until(() => chosen.host.getConnections().length === 1, 'connected')
  const [ours] = chosen.host.getConnections()
  const newcomer = await connect(await startStranger(), node)
  const strangers = await Promise.all(Array.from({ length: STRANGERS }, () => startStranger()))
  // Five answers of 192 KiB: none of them exceeds its own share.
  for (const stranger of strangers) {
    const connection = await connect(stranger, node)
    for (let i = 0; i < 5; i++) askAndNeverRead(connection)
  }
  /** Asks until it gets an answer of this type. */
  const told = async (type: string): Promise<void> => {
    while ((await answerTo(newcomer)).type !== type) await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await told('error')
  expect(node.drops).toContain('sync-busy')
  expect((await answerTo(ours!)).files).toHaveLength(IDS.length)
  // When they are gone there is space again.
  await Promise.all(strangers.map(async (stranger) => stranger.stop()))
  await told('evidence')
}, 120_000)
