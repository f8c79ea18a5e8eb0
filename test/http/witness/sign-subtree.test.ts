/**
 * sign-subtree over a real pipeline and a real socket: what is signed, and all attempts to get something else signed.
 */
import { connect, type Socket } from 'node:net'
import { MemoryLevel } from 'memory-level'
import { afterEach, describe, expect, test } from 'vitest'
import { witnessRoutes } from '../../../src/http/witness/add-checkpoint.js'
import { HttpServer } from '../../../src/http/server.js'
import { concatBytes, toBase64, uint64, utf8 } from '../../../src/tlog/bytes.js'
import { formatCheckpoint } from '../../../src/tlog/checkpoint.js'
import { cosign, ML_DSA_COSIGNATURE_SIZE, subtreeMessage } from '../../../src/tlog/cosignature.js'
import { EMPTY_ROOT, formatHash } from '../../../src/tlog/hash.js'
import { formatNote, isBy, parseNote, SIGNATURE_TYPES, type Signature, type SignerKey } from '../../../src/tlog/note.js'
import type { Subtree } from '../../../src/tlog/subtree.js'
import { isFrozen } from '../../../src/store/heads.js'
import { obstacleOfOrigin } from '../../../src/witness/origin.js'
import { startHeart, testSigner, testWitness, type Heart, type HeartOptions } from '../../helpers/heart.js'
import { fakeNode } from '../../helpers/node-view.js'
import { flipBit } from '../../helpers/tree.js'
import { askWitness, push, PushingLog, subtreeBody } from '../../helpers/witness-client.js'

const log = new PushingLog(testSigner('log.example/one', 1))
const { name } = testWitness.verifier
const second = testSigner(name, 8, SIGNATURE_TYPES.mlDsa)
const key = second.verifier

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** A witness of `log` with both keys, over HTTP. */
async function witness({
  subtrees = second,
  ...options
}: Partial<HeartOptions> & { subtrees?: SignerKey | null } = {}) {
  const heart = await startHeart({
    logKey: log.signer.verifier,
    origin: log.origin,
    second,
    counted: [testWitness.verifier, key],
    ...options,
  })
  stops.push(() => heart.stop())
  const logs = [{ id: heart.log, key: log.signer.verifier, origin: log.origin }]
  const guard = options.rollback ?? { maySign: true }
  const server = await HttpServer.start({
    host: '127.0.0.1',
    port: 0,
    node: fakeNode(),
    routes: witnessRoutes({
      logs,
      submit: (candidate) => heart.witness.submit(candidate),
      checkpoint: () => Promise.resolve(undefined),
      ...(subtrees !== null && {
        subtrees: {
          signer: subtrees,
          obstacle: (origin) =>
            obstacleOfOrigin(origin, {
              logs,
              store: heart.store,
              signer: testWitness,
              isHeld: (id) => isFrozen(heart.store.heads.get(id)),
              barrier: () => (guard.maySign ? undefined : 'GUARD_WAITING'),
            }),
        },
      }),
      now: Date.now,
    }),
  })
  stops.push(() => server.stop())
  return {
    heart,
    url: server.url,
    ask: (body: string | Uint8Array) => askWitness(server.url, '/sign-subtree', { method: 'POST', body }),
    /** Pushes the head of a size; returns it with the lines of the answer: a reference as a log has it. */
    reference: async (from: number, size: number): Promise<Uint8Array> => {
      const { status, body } = await push(server.url, log.body(from, size))
      expect(status, body).toBe(200)
      return concatBytes(log.head(size), utf8(body))
    },
  }
}

/** A forged reference: a text with the log's line, if it verifies, and these. */
function noteOf(text: string, ...signatures: Signature[]): Uint8Array {
  return formatNote({ text, signatures })
}

/** Whether an answer is one line by the key over this subtree, with time zero, and nothing else. */
function isSigned(body: string, origin: string, subtree: Subtree): boolean {
  const { signatures } = parseNote(utf8(`x\n\n${body}`))
  expect(signatures).toHaveLength(1)
  const [line] = signatures as [Signature]
  expect(isBy(line, key) && line.bytes.length === ML_DSA_COSIGNATURE_SIZE).toBe(true)
  expect(line.bytes.subarray(0, 8)).toEqual(new Uint8Array(8))
  return key.verify(subtreeMessage(name, 0, origin, subtree)!, line.bytes.subarray(8))
}

