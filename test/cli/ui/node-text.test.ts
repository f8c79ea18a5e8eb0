import { describe, expect, it, test } from 'vitest'
import { age, headLines, peerLines, pollError, statusLines } from '../../../src/cli/ui/node-text.js'
import { ERRORS } from '../../../src/errors.js'
import type { ConditionView, EvidenceView, LogView, StatusView } from '../../../src/status/shapes.js'
import type { ConditionName, Severity } from '../../../src/status/conditions.js'
import { EVIDENCE, fakeNode, LOG, NOTE, ROOT } from '../../helpers/node-view.js'

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
async function statusOf(
  log: Partial<LogView>,
  changes: Partial<StatusView> = {},
  evidence: readonly EvidenceView[] = [],
): Promise<string> {
  const status = { ...(await fakeNode().status()), ...changes, logs: [{ ...LOG, ...log }] }
  return statusLines(status, evidence, NOW, (_style, text) => text).join('\n')
}

describe('age', () => {
  it.each([
    [0, '0 s ago'],
    [-5, '0 s ago'],
    [-60, '0 s ago'],
    [-61, '61 s ahead of this clock'],
    [-3 * 86_400, '3 days ahead of this clock'],
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
    [
      'a floor',
      { floor: { size: 300_000, at: '2026-01-02T00:00:00.000Z' }, suspects: [SUSPECT] },
      'BEHIND: nothing is signed before size 300,000, which this key has cosigned, is proven',
    ],
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
    [
      'acknowledged, but not forgotten',
      { holds: [{ id: 'e1', acked: true }] },
      'two histories were shown; acknowledged, signing again',
    ],
    [
      'an acknowledged suspect',
      { holds: [{ id: 's1', acked: true }], suspects: [{ ...SUSPECT, alarmed: true }] },
      'a head that nothing explains was shown; acknowledged, signing again',
    ],
  ])('is %s', async (_what, log, expected) => {
    expect(await statusOf(log)).toContain(`\n view        ${expected}\n`)
  })

  it('is never one view without peers or a quorum to compare with', async () => {
    const alone = ' view        consistent so far; no peers to compare with\n'
    const policy = { quorum: 'g', threshold: 2, witnesses: 3 }
    const quorum = { size: 5, root: ROOT, cosignatures: [] }
    expect(await statusOf({ quorum }, { peers: 0 })).toContain(alone)
    expect(await statusOf({ quorum: null }, { peers: 0, policy })).toContain(alone)
    expect(await statusOf({ quorum }, { peers: 0, policy })).toContain(' view        one view\n')
  })

  it('gives the age of the newest head, or says that there is none', async () => {
    expect(await statusOf({})).toContain(' newest      cosigned 60 s ago, 1 cosignature\n')
    expect(await statusOf({ size: 0, root: null, time: null })).toMatch(
      /no head yet\n[^]* newest {6}nothing cosigned yet\n/,
    )
  })

  it('says which witnesses cosigned it and when, and which do not count', async () => {
    const [own] = LOG.cosignatures
    const other = { ...own!, name: 'w2', time: '2026-01-02T02:05:05.000Z', counted: false }
    const expected = 'w1 60 s ago, w2 60 min ago (not counted)'
    expect(await statusOf({ cosignatures: [own!, other] })).toContain(`\n             ${expected}\n`)
    expect(await statusOf({ cosignatures: [] })).toMatch(/newest .*\n quorum/)
    const head = { size: 5, root: ROOT, time: null, note: NOTE, cosignatures: [own!, other] }
    expect(headLines([head], NOW)).toEqual([`5  ${ROOT}  2 cosignatures  not cosigned here  ${expected}`])
  })

  it('says how far behind the quorum is', async () => {
    const policy = { quorum: 'g', threshold: 2, witnesses: 3 }
    const [own] = LOG.cosignatures
    const quorum = { size: 280_570, root: ROOT, cosignatures: [own!, { ...own!, counted: false }, own!] }
    expect(await statusOf({ quorum }, { policy })).toContain(
      ' quorum      size 280,570, 3 records behind, 2 agree, 2 of 3 witnesses needed\n',
    )
    expect(await statusOf({}, { policy })).toContain(' quorum      none yet, 2 of 3 witnesses needed\n')
    expect(await statusOf({})).toContain("only this node's own cosignature counts")
  })

  it('says why the log does not answer', async () => {
    expect(await statusOf({ reachable: false, error: 'ECONNREFUSED' })).toContain(
      ' log         not reachable: ECONNREFUSED\n',
    )
    const error = 'cannot reach the log: https://x.example/latest: getaddrinfo ENOTFOUND x.example'
    expect(await statusOf({ reachable: false, error })).toContain(
      ' log         not reachable: getaddrinfo ENOTFOUND x.example (https://x.example/latest)\n',
    )
    expect(await statusOf({ reachable: null })).not.toContain('not reachable')
    expect(
      await statusOf({ reachable: false, error: `${ERRORS.LOG_ANSWER_INVALID[0]}: this is not a signed note` }),
    ).toContain(' log         shows no head of this log: this is not a signed note\n')
  })
})

describe('the node', () => {
  it('shows peers and evidence, or that there are none', async () => {
    expect(await statusOf({}, { peers: 6 })).toMatch(/ peers +6 connected\n evidence +none\n/)
    expect(await statusOf({}, { peerId: null })).toMatch(/ peers +no mesh\n/)
  })

  it('counts evidence, including acknowledged items', async () => {
    const [open] = EVIDENCE
    const acked = { ...open!, acked: true }
    const told = async (...evidence: EvidenceView[]): Promise<string> => statusOf({}, {}, evidence)
    expect(await told(acked)).toContain(' evidence    1 file, acknowledged\n')
    expect(await told(open!)).toContain(' evidence    1 file, not acknowledged; see gossum evidence list\n')
    expect(await told(open!, acked)).toContain(' evidence    2 files, 1 not acknowledged; see gossum evidence list\n')
  })
})

