/** What anyone may submit to a node over HTTP: signed heads and evidence. */
import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { afterEach, describe, expect, it, test } from 'vitest'
import { GossumError, type ErrorCode } from '../../src/errors.js'
import { encodeEvidence, makeSplitView, MAX_EVIDENCE_BYTES } from '../../src/evidence/evidence.js'
import type { Received } from '../../src/evidence/alarm.js'
import type { NodeView } from '../../src/status/node-view.js'
import type { Route } from '../../src/http/router.js'
import { HttpServer } from '../../src/http/server.js'
import { submitRoutes } from '../../src/http/submit.js'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { parseHash } from '../../src/tlog/hash.js'
import { formatNote, MAX_READ_NOTE_BYTES, parseNote, SIGNATURE_TYPES, signNote } from '../../src/tlog/note.js'
import type { Outcome } from '../../src/witness/outcome.js'
import { ViewsLog } from '../fakes/views-log.js'
import { FORK } from '../helpers/go-report.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { EVIDENCE_ID, fakeNode, LOG_ID, NOTE, ROOT } from '../helpers/node-view.js'

const servers: HttpServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()))
})

async function serve(changes: Partial<NodeView> = {}, onError?: (error: unknown) => void): Promise<string> {
  const server = await HttpServer.start({
    host: '127.0.0.1',
    port: 0,
    node: fakeNode(changes),
    ...(onError && { onError }),
  })
  servers.push(server)
  return server.url
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Record<string, unknown>
}

/** Posts on a connection of its own. */
async function post(url: string, body: string | Uint8Array): Promise<Answer> {
  const request = httpRequest(url, { method: 'POST', agent: false })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString('utf8')
  return { status: response.statusCode!, headers: response.headers, body: JSON.parse(text) as Answer['body'] }
}

function expectProblem(answer: Answer, status: number, code: ErrorCode): void {
  expect(answer).toMatchObject({ status, body: { status, code } })
  expect(answer.headers['content-type']).toBe('application/problem+json')
}

