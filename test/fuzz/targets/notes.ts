/** Notes, keys, checkpoints, and heads inside other texts. */
import { fromUtf8, toBase64, toHex, utf8 } from '../../../src/tlog/bytes.js'
import { formatCheckpoint, parseCheckpoint, SUMDB_ORIGIN } from '../../../src/tlog/checkpoint.js'
import { cosign, verifiedCosignatures } from '../../../src/tlog/cosignature.js'
import { signedHeadsIn } from '../../../src/tlog/cut.js'
import { formatHash } from '../../../src/tlog/hash.js'
import {
  formatNote,
  formatSignature,
  formatSignerKey,
  isCanonicalNote,
  makeSignerKey,
  makeVerifierKey,
  MAX_READ_NOTE_BYTES,
  parseNote,
  parseSignerKey,
  parseVerifierKey,
  SIGNATURE_TYPES,
  signNote,
  spellNote,
  verifyNote,
  type Note,
} from '../../../src/tlog/note.js'
import { readHead, type LogIdentity } from '../../../src/witness/head.js'
import { sha256 } from '../../../src/tlog/hash.js'
import { logId } from '../../../src/tlog/checkpoint.js'
import { cosigned, fork, head, history, logSigner, PUBLIC_HEAD, PUBLIC_KEY, second, TIME, witness } from './material.js'
import { ofText, promise, reading, same, sameJson, type Target } from './target.js'

const NOTE_WORDS = [
  '\n\n— ',
  '— log.example ',
  '— a AAAAAAA=\n',
  '\n\n',
  '— ',
  'AAAAAAA=',
  'go.sum database tree\n',
  '\u3000',
  '+',
]
const vkey = logSigner.verifier.vkey
const trusted = [logSigner.verifier, parseVerifierKey(PUBLIC_KEY)]

function noteOf(bytes: Uint8Array): Note | undefined {
  return reading(() => parseNote(bytes), 'NOTE_MALFORMED', 'NOTE_TOO_LARGE')
}

/** The note with a new first line by the log, as if the log had signed this text. */
function signedAnew(bytes: Uint8Array): Uint8Array {
  const text = fromUtf8(bytes)?.split('\n\n— ')[0]
  if (text === undefined || /[\0-\x09\x0b-\x1f]/.test(text)) return bytes
  const whole = `${text}\n`
  return formatNote({ text: whole, signatures: [signNote(whole, logSigner), cosign(whole, TIME, witness).signature] })
}

const note: Target = {
  about: 'signed notes',
  most: MAX_READ_NOTE_BYTES,
  words: NOTE_WORDS,
  seeds: [head(8), cosigned(head(8), witness), PUBLIC_HEAD, 'text\n\nmore\n\n— a AAAAAAA=\n— b AAAAAAA=\n'],
  check: (bytes) => {
    const read = noteOf(bytes)
    if (read === undefined) return false
    const written = formatNote(read)
    const again = parseNote(written, written.length)
    sameJson(notated(again), notated(read), 'a note is read as it was written')
    promise(isCanonicalNote(written, again), 'what is written is canonical')
    // A canonical note has one spelling; the spelling of any other differs from the input.
    if (isCanonicalNote(bytes, read)) same(bytes, written, 'canonical bytes are those that are written')
    return true
  },
  go: {
    ask: 'note',
    ours: (bytes) => {
      const read = noteOf(bytes)
      return read && JSON.stringify(notated(read))
    },
    licence: (bytes, ours) => (ours === undefined && bytes.length > MAX_READ_NOTE_BYTES ? 'note-size' : undefined),
  },
}

/** In the format of scripts/peers/fuzzdiff: each line once, as Go drops repeated lines that it cannot verify. */
function notated({ text, signatures }: Note): unknown {
  const lines = signatures.map(({ name, keyId, bytes }) => [name, keyId, toBase64(bytes)].join(' '))
  return { text: toHex(sha256(utf8(text))), lines: [...new Set(lines)] }
}

/** The text that one of the keys signed. */
function openedBy(bytes: Uint8Array): string | undefined {
  const read = noteOf(bytes)
  return read && reading(() => verifyNote(read, trusted[0]!), 'SIGNATURE_MISSING', 'SIGNATURE_INVALID') && read.text
}

const signed: Target = {
  about: 'notes under the signature of a log',
  most: MAX_READ_NOTE_BYTES,
  words: NOTE_WORDS,
  seeds: [head(8), cosigned(head(8), witness, second), fromUtf8(history.sign('go.sum database tree\n7\nx\n'))!],
  repair: signedAnew,
  check: (bytes) => {
    const text = openedBy(bytes)
    if (text === undefined) return false
    // A tree that Go reads is one that we read, or report as impossible.
    reading(() => parseCheckpoint(text), 'CHECKPOINT_MALFORMED', 'SIZE_IMPOSSIBLE')
    const kept = verifiedCosignatures(parseNote(bytes), [witness.verifier, second.verifier])
    for (const { signature, time } of kept.values()) {
      promise(time > 0, 'a cosignature has a time')
      promise(
        parseNote(bytes).signatures.some((line) => formatSignature(line) === formatSignature(signature)),
        'a line of it',
      )
    }
    return true
  },
  go: {
    ask: `open ${vkey}`,
    ours: (bytes) => {
      const text = openedBy(bytes)
      return text === undefined ? undefined : toHex(sha256(utf8(text)))
    },
    licence: (bytes, ours) => (ours === undefined && bytes.length > MAX_READ_NOTE_BYTES ? 'note-size' : undefined),
  },
}

