/** Logs that lie to a go.sum check: every lie has its class, and none makes a line pass. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkModules, type Checked, type CheckParts } from '../../src/audit/checker.js'
import { judgeLine, parseGoSum } from '../../src/audit/gosum.js'
import { verifyEvidence } from '../../src/evidence/evidence.js'
import { SumdbClient, type SumdbClientOptions, type VerifiedHead } from '../../src/sumdb/client.js'
import { formatRecord, MAX_LOOKUP_BYTES } from '../../src/sumdb/module.js'
import type { SumdbServer } from '../../src/sumdb/log-server.js'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, parseCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { EMPTY_ROOT, hashLeaf } from '../../src/tlog/hash.js'
import { checkRecords } from '../../src/tlog/multi-proof.js'
import { formatNote, makeSignerKey, parseNote, SIGNATURE_TYPES, signNote } from '../../src/tlog/note.js'
import {
  flipBit,
  honestly,
  LyingLog,
  madeUpRecord,
  madeUpRecords,
  memoryLog,
  refuse,
  replaceBody,
  stall,
  type Behaviour,
} from '../fakes/lying-log.js'
import { SPOILED } from '../helpers/spoiled.js'

const signer = makeSignerKey('example.com/log', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))
const otherSigner = makeSignerKey('example.com/log', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(8))
const key = signer.verifier
const SIZE = 600

/** Shared, because building trees is the slow part. */
const honest = await memoryLog(signer, madeUpRecords(0, SIZE))
const grown = await memoryLog(signer, madeUpRecords(0, 700))

let log: LyingLog
beforeEach(async () => {
  log = await LyingLog.start(honest)
})
afterEach(() => log.close())

async function headOf(history: SumdbServer, size = history.size): Promise<VerifiedHead> {
  const note = await history.head(size)
  return { note, head: parseCheckpoint(parseNote(note).text) }
}

const modules = (...numbers: number[]) => numbers.map((n) => madeUpRecord(n))

async function check(
  numbers: readonly number[],
  options: Partial<SumdbClientOptions> = {},
  parts: Partial<CheckParts> = {},
): Promise<Checked> {
  const client = new SumdbClient({ url: log.url, key, retries: 0, ...options })
  return checkModules(modules(...numbers), { client, key, quorum: await headOf(honest), ...parts })
}

/** The class of the first go.sum line of each module; 'ok' if there is no finding. */
function classes(numbers: readonly number[], { answers }: Checked): string[] {
  return numbers.map((n, i) => {
    const [line] = parseGoSum('go.sum', utf8(madeUpRecord(n).text)).lines
    return judgeLine(line!, answers[i]!)?.class ?? 'ok'
  })
}

async function classesOf(numbers: readonly number[]): Promise<string[]> {
  return classes(numbers, await check(numbers))
}

function lieAbout(n: number, behaviour: Behaviour): void {
  log.lie = (path) => (path === lookupPath(n) ? behaviour : undefined)
}
const lookupPath = (n: number): string => `lookup/example.com/!module${n}@v1.${n}.0`

/** The head in a lookup answer. */
function headIn(body: Uint8Array): Uint8Array {
  return body.subarray(Buffer.from(body).indexOf('\n\n') + 2)
}

/** Answers with this record, as number `id`, and the head of an honest answer. */
function answering(id: number, text: string, note?: Uint8Array): Behaviour {
  return (response, answer) => {
    const head = note ?? headIn(answer.body)
    honestly(response, { ...answer, status: 200, body: concatBytes(formatRecord(id, utf8(text)), head) })
  }
}

