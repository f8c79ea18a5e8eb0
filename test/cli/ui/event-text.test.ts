/** The text output of `gossum run` at its start and for events. */
import { expect, it } from 'vitest'
import { nodeFlag } from '../../../src/cli/node-client.js'
import { describeEvent } from '../../../src/cli/ui/event-text.js'
import { goProxy, meshTexts, policyText, publicTexts, undoProxyLine } from '../../../src/cli/commands/run.js'
import { goSumDb } from '../../../src/status/go-setting.js'
import { SUM_GOLANG_ORG } from '../../../src/config/config.js'
import type { NodeEventBody } from '../../../src/node/events.js'
import { makeSignerKey, SIGNATURE_TYPES } from '../../../src/tlog/note.js'
import { parsePolicy } from '../../../src/tlog/policy.js'
import { scratchFolder } from '../../helpers/home.js'
import { LOG_ID, ROOT } from '../../helpers/node-view.js'

const { file } = scratchFolder()
const LOGS = [{ id: LOG_ID, key: { name: 'demo.log.example' } }]
const ID = '0123456789abcdef'

function told(
  body: NodeEventBody,
  { hasPolicy = true, http = 'http://127.0.0.1:46787', homeFlag = '' } = {},
): string[] {
  const telling = { logs: LOGS, hasPolicy, nodeFlag: nodeFlag(http), homeFlag, own: 'own.example+0+A' }
  return describeEvent({ at: '2026-01-02T07:09:15.123Z', ...body }, telling)
}

const SPLIT_VIEW: NodeEventBody = {
  event: 'evidence',
  id: ID,
  type: 'gossum/split-view/v1',
  log: LOG_ID,
  witness: null,
  sizes: [1800, 2500],
  source: 'found',
}

it('says to read the evidence of a split view first, then acknowledge it', () => {
  const [what, next, ...more] = told(SPLIT_VIEW)
  expect(more).toEqual([])
  expect(what).toBe(
    '! 07:09:15Z  SPLIT VIEW  demo.log.example signed two histories: sizes 1,800 and 2,500 (found here)',
  )
  expect(next).toMatch(/^! +nothing more of it is signed\. /)
  expect(next!.trimEnd()).toMatch(new RegExp(`Read it: gossum evidence show ${ID}; then: gossum evidence ack ${ID}$`))
  // The text of both begins in the same column.
  expect(next!.indexOf('nothing')).toBe(what!.indexOf('demo.log'))
})

it.each([
  ['w1.example+0+A', 'w1.example cosigned'],
  ['own.example+0+A', "this node's own key, own.example, cosigned"],
])('names the witness in a witness conflict: %s', (witness, who) => {
  const conflict: NodeEventBody = { ...SPLIT_VIEW, type: 'gossum/witness-conflict/v1', witness, source: 'received' }
  const [what, next, ...more] = told(conflict)
  expect(more).toEqual([])
  expect(what).toBe(
    `! 07:09:15Z  WITNESS     ${who} two histories of demo.log.example: sizes 1,800 and 2,500 (received from a peer)`,
  )
  expect(next).toContain(`no longer count. Read it: gossum evidence show ${ID}; then: gossum evidence ack ${ID}`)
})

it('names the module version of a bad record, and the places of both records', () => {
  const bad: NodeEventBody = {
    ...{ event: 'evidence', id: ID, type: 'gossum/bad-record/v1', log: LOG_ID, witness: null, sizes: [1800, 1800] },
    ...{ module: 'example.com/m@v1.2.3', records: [17, 1234], source: 'received' },
  }
  const [what, next, ...more] = told(bad)
  expect(more).toEqual([])
  expect(what).toBe(
    '! 07:09:15Z  BAD RECORD  demo.log.example holds two records of example.com/m@v1.2.3 that differ: records 17 and 1,234 of size 1,800 (received from a peer)',
  )
  expect(next).toMatch(/^! +nothing more of it is signed\. Read it: gossum evidence show /)
  expect(next!.indexOf('nothing')).toBe(what!.indexOf('demo.log'))
  const long = told({ ...bad, module: `example.com/${'x'.repeat(500)}@v1.2.3` })[0]!
  expect(long.length).toBeLessThan(400)
})

