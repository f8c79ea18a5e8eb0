/** c2sp.org/tlog-witness over a real pipeline and a real socket: every status, and the order of the checks. */
import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { once } from 'node:events'
import { MemoryLevel } from 'memory-level'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ERRORS, GossumError } from '../../../src/errors.js'
import { parseEvidence, verifyEvidence } from '../../../src/evidence/evidence.js'
import { parseAddCheckpoint } from '../../../src/http/witness/add-checkpoint-body.js'
import { witnessRoutes } from '../../../src/http/witness/add-checkpoint.js'
import { HttpServer } from '../../../src/http/server.js'
import { isFrozen } from '../../../src/store/heads.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { formatCheckpoint, logId, SUMDB_ORIGIN } from '../../../src/tlog/checkpoint.js'
import { cosign, verifyCosignature } from '../../../src/tlog/cosignature.js'
import { EMPTY_ROOT, formatHash } from '../../../src/tlog/hash.js'
import {
  formatNote,
  formatSignature,
  parseNote,
  parseVerifierKey,
  signNote,
  verifyNote,
  type Signature,
  type VerifierKey,
  SIGNATURE_TYPES,
} from '../../../src/tlog/note.js'
import { fakeNode } from '../../helpers/node-view.js'
import { codeOf } from '../../helpers/codes.js'
import { MemoryGuard, startHeart, testSigner, testWitness, type Heart, type HeartOptions } from '../../helpers/heart.js'
import { setUnusedBit } from '../../helpers/history.js'
import { refusals } from '../../helpers/push-cases.js'
import { readVectors } from '../../helpers/vectors.js'
import { askWitness, push, pushBody, PushingLog, type Asking } from '../../helpers/witness-client.js'

const log = new PushingLog(testSigner('log.example/one', 1))
const ID = logId('log.example/one', 'log.example/one')

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** A witness of `log` with these options, over HTTP. */
async function witness(options: Partial<HeartOptions> = {}) {
  const clock = { ms: Date.parse('2026-07-10T12:00:00.400Z') }
  const heart = await startHeart({
    logKey: log.signer.verifier,
    origin: log.origin,
    now: () => clock.ms,
    ...options,
  })
  stops.push(() => heart.stop())
  const first = { id: heart.log, key: options.logKey ?? log.signer.verifier, origin: options.origin ?? log.origin }
  const logs = [
    first,
    ...(options.others ?? []).map(({ logKey: key, origin = SUMDB_ORIGIN }) => ({
      id: logId(key.name, origin),
      key,
      origin,
    })),
  ]
  const own = testWitness.verifier
  const told: unknown[] = []
  const server = await HttpServer.start({
    host: '127.0.0.1',
    port: 0,
    node: fakeNode(),
    onError: (error) => told.push(error),
    routes: witnessRoutes({
      logs,
      submit: (candidate) => heart.witness.submit(candidate),
      checkpoint: (id) => {
        const head = heart.cosigned.current(id)
        const key = options.ofLogs?.get(id)?.verifier ?? own
        const line = head?.cosignatures.get(key.vkey)?.signature
        return Promise.resolve(
          head && line && formatNote({ ...head.note, signatures: [head.note.signatures[0]!, line] }),
        )
      },
      now: () => clock.ms,
    }),
  })
  stops.push(() => server.stop())
  return {
    heart,
    told,
    url: server.url,
    clock,
    add: (body: string | Uint8Array, asking?: Asking) => push(server.url, body, asking),
  }
}

/** The cosignature in an answer, verified: the body is that line and nothing else. */
function cosignatureOf(body: string, text: string, key: VerifierKey = testWitness.verifier) {
  const { signatures } = parseNote(utf8(`x\n\n${body}`))
  expect(signatures).toHaveLength(1)
  return verifyCosignature(text, signatures[0]!, key)
}

async function suspects(heart: Heart) {
  await heart.witness.idle()
  return heart.suspects.list(heart.log).map(({ size, code }) => [size, code])
}