describe('an honest log', () => {
  test('is verified with one lookup per module, and each tile is fetched once', async () => {
    const numbers = Array.from({ length: 90 }, (_, i) => i * 6)
    const checked = await check(numbers)
    expect(new Set(classes(numbers, checked))).toEqual(new Set(['ok']))
    expect(checked.answers[5]).toEqual({ kind: 'record', id: 30, lines: madeUpRecord(30).text.trim().split('\n') })
    expect(checked.conviction).toBeUndefined()
    const tiles = log.requests.filter((path) => path.startsWith('tile/'))
    expect(new Set(tiles).size).toBe(tiles.length)
    expect(log.requests.length).toBe(90 + tiles.length)
  })

  test('that has grown since the quorum head is verified, except for newer records', async () => {
    log.history = grown
    const numbers = [5, 599, 600, 699]
    const checked = await check(numbers)
    expect(classes(numbers, checked)).toEqual(['ok', 'ok', 'pending', 'pending'])
    expect(checked.answers[2]).toEqual({
      kind: 'pending',
      id: 600,
      reason: 'record 600 is not in the quorum head of 600 records yet',
    })
  })

  test('may show heads of any age', async () => {
    const sizes = [6, 77, 256, 512, 599]
    const notes = await Promise.all(sizes.map((size) => honest.head(size)))
    log.lie = (path) => {
      const n = Number(/module(\d+)@/.exec(path)?.[1] ?? NaN)
      return n < sizes.length ? answering(n, madeUpRecord(n).text, notes[n]) : undefined
    }
    expect(await classesOf([0, 1, 2, 3, 4, 5])).toEqual(Array(6).fill('ok'))
  })

  test('has its verified records kept for a proof, within the limit', async () => {
    const numbers = [3, 4, 599]
    const checked = await check(numbers, {}, { keepBytes: 10_000 })
    expect([...checked.records.keys()]).toEqual(numbers)
    expect(checked.isWhole).toBe(true)
    const { head } = await headOf(honest)
    const client = new SumdbClient({ url: log.url, key })
    const leaves = [...checked.records].map(([index, record]) => ({ index, leafHash: hashLeaf(record) }))
    checkRecords(await client.recordsProof(head, numbers), head.size, head.root, leaves)
    expect((await check(numbers, {}, { keepBytes: 200 })).isWhole).toBe(false)
    expect((await check(numbers)).records.size).toBe(0)
  })

  test('that does not have a module is reported accordingly', async () => {
    expect(await classesOf([5, 1000])).toEqual(['ok', 'not-in-log'])
    const { answers } = await check([1000])
    expect(answers[0]).toEqual({
      kind: 'not-in-log',
      reason: 'status 404 not found: example.com/Module1000@v1.1000.0',
    })
    lieAbout(1000, refuse(410))
    expect(await classesOf([1000])).toEqual(['not-in-log'])
  })

  test('that does not answer leaves lines pending', async () => {
    for (const behaviour of [refuse(500), refuse(503), refuse(429), refuse(403), refuse(302)]) {
      lieAbout(7, behaviour)
      expect(await classesOf([5, 7])).toEqual(['ok', 'pending'])
    }
    lieAbout(7, stall)
    expect(classes([5, 7], await check([5, 7], { timeoutMs: 50 }))).toEqual(['ok', 'pending'])
  })

  test('that stops answering is soon not asked any more', async () => {
    log.lie = () => refuse(500)
    const numbers = Array.from({ length: 300 }, (_, i) => i)
    const checked = await check(numbers)
    expect(new Set(classes(numbers, checked))).toEqual(new Set(['pending']))
    expect(log.requests.length).toBeLessThan(100)
    expect(checked.answers.at(-1)).toEqual({ kind: 'pending', reason: 'not asked: the log does not answer' })
  })

  test('is not asked any more once the check is aborted', async () => {
    const controller = new AbortController()
    log.lie = () => {
      controller.abort(new Error('enough'))
      return undefined
    }
    await expect(check([1, 2, 3], {}, { signal: controller.signal })).rejects.toThrow('enough')
  })
})

test('of two records of one module version in a fully read log, the first counts', async () => {
  const first = madeUpRecord(1)
  const text = `${madeUpRecord(1, 'b').text}example.com/elsewhere v1.0.0 h1:x\n`
  const twice = await memoryLog(signer, [first, { path: 'example.com/elsewhere', version: 'v1.0.0', text }])
  const odd = await LyingLog.start(twice)
  try {
    const client = new SumdbClient({ url: odd.url, key, retries: 0 })
    // So many that reading the whole log is cheaper than looking up each.
    const asked = modules(1, ...Array.from({ length: 40 }, (_, i) => i + 10))
    const { answers } = await checkModules(asked, { client, key, quorum: await headOf(twice) })
    expect(answers[0]).toMatchObject({ kind: 'record', id: 0, lines: first.text.trim().split('\n') })
  } finally {
    await odd.close()
  }
})