it('reports the guard, with a warning only if action is needed', () => {
  const guard = { event: 'guard', text: 'what it is' } as const
  expect(told({ ...guard, state: 'guarded' })).toEqual(['  07:09:15Z  guard      what it is'])
  expect(told({ ...guard, state: 'twin' })).toEqual(['! 07:09:15Z  GUARD       what it is'])
  expect(told({ ...guard, state: 'unanswered' })[0]).toMatch(/^! /)
})

it('reports deposits and the clock, with a warning only if action is needed', () => {
  const deposit = { event: 'deposit', text: 'who keeps it', undeposited: 2 } as const
  expect(told({ ...deposit, state: 'undeposited' })).toEqual(['! 07:09:15Z  DEPOSIT     who keeps it'])
  expect(told({ ...deposit, state: 'deposited' })).toEqual(['  07:09:15Z  deposits   who keeps it'])
  const clock = { event: 'clock', name: 'clock ahead', text: 'it is ahead' } as const
  expect(told({ ...clock, holds: true })).toEqual(['! 07:09:15Z  CLOCK       it is ahead'])
  expect(told({ ...clock, holds: false })).toEqual(['  07:09:15Z  clock      resolved: it is ahead'])
})

it('reports the head that was trusted on first use', () => {
  expect(told({ event: 'first-use', log: LOG_ID, size: 2500, root: ROOT })).toEqual([
    `  07:09:15Z  first head demo.log.example  size 2,500  root ${ROOT}: trusted because it is the first`,
  ])
})

it.each([
  ['http://127.0.0.1:46787', ''],
  ['http://0.0.0.0:46787', ''],
  ['http://127.0.0.1:5000', ' --node http://127.0.0.1:5000'],
  ['http://0.0.0.0:5000', ' --node http://127.0.0.1:5000'],
  ['http://[::]:5000', ' --node http://[::1]:5000'],
])('names the node at %s as commands need it', (http, flag) => {
  expect(told(SPLIT_VIEW, { http })[1]).toContain(`show ${ID}${flag}; then: gossum evidence ack ${ID}`)
})

it('adds --home to commands that only the operator may run', () => {
  const [, next] = told(SPLIT_VIEW, { http: 'http://127.0.0.1:5000', homeFlag: ' --home /srv/gossum' })
  expect(next).toContain(`--node http://127.0.0.1:5000; then: gossum evidence ack ${ID} --home /srv/gossum`)
})

it('says what to do about a head of a size that no tree has, but not about other suspects', () => {
  const suspect: NodeEventBody = { event: 'suspect', log: LOG_ID, id: ID, size: null, code: 'SIZE_IMPOSSIBLE' }
  expect(told(suspect)[1]).toContain(`gossum evidence show ${ID}; then: gossum evidence ack ${ID}`)
  expect(told({ ...suspect, size: 7 })).toHaveLength(1)
})

it('says why a log cannot be reached, once', () => {
  const error = 'cannot reach the log: https://x.example/latest: getaddrinfo ENOTFOUND x.example'
  expect(told({ event: 'log', log: LOG_ID, reachable: false, error })).toEqual([
    '! 07:09:15Z  cannot reach demo.log.example, still trying: getaddrinfo ENOTFOUND x.example (https://x.example/latest)',
  ])
  const page = 'the log gave an unusable answer: this is not a signed note'
  expect(told({ event: 'log', log: LOG_ID, reachable: false, error: page })).toEqual([
    '! 07:09:15Z  demo.log.example shows no head of its own, still trying: this is not a signed note',
  ])
})