describe('POST /api/v1/heads', () => {
  /** The answer of a node for this outcome. */
  async function answerTo(outcome: Outcome, held: number | null = 7): Promise<Answer> {
    return post(`${await serve({ submitHead: () => Promise.resolve({ outcome, held }) })}/api/v1/heads`, NOTE)
  }

  const about = { log: LOG_ID, size: 5, root: parseHash(ROOT)!, news: false }

  it.each<Outcome>([
    { kind: 'advanced', ...about },
    { kind: 'known', ...about },
    { kind: 'past', ...about },
    { kind: 'pending', code: 'TILE_INVALID', ...about },
    { kind: 'conflict', evidence: EVIDENCE_ID, ...about },
    { kind: 'refused', code: 'LOG_FROZEN', ...about },
    { kind: 'refused', code: 'GUARD_WAITING', ...about },
    { kind: 'refused', code: 'GUARD_BEHIND', ...about },
    { kind: 'refused', code: 'STATE_DISAGREES', ...about },
  ])('returns the outcome $kind ($code)', async (outcome) => {
    const answer = await answerTo(outcome)
    expect(answer.status).toBe(200)
    const { kind, code = null, evidence = null } = outcome
    expect(answer.body).toEqual({ outcome: kind, log: LOG_ID, size: 5, root: ROOT, code, evidence, held: 7 })
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' })
  })

  it('returns null for a size that no tree has, and for a log without a head', async () => {
    const outcome: Outcome = { kind: 'pending', code: 'SIZE_IMPOSSIBLE', log: LOG_ID, news: true }
    expect((await answerTo(outcome, null)).body).toEqual({
      outcome: 'pending',
      log: LOG_ID,
      size: null,
      root: null,
      code: 'SIZE_IMPOSSIBLE',
      evidence: null,
      held: null,
    })
  })

  it.each<[ErrorCode, number]>([
    ['NOTE_MALFORMED', 400],
    ['CHECKPOINT_MALFORMED', 400],
    ['ORIGIN_MISMATCH', 400],
    ['SIGNATURE_MISSING', 403],
    ['SIGNATURE_INVALID', 403],
    ['LOG_UNKNOWN', 404],
  ])('refuses a head for %s with %i', async (code, status) => {
    expectProblem(await answerTo({ kind: 'refused', news: false, code }), status, code)
  })

  it('passes the bytes on unchanged, up to the limit of the go command', async () => {
    const seen: Uint8Array[] = []
    const url = await serve({
      submitHead: (note) => {
        seen.push(note)
        return Promise.resolve({ outcome: { kind: 'known', ...about }, held: 5 })
      },
    })
    const bytes = Buffer.from([0, 255, 10, 13])
    await post(`${url}/api/v1/heads`, bytes)
    await post(`${url}/api/v1/heads`, new Uint8Array(MAX_READ_NOTE_BYTES))
    expectProblem(await post(`${url}/api/v1/heads`, new Uint8Array(MAX_READ_NOTE_BYTES + 1)), 413, 'REQUEST_TOO_LARGE')
    expect(seen.map((note) => note.length)).toEqual([4, MAX_READ_NOTE_BYTES])
    expect(Buffer.from(seen[0]!)).toEqual(bytes)
  })

  it('hides an error of the node from the client, and reports it to the operator', async () => {
    const errors: unknown[] = []
    const trouble = new GossumError('STORE_WRITE_FAILED', '/home/me/db')
    const url = await serve({ submitHead: () => Promise.reject(trouble) }, (error) => errors.push(error))
    const answer = await post(`${url}/api/v1/heads`, NOTE)
    expectProblem(answer, 500, 'STORE_WRITE_FAILED')
    expect(JSON.stringify(answer.body)).not.toContain('/home/me')
    expect(errors).toEqual([trouble])
    // The next one gets a slot.
    expect((await post(`${url}/api/v1/evidence`, '{}')).status).toBe(200)
  })
})

describe('POST /api/v1/evidence', () => {
  async function answerTo(received: Received): Promise<Answer> {
    return post(`${await serve({ submitEvidence: () => Promise.resolve(received) })}/api/v1/evidence`, '{}')
  }
  const refusedFor = (code: ErrorCode, detail: string): Promise<Answer> =>
    answerTo({ fate: 'invalid', id: null, refusal: new GossumError(code, detail) })

  it.each(['new', 'known', 'unknown'] as const)('returns the id and the fate: %s', async (fate) => {
    expect(await answerTo({ fate, id: EVIDENCE_ID })).toMatchObject({ status: 200, body: { id: EVIDENCE_ID, fate } })
  })

  it.each<[ErrorCode, number]>([
    ['EVIDENCE_MALFORMED', 400],
    ['LOG_UNKNOWN', 404],
    ['WITNESS_UNKNOWN', 404],
    ['EVIDENCE_FOREIGN', 422],
    ['EVIDENCE_UNPROVEN', 422],
  ])('refuses %s with %i', async (code, status) => {
    const answer = await refusedFor(code, 'a reason')
    expectProblem(answer, status, code)
    expect(answer.body['detail']).toContain('a reason')
  })

  it.each<ErrorCode>(['SIGNATURE_INVALID', 'PROOF_INVALID', 'NOTE_MALFORMED'])(
    'refuses evidence with %s inside as unproven, and says why',
    async (code) => {
      const answer = await refusedFor(code, 'a reason')
      expectProblem(answer, 422, 'EVIDENCE_UNPROVEN')
      expect(answer.body['detail']).toContain(new GossumError(code, 'a reason').message)
    },
  )

  it('accepts bodies up to the maximum size of evidence', async () => {
    const url = await serve()
    expect((await post(`${url}/api/v1/evidence`, new Uint8Array(MAX_EVIDENCE_BYTES))).status).toBe(200)
    const tooLarge = await post(`${url}/api/v1/evidence`, new Uint8Array(MAX_EVIDENCE_BYTES + 1))
    expectProblem(tooLarge, 413, 'REQUEST_TOO_LARGE')
  })

  it('keeps GET on the list of evidence', async () => {
    const url = await serve()
    expect(await (await fetch(`${url}/api/v1/evidence`)).json()).toEqual({ evidence: await fakeNode().evidence() })
    const wrong = await fetch(`${url}/api/v1/evidence`, { method: 'DELETE' })
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST'])
  })
})