describe('a log smaller than the go.sum', () => {
  const numbers = Array.from({ length: 150 }, (_, i) => i * 4)
  const fine = numbers.map(() => 'ok')

  test('is read completely, and lookups are made only for missing modules', async () => {
    const checked = await check([...numbers, 1000])
    expect(classes([...numbers, 1000], checked)).toEqual([...fine, 'not-in-log'])
    expect(checked.answers[5]).toEqual({ kind: 'record', id: 20, lines: madeUpRecord(20).text.trim().split('\n') })
    expect(log.requests.filter((path) => path.startsWith('lookup/'))).toEqual([lookupPath(1000)])
    expect(log.requests.filter((path) => path.startsWith('tile/8/data/'))).toHaveLength(3)
  })

  test('has its records kept for a proof', async () => {
    const checked = await check(numbers, {}, { keepBytes: 100_000 })
    expect([...checked.records.keys()]).toEqual(numbers)
  })

  test('gives the same findings as lookups', async () => {
    const { answers } = await check(numbers)
    const [line] = parseGoSum('go.sum', utf8(madeUpRecord(8, 'b').text)).lines
    expect(judgeLine(line!, answers[2]!)).toMatchObject({ class: 'other-hash', record: 8 })
  })

  test.each<[string, Behaviour]>([
    ['has no data tiles', refuse(404)],
    ['changes them', flipBit(70)],
    ['does not answer for them', refuse(500)],
  ])('that %s is queried with lookups instead', async (_what, behaviour) => {
    log.lie = (path) => (path.startsWith('tile/8/data/') ? behaviour : undefined)
    expect(await classesOf(numbers)).toEqual(fine)
    expect(log.requests.filter((path) => path.startsWith('lookup/'))).toHaveLength(150)
  })

  test('is not read further once the check is aborted', async () => {
    const controller = new AbortController()
    log.lie = () => {
      controller.abort(new Error('enough'))
      return undefined
    }
    await expect(check(numbers, {}, { signal: controller.signal })).rejects.toThrow('enough')
    expect(log.requests.filter((path) => path.startsWith('lookup/'))).toEqual([])
  })

  test('may have records of many lines, of which few are kept', async () => {
    const { path, version } = madeUpRecord(1)
    const many = Array.from({ length: 50 }, (_, i) => `${path} ${version} h1:${i}\n`).join('')
    const long = `${path} ${version} h1:${'x'.repeat(5000)}\n`
    const records = [{ path, version, text: `${long}${many}` }]
    const odd = await memoryLog(signer, records)
    log.history = odd
    const { answers } = await check(
      Array.from({ length: 32 }, (_, i) => i + 1),
      {},
      { quorum: await headOf(odd) },
    )
    expect(answers[0]).toEqual({ kind: 'record', id: 0, lines: many.split('\n').slice(0, 16) })
  })
})

describe('a wrong lookup answer', () => {
  test.each<[string, () => Behaviour, RegExp]>([
    [
      'an unrelated record that is in no tree',
      () => answering(7, 'example.com/evil v1.0.0 h1:abc\n'),
      /the answer is not record 7 of the tree of 600$/,
    ],
    ['the requested lines, in no tree', () => answering(7, madeUpRecord(7, 'b').text), /not record 7/],
    ['the right record under another number', () => answering(8, madeUpRecord(7).text), /not record 8/],
    [
      'a genuine record of another module',
      () => answering(8, madeUpRecord(8).text),
      /it has no line for example.com\/Module7 v1.7.0$/,
    ],
    ['an empty answer', () => replaceBody(() => new Uint8Array()), /not a number, a record and a head/],
    ['an empty record', () => replaceBody((body) => concatBytes(utf8('7\n\n'), headIn(body))), /its text is empty/],
    [
      'a missing head',
      () => replaceBody((body) => body.subarray(0, body.length - headIn(body).length)),
      /not a signed note/,
    ],
    [
      'a badly signed head',
      () => replaceBody((body) => body.map((byte, i) => (i === body.length - 10 ? byte ^ 1 : byte))),
      /signature/,
    ],
    ['a number beyond its own head', () => answering(SIZE, madeUpRecord(7).text), /record 600 in a tree of 600$/],
    [
      'endless bytes',
      () => replaceBody(() => new Uint8Array(MAX_LOOKUP_BYTES + 1)),
      new RegExp(`more than ${MAX_LOOKUP_BYTES} bytes$`),
    ],
  ])('with %s is unproven', async (_what, behaviour, reason) => {
    lieAbout(7, behaviour())
    const checked = await check([5, 7, 9])
    expect(classes([5, 7, 9], checked)).toEqual(['ok', 'unproven', 'ok'])
    expect(checked.answers[1]).toMatchObject({ reason: expect.stringMatching(reason) as string })
  })

  test('with a head by another key is unproven', async () => {
    const other = await memoryLog(otherSigner, madeUpRecords(0, 10))
    lieAbout(7, answering(7, madeUpRecord(7).text, await other.head()))
    expect(await classesOf([7])).toEqual(['unproven'])
  })

  test('with a head of a size that no tree has is unproven', async () => {
    const text = `${SUMDB_ORIGIN}\n9007199254740993\n${formatCheckpoint({ origin: 'x', size: 1, root: EMPTY_ROOT }).split('\n')[2]!}\n`
    lieAbout(7, answering(7, madeUpRecord(7).text, formatNote({ text, signatures: [signNote(text, signer)] })))
    expect(await classesOf([7])).toEqual(['unproven'])
  })

  test('with the requested lines only in the text of the head is unproven', async () => {
    // The record of another module is proven; the one we look for is in the text of the head.
    const { root } = (await headOf(honest)).head
    const text = `${formatCheckpoint({ origin: SUMDB_ORIGIN, size: SIZE, root })}${madeUpRecord(7).text}`
    lieAbout(7, answering(8, madeUpRecord(8).text, formatNote({ text, signatures: [signNote(text, signer)] })))
    expect(await classesOf([7])).toEqual(['unproven'])
  })
})

