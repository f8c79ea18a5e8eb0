/** Bodies that a witness refuses when it holds the head of size 5, in the order of c2sp.org/tlog-witness's checks. */
import { concatBytes, toBase64, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint } from '../../src/tlog/checkpoint.js'
import { formatHash } from '../../src/tlog/hash.js'
import { formatNote, formatSignature, parseNote, signNote, type SignerKey } from '../../src/tlog/note.js'
import { setUnusedBit } from './history.js'
import { pushBody, type PushingLog } from './witness-client.js'

export interface PushCase {
  readonly what: string
  readonly body: Uint8Array | string
  readonly status: number
  /** The beginning of our answer. */
  readonly phrase: string
}

/** Refusals by a witness that holds the log's head of size 5; `stranger` is a key that it does not know. */
export function refusals(log: PushingLog, stranger: SignerKey): PushCase[] {
  const valid = log.head(9)
  const proof = log.proof(5, 9)
  const bad = new Uint8Array(32).fill(1)
  const line = parseNote(valid).signatures[0]!
  const invalid = { ...line, bytes: new Uint8Array(64) }
  const empty = formatCheckpoint({ origin: log.origin, size: 0, root: bad })
  const unsignedFive = utf8(`${log.origin}\nfive\n${formatHash(bad)}\n\n${formatSignature(invalid)}`)
  const signed = (text: string): Uint8Array => pushBody(5, proof, log.sign(text))
  const input = (what: string, body: Uint8Array | string): PushCase => ({
    what,
    body,
    status: 400,
    phrase: 'invalid input',
  })
  const unknown = (what: string, body: Uint8Array | string): PushCase => ({
    what,
    body,
    status: 404,
    phrase: 'unknown log',
  })
  const signature = (what: string, note: Uint8Array): PushCase => {
    return { what, body: pushBody(5, proof, note), status: 403, phrase: 'invalid signature' }
  }
  const checkpoint = (what: string, body: Uint8Array): PushCase => ({
    what,
    body,
    status: 400,
    phrase: 'invalid checkpoint',
  })
  const consistency = (what: string, body: Uint8Array): PushCase => ({
    what,
    body,
    status: 422,
    phrase: 'bad consistency proof',
  })
  return [
    input('an empty body', ''),
    input('no empty line', 'old 5\n'),
    input('no old line', concatBytes(utf8('\n'), valid)),
    input('a word other than old', concatBytes(utf8('new 5\n\n'), valid)),
    input('an old size with a leading zero', pushBody('05', proof, valid)),
    input('an old size with a plus sign', pushBody('+5', proof, valid)),
    input('a negative old size', pushBody('-5', proof, valid)),
    input('an old size of 2^63', pushBody('9223372036854775808', proof, valid)),
    input('an old size with a trailing space', pushBody('5 ', proof, valid)),
    input(
      'CRLF line endings',
      Buffer.from(pushBody(5, proof, valid))
        .toString()
        .replaceAll('\n', '\r\n'),
    ),
    input('a proof line of two bytes', concatBytes(utf8('old 5\nqqo=\n\n'), valid)),
    input('a proof line that is not base64', concatBytes(utf8('old 5\n!\n\n'), valid)),
    input('64 lines of proof', pushBody(5, new Array<Uint8Array>(64).fill(bad), valid)),
    unknown('an unknown origin', pushBody(5, proof, log.sign(log.text(9).replace(log.origin, 'nowhere.example')))),
    unknown('a malformed note of an unknown origin', 'old 5\n\nnowhere.example\n'),
    unknown('no note', 'old 5\n\n'),
    unknown('an origin that is not UTF-8', concatBytes(utf8('old 5\n\n'), Uint8Array.of(0xff, 0x0a))),
    input('a note without signatures', `old 5\n\n${log.text(9)}`),
    input('a malformed signature line', `old 5\n\n${log.text(9)}\n— x y\n`),
    input('a tab in the text', `old 5\n\n${log.origin}\n9\t\n\n— x AAAAAAA=\n`),
    input('101 signature lines', concatBytes(utf8('old 5\n\n'), valid, utf8('— x AAAAAAA=\n'.repeat(100)))),
    signature(
      'no signature by the log key',
      formatNote({ text: log.text(9), signatures: [signNote(log.text(9), stranger)] }),
    ),
    signature('an invalid signature by the log key', formatNote({ text: log.text(9), signatures: [invalid] })),
    signature('the same, on a size that is not a number', unsignedFive),
    checkpoint('a signed size that is not a number', signed(`${log.origin}\nfive\n${formatHash(bad)}\n`)),
    checkpoint('a signed size with a leading zero', signed(log.text(9).replace('\n9\n', '\n09\n'))),
    checkpoint('a signed root of 31 bytes', signed(`${log.origin}\n9\n${toBase64(bad.slice(1))}\n`)),
    checkpoint('a signed extension line', signed(`${log.text(9)}extension\n`)),
    checkpoint('the same, with a wrong old size', pushBody(4, proof, log.sign(`${log.text(9)}extension\n`))),
    checkpoint(
      'a signed root in non-canonical base64',
      signed(log.text(9).replace(/\S+\n$/, (root) => `${setUnusedBit(root.trimEnd())}\n`)),
    ),
    input('an old size beyond the checkpoint size', pushBody(10, proof, valid)),
    input('an old size beyond any tree', pushBody('9223372036854775807', proof, valid)),
    consistency('size 0 with the wrong root', pushBody(0, [], log.sign(empty))),
    consistency('no proof', pushBody(5, [], valid)),
    consistency('one proof hash too few', pushBody(5, proof.slice(1), valid)),
    consistency('one proof hash too many', pushBody(5, [...proof, bad], valid)),
    consistency('a changed proof hash', pushBody(5, [bad, ...proof.slice(1)], valid)),
    consistency('the size already held, with a proof', pushBody(5, [bad], log.head(5))),
    consistency(
      'the size already held, with another root',
      pushBody(5, [], log.sign(formatCheckpoint({ origin: log.origin, size: 5, root: bad }))),
    ),
  ]
}