describe('200', () => {
  test('the first head, with old 0 and no proof, gets one line, by the witness alone, on disk', async () => {
    const { add, heart, clock } = await witness()
    const answer = await add(log.body(0, 5))
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'access-control-allow-origin': '*',
      'cache-control': 'no-store',
    })
    const { time } = cosignatureOf(answer.body, log.text(5))
    expect(time).toBe(Math.floor(clock.ms / 1000))
    expect(await heart.store.history.get(heart.log, 5)).toContain(answer.body)
    expect(heart.firstUses).toMatchObject([{ size: 5 }])
    expect(heart.published).toHaveLength(1)
  })

  test('a larger head with its proof is cosigned, repeatedly over one connection', async () => {
    const { add } = await witness()
    let from = 0
    for (const to of [1, 2, 3, 7, 8, 9, 300]) {
      const answer = await add(log.body(from, to))
      expect([to, answer.status]).toEqual([to, 200])
      cosignatureOf(answer.body, log.text(to))
      from = to
    }
  })

  test('the same head gets a new cosignature each time, but is not published each time', async () => {
    const { add, heart, clock } = await witness()
    await add(log.body(0, 5))
    for (const ms of [0, 999, 1000, 5000]) {
      clock.ms += ms
      const answer = await add(log.body(5, 5))
      expect(answer.status).toBe(200)
      expect(cosignatureOf(answer.body, log.text(5)).time).toBe(Math.floor(clock.ms / 1000))
      expect(heart.store.heads.get(heart.log).signed!.time, 'promised on disk').toBe(Math.floor(clock.ms / 1000))
      expect(await heart.store.history.get(heart.log, 5)).toContain(answer.body)
    }
    expect(heart.published).toHaveLength(1)
    clock.ms += 30 * 60_000
    await add(log.body(5, 5))
    expect(heart.published).toHaveLength(2)
  })

  test('never an earlier time than before, even if the clock was set back', async () => {
    const { add, clock } = await witness()
    const before = cosignatureOf((await add(log.body(0, 5))).body, log.text(5)).time
    clock.ms -= 3_600_000
    expect(cosignatureOf((await add(log.body(5, 5))).body, log.text(5)).time).toBe(before)
    expect(cosignatureOf((await add(log.body(5, 6))).body, log.text(6)).time).toBe(before)
  })

  test('size 0, repeatedly, and then a larger size without a proof', async () => {
    const { add } = await witness()
    for (const [from, to] of [
      [0, 0],
      [0, 0],
      [0, 3],
    ] as const) {
      expect((await add(log.body(from, to))).status).toBe(200)
    }
  })

  test('foreign, forged and non-canonical lines are neither stored nor returned', async () => {
    const { add, heart } = await witness()
    const { name, keyId } = testWitness.verifier
    const forged: Signature = { name, keyId, bytes: new Uint8Array(72).fill(1) }
    const stranger = cosign(log.text(5), 1000, testSigner('stranger.example', 9, 4)).signature
    const mldsa: Signature = { name: 'pq.example', keyId: '01020304', bytes: new Uint8Array(2428) }
    const lines = [forged, stranger, ...parseNote(log.head(5)).signatures, ...Array.from({ length: 30 }, () => mldsa)]
    const odd = lines
      .map(formatSignature)
      .map((line) =>
        line.replace(/[^ ]*==?\n$/, (blob) => (blob.endsWith('==\n') ? blob : `${setUnusedBit(blob.trimEnd())}\n`)),
      )
    const note = utf8(`${log.text(5)}\n${odd.join('')}`)
    expect(note.length, 'more than a message of the mesh').toBeGreaterThan(64 * 1024)
    const answer = await add(pushBody(0, [], note))
    expect(answer.status).toBe(200)
    cosignatureOf(answer.body, log.text(5))
    const kept = parseNote(utf8((await heart.store.history.get(heart.log, 5))!))
    expect(kept.signatures).toHaveLength(2)
    expect(verifyNote(kept, log.signer.verifier)).toBeDefined()
    expect((await add(log.body(5, 6))).status).toBe(200)
  })

  test('two logs of one origin are distinguished by their keys', async () => {
    const sumdbs = [3, 4].map(
      (byte) => new PushingLog(testSigner(`sum${byte}.example`, byte), { origin: SUMDB_ORIGIN, salt: `${byte}` }),
    )
    const [one, two] = sumdbs as [PushingLog, PushingLog]
    const own = testSigner('own.example', 21, SIGNATURE_TYPES.cosignature)
    const { add, heart, url } = await witness({
      logKey: one.signer.verifier,
      origin: SUMDB_ORIGIN,
      others: [{ logKey: two.signer.verifier }],
      ofLogs: new Map([[logId('sum4.example', SUMDB_ORIGIN), own]]),
    })
    expect((await add(one.body(0, 5))).status).toBe(200)
    expect((await add(two.body(0, 7))).status).toBe(200)
    expect((await add(two.body(7, 9))).status).toBe(200)
    const { name, keyId } = one.signer.verifier
    const bogus: Signature = { name, keyId, bytes: new Uint8Array(64) }
    const both = formatNote({ text: two.text(10), signatures: [bogus, signNote(two.text(10), two.signer)] })
    expect((await add(pushBody(9, two.proof(9, 10), both))).status).toBe(200)
    expect(heart.evidence).toEqual([])
    // The origin refers to the first one; the other has its id.
    const get = async (id: string) => (await askWitness(url, `/${id}/checkpoint`)).body.split('\n')[1]
    expect(await get(createHash('sha256').update(SUMDB_ORIGIN).digest('hex'))).toBe('5')
    expect(await get(logId('sum3.example', SUMDB_ORIGIN))).toBe('5')
    expect(await get(logId('sum4.example', SUMDB_ORIGIN))).toBe('10')
  })
})