describe('deposits and the clock', () => {
  it('are shown as reported, without a line for a correct clock', async () => {
    const told = await statusOf({})
    expect(told).toContain(' deposits    2 of 3 chosen peers keep what is signed\n')
    expect(told).not.toContain('clock')
    const clock = [
      { name: 'clock ahead', text: 'it is ahead' },
      { name: 'promise ahead', text: 'so is a promise' },
    ] as const
    expect(await statusOf({}, { clock: [...clock] })).toContain(
      ' clock       it is ahead\n             so is a promise\n',
    )
  })

  it('include the key of a log with its own key', async () => {
    expect(await statusOf({})).not.toContain('its own')
    expect(await statusOf({ witness: 'w1/log+00000000+BBBB' })).toContain(
      ' key         its own: w1/log+00000000+BBBB\n',
    )
  })
})

describe('the guard', () => {
  it('is shown as reported', async () => {
    expect(await statusOf({})).toContain(' guard       peers have reported what this key signed before\n')
  })
})

describe('a witness conflict', () => {
  const conflict: EvidenceView = { ...EVIDENCE[0]!, type: 'gossum/witness-conflict/v1', witness: 'w9+00000000+AAAA' }
  const OWN = 'this key was proven to have cosigned two histories: gossum evidence show 0123456789abcdef'

  it('is shown prominently if it convicts this node, until it is acknowledged', async () => {
    const { witness } = await fakeNode().status()
    expect(await statusOf({}, {}, [conflict])).not.toContain(OWN)
    expect(await statusOf({}, {}, [{ ...conflict, witness }])).toContain(`\n             ${OWN}\n`)
    expect(await statusOf({}, {}, [{ ...conflict, witness, acked: true }])).not.toContain(OWN)
  })
})

test('peers: each has its identity, witness, address, round trip, score and newest head', () => {
  const [peer] = fakeNode().peers()
  const known = { ...peer!, witness: 'w2.example+00000000+AAAA', score: -1.7 }
  expect(peerLines([peer!, { ...known, head: null, rttMs: null }], NOW)).toEqual([
    '12D3KooWPeer  -           /ip4/127.0.0.1/tcp/2  2 ms  score 0   size 280,573 60 s ago  connected 3 h ago',
    '12D3KooWPeer  w2.example  /ip4/127.0.0.1/tcp/2  -     score -2  no head yet            connected 3 h ago',
  ])
})

test('peers: chosen ones are marked, with whether they keep our promises', () => {
  const [peer] = fakeNode().peers()
  const chosen = { ...peer!, chosen: true }
  const all = [
    peer!,
    { ...chosen, depositary: null },
    { ...chosen, depositary: true },
    { ...chosen, depositary: false },
  ]
  expect(peerLines(all, NOW).map((line) => line.split('3 h ago')[1]!.trim())).toEqual([
    '',
    'chosen',
    'chosen, keeps our promises',
    'chosen, keeps no promises: an older version',
  ])
})

describe('health', () => {
  const condition = (name: ConditionName, severity: Severity, text: string): ConditionView => ({
    ...{ name, severity, text },
    log: null,
  })

  it('comes first in the status, with every problem, and without deliberate choices', async () => {
    expect(await statusOf({}, { conditions: [condition('no policy', 'notice', 'alone')] })).toContain(
      '\n health      ok\n peers ',
    )
    const doubt = condition('suspect', 'doubtful', 'x: 1 signed head not proven yet')
    const conditions = [condition('disk failing', 'failing', 'no space left'), doubt]
    expect(await statusOf({}, { conditions: [doubt] })).toContain(
      '\n health      ready, but\n             suspect: x: 1 signed head not proven yet\n peers ',
    )
    expect(await statusOf({}, { ready: false, conditions })).toContain(
      '\n health      NOT READY\n             disk failing: no space left\n             suspect: x: 1 signed head not proven yet\n peers ',
    )
  })
})

test('the reason why a log did not answer is given once', () => {
  expect(pollError(null)).toBe('no reason given')
  expect(pollError('cannot reach the log: http://[::1]:9/latest: ECONNREFUSED')).toBe(
    'ECONNREFUSED (http://[::1]:9/latest)',
  )
  expect(pollError('cannot reach the log: nothing more')).toBe('nothing more')
  expect(pollError('the signature does not verify')).toBe('the signature does not verify')
})

describe('a place outside the mesh', () => {
  const place = {
    name: 'their.example',
    url: 'http://their.example',
    kind: 'source-spotter',
    lastAnswer: new Date(NOW - 3000).toISOString(),
    error: null,
    says: [{ log: LOG.id, does: 'push', verdict: 'consistent', size: 5000, at: new Date(NOW - 3000).toISOString() }],
  }
  const silent = { ...place, name: 'other.example', kind: 'feed', lastAnswer: null, error: 'it is down', says: [] }

  it('has its own line', async () => {
    expect(await statusOf({}, { exchange: [place, silent] })).toMatch(
      /\n exchange +their\.example \(source-spotter\) +answered 3 s ago, consistent sum\.golang\.org size 5,000\n +other\.example \(feed\) +never answered, it is down\n/,
    )
    expect(await statusOf({})).not.toContain('exchange')
  })
})