describe('forged tiles', () => {
  test('affect only the records below them', async () => {
    log.lie = (path) => (path === 'tile/8/0/001' ? flipBit(40) : undefined)
    expect(await classesOf([5, 300, 599])).toEqual(['ok', 'unproven', 'ok'])
    log.lie = (path) => (path === 'tile/8/0/001' ? refuse(500) : undefined)
    expect(await classesOf([5, 300, 599])).toEqual(['ok', 'pending', 'ok'])
  })

  test('at the edge affect all records', async () => {
    log.lie = (path) => (path.startsWith('tile/8/1/') ? flipBit(3) : undefined)
    expect(await classesOf([5, 300, 599])).toEqual(['unproven', 'unproven', 'unproven'])
  })

  test('are not fetched without end', async () => {
    const large = await memoryLog(signer, madeUpRecords(0, 5000))
    log.history = large
    log.lie = (path) => (path.startsWith('tile/8/0/') && !path.includes('.p/') ? flipBit(3) : undefined)
    const numbers = Array.from({ length: 19 }, (_, i) => i * 256)
    const checked = await check(numbers, {}, { quorum: await headOf(large) })
    expect(new Set(classes(numbers, checked))).toEqual(new Set(['unproven']))
    // All at once, then one by one until the reason is clear.
    expect(log.requests.filter((path) => path.startsWith('tile/8/0/')).length).toBeLessThan(19 + 19)
  })
})

