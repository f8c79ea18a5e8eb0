/**
 * A real log of c2sp.org/tlog-tiles, written by Tessera: polled by our program, and pushing to it. Skipped if it is not
 * installed, unless REQUIRE_PEERS=1, which makes that a failure; scripts/ci/peers.sh installs it.
 */
import { describe, expect, test } from 'vitest'
import { utf8 } from '../../src/tlog/bytes.js'
import { logId, parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { verifyCosignature } from '../../src/tlog/cosignature.js'
import { isBy, parseNote, parseVerifierKey, verifyNote, type Note } from '../../src/tlog/note.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { findPeer, startTesseraLog, type TesseraLog } from '../helpers/peers.js'

const tlogd = findPeer('tlogd')
const ORIGIN = 'tessera.example/log'
const ID = logId(ORIGIN, ORIGIN)

test.runIf(process.env['REQUIRE_PEERS'] === '1')('tlogd is here, as REQUIRE_PEERS asks', () => {
  expect(tlogd).toBeDefined()
})

function advanced(node: RunningNode, size: number, door: string): Promise<unknown> {
  return node.event(
    (event) =>
      event.event === 'outcome' &&
      event.outcome === 'advanced' &&
      event.log === ID &&
      event.size === size &&
      event.door === door,
  )
}

/** A note that both the log and our witness have signed. */
function expectSigned(note: Note, { log }: TesseraLog, { ready }: RunningNode): void {
  const witness = parseVerifierKey(ready.witness)
  verifyNote(note, parseVerifierKey(log))
  verifyCosignature(
    note.text,
    note.signatures.find((line) => isBy(line, witness))!,
    witness,
  )
}

describe.skipIf(tlogd === undefined)('a log of Tessera', () => {
  test('is witnessed by poll, over sizes at which its tiles and their levels change', async () => {
    const log = await startTesseraLog(tlogd!, temporaryHome())
    const args = ['--log', `${log.log} ${log.url} ${ORIGIN}`, '--poll', '0.1']
    expect(await log.add(1)).toBe(1)
    const node = await RunningNode.start(temporaryHome(), args)
    await advanced(node, 1, 'poll')
    for (const count of [4, 250, 1, 1, 300, 211]) await advanced(node, await log.add(count), 'poll')
    const { note, size } = (await node.json(`/api/v1/logs/${ID}/head`)) as { note: string; size: number }
    expect(size).toBe(768)
    expectSigned(parseNote(utf8(note)), log, node)
  })

  test('pushes its heads, and publishes them with our cosignature', async () => {
    const log = await startTesseraLog(tlogd!, temporaryHome())
    const node = await RunningNode.start(temporaryHome(), ['--log', `${log.log} -`])
    log.witnessedBy(node.ready.witness, node.ready.http)
    for (const count of [3, 300, 30]) {
      const size = await log.add(count)
      await advanced(node, size, 'push')
      const published = parseNote(new Uint8Array(await (await fetch(`${log.url}/checkpoint`)).arrayBuffer()))
      expect(parseCheckpoint(published.text)).toMatchObject({ origin: ORIGIN, size })
      expectSigned(published, log, node)
    }
  })

  test('that pushes and is polled is one log', async () => {
    const log = await startTesseraLog(tlogd!, temporaryHome())
    const args = ['--log', `${log.log} ${log.url} ${ORIGIN}`, '--poll', '0.1']
    const node = await RunningNode.start(temporaryHome(), args)
    log.witnessedBy(node.ready.witness, node.ready.http)
    for (const count of [3, 300]) await advanced(node, await log.add(count), 'push')
    expect(await node.json('/api/v1/logs')).toMatchObject({ logs: [{ id: ID, size: 303, suspects: [] }] })
    expect(await node.json('/api/v1/evidence')).toEqual({ evidence: [] })
  })
})
