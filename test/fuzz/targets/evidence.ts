/** Evidence, and the texts in which it is found. */
import { encodeGoSumProof, makeGoSumProof, parseGoSumProof, provenAnswers } from '../../../src/audit/proof.js'
import {
  encodeEvidence,
  evidenceId,
  makeSplitView,
  makeWitnessConflict,
  MAX_EVIDENCE_BYTES,
  parseEvidence,
  verifyEvidence,
  type Evidence,
} from '../../../src/evidence/evidence.js'
import { evidenceInText } from '../../../src/evidence/from-text.js'
import { parseGoReports } from '../../../src/evidence/go-report.js'
import { readingsOf } from '../../../src/evidence/log-text.js'
import { formatHash, hashLeaf } from '../../../src/tlog/hash.js'
import { fromUtf8, utf8 } from '../../../src/tlog/bytes.js'
import { parseNote, type Note } from '../../../src/tlog/note.js'
import { cosigned, fork, GO_SUM, head, history, logSigner, witness } from './material.js'
import { promise, reading, same, sameJson, type Target } from './target.js'

const log = logSigner.verifier
const noteOf = (text: string): Note => parseNote(utf8(text))
const prefix = fork.prefix(fork.tree(12), 7)!
/** All existing lies: two heads of one size, two of different sizes, and a witness that signed both. */
const LIES: readonly Evidence[] = [
  makeSplitView(log, [noteOf(head(8)), noteOf(head(8, fork))]),
  makeSplitView(log, [noteOf(head(7)), noteOf(head(12, fork))], prefix),
  makeWitnessConflict(log, witness.verifier, [
    noteOf(cosigned(head(8), witness)),
    noteOf(cosigned(head(8, fork), witness)),
  ]),
]
const TRUSTED = [log, witness.verifier]

/** JSON in canonical spelling. */
function respelled(bytes: Uint8Array): Uint8Array {
  try {
    return utf8(`${JSON.stringify(JSON.parse(fromUtf8(bytes) ?? ''), undefined, 2)}\n`)
  } catch {
    return bytes
  }
}

const evidence: Target = {
  about: 'evidence files',
  most: MAX_EVIDENCE_BYTES,
  words: [
    '"gossum/split-view/v1"',
    '"gossum/witness-conflict/v1"',
    '"gossum/bad-record/v1"',
    '"prefix": {',
    '"witness": ',
    '"records": [',
    '"id": 0',
    '\\n',
  ],
  seeds: [
    ...LIES.map(encodeEvidence),
    '{\n  "type": "gossum/bad-record/v1",\n  "log": "x",\n  "head": "y",\n  "records": [\n    {\n      "id": 0,\n      "text": "a",\n      "proof": []\n    },\n    {\n      "id": 1,\n      "text": "b",\n      "proof": [\n        "c"\n      ]\n    }\n  ]\n}\n',
    '{"type":"gossum/later/v9"}',
  ],
  repair: respelled,
  check: (bytes) => {
    const read = reading(() => parseEvidence(bytes), 'EVIDENCE_MALFORMED', 'EVIDENCE_FOREIGN')
    if (read === undefined) return false
    same(encodeEvidence(read), bytes, 'evidence has one spelling')
    const verdict = reading(
      () => verifyEvidence(read, TRUSTED),
      ...([
        'EVIDENCE_MALFORMED',
        'EVIDENCE_UNPROVEN',
        'LOG_UNKNOWN',
        'WITNESS_UNKNOWN',
        'KEY_MALFORMED',
        'KEY_WEAK',
        'KEY_UNSUPPORTED',
      ] as const),
      ...([
        'NOTE_MALFORMED',
        'NOTE_TOO_LARGE',
        'SIGNATURE_INVALID',
        'SIGNATURE_MISSING',
        'CHECKPOINT_MALFORMED',
      ] as const),
      ...([
        'SIZE_IMPOSSIBLE',
        'PROOF_INVALID',
        'PROOF_TOO_LARGE',
        'RECORD_INVALID',
        'COSIGNATURE_MALFORMED',
        'ORIGIN_MISMATCH',
      ] as const),
    )
    // Nothing else was signed.
    if (verdict !== undefined)
      promise(
        LIES.some((lie) => evidenceId(lie) === evidenceId(read)),
        'it convicts of a lie that nobody told',
      )
    return true
  },
}

const indented = (note: string): string =>
  note
    .split('\n')
    .map((line) => `\t${line}\n`)
    .join('')
