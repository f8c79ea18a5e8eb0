/**
 * Writes test/vectors/published: vectors that other implementations of a witness, a log client or an auditor can be
 * tested with. Everything is made from fixed seeds, so the files are the same byte for byte on every run.
 *
 *   npm run vectors
 */
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import {
  encodeEvidence,
  evidenceId,
  makeSplitView,
  makeWitnessConflict,
  parseEvidence,
} from '../../src/evidence/evidence.js'
import { claimText } from '../../src/gossip/sync/identity.js'
import { evidenceTopic, headsTopic, messageId } from '../../src/gossip/topics.js'
import { promiseText } from '../../src/witness/promise.js'
import { concatBytes, toBase64, toHex, uint64, utf8, fromUtf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { cosign, cosignatureMessage, cosignSubtree } from '../../src/tlog/cosignature.js'
import { formatHash } from '../../src/tlog/hash.js'
import {
  formatNote,
  formatSignature,
  formatSignerKey,
  makeSignerKey,
  parseNote,
  SIGNATURE_TYPES,
  signNote,
  type Note,
  type Signature,
  type SignerKey,
} from '../../src/tlog/note.js'
import { refusals } from '../../test/helpers/push-cases.js'
import { recordOf, RecordLog } from '../../test/helpers/record-log.js'
import { PushingLog } from '../../test/helpers/witness-client.js'

const TIME = 1_767_225_600
const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

const { ed25519, cosignature } = SIGNATURE_TYPES
const logKey = makeSignerKey('vectors.example/log', ed25519, seed(1))
const stranger = makeSignerKey('vectors.example/log', ed25519, seed(2))
const witness = makeSignerKey('vectors.example/witness', cosignature, seed(3))
const log = new PushingLog(logKey)
const fork = new PushingLog(logKey, { salt: 'b' })

const KEYS = {
  log: { vkey: logKey.verifier.vkey, skey: formatSignerKey('vectors.example/log', ed25519, seed(1)) },
  witness: { vkey: witness.verifier.vkey, skey: formatSignerKey('vectors.example/witness', cosignature, seed(3)) },
}

const mlDsa = makeSignerKey('vectors.example/witness', SIGNATURE_TYPES.mlDsa, seed(4))
const ML_DSA_KEY = {
  vkey: mlDsa.verifier.vkey,
  skey: formatSignerKey('vectors.example/witness', SIGNATURE_TYPES.mlDsa, seed(4)),
}

/** The files by name. */
export function published(): Record<string, string> {
  return {
    'cosignatures.json': file({ keys: KEYS, cases: cosignatures() }),
    'add-checkpoint.json': file({ log: KEYS.log, origin: log.origin, steps: addCheckpoint() }),
    'subtree-lines.json': file({ witness: ML_DSA_KEY, ...subtreeLines() }),
    'evidence.json': file({ log: KEYS.log, witness: KEYS.witness, cases: evidence() }),
    'mesh.json': file({ log: KEYS.log, witness: KEYS.witness, ...mesh() }),
  }
}

function file(content: object): string {
  return `${JSON.stringify(content, null, 1)}\n`
}

// ---- subtrees --------------------------------------------------------------------------------------------------

/** Lines of one subtree, with the time as now specified and without it (C2SP#346). */
function subtreeLines(): object {
  const hash = seed(9)
  const line = cosignSubtree(log.origin, { start: 4, end: 8, hash }, mlDsa)
  const { bytes } = line
  const cases: [what: string, bytes: Uint8Array, verifies: boolean][] = [
    ['eight zero bytes and the signature', bytes, true],
    ['the signature alone', bytes.subarray(8), true],
    ['a time that is not zero', concatBytes(uint64(TIME), bytes.subarray(8)), false],
    ['seven zero bytes', bytes.subarray(1), false],
    ['no signature', bytes.subarray(0, 8), false],
  ]
  return {
    origin: log.origin,
    ...{ start: 4, end: 8, hash: formatHash(hash) },
    cases: cases.map(([what, its, verifies]) => ({ what, line: formatSignature({ ...line, bytes: its }), verifies })),
  }
}

// ---- cosignatures ----------------------------------------------------------------------------------------------

interface LineCase {
  readonly what: string
  readonly text: string
  readonly line: string
  readonly vkey: string
  readonly verifies: boolean
  /** Whether the specification leaves the result open. */
  readonly choice?: true
}

/** A line under a text, and whether it is a cosignature by the witness. */
function cosignatures(): LineCase[] {
  const text = log.text(5)
  const line = cosign(text, TIME, witness).signature
  const { vkey, name, keyId } = witness.verifier
  const of = (what: string, verifies: boolean, its: Signature | string, its_text = text): LineCase => ({
    what,
    text: its_text,
    line: typeof its === 'string' ? its : formatSignature(its),
    vkey,
    verifies,
  })
  const changed = (at: number): Signature => {
    const bytes = Uint8Array.from(line.bytes)
    bytes[at]! ^= 1
    return { ...line, bytes }
  }
  const timed = (time: number): Signature => {
    return { name, keyId, bytes: concatBytes(uint64(time), sign(witness, cosignatureMessage(text, time))) }
  }
  const spelled = formatSignature(line)
  return [
    of('a cosignature', true, line),
    of('at another time', true, cosign(text, TIME + 1, witness).signature),
    of('at time 1', true, cosign(text, 1, witness).signature),
    of('of the empty tree', true, cosign(log.text(0), TIME, witness).signature, log.text(0)),
    of(
      'of a text with an extension line',
      true,
      cosign(`${text}extension\n`, TIME, witness).signature,
      `${text}extension\n`,
    ),
    of('of another text', false, line, log.text(6)),
    of('with one bit of its time changed', false, changed(7)),
    of('with one bit of its signature changed', false, changed(20)),
    of('with the last bit of its signature changed', false, changed(71)),
    of('one byte short', false, { ...line, bytes: line.bytes.slice(0, -1) }),
    of('one byte long', false, { ...line, bytes: concatBytes(line.bytes, Uint8Array.of(0)) }),
    of('without its time', false, { ...line, bytes: line.bytes.slice(8) }),
    of('its time in little-endian order', false, {
      ...line,
      bytes: concatBytes(Uint8Array.from(line.bytes.slice(0, 8)).reverse(), line.bytes.slice(8)),
    }),
    of('a plain signature of the text by the same key', false, { name, keyId, bytes: sign(witness, utf8(text)) }),
    of('a plain signature behind a time', false, {
      name,
      keyId,
      bytes: concatBytes(uint64(TIME), sign(witness, utf8(text))),
    }),
    // It does not claim to cover the largest tree (c2sp.org/tlog-cosignature): whether to accept it is left open.
    { ...of('at time 0', false, timed(0)), choice: true },
    of(
      'the same bytes in non-canonical base64',
      true,
      spelled.replace(/(.)==\n$/, (_, last: string) => `${next(last)}==\n`),
    ),
  ]
}

/** The next base64 digit: before "==" it encodes the same bytes with an unused bit set. */
function next(digit: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  return digits[digits.indexOf(digit) + 1]!
}

function sign(signer: SignerKey, message: Uint8Array): Uint8Array {
  return signer.sign(message)
}

// ---- add-checkpoint --------------------------------------------------------------------------------------------

interface Step {
  readonly what: string
  /** Base64. */
  readonly body: string
  readonly status: number
  /** In the body of a 409. */
  readonly size?: number
  /** The checkpoint that the cosignature of a 200 signs. */
  readonly text?: string
}

/** Requests to a witness that knows the log and holds nothing of it, in this order. */
function addCheckpoint(): Step[] {
  const step = (what: string, body: Uint8Array | string, status: number, more: Partial<Step> = {}): Step => {
    return { what, body: toBase64(typeof body === 'string' ? utf8(body) : body), status, ...more }
  }
  const refused = refusals(log, stranger).filter(({ what }) => !CONVICTING.has(what))
  return [
    step('a nonzero old size when nothing is held', log.body(5, 9), 409, { size: 0 }),
    step('the first head', log.body(0, 5), 200, { text: log.text(5) }),
    step('the same head again', log.body(5, 5), 200, { text: log.text(5) }),
    ...refused.map(({ what, body, status }) => step(what, body, status)),
    step('old size 0, to learn what is held', log.body(0, 9), 409, { size: 5 }),
    step('old size too small', log.body(3, 9), 409, { size: 5 }),
    step('the next head', log.body(5, 9), 200, { text: log.text(9) }),
    step('an older head', log.body(5, 7), 409, { size: 9 }),
    step('a much larger head', log.body(9, 1000), 200, { text: log.text(1000) }),
  ]
}

/** Heads that contradict the one held. A witness may stop serving the log after them, so the sequence omits them. */
const CONVICTING: ReadonlySet<string> = new Set([
  'size 0 with the wrong root',
  'the size already held, with another root',
])

// ---- evidence --------------------------------------------------------------------------------------------------

interface EvidenceCase {
  readonly what: string
  readonly file: string
  readonly convicts: 'log' | 'witness' | null
}

function evidence(): EvidenceCase[] {
  const head = (of: PushingLog, size: number): Note => parseNote(of.head(size))
  const cosigned = (of: PushingLog, size: number): Note => {
    const note = head(of, size)
    return { ...note, signatures: [...note.signatures, cosign(note.text, TIME, witness).signature] }
  }
  const prefix = { root: fork.tree(5).root, proof: fork.proof(5, 9) }
  const key = logKey.verifier
  const empty = formatCheckpoint({ origin: log.origin, size: 0, root: log.tree(1).root })
  const nothing: Note = { text: empty, signatures: [signNote(empty, logKey)] }
  const same = encodeEvidence(makeSplitView(key, [head(log, 5), head(fork, 5)]))
  const two = encodeEvidence(makeSplitView(key, [head(log, 5), head(fork, 9)], prefix))
  const both = makeWitnessConflict(key, witness.verifier, [cosigned(log, 5), cosigned(fork, 9)], prefix)
  const conflict = encodeEvidence(both)
  const of = (what: string, convicts: EvidenceCase['convicts'], bytes: Uint8Array | string): EvidenceCase => {
    return { what, file: typeof bytes === 'string' ? bytes : fromUtf8(bytes)!, convicts }
  }
  const json = (bytes: Uint8Array): string => fromUtf8(bytes)!
  const hash = formatHash(prefix.proof[0]!)
  const other = formatHash(log.tree(3).root)
  const consistent = { root: log.tree(5).root, proof: log.proof(5, 9) }
  return [
    of('two roots of one size', 'log', same),
    of('two sizes, with a proof that the larger tree does not extend the smaller one', 'log', two),
    of(
      'an empty tree with the root of a tree of one record',
      'log',
      encodeEvidence(makeSplitView(key, [nothing, nothing])),
    ),
    of('a witness that cosigned both', 'witness', conflict),
    of('two sizes, with one hash of the proof replaced', null, json(two).replace(hash, other)),
    of('two sizes of one history', null, replaced(two, fork, log, consistent)),
    of('two roots of one size, with one signature of the other head', null, swappedSignature(json(same))),
    ...badRecords(),
  ]

  /** The file with the heads and the proof of an honest log, which do not contradict each other. */
  function replaced(bytes: Uint8Array, from: PushingLog, to: PushingLog, honest: typeof prefix): string {
    const parsed = JSON.parse(json(bytes)) as { heads: [string, string]; prefix: { root: string; proof: string[] } }
    const [smaller] = parsed.heads
    const larger = fromUtf8(formatNote(head(to, 9)))!
    if (parsed.heads[1] !== fromUtf8(from.head(9))) throw new Error('the file is not as it was')
    const proof = { root: formatHash(honest.root), proof: honest.proof.map(formatHash) }
    return spelled({ ...parsed, heads: [smaller, larger], prefix: proof })
  }
}

/** Pairs of records of one module version: with different hashes, with the same hashes, or without a file in common. */
function badRecords(): EvidenceCase[] {
  const version = 'vectors.example/module@v1.2.3'
  const [files, goMod] = recordOf(version, 'one').split(/(?<=\n)/) as [string, string]
  const texts = [
    recordOf('vectors.example/first@v1.0.0', 'first'),
    recordOf(version, 'one'),
    recordOf('vectors.example/module@v1.2.4', 'four'),
    recordOf(version, 'another'),
    recordOf(version, 'one'),
    recordOf(version, 'one', 'another go.mod'),
    goMod,
    files.replace('h1:', 'h2:').replace(/.=\n$/, 'A=\n'),
    recordOf('vectors.example/last@v1.0.0', 'last'),
  ]
  const sumdb = new RecordLog(logKey, texts)
  const elsewhere = new RecordLog(logKey, texts, log.origin)
  const convicting = (one: number, other: number): string => fromUtf8(encodeEvidence(sumdb.evidence(one, other)))!
  /** The evidence file of these records, whether they contradict each other or not. */
  const file = (from: RecordLog, one: number, other: number): string => {
    const records = [one, other].map((id) => ({ id, text: texts[id]!, proof: from.found(id).proof.map(formatHash) }))
    const head = fromUtf8(formatNote(from.head()))!
    return spelled({ type: 'gossum/bad-record/v1', log: logKey.verifier.vkey, head, records })
  }
  const bad = convicting(1, 3)
  const [hash] = sumdb.found(3).proof
  const of = (what: string, convicts: EvidenceCase['convicts'], made: string): EvidenceCase => ({
    what,
    file: made,
    convicts,
  })
  return [
    of('two records of one module version with different hashes', 'log', bad),
    of('two records of one module version that differ only in the hash of go.mod', 'log', convicting(1, 5)),
    of(
      'two records of one module version, with one hash of a proof replaced',
      null,
      bad.replace(formatHash(hash!), formatHash(sumdb.tree(2).root)),
    ),
    of(
      'two records of one module version, with one text changed',
      null,
      bad.replace('module v1.2.3 h1:', 'module v1.2.3 h1:A'),
    ),
    of('two records of one module version with the same hashes', null, file(sumdb, 1, 4)),
    of('two records of two module versions', null, file(sumdb, 1, 2)),
    of('two records of one module version without a file in common', null, file(sumdb, 6, 7)),
    of('two records of one module version, with hashes of one file by two algorithms', null, file(sumdb, 1, 7)),
    of('the same record twice', null, file(sumdb, 1, 1)),
    of('two records in the wrong order', null, file(sumdb, 3, 1)),
    of('two such records of a log that is not a checksum database', null, file(elsewhere, 1, 3)),
  ]
}

// ---- the mesh --------------------------------------------------------------------------------------------------

/** What any two implementations of docs/protocol.md must produce alike, byte for byte. */
function mesh(): object {
  const key = logKey.verifier
  const id = logId(key.name, log.origin)
  const head = fromUtf8(log.head(5))!
  const text = parseNote(utf8(head)).text
  const cosigned = fromUtf8(
    formatNote({ text, signatures: [signNote(text, logKey), cosign(text, TIME, witness).signature] }),
  )!
  const fork5 = parseNote(fork.head(5))
  const file = encodeEvidence(makeSplitView(key, [parseNote(log.head(5)), fork5]))
  const peerId = '12D3KooWPzGtSKNpVPxPCGH9wKmsCaDkP8dBMU9krRPRrLtNFrwb'
  const { vkey } = witness.verifier
  const identity = claimText(peerId, vkey)
  const promised = { log: id, seq: 7, time: TIME, head: utf8(head) }
  const promise = promiseText(vkey, promised)
  const signed = (message: Uint8Array): string => toBase64(sign(witness, message))
  const message = (topic: string, data: Uint8Array): object => ({
    topic,
    data: fromUtf8(data)!,
    id: toHex(messageId(topic, data)),
  })
  return {
    logIds: [
      { name: key.name, origin: log.origin, id },
      { name: 'sum.golang.org', origin: SUMDB_ORIGIN, id: logId('sum.golang.org', SUMDB_ORIGIN) },
    ],
    messages: [message(headsTopic(id), utf8(cosigned)), message(evidenceTopic(id), file)],
    identity: { peerId, vkey, text: fromUtf8(identity)!, signature: signed(identity) },
    promise: {
      ...{ log: id, witness: vkey, seq: promised.seq, time: promised.time, head },
      ...{ text: fromUtf8(promise)!, signature: signed(promise) },
    },
    evidence: {
      heads: [head, fromUtf8(formatNote(fork5))!],
      file: fromUtf8(file)!,
      id: evidenceId(parseEvidence(file)),
    },
    frames: ['{"type":"hello"}', JSON.stringify({ type: 'hello', heads: [cosigned] })].map((json) => ({
      json,
      frame: toBase64(concatBytes(varint(utf8(json).length), utf8(json))),
    })),
  }
}

/** An unsigned varint: seven bits a byte, least significant first. */
function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
  return Uint8Array.of(...bytes, value)
}

/** In the canonical spelling, so that the spelling is not what is wrong with these files. */
function spelled(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`
}

function swappedSignature(text: string): string {
  const parsed = JSON.parse(text) as { heads: [string, string] }
  const [first, second] = parsed.heads
  const line = first.slice(first.indexOf('\n\n') + 2)
  return spelled({ ...parsed, heads: [first, second.slice(0, second.indexOf('\n\n') + 2) + line] })
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  for (const [name, text] of Object.entries(published())) {
    writeFileSync(new URL(`../../test/vectors/published/${name}`, import.meta.url), text)
    process.stdout.write(`${name}: ${text.length} bytes\n`)
  }
}