describe('what is refused', () => {
  const rows = refusals(log, testSigner('log.example/two', 2)).map(
    ({ status, phrase, what, body }) => [status, phrase, what, body] as const,
  )
  test.each(rows)('%i %s: %s', async (status, phrase, _what, body) => {
    const { add, heart } = await witness()
    await add(log.body(0, 5))
    const before = heart.store.heads.get(heart.log)
    const answer = await add(body)
    expect([answer.status, answer.body.split(':')[0]]).toEqual([status, phrase])
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'access-control-allow-origin': '*',
    })
    await heart.witness.idle()
    const after = heart.store.heads.get(heart.log)
    expect([after.tree, after.signed]).toEqual([before.tree, before.signed])
    expect(heart.errors).toEqual([])
  })

  test.each([
    ['nothing is held', 0, 5, '0\n'],
    ['behind', 4, 9, '7\n'],
    ['ahead', 8, 9, '7\n'],
    ['0, to learn the size', 0, 9, '7\n'],
    ['that of the head itself', 9, 9, '7\n'],
    ['0 for the held head', 0, 7, '7\n'],
    ['for an older head', 5, 5, '7\n'],
  ])('409 for an old size: %s', async (what, old, size, held) => {
    const { add, heart } = await witness()
    if (what !== 'nothing is held') await add(log.body(0, 7))
    const body =
      what === 'nothing is held'
        ? log.body(3, 5)
        : pushBody(old, old < size ? log.proof(old, size) : [], log.head(size))
    const answer = await add(body)
    expect([answer.status, answer.headers['content-type'], answer.body]).toEqual([409, 'text/x.tlog.size', held])
    await heart.witness.idle()
    expect(heart.cosigned.current(heart.log)?.size).toBe(what === 'nothing is held' ? undefined : 7)
    // And the exchange continues as the protocol says.
    const from = Number(held)
    expect((await add(log.body(from, 12))).status).toBe(200)
  })

  test('413 above 128 KiB, without harm to an honest client', async () => {
    const { add, url } = await witness()
    const large = await add('x'.repeat(128 * 1024 + 1))
    expect(large.status).toBe(413)
    expect((await push(url, log.body(0, 5))).status).toBe(200)
    expect((await add('x'.repeat(128 * 1024))).status).toBe(400)
  })

  test('405 for other methods, with the allowed ones', async () => {
    const { url } = await witness()
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await askWitness(url, '/add-checkpoint', { method })
      expect([answer.status, answer.headers.allow]).toEqual([405, 'POST, OPTIONS'])
    }
  })

  test('503 with Retry-After while nothing may be signed, and no signature is sent', async () => {
    const rollback = { maySign: false, sawUnknown: () => undefined }
    const { add, heart } = await witness({ rollback })
    const answer = await add(log.body(0, 5))
    expect([answer.status, answer.headers['retry-after'], answer.body.split(':')[0]]).toEqual([503, '5', 'not now'])
    expect(heart.store.heads.get(heart.log).signed).toBeUndefined()
    rollback.maySign = true
    expect((await add(log.body(0, 5))).status).toBe(200)
    rollback.maySign = false
    expect((await add(log.body(5, 5))).status).toBe(503)
  })

  test('503 while the journal and the database disagree, for the next head and the newest, without an internal error', async () => {
    const [db, guard] = [new MemoryLevel(), new MemoryGuard()]
    const first = await witness({ db, guard })
    await first.add(log.body(0, 5))
    const older = new MemoryGuard(guard.content)
    await first.add(log.body(5, 6))
    await first.heart.store.flush()

    const { add, heart, told } = await witness({ db, guard: older })
    expect(heart.store.heads.disagreement(heart.log)).toBeDefined()
    const { size } = heart.store.heads.get(heart.log).tree!
    for (const answer of [await add(log.body(size, size + 3)), await add(log.body(size, size))]) {
      expect(answer.headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'retry-after': '5' })
      expect([answer.status, answer.body]).toEqual([503, `not now: ${ERRORS.STATE_DISAGREES[0]}\n`])
    }
    expect(told).toEqual([])
  })

  test('503 while the disk is full, with details only for the operator', async () => {
    const { add, heart, told } = await witness()
    await add(log.body(0, 5))
    const trouble = new GossumError('STORE_WRITE_FAILED', '/home/me/db: no space left')
    const full = vi.spyOn(heart.store.heads, 'change').mockRejectedValue(trouble)
    const answer = await add(log.body(5, 6))
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'retry-after': '5',
      'access-control-allow-origin': '*',
    })
    expect([answer.status, answer.body]).toEqual([503, `not now: ${ERRORS.STORE_WRITE_FAILED[0]}\n`])
    expect(told).toEqual([trouble])
    full.mockRestore()
    expect((await add(log.body(5, 6))).status).toBe(200)
  })

  test('503 for known and new heads of a frozen log, but its size is still returned', async () => {
    const { add, heart } = await witness()
    await add(log.body(0, 5))
    await heart.store.heads.hold(heart.log, 'ab')
    expect((await add(log.body(5, 5))).status).toBe(503)
    expect((await add(log.body(5, 9))).status).toBe(503)
    expect((await add(log.body(0, 9))).body).toBe('5\n')
    await heart.store.heads.acknowledge(heart.log, 'ab')
    expect((await add(log.body(5, 9))).status).toBe(200)
  })
})