const identity: LogIdentity = {
  id: logId('log.example', SUMDB_ORIGIN),
  origin: SUMDB_ORIGIN,
  key: logSigner.verifier,
}
const logs = new Map([[identity.id, identity]])

const heads: Target = {
  about: 'heads, as every door reads them',
  most: MAX_READ_NOTE_BYTES,
  words: NOTE_WORDS,
  seeds: [head(8), cosigned(head(8), witness, second), cosigned(head(12), witness), PUBLIC_HEAD],
  repair: signedAnew,
  check: (bytes) => {
    const keys = { counted: [witness.verifier], relayed: [second.verifier], neighbours: [] }
    const read = reading(
      () => readHead(bytes, logs, undefined, keys),
      ...(['NOTE_MALFORMED', 'NOTE_TOO_LARGE', 'LOG_UNKNOWN', 'SIGNATURE_MISSING', 'SIGNATURE_INVALID'] as const),
      ...(['CHECKPOINT_MALFORMED', 'ORIGIN_MISMATCH'] as const),
    )
    if (read === undefined) return false
    const { logNote, checkpoint, canonical, cosignatures } = read
    // What would be signed equals the input exactly.
    if (canonical)
      promise(formatCheckpoint(checkpoint!) === logNote.text, 'canonical heads are written as they are read')
    // What is kept of it is read as the same.
    const lines = [...logNote.signatures, ...[...cosignatures.values()].map(({ signature }) => signature)]
    const again = readHead(formatNote({ text: logNote.text, signatures: lines }), logs, identity.id, keys)
    promise(again.logNote.text === logNote.text && again.cosignatures.size === cosignatures.size, 'kept as it was read')
    return true
  },
}

const cut: Target = {
  about: 'heads inside of any text',
  most: 64 * 1024,
  words: [...NOTE_WORDS, head(8), head(12, fork), cosigned(head(8), witness)],
  seeds: [
    head(8),
    `x\n\n${head(8)}${head(12, fork)}`,
    `{"a":"${head(8)}"}`,
    `go.sum database tree\n`.repeat(9) + head(8),
  ],
  check: (bytes) => {
    const found = signedHeadsIn(bytes, logSigner.verifier, SUMDB_ORIGIN)
    for (const one of found) {
      promise(one.text.startsWith(`${SUMDB_ORIGIN}\n`), 'it begins with its origin')
      verifyNote(one, logSigner.verifier)
      const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
      promise(text.includes(one.text), 'it stands in the text')
    }
    promise(new Set(found.map(({ text }) => text)).size === found.length, 'each text once')
    // A note that the go command accepts, and that begins with the origin, is found whatever surrounds it.
    const read = noteOf(bytes)
    const isBelieved = read?.text.startsWith(`${SUMDB_ORIGIN}\n`) === true && openedBy(bytes) !== undefined
    if (isBelieved)
      promise(
        found.some(({ text }) => text === read.text),
        'what go believes is not lost',
      )
    return found.length > 0
  },
}

const ROOT = 'EkQheTMImOKVKhTERgxIOyW9t32zrpLrv5Gfgm9iG4U='

const checkpoint: Target = {
  about: 'texts of checkpoints',
  most: 1_000_001,
  words: ['go.sum database tree\n', `${ROOT}\n`, ROOT, '\n', '59270573', 'AAA=', 'A==='],
  seeds: [history.text(8), history.text(0), PUBLIC_HEAD.split('\n\n')[0]! + '\n', `o\n1\n${ROOT}\nextension\n`],
  check: ofText((text) => {
    const read = reading(() => parseCheckpoint(text), 'CHECKPOINT_MALFORMED', 'SIZE_IMPOSSIBLE')
    if (read === undefined) return false
    sameJson(parseCheckpoint(formatCheckpoint(read)), read, 'a checkpoint is read as it was written')
    promise(Number.isSafeInteger(read.size) && read.size >= 0 && read.root.length === 32, 'a size and a root')
    return true
  }),
  go: {
    ask: 'tree',
    ours: (bytes) => {
      const text = fromUtf8(bytes)
      const read =
        text === undefined ? undefined : reading(() => parseCheckpoint(text), 'CHECKPOINT_MALFORMED', 'SIZE_IMPOSSIBLE')
      return read?.origin === SUMDB_ORIGIN ? `${read.size} ${formatHash(read.root)}` : undefined
    },
    licence: (bytes, ours, go) => {
      if (ours !== undefined || go === undefined) return undefined
      if (BigInt(go.split(' ')[0]!) > BigInt(Number.MAX_SAFE_INTEGER)) return 'tree-size'
      if (fromUtf8(bytes) === undefined) return 'not-utf8'
      // Go's base64 ignores line ends; no note that it opens has a carriage return.
      return bytes.includes(0x0d) ? 'carriage-return' : undefined
    },
  },
}