it('reports a quorum only with a policy', () => {
  const cosignature = { name: 'w', key: 'w+0+A', time: '2026-01-02T07:09:15Z' }
  const quorum: NodeEventBody = { event: 'quorum', log: LOG_ID, size: 2500, root: ROOT, cosignatures: [cosignature] }
  expect(told(quorum)).toEqual(['  07:09:15Z  quorum     demo.log.example  size 2,500  1 cosignature'])
  expect(told({ ...quorum, cosignatures: [cosignature, cosignature] })[0]).toMatch(/ 2 cosignatures$/)
  expect(told(quorum, { hasPolicy: false })).toEqual([])
})

it('says whether this node counts for the policy', () => {
  const [w1, w2, own] = [1, 2, 3].map(
    (seed) =>
      makeSignerKey(`w${seed}.example`, SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(seed)).verifier.vkey,
  ) as [string, string, string]
  const policy = parsePolicy(`witness a ${w1}\nwitness b ${w2}\ngroup g 2 a b\nquorum g\n`)
  expect(policyText({ policy }, w1)).toBe('2 of 2 witnesses needed')
  expect(policyText({ policy }, own)).toBe('2 of 2 witnesses needed; this node is not one of them (a monitor)')
  expect(policyText({ policy: undefined }, own)).toMatch(/^none: only this node.s own cosignature counts/)
})

it('says what the mesh lacks', () => {
  expect(meshTexts({ listen: ['a'], bootstrap: ['b'] })).toEqual([])
  expect(meshTexts({ listen: ['a'], bootstrap: [] })[0]).toMatch(/^no peers configured/)
  expect(meshTexts({ listen: [], bootstrap: ['b'] })[0]).toMatch(/^no --listen/)
  expect(meshTexts({ listen: [], bootstrap: [] })).toEqual(['off: no --listen and no --bootstrap'])
})

it('GOSUMDB has the name of a log whose key the go command knows, and the key of any other', () => {
  const name = 'sum.golang.org'
  const http = 'http://0.0.0.0:46787'
  expect(goSumDb({ name, key: SUM_GOLANG_ORG }, http)).toBe(`${name} http://127.0.0.1:46787/sumdb/${name}`)
  // Another key with that name is another log.
  const other = 'sum.golang.org+00000000+AAAA'
  expect(goSumDb({ name, key: other }, http)).toBe(`${other} http://127.0.0.1:46787/sumdb/${name}`)
})

const PLACE = {
  event: 'exchange',
  place: 'their.example',
  kind: 'source-spotter',
  url: 'http://their.example',
  reachable: true,
  error: null,
  log: LOG_ID,
  verdict: null,
  detail: null,
  size: 5000,
  root: ROOT,
} as const

it('GOPROXY has only the mirror, and direct only if there are private modules', () => {
  expect(goProxy('http://0.0.0.0:46787', { private: '' })).toBe('http://127.0.0.1:46787/mod')
  expect(goProxy('http://127.0.0.1:1', { private: 'a.example' })).toBe('http://127.0.0.1:1/mod,direct')
})

it.each([
  ['', 'go env -u GOPROXY'],
  ['GOPROXY=\n', 'go env -u GOPROXY'],
  ['GOPROXY=http://127.0.0.1:46787/mod,direct\n', 'go env -u GOPROXY'],
  ['GOPROXY=https://corp.example,direct\n', 'go env -w GOPROXY="https://corp.example,direct"'],
  [
    'GOPROXY=https://me:s3cret@corp.example\n',
    'go env -w GOPROXY=... as it is now: go env GOPROXY (it has a password)',
  ],
])('undoes GOPROXY after go env -w has written %j', (settings, undo) => {
  // Values from the environment are not to be restored.
  const env = { GOENV: file('goenv', settings), GOPROXY: 'other' }
  expect(undoProxyLine('http://127.0.0.1:46787', env)).toBe(undo)
})