describe('a refused head is still examined', () => {
  test('a larger one is a suspect until it is proven', async () => {
    const { add, heart } = await witness()
    await add(log.body(0, 5))
    await add(pushBody(5, [], log.head(9)))
    expect(await suspects(heart)).toEqual([[9, 'PROOF_INVALID']])
    await add(pushBody(4, log.proof(4, 11), log.head(11)))
    expect(await suspects(heart)).toEqual([
      [9, 'PROOF_INVALID'],
      [11, 'OLD_SIZE_DIFFERS'],
    ])
    expect(heart.published, 'told to the mesh').toHaveLength(3)
    await add(log.body(5, 9))
    await add(log.body(9, 11))
    expect(await suspects(heart)).toEqual([])
  })

  test('a fork of our own size convicts the log, with any old size', async () => {
    for (const old of [0, 5]) {
      const { add, heart } = await witness()
      await add(log.body(0, 5))
      const fork = new PushingLog(log.signer, { salt: 'b' })
      expect((await add(pushBody(old, [], fork.head(5)))).status).toBe(old === 5 ? 422 : 409)
      await heart.witness.idle()
      const [found] = heart.evidence
      expect(verifyEvidence(parseEvidence(found!.file), [log.signer.verifier]).sizes).toEqual([5, 5])
      expect(isFrozen(heart.store.heads.get(heart.log))).toBe(true)
    }
  })

  test('a fork of a size cosigned earlier also convicts a log without tiles', async () => {
    const { add, heart } = await witness()
    for (const [from, to] of [
      [0, 5],
      [5, 8],
      [8, 12],
    ] as const)
      await add(log.body(from, to))
    const fork = new PushingLog(log.signer, { salt: 'b' })
    expect((await add(fork.body(5, 8))).status).toBe(409)
    await heart.witness.idle()
    expect(heart.evidence).toHaveLength(1)
    expect(heart.outcomes.at(-1)).toMatchObject({ kind: 'conflict', size: 8 })
  })

  test('a signed size 0 with the root of a non-empty tree freezes the log', async () => {
    const { add, heart } = await witness()
    const head = log.sign(formatCheckpoint({ origin: log.origin, size: 0, root: new Uint8Array(32) }))
    const answer = await add(pushBody(0, [], head))
    expect(answer.body).toContain('two histories')
    expect(heart.evidence).toHaveLength(1)
    expect((await add(log.body(0, 5))).status).toBe(503)
  })

  test('a size that no tree has is answered with 422, kept as a suspect, and freezes the log', async () => {
    const { add, heart } = await witness()
    await add(log.body(0, 5))
    const head = log.sign(`${log.origin}\n9007199254740993\n${formatHash(EMPTY_ROOT)}\n`)
    expect((await add(pushBody(5, [], head))).status).toBe(422)
    expect(await suspects(heart)).toEqual([[null, 'SIZE_IMPOSSIBLE']])
    expect((await add(log.body(5, 6))).status).toBe(503)
  })

  test('an older unexplained head of a log without tiles is dropped eventually, without an alarm', async () => {
    const { add, heart, clock } = await witness()
    await add(log.body(0, 5))
    await add(pushBody(3, log.proof(3, 8), log.head(8)))
    await add(log.body(5, 9))
    await heart.witness.idle()
    expect(await suspects(heart)).toEqual([[8, 'LOG_UNREACHABLE']])
    clock.ms += 15 * 60_000
    await add(log.body(9, 10))
    expect(await suspects(heart)).toEqual([])
    expect(heart.suspectAlarms).toEqual([])
  })

  test('a larger head that stays unproven raises an alarm', async () => {
    const { add, heart, clock } = await witness()
    await add(log.body(0, 5))
    await add(pushBody(5, [], log.head(20)))
    clock.ms += 15 * 60_000
    await heart.witness.retrySuspects(heart.log, 8)
    expect(heart.suspectAlarms).toMatchObject([{ size: 20 }])
  })
})