/** Concurrent requests, each on a connection that has already had an answer; returns the heads of the answers. */
async function atOnce(url: string, bodies: readonly Uint8Array[]): Promise<{ status: string; head: string }[]> {
  const { hostname, port } = new URL(url)
  const sockets = bodies.map(() => connect(Number(port), hostname))
  stops.push(() => Promise.resolve(sockets.forEach((socket) => socket.destroy())))
  const send = (socket: Socket, body: Uint8Array): Promise<{ status: string; head: string }> => {
    const head = `POST /sign-subtree HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n`
    socket.write(concatBytes(utf8(head), body))
    return new Promise((resolve) => {
      let answer = ''
      const take = (data: Buffer): void => {
        answer += data.toString('latin1')
        const whole = /^(HTTP\/1\.1 (\d+) [^]*?content-length: (\d+)[^]*?\r\n\r\n)/i.exec(answer)
        if (whole === null || answer.length < whole[1]!.length + Number(whole[3])) return
        socket.off('data', take)
        resolve({ status: whole[2]!, head: whole[1]! })
      }
      socket.on('data', take)
    })
  }
  await Promise.all(sockets.map((socket) => send(socket, utf8('nonsense'))))
  return Promise.all(sockets.map((socket, i) => send(socket, bodies[i]!)))
}

/** What an attacker can make: a reference equal to ours except for its signature. */
function cosignedBy(signer: SignerKey, size: number, text = log.text(size)): Uint8Array {
  return noteOf(text, parseNote(log.head(size)).signatures[0]!, cosign(text, 1_780_000_000, signer).signature)
}

describe('200', () => {
  test('each kind of subtree: middle, right edge, start, whole tree, one record, empty', async () => {
    const { ask, reference } = await witness()
    const cosigned = await reference(0, 13)
    for (const [start, end] of [
      [4, 8],
      [8, 13],
      [0, 6],
      [0, 13],
      [7, 8],
      [5, 5],
    ] as const) {
      const { status, body, headers } = await ask(log.subtreeBody(start, end, 13, cosigned))
      expect([start, end, status]).toEqual([start, end, 200])
      expect(headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'access-control-allow-origin': '*' })
      const { hash } = log.subtreeProof(start, end, 13)
      expect(isSigned(body, log.origin, { start, end, hash })).toBe(true)
      expect(isSigned(body, log.origin, { start, end: end + 1, hash })).toBe(false)
      expect((await ask(log.subtreeBody(start, end, 13, cosigned))).body, 'the same again').toBe(body)
    }
  })

  test("any checkpoint ever cosigned, without the log's signature, even at a node without state", async () => {
    const first = await witness()
    const old = await first.reference(0, 5)
    await first.reference(5, 20)
    const line = parseNote(old).signatures.find((signature) => isBy(signature, key))!
    const bare = noteOf(log.text(5), line)
    expect((await first.ask(log.subtreeBody(4, 5, 5, bare))).status).toBe(200)
    const empty = await witness()
    expect((await empty.ask(log.subtreeBody(4, 5, 5, bare))).status).toBe(200)
    expect(empty.heart.store.heads.get(empty.heart.log).tree).toBeUndefined()
    expect(empty.heart.published).toEqual([])
  })

  test('foreign lines in addition to ours, 3.3 kB each', async () => {
    const { ask, reference } = await witness()
    const { text, signatures } = parseNote(await reference(0, 9))
    const others = Array.from({ length: 30 }, (_, i) => ({ ...signatures.at(-1)!, name: `w${i}.example` }))
    expect((await ask(log.subtreeBody(4, 8, 9, noteOf(text, ...others, ...signatures)))).status).toBe(200)
  })
})

