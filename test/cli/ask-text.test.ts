import { describe, expect, it } from 'vitest'
import { age, statusLines } from '../../src/cli/ask-text.js'
import type { LogView, StatusView } from '../../src/http/api.js'
import { fakeNode, LOG, NOTE, ROOT } from '../helpers/node-view.js'

const NOW = Date.parse('2026-01-02T03:05:05.000Z')
const SUSPECT = {
  id: 's1',
  size: null,
  root: ROOT,
  firstSeen: '2026-01-02T03:04:05.000Z',
  door: 'gossip',
  peer: null,
  code: 'SIZE_IMPOSSIBLE',
  alarmed: false,
  note: NOTE,
}

/** The status of a node with one log, as plain text. */
async function statusOf(log: Partial<LogView>, changes: Partial<StatusView> = {}): Promise<string> {
  const status = await fakeNode().status()
  return statusLines({ ...status, ...changes, logs: [{ ...LOG, ...log }] }, NOW, (_style, text) => text).join('\n')
}

describe('age', () => {
  it.each([
    [0, '0 s ago'],
    [-5, '0 s ago'],
    [119, '119 s ago'],
    [120, '2 min ago'],
    [7199, '119 min ago'],
    [7200, '2 h ago'],
    [172_800, '2 days ago'],
  ])('of %d seconds is %s', (seconds, expected) => {
    expect(age(new Date(NOW - seconds * 1000).toISOString(), NOW)).toBe(expected)
  })
})

describe('the view of a log', () => {
  it.each<[string, Partial<LogView>, string]>([
    ['one view', {}, 'one view'],
    ['nothing yet', { size: 0, root: null, time: null }, 'nothing seen yet'],
    ['an empty log, which is a head', { size: 0 }, 'one view'],
    ['a suspect', { suspects: [SUSPECT] }, '1 suspect: not proven yet'],
    ['an alarm', { suspects: [SUSPECT, { ...SUSPECT, alarmed: true }] }, '1 signed head that nothing explains'],
    ['a pause', { paused: 'they disagree', suspects: [SUSPECT] }, 'PAUSED: nothing is signed: they disagree'],
    [
      'frozen, whatever else there is',
      {
        frozen: true,
        paused: 'they disagree',
        holds: [
          { id: 'old', acked: true },
          { id: 'e1', acked: false },
          { id: 's1', acked: false },
        ],
      },
      'FROZEN: proven to misbehave; nothing is signed until gossum evidence ack e1, s1',
    ],
  ])('is %s', async (_what, log, expected) => {
    expect(await statusOf(log)).toContain(`\n view        ${expected}\n`)
  })

  it('says how old the newest head is, and when there is none', async () => {
    expect(await statusOf({})).toContain(' newest      cosigned 60 s ago, 1 cosignature\n')
    expect(await statusOf({ size: 0, root: null, time: null })).toMatch(
      /no head yet\n[^]* newest {6}nothing cosigned yet\n/,
    )
  })

  it('says how far the quorum is behind', async () => {
    const policy = { quorum: 'g', threshold: 2, witnesses: 3 }
    const quorum = { size: 280_570, root: ROOT, cosignatures: [LOG.cosignatures[0]!, LOG.cosignatures[0]!] }
    expect(await statusOf({ quorum }, { policy })).toContain(
      ' quorum      280,570 records, 3 records behind, 2 agree, 2 of 3 witnesses needed\n',
    )
    expect(await statusOf({}, { policy })).toContain(' quorum      none yet, 2 of 3 witnesses needed\n')
    expect(await statusOf({})).toContain('this node trusts itself alone')
  })

  it('says why the log does not answer', async () => {
    expect(await statusOf({ reachable: false, error: 'ECONNREFUSED' })).toContain(
      ' log         not reachable: ECONNREFUSED\n',
    )
    expect(await statusOf({ reachable: null })).not.toContain('not reachable')
  })
})

describe('the node', () => {
  it('shows peers and evidence, or that there are none', async () => {
    expect(await statusOf({}, { peers: 6, evidence: 2 })).toMatch(
      / peers +6 connected\n evidence +2 files not acknowledged/,
    )
    expect(await statusOf({}, { peerId: null, evidence: 0 })).toMatch(/ peers +no mesh\n evidence +none\n/)
  })
})