describe('the first head of a log that is also polled', () => {
  test('waits for our own poll, which takes precedence over a push', async () => {
    let asked: () => void = () => undefined
    const waits = new Promise<void>((resolve) => (asked = resolve))
    let look: () => void = () => undefined
    const looked = new Promise<void>((resolve) => (look = resolve))
    const other = new PushingLog(testSigner('log.example/other', 2))
    const { add, heart } = await witness({
      others: [{ logKey: other.signer.verifier, origin: other.origin }],
      looked: (id) => {
        if (id !== heart.log) return Promise.resolve()
        asked()
        return looked
      },
    })
    let isAnswered = false
    const answer = add(log.body(0, 5)).finally(() => (isAnswered = true))
    await waits
    // As many as would have been answered long ago if it were not waiting.
    for (let size = 0; size < 5; size++) expect((await add(other.body(size, size + 1))).status).toBe(200)
    expect([isAnswered, heart.published.length]).toEqual([false, 5])
    await heart.submit('poll', log.head(7))
    look()
    expect(await answer).toMatchObject({ status: 409, body: '7\n' })
    expect((await add(log.body(7, 7))).status).toBe(200)
  })

  test('is accepted as pushed if the poll found none', async () => {
    const { add } = await witness({ looked: () => Promise.resolve() })
    expect((await add(log.body(0, 5))).status).toBe(200)
  })
})