describe('what we have not cosigned is not signed', () => {
  const own = parseNote(cosignedBy(second, 9)).signatures[1]!
  const root = log.tree(9).root
  const text = log.text(9)
  const larger = formatCheckpoint({ origin: log.origin, size: 12, root })
  const retimed = { ...own, bytes: concatBytes(uint64(1), own.bytes.subarray(8)) }
  const zero: Signature = {
    ...own,
    bytes: concatBytes(uint64(0), second.sign(subtreeMessage(name, 0, log.origin, { start: 0, end: 9, hash: root })!)),
  }
  const inner: Signature = {
    ...own,
    bytes: concatBytes(uint64(5), second.sign(subtreeMessage(name, 5, log.origin, { start: 1, end: 9, hash: root })!)),
  }
  const rows: readonly [what: string, reference: Uint8Array][] = [
    ['the log alone', log.head(9)],
    ['another witness', cosignedBy(testSigner('other.example', 8, SIGNATURE_TYPES.mlDsa), 9)],
    ['an old key of ours', cosignedBy(testSigner(name, 9, SIGNATURE_TYPES.mlDsa), 9)],
    ['our Ed25519 key alone', cosignedBy(testWitness, 9)],
    [
      'a line of another key under our name and id',
      noteOf(text, { ...cosign(text, 5, testSigner('x', 9, SIGNATURE_TYPES.mlDsa)).signature, name, keyId: key.keyId }),
    ],
    ['our line, one bit changed', noteOf(text, { ...own, bytes: flipBit(own.bytes, 9000) })],
    ['our line with another time', noteOf(text, retimed)],
    ['our line over another size', noteOf(larger, own)],
    [
      'our line over another root',
      noteOf(formatCheckpoint({ origin: log.origin, size: 9, root: flipBit(root, 0) }), own),
    ],
    ['what we say to this very request, of the whole tree', noteOf(text, zero)],
    ['a line that is about another subtree', noteOf(text, inner)],
    [
      'our Ed25519 line under the id of the other key',
      noteOf(text, { ...cosign(text, 5, testWitness).signature, keyId: key.keyId }),
    ],
  ]
  test.each(rows)('403 for a reference by %s', async (_what, reference) => {
    const { ask } = await witness()
    const { status, body } = await ask(log.subtreeBody(4, 8, 9, reference))
    expect([status, body.split(':')[0], body.includes('— ')]).toEqual([403, 'invalid signature', false])
    // The same with our own line is signed: only that was missing.
    expect((await ask(log.subtreeBody(4, 8, 9, cosignedBy(second, 9)))).status).toBe(200)
  })

  test('403 if two forged lines precede ours, since no more are verified', async () => {
    const { ask } = await witness()
    const forged = { ...own, bytes: flipBit(own.bytes, 9000) }
    expect((await ask(log.subtreeBody(4, 8, 9, noteOf(text, forged, own)))).status).toBe(200)
    expect((await ask(log.subtreeBody(4, 8, 9, noteOf(text, forged, forged, own)))).status).toBe(403)
  })

  test('404 for another origin, even if we have cosigned it as well', async () => {
    const { ask } = await witness()
    const other = formatCheckpoint({ origin: 'log.example/two', size: 9, root })
    const { status, body } = await ask(log.subtreeBody(4, 8, 9, cosignedBy(second, 9, other)))
    expect([status, body.split(':')[0]]).toEqual([404, 'unknown log'])
  })

  test('400 for sizes that no tree has, extension lines and other encodings', async () => {
    const { ask } = await witness()
    for (const spelled of [
      text.replace('\n9\n', '\n9007199254740993\n'),
      `${text}extension\n`,
      `${text}\n`,
      text.replace('\n9\n', '\n09\n'),
      `${log.origin}\n9\n`,
    ]) {
      const { status, body } = await ask(log.subtreeBody(4, 8, 9, noteOf(spelled, own)))
      expect([spelled, status, body.split(':')[0]]).toEqual([spelled, 400, 'invalid checkpoint'])
    }
  })

  test('422 for a proof of another place, hash or tree', async () => {
    const { ask, reference } = await witness()
    const cosigned = await reference(0, 13)
    const { hash, proof } = log.subtreeProof(4, 8, 13)
    const fork = new PushingLog(log.signer, { salt: 'b' }).subtreeProof(4, 8, 13)
    const bodies = [
      subtreeBody('4 8', flipBit(hash, 7), proof, cosigned),
      subtreeBody('4 8', fork.hash, proof, cosigned),
      subtreeBody('4 8', fork.hash, fork.proof, cosigned),
      subtreeBody('0 4', hash, proof, cosigned),
      subtreeBody('4 7', hash, proof, cosigned),
      subtreeBody('4 8', hash, proof.slice(1), cosigned),
      subtreeBody('4 8', hash, [...proof, hash], cosigned),
      subtreeBody('4 8', hash, [], cosigned),
      subtreeBody('5 5', hash, [], cosigned),
      subtreeBody('0 13', EMPTY_ROOT, [], cosigned),
      ...proof.map((_, i) => subtreeBody('4 8', hash, proof.with(i, flipBit(proof[i]!, i)), cosigned)),
    ]
    for (const [i, body] of bodies.entries()) {
      const answer = await ask(body)
      expect([i, answer.status, answer.body.split(':')[0]]).toEqual([i, 422, 'bad consistency proof'])
    }
  })

  test('503 for a convicted log, until the operator acknowledges the evidence', async () => {
    const { ask, reference, heart, url } = await witness()
    const cosigned = await reference(0, 9)
    const fork = new PushingLog(log.signer, { salt: 'b' })
    expect((await push(url, fork.body(9, 9))).status).toBe(422)
    const { status, body, headers } = await ask(log.subtreeBody(4, 8, 9, cosigned))
    expect([status, headers['retry-after'], body.split(':')[0]]).toEqual([503, '5', 'not now'])
    await heart.store.heads.acknowledge(heart.log, heart.evidence[0]!.id)
    expect((await ask(log.subtreeBody(4, 8, 9, cosigned))).status).toBe(200)
  })

  test('503 while this node may have forgotten a conviction: peers not asked yet, or state lost or behind', async () => {
    const body = log.subtreeBody(4, 8, 9, cosignedBy(second, 9))
    const refused = async ({ ask }: Pick<Awaited<ReturnType<typeof witness>>, 'ask'>, why: string): Promise<void> => {
      const answer = await ask(body)
      expect([answer.status, answer.body]).toEqual([503, expect.stringContaining(why)])
    }
    const rollback = { maySign: false, sawUnknown: () => undefined }
    const waiting = await witness({ rollback })
    await refused(waiting, 'until peers have reported')
    rollback.maySign = true
    expect((await waiting.ask(body)).status).toBe(200)

    const db = new MemoryLevel()
    const before = await witness({ db })
    await before.reference(0, 9)
    // Without the journal that the database followed.
    await refused(await witness({ db }), 'disagree')

    const behind = await witness()
    await behind.reference(0, 5)
    await behind.heart.submit('sync', cosignedBy(second, 30), 'peer')
    await refused(behind, 'larger head')
  })

  test('503 if the log is convicted while the request is queued', async () => {
    const seen: { heart?: Heart } = {}
    const sign = (message: Uint8Array): Uint8Array => {
      void seen.heart!.store.heads.hold(seen.heart!.log, 'ab')
      return second.sign(message)
    }
    const node = await witness({ subtrees: { ...second, sign } })
    seen.heart = node.heart
    const body = log.subtreeBody(4, 8, 9, cosignedBy(second, 9))
    const answers = await atOnce(node.url, [body, body])
    expect(answers.map(({ status }) => status)).toEqual(['200', '503'])
  })
})