it('warns that an upstream file differs from the record, and was not served', () => {
  const refused: NodeEventBody & { event: 'mirror' } = {
    event: 'mirror',
    ...{ log: LOG_ID, path: 'example.com/m', version: 'v1.0.0', upstream: 'https://proxy.example' },
    ...{ kind: 'zip', class: 'repacked zip', expected: 'h1:a=', got: 'h1:b=', reason: 'another file is in it' },
  }
  expect(told(refused)).toEqual([
    '! 07:09:15Z  MODULE      the zip of example.com/m@v1.0.0 from https://proxy.example was not served: another file is in it [repacked zip]',
    '!                        demo.log.example has h1:a=, received h1:b=',
  ])
  expect(told({ ...refused, kind: 'mod', class: 'mirror only', expected: null })).toEqual([
    '! 07:09:15Z  MODULE      the go.mod of example.com/m@v1.0.0 from https://proxy.example was not served: another file is in it [mirror only]',
  ])
})

it('reports problems with a place outside the mesh, and that it answers', () => {
  const about = (changes: Partial<Extract<NodeEventBody, { event: 'exchange' }>>): string[] =>
    told({ ...PLACE, ...changes })
  expect(about({})).toEqual(['  07:09:15Z  place      their.example answers'])
  expect(about({ reachable: false, error: 'it is down' })).toEqual([
    '! 07:09:15Z  cannot exchange with their.example, still trying: it is down',
  ])
  const [alarm, next, ...more] = about({ verdict: 'inconsistent', detail: 'inconsistent: uh oh' })
  expect(more).toEqual([])
  expect(alarm).toBe(
    `! 07:09:15Z  INCONSISTENT  their.example says that our head of demo.log.example contradicts what it has seen: size 5,000, root ${ROOT}`,
  )
  expect(next).toMatch(/^! +its word alone proves nothing: compare with others: inconsistent: uh oh$/)
  expect(about({ verdict: 'refused', detail: '422 no' })[0]).toMatch(
    /^! .* refuses a head of demo\.log\.example .*: 422 no$/,
  )
  expect(about({ verdict: 'unknown-log' })[0]).toMatch(/^! .* does not know demo\.log\.example/)
  expect(about({ verdict: 'uncounted', detail: 'who is it' })[0]).toMatch(/^ {2}.*nobody counts here: who is it$/)
  for (const verdict of ['taken', 'ahead', 'read', 'nothing', 'consistent', 'pending'] as const)
    expect(about({ verdict })).toEqual([])
})

it('names the format of a log list', () => {
  const read: NodeEventBody = {
    event: 'log-list',
    list: 'https://lists.example/one',
    format: 'c2sp.org/tlog-list',
    added: [{ id: LOG_ID, name: 'demo.log.example', origin: 'demo.log.example' }],
    refused: [{ name: 'x.example', origin: 'x.example', code: 'LOG_KEY_CHANGED', message: 'another key' }],
    error: null,
    atNextStart: false,
  }
  expect(told(read)).toEqual([
    '  07:09:15Z  log list   https://lists.example/one (c2sp.org/tlog-list): 1 log added',
    '                         refused    x.example of https://lists.example/one (c2sp.org/tlog-list): another key',
  ])
  expect(told({ ...read, format: 'logs/v0', refused: [] })[0]).toContain(' (logs/v0): 1 log added')
})

it('warns at the start about an address that others can reach, but not about loopback', () => {
  const said = (host: string): string =>
    publicTexts({ http: { host, port: 46787 }, home: '/var/lib/gossum' }).join('\n')
  for (const host of ['127.0.0.1', '127.8.9.1', '::1', 'localhost']) expect(said(host), host).toBe('')
  for (const host of ['0.0.0.0', '::', '192.0.2.7', 'witness.example.org', '1270.example'])
    expect(said(host), host).toContain(`! --http ${host}:46787 is open to everyone who can reach it`)
  expect(said('0.0.0.0')).toContain('/var/lib/gossum/operator.sock')
})
