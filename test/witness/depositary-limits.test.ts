/** What is kept for others, at the limits: times, log ids, full pages, and what the disk refuses. */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test, vi } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { Store } from '../../src/store/store.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { cosign, MAX_COSIGNATURE_TIME } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote } from '../../src/tlog/note.js'
import { Depositary, type Bringer } from '../../src/witness/depositary.js'
import { MAX_BYTES, MAX_HEADS, promiseBytes } from '../../src/witness/frame-bytes.js'
import { makePromise, type WitnessPromise } from '../../src/witness/promise.js'
import { SignatureCache } from '../../src/witness/signature-cache.js'
import { Signers } from '../../src/witness/signers.js'
import { MemoryGuard, testWitness } from '../helpers/heart.js'
import { LOG, logId, promise, roomsFor, startShelf } from '../helpers/shelf.js'
import { history, log } from '../helpers/step-inputs.js'

const KEY = testWitness.verifier
const { vkey } = KEY
const from: Bringer = { peer: 'peer', witness: vkey, chosen: true }
const cosigned = (text: string) => new Map([[vkey, cosign(text, 50, testWitness)]])

async function start() {
  const store = await Store.over(new MemoryLevel(), new MemoryGuard())
  const signers = new Signers({
    ...{ kept: store.signedBy, seen: store.seenLines, counted: [KEY], relayed: () => [] },
    known: new SignatureCache(),
  })
  const { shelf } = await startShelf(roomsFor(100))
  const depositary = new Depositary({
    ...{ shelf, signers, logs: new Map([[log.id, log]]) },
    ...{ counts: (key) => key === vkey, keys: () => [KEY] },
  })
  const keepHead = (of: string, size: number, extension = '') => {
    const head = parseNote(history.sign(`${history.text(size)}${extension}`))
    return signers.remember(of, head, cosigned(head.text))
  }
  /** Keeps a promise that takes so many bytes of a page. */
  const keepBytes = async (of: string, bytes: number) => {
    const empty = { ...promise(vkey, 5, { log: of }), head: utf8(''), signature: utf8('sig') }
    const head = 'x'.repeat(bytes - promiseBytes(empty))
    expect(await shelf.put(promise(vkey, 5, { log: of, head }), 'counted')).toBe(true)
  }
  /** The pages about the key: the logs of their promises, the sizes of their heads, and where the next one starts. */
  const pages = async () => {
    const all: { promises: string[]; heads: number[]; next?: string }[] = []
    for (let after: string | undefined; all.length < 10;) {
      const { promises, heads, ...rest } = await depositary.page(vkey, after)
      const sizes = heads.map((head) => Number(fromUtf8(head)!.split('\n')[1]))
      all.push({ promises: promises.map((of) => of.log), heads: sizes, ...rest })
      if (rest.next === undefined) break
      after = rest.next
    }
    return all
  }
  return { depositary, signers, keepHead, keepBytes, pages }
}

describe('a promise', () => {
  test.each<[string, boolean, Partial<WitnessPromise>]>([
    ['of the first second of all', true, { time: 1 }],
    ['of the last second that a date can have', true, { time: MAX_COSIGNATURE_TIME }],
    ['of the second after it', false, { time: MAX_COSIGNATURE_TIME + 1 }],
    ['about a log id with something before it', false, { log: `x${LOG}` }],
    ['about a log id with something after it', false, { log: `${LOG}x` }],
  ])('%s is kept: %s', async (_what, expected, rest) => {
    const { depositary, pages } = await start()
    const made = await makePromise(testWitness, { log: LOG, seq: 1, time: 100, head: history.head(5), ...rest })
    expect(await depositary.keepPromise(made, from)).toBe(expected)
    expect(await pages()).toEqual([{ promises: expected ? [LOG] : [], heads: [] }])
  })
})

describe('a page', () => {
  test('is full to the last byte, and no further', async () => {
    const two = async (more: number) => {
      const { keepBytes, pages } = await start()
      await keepBytes(LOG, MAX_BYTES / 2)
      await keepBytes(logId(1), MAX_BYTES / 2 + more)
      return pages()
    }
    expect(await two(0)).toEqual([{ promises: [LOG, logId(1)], heads: [] }])
    expect(await two(1)).toEqual([
      { promises: [LOG], heads: [], next: LOG },
      { promises: [logId(1)], heads: [] },
    ])
  })

  test('holds 64 heads, and no more', async () => {
    const { keepHead, pages } = await start()
    for (let i = 0; i <= MAX_HEADS; i++) await keepHead(logId(i), i + 1)
    expect(await pages()).toEqual([
      { promises: [], heads: Array.from({ length: MAX_HEADS }, (_, i) => i + 1), next: logId(MAX_HEADS - 1) },
      { promises: [], heads: [MAX_HEADS + 1] },
    ])
  })

  test('leaves out what one log has too much of, and the logs after it are told all the same', async () => {
    const { keepHead, keepBytes, pages } = await start()
    await keepBytes(LOG, MAX_BYTES / 2)
    await keepHead(LOG, 5, `${'x'.repeat(MAX_BYTES / 2)}\n`)
    await keepBytes(logId(1), 1_000)
    await keepHead(logId(1), 9)
    expect(await pages()).toEqual([
      { promises: [LOG], heads: [], next: LOG },
      { promises: [logId(1)], heads: [9] },
    ])
  })
})

describe('a line', () => {
  const { text, signatures } = parseNote(history.head(5))
  const note = formatNote({ text, signatures: [...signatures, cosigned(text).get(vkey)!.signature] })

  test('that the disk refuses is not kept, and the next one is', async () => {
    const { depositary, signers } = await start()
    vi.spyOn(signers, 'see').mockRejectedValueOnce(new GossumError('STORE_WRITE_FAILED'))
    await depositary.keepLine(note, 'peer')
    expect(await signers.told(log.id, vkey)).toEqual([])
    await depositary.keepLine(note, 'peer')
    expect(await signers.told(log.id, vkey)).toEqual([note])
  })

  test('whose keeping fails by a bug is reported', async () => {
    const { depositary, signers } = await start()
    vi.spyOn(signers, 'see').mockRejectedValueOnce(new TypeError('a bug'))
    await expect(depositary.keepLine(note, 'peer')).rejects.toThrow('a bug')
  })
})