describe('400 for a malformed body', () => {
  const good = cosignedBy(second, 9)
  const { hash, proof } = log.subtreeProof(4, 8, 9)
  const ranges = [
    '04 8',
    '+4 8',
    '4 08',
    '4  8',
    '4 8 ',
    '4',
    '',
    '-4 8',
    '4 0x8',
    '4 8.0',
    '4\t8',
    '8 4',
    '2 6',
    '3 5',
  ]
  const beyond = [
    '0 10',
    '9 10',
    '8 16',
    '9007199254740992 9007199254740993',
    '0 9223372036854775808',
    `0 ${'9'.repeat(400)}`,
  ]
  const rows: readonly [what: string, body: Uint8Array | string][] = [
    ['nothing', ''],
    ['no empty line', 'subtree 4 8\n'],
    ['no range', concatBytes(utf8('\n\n'), good)],
    ['another word', concatBytes(utf8(`subtrees 4 8\n${formatHash(hash)}\n\n`), good)],
    ['no hash', concatBytes(utf8('subtree 4 8\n\n'), good)],
    ['a hash of 31 bytes', concatBytes(utf8(`subtree 4 8\n${toBase64(hash.slice(1))}\n\n`), good)],
    ['an invalid proof line', concatBytes(utf8(`subtree 4 8\n${formatHash(hash)}\n!\n\n`), good)],
    ['64 lines of proof', subtreeBody('4 8', hash, Array<Uint8Array>(64).fill(hash), good)],
    [
      'CRLF line ends',
      Buffer.from(subtreeBody('4 8', hash, proof, good))
        .toString()
        .replaceAll('\n', '\r\n'),
    ],
    ['a note without signatures', subtreeBody('4 8', hash, proof, utf8(log.text(9)))],
    ['101 signature lines', subtreeBody('4 8', hash, proof, concatBytes(good, utf8('— x AAAAAAA=\n'.repeat(99))))],
    ...ranges.map((range): [string, Uint8Array] => [`the range "${range}"`, subtreeBody(range, hash, proof, good)]),
    ...beyond.map((range): [string, Uint8Array] => [
      `a range beyond: "${range.slice(0, 40)}"`,
      subtreeBody(range, hash, proof, good),
    ]),
  ]
  test.each(rows)('%s', async (_what, body) => {
    const { ask } = await witness()
    const answer = await ask(body)
    expect([answer.status, answer.body.split(':')[0]]).toEqual([400, 'invalid input'])
  })

  test('a proof of 63 lines is parsed, and answered with 422', async () => {
    const { ask } = await witness()
    expect((await ask(subtreeBody('4 8', hash, Array<Uint8Array>(63).fill(hash), good))).status).toBe(422)
  })

  test('the checks run in the order body, origin, note, end, cosignature, proof', async () => {
    const { ask } = await witness()
    const unknown = utf8('nowhere.example\n')
    expect((await ask(subtreeBody('2 6', hash, [], unknown))).status).toBe(400)
    expect((await ask(subtreeBody('4 8', hash, [], unknown))).status).toBe(404)
    expect((await ask(subtreeBody('8 16', hash, [], log.head(9)))).status).toBe(400)
    expect((await ask(subtreeBody('4 8', hash, [], log.head(9)))).status).toBe(403)
    expect((await ask(subtreeBody('4 8', hash, [], good))).status).toBe(422)
  })
})