describe('GET /<hash>/checkpoint', () => {
  const hash = createHash('sha256').update(log.origin).digest('hex')

  test('the newest head, signed by the log and the witness, for caches and any website', async () => {
    const { add, url } = await witness()
    expect((await askWitness(url, `/${hash}/checkpoint`)).status).toBe(404)
    await add(log.body(0, 5))
    const { body: line } = await add(log.body(5, 9))
    for (const id of [hash, ID]) {
      const answer = await askWitness(url, `/${id}/checkpoint`)
      expect([answer.status, answer.body]).toEqual([200, `${Buffer.from(log.head(9)).toString()}${line}`])
      expect(answer.headers).toMatchObject({
        'content-type': 'text/plain; charset=utf-8',
        'access-control-allow-origin': '*',
        'cache-control': 'public, max-age=5, stale-while-revalidate=10, stale-if-error=600',
      })
    }
    const head = await askWitness(url, `/${hash}/checkpoint`, { method: 'HEAD' })
    expect([head.status, head.body]).toEqual([200, ''])
  })

  test.each(['unknown', hash.toUpperCase(), 'ab'.repeat(32), encodeURIComponent(log.origin)])(
    '404 for %s',
    async (id) => {
      const { add, url } = await witness()
      await add(log.body(0, 5))
      expect((await askWitness(url, `/${id}/checkpoint`)).status).toBe(404)
    },
  )
})

test('CORS preflight requests are answered with 204 and no body', async () => {
  const { url } = await witness()
  for (const [path, methods] of [
    ['/add-checkpoint', 'POST, OPTIONS'],
    [`/${'ab'.repeat(32)}/checkpoint`, 'GET, HEAD, OPTIONS'],
  ] as const) {
    const answer = await askWitness(url, path, { method: 'OPTIONS' })
    expect([answer.status, answer.body]).toEqual([204, ''])
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': methods,
    })
    expect(answer.headers['content-length']).toBeUndefined()
  }
})

test('256 requests may be in progress, and the next is told to retry, successfully', async () => {
  let open: () => void = () => undefined
  const gate = new Promise<void>((resolve) => (open = resolve))
  let looks = 0
  const { url } = await witness({ looked: () => (looks++, gate) })
  const body = Buffer.from(log.body(0, 5))
  const request = `POST /add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n`
  const { hostname, port } = new URL(url)
  const sockets = Array.from({ length: 256 }, () => connect(Number(port), hostname))
  stops.push(() => Promise.resolve(sockets.forEach((socket) => socket.destroy())))
  const statuses = sockets.map(async (socket) => {
    const [data] = (await once(socket, 'data')) as [Buffer]
    return data.toString().split(' ')[1]
  })
  for (const socket of sockets) socket.write(Buffer.concat([Buffer.from(request), body]))
  await expect.poll(() => looks).toBe(256)
  const refused = await push(url, body)
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1'])
  open()
  expect(await Promise.all(statuses)).not.toContain('503')
  expect((await push(url, log.body(5, 6))).status).toBe(200)
})

// ---- published sequences ---------------------------------------------------------------------------------------

interface Vectors {
  sequence: {
    log_vkey: string
    origin: string
    steps: { name: string; body: string; status: number; response_contains: string }[]
  }
  race: { initial: string; request_a: string; request_b: string }
  monkeys: { log_vkey: string; log_skey: string; first_request: string; second_request: string }
}
const vectors = readVectors('witness-add-checkpoint.json') as Vectors

