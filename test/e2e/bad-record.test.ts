/**
 * A log that has one module version twice, with whole nodes: the proof is imported at one, reaches the others over
 * libp2p, freezes the log everywhere, and is kept until each operator has acknowledged it.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BAD_RECORD, encodeEvidence, evidenceId, parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import type { NodeEvent } from '../../src/node/events.js'
import type { EvidenceView, LogView } from '../../src/status/shapes.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { gossum } from '../helpers/cli.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { recordOf, RecordLog } from '../helpers/record-log.js'
import { push } from '../helpers/witness-client.js'

const signer = testSigner('log.example', 1)
const key = signer.verifier
const M = 'example.com/m@v1.2.3'
const texts = Array.from({ length: 12 }, (_, n) => recordOf(`example.com/m${n}@v1.0.0`, `m${n}`))
texts[3] = recordOf(M, 'good')
texts[7] = recordOf(M, 'evil')
const log = new RecordLog(signer, texts)
const bad = log.evidence(3, 7, 9)
const ID = evidenceId(bad)
const FACTS = { type: BAD_RECORD, sizes: [9, 9], module: M, records: [3, 7] }
const LOG = ['--log', `${key.vkey} - ${SUMDB_ORIGIN}`]

/** Seven processes, one after another. */
const SLOW = { timeout: 120_000 }

function file(bytes: Uint8Array): string {
  const path = join(temporaryHome(), 'bad.json')
  writeFileSync(path, bytes)
  return path
}

const isEvidence = ({ event }: NodeEvent): boolean => event === 'evidence'
const pushed = async (node: RunningNode, from: number, to: number): Promise<number> =>
  (await push(node.ready.http, log.pushBody(from, to))).status
const imported = (node: RunningNode, bytes: Uint8Array) =>
  gossum(['evidence', 'import', file(bytes), '--json', '--quiet', '--node', node.ready.http])

async function logOf(node: RunningNode): Promise<LogView> {
  return ((await node.json('/api/v1/logs')) as { logs: [LogView] }).logs[0]
}

async function evidenceOf(node: RunningNode): Promise<EvidenceView[]> {
  return ((await node.json('/api/v1/evidence')) as { evidence: EvidenceView[] }).evidence
}

describe('two records of one module version', () => {
  test(
    'are imported at one node, accepted by the others, and acknowledged by each operator separately',
    SLOW,
    async () => {
      const a = await RunningNode.start(temporaryHome(), LOG)
      const peers = ['--bootstrap', a.ready.multiaddrs[0]!]
      const b = await RunningNode.start(temporaryHome(), [...LOG, ...peers])
      await b.event(({ event }) => event === 'peer')
      for (const node of [a, b]) expect(await pushed(node, 0, 9)).toBe(200)

      const given = await imported(a, encodeEvidence(bad))
      expect(given.code).toBe(3)
      expect(JSON.parse(given.stdout)).toEqual({ id: ID, fate: 'new', log: key.vkey, ...FACTS, written: null })

      expect(await b.event(isEvidence)).toMatchObject({ id: ID, ...FACTS, witness: null, source: 'received' })
      for (const node of [a, b]) {
        expect(await logOf(node)).toMatchObject({ frozen: true, holds: [{ id: ID, acked: false }] })
        expect(await evidenceOf(node)).toMatchObject([{ id: ID, ...FACTS, witness: null, acked: false }])
        expect(await pushed(node, 9, 10)).toBe(503)
        const held = new Uint8Array(await (await fetch(`${node.ready.http}/api/v1/evidence/${ID}`)).arrayBuffer())
        expect(held).toEqual(encodeEvidence(bad))
        expect(verifyEvidence(parseEvidence(held), [key]).id).toBe(ID)
      }
      const list = await gossum(['evidence', 'list', '--node', b.ready.http])
      expect(list.stdout).toContain(
        `${BAD_RECORD}  log.example  convicts the log  records 3 and 7 of size 9: ${M}  seen`,
      )
      const status = await gossum(['status', '--node', b.ready.http])
      expect(status).toMatchObject({ code: 3 })
      expect(status.stdout).toContain('FROZEN')

      // An acknowledgement by one operator has no effect at the other node.
      expect((await gossum(['evidence', 'ack', ID, '--home', b.home])).code).toBe(0)
      expect(await pushed(b, 9, 10)).toBe(200)
      expect(await pushed(a, 9, 10)).toBe(503)

      // The lie is not a new one under the next head, after a crash, or when the peer sends it again.
      for (const node of [a, b]) await node.kill()
      const a2 = await RunningNode.start(a.home, LOG)
      const b2 = await RunningNode.start(b.home, [...LOG, '--bootstrap', a2.ready.multiaddrs[0]!])
      // It signs once its peer has reported what it signed before.
      await b2.event((event) => event.event === 'guard' && event.state === 'guarded')
      expect(await pushed(a2, 9, 10)).toBe(503)
      const again = await imported(b2, encodeEvidence(log.evidence(3, 7, 10)))
      expect(JSON.parse(again.stdout)).toMatchObject({ id: ID, fate: 'known', sizes: [10, 10] })
      expect(await pushed(b2, 10, 11)).toBe(200)
      expect(await evidenceOf(b2)).toMatchObject([{ id: ID, ...FACTS, acked: true }])
      expect(b2.all(isEvidence)).toEqual([])
    },
  )

  test('reach nodes that join later, and convict nobody when they are forged', SLOW, async () => {
    const a = await RunningNode.start(temporaryHome(), LOG)
    const [one, other] = bad.records
    const forged = { ...bad, records: [one, { ...other, text: recordOf(M, 'made up') }] } as const
    expect(await imported(a, encodeEvidence(forged))).toMatchObject({ code: 2, stdout: '' })
    const body = Buffer.from(encodeEvidence(forged))
    const refused = await fetch(`${a.ready.http}/api/v1/evidence`, { method: 'POST', body })
    expect([refused.status, await refused.json()]).toMatchObject([422, { code: 'EVIDENCE_UNPROVEN' }])
    expect(await logOf(a)).toMatchObject({ frozen: false })

    expect((await imported(a, encodeEvidence(bad))).code).toBe(3)
    const late = await RunningNode.start(temporaryHome(), [...LOG, '--bootstrap', a.ready.multiaddrs[0]!])
    expect(await late.event(isEvidence)).toMatchObject({ id: ID, ...FACTS, source: 'received' })
    expect(await pushed(late, 0, 9)).toBe(503)
  })
})