describe('limits', () => {
  test('413 above 128 KiB', async () => {
    const { ask } = await witness()
    expect((await ask('x'.repeat(128 * 1024 + 1))).status).toBe(413)
    expect((await ask('x'.repeat(128 * 1024))).status).toBe(400)
  })

  test('four signatures run at a time, and the next is told to retry, successfully', async () => {
    const { ask, url } = await witness()
    const body = log.subtreeBody(4, 8, 9, cosignedBy(second, 9))
    // Requests that cannot be parsed take no slot.
    const bad = Array.from({ length: 10 }, () => utf8('nonsense'))
    const answers = await atOnce(url, [...bad, ...Array.from({ length: 12 }, () => body)])
    const count = (status: string): number => answers.filter((its) => its.status === status).length
    expect(count('400')).toBe(10)
    expect(count('503')).toBeGreaterThan(0)
    expect(count('200')).toBeGreaterThanOrEqual(4)
    expect(count('200') + count('503')).toBe(12)
    for (const { status, head } of answers) expect(head.includes('retry-after: 1\r\n')).toBe(status === '503')
    expect((await ask(body)).status).toBe(200)
  })
})

test('404 from a witness without an ML-DSA-44 key, with the reason', async () => {
  const { ask, url } = await witness({ subtrees: null })
  const { status, body, headers } = await ask(log.subtreeBody(4, 8, 9, cosignedBy(second, 9)))
  expect([status, headers['access-control-allow-origin']]).toEqual([404, '*'])
  expect(body).toContain('ML-DSA-44')
  expect((await push(url, log.body(0, 5))).status).toBe(200)
})

test('CORS preflight requests are answered', async () => {
  const { url } = await witness()
  const answer = await askWitness(url, '/sign-subtree', { method: 'OPTIONS' })
  expect([answer.status, answer.headers['access-control-allow-methods']]).toEqual([204, 'POST, OPTIONS'])
  expect((await askWitness(url, '/sign-subtree')).status).toBe(405)
})