test('the published sequence gives every expected status and text', async () => {
  const { sequence } = vectors
  const { add } = await witness({ logKey: parseVerifierKey(sequence.log_vkey), origin: sequence.origin })
  for (const { name, body, status, response_contains } of sequence.steps) {
    const answer = await add(body)
    expect([name, answer.status]).toEqual([name, status])
    expect(answer.body).toContain(response_contains.replace('example.com/witness', testWitness.verifier.name))
  }
})

test('the second published sequence gives the expected answers', async () => {
  const { monkeys } = vectors
  const { add } = await witness({ logKey: parseVerifierKey(monkeys.log_vkey), origin: 'monkeys' })
  expect((await add(monkeys.first_request)).status).toBe(200)
  expect(await add(monkeys.second_request.replace('old 5', 'old 2'))).toMatchObject({ status: 409, body: '5\n' })
  const short = monkeys.second_request.replace(/old 5\n[\s\S]*?\n\n/, 'old 5\nqqo=\nu7s=\nzMw=\n3d0=\n\n')
  expect((await add(short)).status).toBe(400)
  expect((await add(monkeys.second_request)).status).toBe(200)
  const smaller = monkeys.first_request.replace('old 0', 'old 8')
  expect((await add(smaller)).status).toBe(400)
})

test('in the published race, a head checked before another was committed is not signed', async () => {
  const { race, sequence } = vectors
  const { add, heart } = await witness({ logKey: parseVerifierKey(sequence.log_vkey), origin: sequence.origin })
  await add(race.initial)
  // A has passed every check; B commits before A does.
  const change = heart.store.heads.change.bind(heart.store.heads)
  let overtake: (() => Promise<unknown>) | undefined = () => add(race.request_b)
  heart.store.heads.change = async (...args) => {
    const first = overtake
    overtake = undefined
    if (first !== undefined) expect(await first()).toMatchObject({ status: 200 })
    return change(...args)
  }
  const a = await add(race.request_a)
  expect([a.status, a.body]).toEqual([409, '5\n'])
  const { tree } = heart.store.heads.get(heart.log)
  expect([tree!.size, Buffer.from(tree!.root).toString('hex')]).toEqual([
    5,
    '42bb57ad06420afa4882c4a63ac6a1ec77480b330b2f20dfc53a0caa5f564e36',
  ])
})

describe('a body', () => {
  test('is split at its first empty line, and the note at its last', () => {
    const note = 'origin\n5\nroot\n\nmore\n\n— x AAAAAAA=\n'
    const { proof, origin, note: read } = parseAddCheckpoint(utf8(`old 3\n${formatHash(EMPTY_ROOT)}\n\n${note}`))
    expect([proof.oldSize, proof.hashes, origin, Buffer.from(read).toString()]).toEqual([
      3,
      [EMPTY_ROOT],
      'origin',
      note,
    ])
  })

  test('may have any old size below 2^63, and one that no tree has is read as infinite', () => {
    const old = (size: string) => parseAddCheckpoint(utf8(`old ${size}\n\nx\n`)).proof.oldSize
    expect([old('0'), old('9007199254740991'), old('9007199254740992'), old('9223372036854775807')]).toEqual([
      0,
      2 ** 53 - 1,
      Infinity,
      Infinity,
    ])
    for (const size of ['', '00', '1e3', '0x10', '９', '9223372036854775808', '99999999999999999999'])
      expect(codeOf(() => old(size))).toBe('REQUEST_INVALID')
  })
})

test('a log that pushes fast does not flood the mesh: its first head is published at once, then the newest per interval', async () => {
  const { heart, url } = await witness({ pauseMs: 1_000 })
  const sent = (): number[] => heart.published.map((note) => Number(parseNote(note).text.split('\n')[1]))
  for (let size = 1; size <= 40; size++) expect((await push(url, log.body(size - 1, size))).status).toBe(200)
  await expect.poll(() => sent().at(-1), { timeout: 10_000 }).toBe(40)
  expect(sent()[0]).toBe(1)
  expect(sent().length).toBeLessThan(20)
  expect([...sent()].sort((a, b) => a - b)).toEqual(sent())
})
