/** Who last cosigned what: the newest over all logs, what is left of damaged records, and whose long heads are kept. */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { MAX_STRANGER_BYTES } from '../../src/store/seen-lines.js'
import { Store } from '../../src/store/store.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { cosign, type Cosignature } from '../../src/tlog/cosignature.js'
import { formatHash } from '../../src/tlog/hash.js'
import { formatNote, parseNote, SIGNATURE_TYPES, type Note, type SignerKey } from '../../src/tlog/note.js'
import { SignatureCache } from '../../src/witness/signature-cache.js'
import { Signers, type LastSeen } from '../../src/witness/signers.js'
import { MemoryGuard, testSigner } from '../helpers/heart.js'
import { history, log } from '../helpers/step-inputs.js'

const witness = (name: string, byte: number): SignerKey => testSigner(name, byte, SIGNATURE_TYPES.cosignature)
const counted = witness('counted.example', 21)
const relayed = witness('relayed.example', 22)
const stranger = witness('stranger.example', 23)
const { vkey } = counted.verifier
const [ONE, TWO] = [log.id, 'two'.padEnd(64, '.')]

async function start() {
  const store = await Store.over(new MemoryLevel(), new MemoryGuard())
  const signers = new Signers({
    kept: store.signedBy,
    seen: store.seenLines,
    counted: [counted.verifier],
    relayed: () => [relayed.verifier],
    known: new SignatureCache(),
  })
  return { store, signers }
}

/** The cosignatures of these witnesses on a text. */
function lines(text: string, time: number, ...by: readonly SignerKey[]): Map<string, Cosignature> {
  return new Map(by.map((signer) => [signer.verifier.vkey, cosign(text, time, signer)]))
}

describe('the newest cosignature of a witness', () => {
  test.each<[string, one: number, two: number, LastSeen]>([
    ['of the log where it has signed last', 100, 200, { log: TWO, size: 9, time: 200 }],
    ['not of a log where it has signed earlier', 200, 100, { log: ONE, size: 5, time: 200 }],
    ['of the log that was known first, at the same time', 100, 100, { log: ONE, size: 5, time: 100 }],
  ])('is %s', async (_what, one, two, last) => {
    const { signers } = await start()
    await signers.remember(ONE, parseNote(history.head(5)), lines(history.text(5), one, counted))
    await signers.remember(TWO, parseNote(history.head(9)), lines(history.text(9), two, counted))
    expect([signers.lastSeen(vkey), signers.lastSeen(relayed.verifier.vkey)]).toEqual([last, undefined])
  })
})

describe('a head that is kept', () => {
  /** A head with the log's line and a line of the witness over another head. */
  function damaged(size: number): string {
    const { text, signatures } = parseNote(history.head(size))
    const wrong = cosign(history.text(size + 1), 100, counted).signature
    return fromUtf8(formatNote({ text, signatures: [...signatures, wrong] }))!
  }

  test('is told to nobody if its line does not verify any more', async () => {
    const { store, signers } = await start()
    const put = { size: 5, time: 100, note: damaged(5) }
    await store.signedBy.put(ONE, vkey, put, () => ['counted'])
    const seen = { size: 9, time: 100, root: formatHash(history.tree(9).root), note: damaged(9) }
    await store.seenLines.put(ONE, vkey, seen, () => ['counted'])
    expect([await signers.largestBy(ONE, vkey), await signers.told(ONE, vkey)]).toEqual([undefined, []])
    expect(signers.logs(vkey), 'a larger one would replace it').toEqual([ONE])
  })
})

test('a head without cosignatures leaves nothing behind', async () => {
  const { signers } = await start()
  await signers.remember(ONE, parseNote(history.head(5)), new Map())
  await signers.see(ONE, parseNote(history.head(9)), new Map())
  expect([signers.logs(vkey), await signers.told(ONE, vkey)]).toEqual([[], []])
})

test('a long head outside our history is kept for keys that we or a neighbour count, and for no stranger', async () => {
  const { signers } = await start()
  const note: Note = parseNote(history.sign(`${history.text(5)}${'x'.repeat(MAX_STRANGER_BYTES)}\n`))
  const all = [counted, relayed, stranger]
  await signers.see(ONE, note, lines(note.text, 100, ...all))
  const told = await Promise.all(all.map((signer) => signers.told(ONE, signer.verifier.vkey)))
  const withLine = (signer: SignerKey): Uint8Array => {
    return formatNote({ text: note.text, signatures: [...note.signatures, cosign(note.text, 100, signer).signature] })
  }
  expect(told).toEqual([[withLine(counted)], [withLine(relayed)], []])
})