describe('two histories', () => {
  const forks = new Map<string, Promise<SumdbServer>>()
  /** The first records are shared, and the rest is not. Each is made once, since no test changes it. */
  const fork = (from: number, size: number): Promise<SumdbServer> => {
    const which = `${from} ${size}`
    const made = forks.get(which) ?? memoryLog(signer, [...madeUpRecords(0, from), ...madeUpRecords(from, size, 'b')])
    forks.set(which, made)
    return made
  }

  async function expectConviction(numbers: number[], expected: string[], sizes: [number, number]): Promise<void> {
    const checked = await check(numbers)
    expect(classes(numbers, checked)).toEqual(expected)
    expect(verifyEvidence(checked.conviction!.evidence, [key]).sizes).toEqual(sizes)
  }

  test('a head of the same size and another root convicts', async () => {
    const other = await fork(300, SIZE)
    lieAbout(7, answering(7, madeUpRecord(7).text, await other.head()))
    await expectConviction([5, 7], ['ok', 'log-conflict'], [SIZE, SIZE])
  })

  test.each(SPOILED)('so does one in an answer with %s', async (_what, spoil) => {
    const head = await (await fork(300, SIZE)).head()
    lieAbout(
      7,
      replaceBody(() => spoil(madeUpRecord(7).text, head)),
    )
    await expectConviction([5, 7], ['ok', 'log-conflict'], [SIZE, SIZE])
  })

  test('a head of size 0 with another root convicts by itself', async () => {
    const text = formatCheckpoint({ origin: SUMDB_ORIGIN, size: 0, root: hashLeaf(utf8('x')) })
    lieAbout(7, answering(7, madeUpRecord(7).text, formatNote({ text, signatures: [signNote(text, signer)] })))
    await expectConviction([5, 7], ['ok', 'log-conflict'], [0, SIZE])
  })

  test('a smaller head that is not in the quorum head convicts', async () => {
    const other = await fork(300, 400)
    lieAbout(7, answering(7, madeUpRecord(7).text, await other.head()))
    await expectConviction([5, 7], ['ok', 'log-conflict'], [400, SIZE])
  })

  test('a larger head that does not extend the quorum head convicts, if the log serves its tiles', async () => {
    log.history = await fork(300, 800)
    await expectConviction([5, 7], ['log-conflict', 'log-conflict'], [SIZE, 800])
  })

  test('a larger head without tiles makes the answer that came with it doubtful', async () => {
    const other = await fork(300, 800)
    lieAbout(7, answering(7, madeUpRecord(7).text, await other.head()))
    const checked = await check([5, 7])
    expect(classes([5, 7], checked)).toEqual(['ok', 'pending'])
    expect(checked.conviction).toBeUndefined()
    expect(checked.answers[1]).toMatchObject({
      doubt: { reason: expect.stringMatching(/^the head of 800 records that came with it cannot be tied/) as string },
    })
  })

  test('two different heads of one size convict without any tiles', async () => {
    const [one, two] = [await fork(300, 800), await fork(200, 800)]
    const notes = [await one.head(), await two.head()]
    log.lie = (path) => {
      const n = [7, 8].find((number) => path === lookupPath(number))
      return n === undefined ? undefined : answering(n, madeUpRecord(n).text, notes[n - 7])
    }
    const checked = await check([5, 7, 8])
    expect(classes([5, 7, 8], checked)[0]).toBe('ok')
    expect(classes([5, 7, 8], checked).slice(1)).toContain('log-conflict')
    expect(verifyEvidence(checked.conviction!.evidence, [key]).sizes).toEqual([800, 800])
  })

  test('honest larger heads are distinguished from a lie', async () => {
    log.history = grown
    const lie = await (await fork(300, 900)).head()
    log.lie = (path) => (path === lookupPath(7) ? answering(7, madeUpRecord(7).text, lie) : undefined)
    const checked = await check([5, 7, 9])
    expect(classes([5, 7, 9], checked)).toEqual(['ok', 'pending', 'ok'])
    const between = await (await fork(300, 650)).head()
    log.lie = (path) => (path === lookupPath(7) ? answering(7, madeUpRecord(7).text, between) : undefined)
    await expectConviction([5, 7, 9], ['ok', 'log-conflict', 'ok'], [650, 700])
  })

  test('a head from another source is also compared with the quorum head', async () => {
    const other = await fork(300, 400)
    const checked = await check([5], {}, { shown: [await headOf(other)] })
    expect(classes([5], checked)).toEqual(['ok'])
    expect(verifyEvidence(checked.conviction!.evidence, [key]).sizes).toEqual([400, SIZE])
    const nothing = formatCheckpoint({ origin: SUMDB_ORIGIN, size: 0, root: hashLeaf(utf8('x')) })
    const empty = formatNote({ text: nothing, signatures: [signNote(nothing, signer)] })
    const impossible = await check([5], {}, { shown: [{ note: empty, head: parseCheckpoint(nothing) }] })
    expect(verifyEvidence(impossible.conviction!.evidence, [key]).sizes).toEqual([0, SIZE])
  })

  test('a difference is reported even with a doubtful head', async () => {
    const other = await fork(300, 800)
    lieAbout(7, answering(7, madeUpRecord(7).text, await other.head()))
    const { answers } = await check([7])
    const [line] = parseGoSum('go.sum', utf8(madeUpRecord(7, 'b').text)).lines
    expect(judgeLine(line!, answers[0]!)).toMatchObject({ class: 'other-hash', record: 7 })
  })

  test('with a new head in every lookup, not all heads are examined', async () => {
    const text = (size: number): string =>
      formatCheckpoint({ origin: SUMDB_ORIGIN, size, root: hashLeaf(utf8(`root ${size}`)) })
    const numbers = Array.from({ length: 60 }, (_, i) => i)
    log.lie = (path) => {
      const n = numbers.find((number) => path === lookupPath(number))
      if (n === undefined) return undefined
      const head = text(10_000 + n)
      return answering(n, madeUpRecord(n).text, formatNote({ text: head, signatures: [signNote(head, signer)] }))
    }
    const checked = await check(numbers)
    expect(classes(numbers, checked)).not.toContain('ok')
    expect(log.requests.filter((path) => path.startsWith('tile/')).length).toBeLessThan(100)
  })
})