describe('one address', () => {
  it('may send 32 submissions at once, and is told when to retry', async () => {
    const url = await serve()
    let taken = 0
    let answer: Answer
    // In real time: each second that this takes allows one more.
    while ((answer = await post(`${url}/api/v1/${taken % 2 === 0 ? 'heads' : 'evidence'}`, NOTE)).status === 200)
      taken++
    expectProblem(answer, 429, 'TOO_MANY_REQUESTS')
    expect(answer.headers['retry-after']).toBe('1')
    expect(taken).toBeGreaterThanOrEqual(32)
    expect((await fetch(`${url}/api/v1/status`)).status).toBe(200)
  })

  /** The route for heads, with a simulated clock; `enter` resolves to the code of the refusal, if any. */
  function turnstile(submitHead: NodeView['submitHead'], now: () => number) {
    const [route] = submitRoutes(fakeNode({ submitHead }), now) as [Route]
    return async (remoteAddress: string): Promise<unknown> => {
      const headers = {}
      const { signal } = new AbortController()
      const request = { params: {}, query: new URLSearchParams(), headers, body: utf8(NOTE), remoteAddress, signal }
      try {
        return (await route.handle(request)).status
      } catch (error) {
        return (error as GossumError).code
      }
    }
  }
  const known = { outcome: { kind: 'known', news: false } as const, held: 1 }

  it('may send one more each second', async () => {
    let now = 1000
    const enter = turnstile(
      () => Promise.resolve(known),
      () => now,
    )
    for (let i = 0; i < 32; i++) expect(await enter('10.0.2.1')).toBe(200)
    expect(await enter('10.0.2.1')).toBe('TOO_MANY_REQUESTS')
    expect(await enter('10.0.2.2')).toBe(200)
    now += 1000
    expect(await enter('10.0.2.1')).toBe(200)
    expect(await enter('10.0.2.1')).toBe('TOO_MANY_REQUESTS')
    // Many addresses of one network, or another spelling of one, do not help.
    expect(await enter('::ffff:10.0.2.1')).toBe('TOO_MANY_REQUESTS')
    for (let i = 0; i < 32; i++) expect(await enter(`2001:db8::${i.toString(16)}`)).toBe(200)
    expect(await enter('2001:db8::ffff:1')).toBe('TOO_MANY_REQUESTS')
    expect(await enter('2001:db8:0:1::1')).toBe(200)
  })

  it('may have eight in progress, with 64 in total, and each that ends frees a slot', async () => {
    const ends: (() => void)[] = []
    const enter = turnstile(
      () => new Promise((resolve) => ends.push(() => resolve(known))),
      () => 0,
    )
    const inside: Promise<unknown>[] = []
    for (let address = 1; address <= 8; address++) {
      for (let i = 0; i < 8; i++) inside.push(enter(`10.0.2.${address}`))
      if (address < 8) expect(await enter(`10.0.2.${address}`)).toBe('TOO_MANY_REQUESTS')
    }
    expect(await enter('10.0.2.9')).toBe('TOO_MANY_REQUESTS')
    ends.shift()!()
    expect(await inside[0]).toBe(200)
    inside.push(enter('10.0.2.9'))
    expect(await enter('10.0.2.1')).toBe('TOO_MANY_REQUESTS')
    ends.forEach((end) => end())
    expect(new Set(await Promise.all(inside))).toEqual(new Set([200]))
    expect(ends).toHaveLength(64)
  })
})