const REPORT = [
  'go: downloading\nSECURITY ERROR\ngo.sum database server misbehavior detected!\n\nold database:\n',
  indented(head(7)),
  'new database:\n',
  indented(head(12, fork)),
  'proof of misbehavior:\n\t',
  [prefix.root, ...prefix.proof].map(formatHash).join('\n\t'),
  '\n',
].join('')
const REPORT_WORDS = [
  ...[
    'old database:\n',
    'new database:\n',
    'proof of misbehavior:\n',
    '\t',
    'go.sum database tree',
    'go.sum',
    '\x1b[31m',
    '<b>',
    '&#43;',
    '%2B',
  ],
  ...['\\n', '=3D', '=\n', '12:00:00 ', '\n2024-01-01T00:00:00Z 00O+', '^[[0m', 'misbehavior', '\\u002b'],
]

const goReport: Target = {
  about: 'reports of the go command',
  most: 512 * 1024,
  words: REPORT_WORDS,
  seeds: [REPORT, REPORT.replaceAll('\n', '\r\n'), REPORT.replaceAll(/^/gm, '12:00:00 | ')],
  check: (bytes) => {
    const reports = reading(() => parseGoReports(bytes), 'EVIDENCE_MALFORMED')
    for (const { older, newer, hashes } of reports ?? []) {
      promise(older !== '' && older.endsWith('\n') && (newer === '' || newer.endsWith('\n')), 'heads with ends')
      promise(hashes.length <= 65, 'no more hashes than a proof has')
    }
    return (reports?.length ?? 0) > 0
  },
}

const buildLog: Target = {
  about: 'what builds print when the go command caught a fork',
  most: 256 * 1024,
  // Thousands of signatures are checked before it gives up.
  seconds: 10,
  words: REPORT_WORDS,
  seeds: [
    REPORT,
    REPORT.replaceAll(/^/gm, '2024-01-01T00:00:00Z 00O '),
    REPORT.replaceAll('\n', '\\n'),
    `<pre>${REPORT}</pre>`,
    encodeEvidence(LIES[0]!),
  ],
  check: (bytes) => {
    promise(readingsOf(bytes).length <= 5, 'some readings')
    const found = reading(
      () => evidenceInText(bytes, { logs: [log], witnesses: [witness.verifier] }),
      ...(['EVIDENCE_MALFORMED', 'EVIDENCE_FOREIGN', 'KEY_MALFORMED', 'KEY_WEAK', 'KEY_UNSUPPORTED'] as const),
    )
    for (const { evidence: file } of found?.proven ?? []) {
      promise(
        LIES.some((lie) => evidenceId(lie) === evidenceId(file)),
        'it convicts of a lie that nobody told',
      )
    }
    return (found?.proven.length ?? 0) > 0
  },
}

const RECORDS = new Map([0, 1, 2].map((id) => [id, utf8(`example.com/a v1.0.${id} h1:x\n`)]))
const PROOF = makeGoSumProof(log.vkey, utf8(head(8)), RECORDS, [hashLeaf(utf8('x'))])

const goSumProof: Target = {
  about: 'proofs of go.sum files',
  most: 512 * 1024,
  words: [
    '"type": "gossum/go-sum-proof/v1"',
    '"records": [',
    '"proof": [',
    '"id": 0',
    '"text": ',
    '"head": ',
    '"log": ',
    GO_SUM.replaceAll('\n', '\\n'),
  ],
  seeds: [encodeGoSumProof(PROOF)],
  repair: (bytes) => {
    try {
      return utf8(`${JSON.stringify(JSON.parse(fromUtf8(bytes) ?? ''), undefined, 1)}\n`)
    } catch {
      return bytes
    }
  },
  check: (bytes) => {
    const read = reading(() => parseGoSumProof(bytes), 'PROOF_MALFORMED')
    if (read === undefined) return false
    same(encodeGoSumProof(read), bytes, 'a proof has one spelling')
    const proven = reading(
      () => provenAnswers(read, history.tree(8)),
      ...(['PROOF_INVALID', 'PROOF_MALFORMED', 'PROOF_TOO_LARGE', 'RECORD_INVALID'] as const),
    )
    sameJson(proven === undefined || proven.size === 0, true, 'nothing but the records of the tree is proven')
    return true
  },
}

export const EVIDENCE: Readonly<Record<string, Target>> = {
  evidence,
  'go-report': goReport,
  'build-log': buildLog,
  'go-sum-proof': goSumProof,
}