/** The key with its correct id. */
function withId(bytes: Uint8Array): Uint8Array {
  const [name, , key] = (fromUtf8(bytes) ?? '').split('+', 3)
  const blob = Buffer.from(key ?? '', 'base64')
  if (name === undefined || blob.length < 2) return bytes
  const id = toHex(sha256(Buffer.concat([utf8(`${name}\n`), blob])).subarray(0, 4))
  return utf8(`${name}+${id}+${blob.toString('base64')}`)
}

const verifierKey: Target = {
  about: 'verifier keys',
  most: 4096,
  words: ['log.example', '+', vkey, 'AQAAAA==', 'AQ', 'BA', 'Bg', ' ', '\u3000'],
  seeds: [vkey, PUBLIC_KEY, witness.verifier.vkey, second.verifier.vkey],
  repair: withId,
  check: ofText((text) => {
    const read = reading(() => parseVerifierKey(text), 'KEY_MALFORMED', 'KEY_WEAK', 'KEY_UNSUPPORTED')
    if (read === undefined) return false
    const again = parseVerifierKey(read.vkey)
    promise(again.vkey === read.vkey && again.keyId === read.keyId && again.name === read.name, 'read as it is written')
    promise(makeVerifierKey(read.name, read.type, read.publicKey).vkey === read.vkey, 'made of its parts')
    promise(!read.verify(utf8('x'), new Uint8Array(64)), 'zeros are no signature')
    return true
  }),
  go: {
    ask: 'vkey',
    ours: (bytes) => {
      const text = fromUtf8(bytes)
      const read =
        text === undefined
          ? undefined
          : reading(() => parseVerifierKey(text), 'KEY_MALFORMED', 'KEY_WEAK', 'KEY_UNSUPPORTED')
      return read?.type === SIGNATURE_TYPES.ed25519 ? `${read.name} ${read.keyId}` : undefined
    },
    licence: (bytes, ours, go) => {
      if (ours !== undefined || go === undefined) return undefined
      if (fromUtf8(bytes) === undefined) return 'not-utf8'
      if (bytes.includes(0x0d) || bytes.includes(0x0a)) return 'line-end'
      const key = Buffer.from(Buffer.from(bytes).toString().split('+').slice(2).join('+'), 'base64')
      // Go accepts any 32 bytes as a key; those that are not a point verify nothing, and those of low order anything.
      return key.length === 33 && key[0] === 1 ? 'no-point' : undefined
    },
  },
}

const SEED = new Uint8Array(32).fill(3)

const signerKey: Target = {
  about: 'signer keys',
  most: 4096,
  words: ['PRIVATE+KEY+', '+', 'log.example', 'AQ', 'BA', 'Bg'],
  seeds: Object.values(SIGNATURE_TYPES).map((type) => formatSignerKey('a.example', type, SEED)),
  check: ofText((text) => {
    try {
      const read = reading(() => parseSignerKey(text), 'KEY_MALFORMED', 'KEY_WEAK', 'KEY_UNSUPPORTED')
      if (read === undefined) return false
      const message = utf8('message')
      promise(read.verifier.verify(message, read.sign(message)), 'it signs what it verifies')
      return true
    } catch (error) {
      throw new Error(String(error).replaceAll(text, 'SECRET'), { cause: error })
    }
  }),
}

/** A note under a checkpoint text that a log has signed, for keys whose lines are in it. */
const cosignatures: Target = {
  about: 'lines of witnesses',
  most: 64 * 1024,
  words: ['— witness.example ', '\n', ...cosigned(head(8), witness, second).split('\n').slice(4)],
  seeds: [cosigned(head(8), witness, second), cosigned(head(8), witness, witness)],
  check: (bytes) => {
    const read = noteOf(bytes)
    if (read === undefined) return false
    const keys = [witness.verifier, second.verifier]
    const found = verifiedCosignatures(read, keys)
    // Lines of others change nothing, and their order only determines which of several is used.
    const others = makeSignerKey('other.example', SIGNATURE_TYPES.cosignature, SEED)
    const more = { text: read.text, signatures: [cosign(read.text, 1, others).signature, ...read.signatures] }
    const again = verifiedCosignatures(parseNote(utf8(spellNote(more)), 2 * MAX_READ_NOTE_BYTES - 1), keys)
    if (more.signatures.length <= 100) promise(again.size === found.size, 'a line of another changes nothing')
    return found.size > 0
  },
}

export const NOTES: Readonly<Record<string, Target>> = {
  note,
  signed,
  head: heads,
  cut,
  checkpoint,
  vkey: verifierKey,
  'signer-key': signerKey,
  cosignatures,
}