describe('a real mesh', () => {
  const signer = testSigner('localhost.localdev/sumdb', 3)

  /** Two connected nodes: the first sees the log, the second only what the first sends it. */
  async function mesh(log: ViewsLog): Promise<[RunningNode, RunningNode]> {
    const first = await RunningNode.start(temporaryHome(), [
      '--log',
      log.setting(),
      '--poll',
      '0.2',
      '--guard-wait',
      '0',
    ])
    await first.event((event) => event.event === 'outcome' && event.outcome === 'advanced')
    const second = await RunningNode.start(temporaryHome(), [
      ...['--log', log.setting(), '--poll', '0.2', '--guard-wait', '5', '--bootstrap', first.ready.multiaddrs[0]!],
    ])
    await second.event((event) => event.event === 'outcome' && event.outcome === 'advanced')
    await second.event((event) => event.event === 'peer' && event.connected)
    return [first, second]
  }

  test('convicts a log of another history at once, at every node', async () => {
    const log = await ViewsLog.start(signer.verifier.name, 300, ['127.0.0.1', '127.0.0.1'])
    const lie = await log.fork(1)
    await lie.grow(10)
    await log.grow(20)
    const [first, second] = await mesh(log)
    const heads = `${first.ready.http}/api/v1/heads`

    const honest = await post(heads, await log.views[0]!.history.server.head(320))
    expect(honest).toMatchObject({ status: 200, body: { outcome: 'known', log: log.id, size: 320, held: 320 } })
    const older = await post(heads, await log.views[0]!.history.server.head(300))
    expect(older).toMatchObject({ status: 200, body: { outcome: 'past', size: 300, held: 320, evidence: null } })
    const conflict = await post(heads, await lie.server.head(310))
    expect(conflict).toMatchObject({ status: 200, body: { outcome: 'conflict', size: 310, held: 320, code: null } })
    const id = conflict.body['evidence']
    expect(id).toMatch(/^[0-9a-f]{16}$/)

    const at = (node: RunningNode) => node.event((event) => event.event === 'evidence' && event.id === id)
    expect(await at(first)).toMatchObject({ source: 'found', sizes: [310, 320] })
    expect(await at(second)).toMatchObject({ log: log.id })
    expect(await first.event((event) => event.event === 'outcome' && event.outcome === 'conflict')).toMatchObject({
      door: 'push',
      evidence: id,
    })
    await log.grow(5)
    const frozen = await post(heads, await log.views[0]!.history.server.head(325))
    expect(frozen).toMatchObject({
      status: 200,
      body: { outcome: 'refused', code: 'LOG_FROZEN', size: 325, held: 320 },
    })
    await log.close()
  })

  test('keeps and relays an unexplained head from any client, and evidence freezes the log', async () => {
    const log = await ViewsLog.start(signer.verifier.name, 300, ['127.0.0.1', '127.0.0.1'])
    const lie = await log.fork(1)
    await lie.grow(100)
    const [first, second] = await mesh(log)

    const suspect = await post(`${first.ready.http}/api/v1/heads`, await lie.server.head(400))
    expect(suspect).toMatchObject({ status: 200, body: { outcome: 'pending', size: 400, held: 300, evidence: null } })
    const { logs } = (await first.json('/api/v1/logs')) as { logs: { suspects: object[] }[] }
    expect(logs[0]!.suspects).toMatchObject([{ size: 400, door: 'push', peer: null }])
    await second.event((event) => event.event === 'outcome' && event.outcome === 'pending' && event.size === 400)

    await log.grow(5)
    const [a, b] = [await lie.server.head(301), await log.views[0]!.history.server.head(301)].map((note) =>
      parseNote(note),
    )
    const evidence = makeSplitView(log.signer.verifier, [a!, b!])
    const url = `${first.ready.http}/api/v1/evidence`
    const fresh = await post(url, encodeEvidence(evidence))
    expect(fresh).toMatchObject({ status: 200, body: { fate: 'new' } })
    expect(await post(url, encodeEvidence(evidence))).toMatchObject({
      status: 200,
      body: { ...fresh.body, fate: 'known' },
    })
    const { id } = fresh.body as { id: string }
    for (const node of [first, second]) await node.event((event) => event.event === 'evidence' && event.id === id)
    expect(((await first.json('/api/v1/logs')) as { logs: { frozen: boolean }[] }).logs[0]!.frozen).toBe(true)
    const file = new Uint8Array(await (await fetch(`${url}/${id}`)).arrayBuffer())
    expect(file).toEqual(encodeEvidence(evidence))
    await log.close()
  })

  test('is not changed by submissions that prove nothing', async () => {
    const log = await ViewsLog.start(signer.verifier.name, 300)
    const node = await RunningNode.start(temporaryHome(), ['--log', log.setting(), '--poll', '0.2'])
    await node.event((event) => event.event === 'outcome' && event.outcome === 'advanced')
    const head = await log.views[0]!.history.server.head(300)
    const note = parseNote(head)
    const heads = `${node.ready.http}/api/v1/heads`
    const evidence = `${node.ready.http}/api/v1/evidence`

    expectProblem(await post(heads, 'hello'), 400, 'NOTE_MALFORMED')
    expectProblem(await post(heads, ''), 400, 'NOTE_MALFORMED')
    expectProblem(await post(heads, utf8(FORK.detection.old_head)), 404, 'LOG_UNKNOWN')
    const changed = utf8(Buffer.from(head).toString().replace('\n300\n', '\n301\n'))
    expectProblem(await post(heads, changed), 403, 'SIGNATURE_INVALID')
    // Lines of strangers are no reason to refuse a head, and are not kept.
    const stranger = testSigner('stranger.example', 5, SIGNATURE_TYPES.cosignature)
    const { signature } = cosign(note.text, 1_700_000_000, stranger)
    const decorated = formatNote({ ...note, signatures: [...note.signatures, signature] })
    expect(await post(heads, decorated)).toMatchObject({ status: 200, body: { outcome: 'known' } })

    expectProblem(await post(evidence, 'hello'), 400, 'EVIDENCE_MALFORMED')
    expectProblem(await post(evidence, '{"type":"gossum/later/v9"}'), 422, 'EVIDENCE_FOREIGN')
    const other = encodeEvidence(
      makeSplitView(testSigner('other.example', 8).verifier, [
        parseNote(forged(testSigner('other.example', 8), 'A')),
        parseNote(forged(testSigner('other.example', 8), 'B')),
      ]),
    )
    expectProblem(await post(evidence, other), 404, 'LOG_UNKNOWN')
    const broken = concatBytes(other.subarray(0, 10), other.subarray(11))
    expectProblem(await post(evidence, broken), 400, 'EVIDENCE_MALFORMED')
    // The key of the log, and heads that it never signed.
    const { log: otherKey } = JSON.parse(Buffer.from(other).toString()) as { log: string }
    const framed = utf8(Buffer.from(other).toString().replace(otherKey, log.signer.verifier.vkey))
    expectProblem(await post(evidence, framed), 422, 'EVIDENCE_UNPROVEN')

    const { logs } = (await node.json('/api/v1/logs')) as { logs: object[] }
    expect(logs[0]).toMatchObject({ frozen: false, suspects: [], size: 300 })
    expect(await node.json('/api/v1/evidence')).toEqual({ evidence: [] })
    const metrics = await (await fetch(`${node.ready.http}/metrics`)).text()
    expect(metrics).toMatch(/^gossum_heads_received_total\{door="push",outcome="refused",code="NOTE_MALFORMED"\} 2$/m)
    await log.close()
  })

  function forged(by: typeof signer, salt: string): Uint8Array {
    const root = Buffer.alloc(32, salt).toString('base64')
    const text = `go.sum database tree\n5\n${root}\n`
    return formatNote({ text, signatures: [signNote(text, by)] })
  }
})
