/** What a text proves: evidence files, reports of the go command, and heads that prove nothing alone. */
import { describe, expect, it } from 'vitest'
import { GossumError, type ErrorCode } from '../../src/errors.js'
import {
  encodeEvidence,
  evidenceId,
  makeSplitView,
  makeWitnessConflict,
  type SplitView,
} from '../../src/evidence/evidence.js'
import { evidenceInText, type FromText } from '../../src/evidence/from-text.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatHash } from '../../src/tlog/hash.js'
import { formatNote, makeSignerKey, parseNote, SIGNATURE_TYPES, type Note } from '../../src/tlog/note.js'
import { goReport } from '../helpers/go-report.js'
import { testSigner } from '../helpers/heart.js'
import { History } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const witness = testSigner('w.example', 9, SIGNATURE_TYPES.cosignature)
const idle = testSigner('idle.example', 11, SIGNATURE_TYPES.cosignature)
const history = new History(signer)
const fork = history.fork(3, 'b')
const keys = { logs: [signer.verifier], witnesses: [idle.verifier, witness.verifier] }

const textOf = (note: Note): string => Buffer.from(formatNote(note)).toString()
const cosigned = (head: Uint8Array): Note => {
  const note = parseNote(head)
  return { ...note, signatures: [...note.signatures, cosign(note.text, 1_700_000_000, witness).signature] }
}
const proofOf = (of: History, large: number, small: number): string[] => {
  const { root, proof } = of.prefix(of.tree(large), small)!
  return [root, ...proof].map(formatHash)
}
const bare = (head: Uint8Array): string => textOf(parseNote(head))
const report = goReport(bare(history.head(5)), bare(fork.head(8)), proofOf(fork, 8, 5))
const view: SplitView = makeSplitView(
  signer.verifier,
  [parseNote(history.head(5)), parseNote(fork.head(8))],
  fork.prefix(fork.tree(8), 5),
)

const inText = (text: string | Uint8Array, by = keys): FromText =>
  evidenceInText(typeof text === 'string' ? utf8(text) : text, by)
const idsOf = ({ proven }: FromText): string[] => proven.map(({ evidence }) => evidenceId(evidence))
const refusalOf = (act: () => unknown): GossumError => {
  try {
    act()
  } catch (error) {
    if (error instanceof GossumError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('a report', () => {
  it('proves what its heads and its proof make, and shows both heads', () => {
    const found = inText(`go: building\n${report}`)
    expect(found.proven).toMatchObject([{ evidence: view, id: evidenceId(view), sizes: [5, 8] }])
    expect(found.proven[0]!.witness).toBeUndefined()
    expect(new Set(found.heads.map(({ note }) => note.text))).toEqual(new Set([history.text(5), fork.text(8)]))
    expect(found.heads.every(({ key }) => key.vkey === signer.verifier.vkey)).toBe(true)
    expect(found.failures).toEqual([])
  })

  it('that only its shape shows proves the same, and nothing is complained of', () => {
    const shown = report.split('\n').map((line, i) => `12:00:${10 + i} job | ${line.replaceAll('\t', ' ')}`)
    const found = inText(shown.join('\n'))
    expect(idsOf(found)).toEqual([evidenceId(view)])
    expect(found.failures).toEqual([])
  })

  it('that cannot be read as one, but by its shape, is nothing to complain of either', () => {
    const found = inText(report.replaceAll('\n\t\n\t\u2014', '\n\t\u2014'))
    expect(idsOf(found)).toEqual([evidenceId(view)])
    expect(found.failures).toEqual([])
  })

  it('of which one head alone is left shows that head', () => {
    const found = inText(bare(history.head(5)))
    expect(found).toMatchObject({ proven: [], failures: [] })
    expect(found.heads.map(({ note }) => note.text)).toEqual([history.text(5)])
  })

  it('counts once however often it is printed, and others are found too', () => {
    const same = goReport(bare(history.head(8)), bare(fork.head(8)), [])
    const found = inText(report + report + same)
    expect(found.proven.map(({ sizes }) => sizes)).toEqual([
      [5, 8],
      [8, 8],
    ])
  })

  it('of a history that goes on proves nothing; its heads are shown, and why it failed', () => {
    const honest = goReport(bare(history.head(5)), bare(history.head(8)), proofOf(history, 8, 5))
    const found = inText(honest)
    expect(found.proven).toEqual([])
    expect(found.failures.map(({ code }) => code)).toEqual(['EVIDENCE_UNPROVEN'])
    expect(new Set(found.heads.map(({ note }) => note.text))).toEqual(new Set([history.text(5), history.text(8)]))
  })

  it('that fails is reported together with one of another log that proves something', () => {
    const second = testSigner('second.example', 2)
    const other = new History(second)
    const honest = goReport(bare(other.head(4)), bare(other.head(8)), proofOf(other, 8, 4))
    const found = inText(honest + report, { ...keys, logs: [signer.verifier, second.verifier] })
    expect(idsOf(found)).toEqual([evidenceId(view)])
    expect(found.failures.map(({ code }) => code)).toEqual(['EVIDENCE_UNPROVEN'])
  })

  it('by nobody whose key is known leaves a reason, and no head', () => {
    const stranger = makeSignerKey('other.example', 1, new Uint8Array(32).fill(7)).verifier
    const found = inText(report, { logs: [stranger], witnesses: [] })
    expect(found).toMatchObject({ proven: [], heads: [], failures: [{ code: 'LOG_UNKNOWN' }] })
  })
})

describe('witnesses', () => {
  const printed = goReport(textOf(cosigned(history.head(5))), textOf(cosigned(fork.head(8))), proofOf(fork, 8, 5))

  it('that cosigned both heads are convicted behind their log', () => {
    const { proven } = inText(printed)
    expect(proven.map(({ evidence }) => evidence.type)).toEqual(['gossum/split-view/v1', 'gossum/witness-conflict/v1'])
    expect(proven[1]!.witness?.vkey).toBe(witness.verifier.vkey)
    expect(proven[1]!.sizes).toEqual([5, 8])
  })

  it('that cosigned one head are not, nor those whose key is not known', () => {
    const one = goReport(textOf(cosigned(history.head(5))), bare(fork.head(8)), proofOf(fork, 8, 5))
    const other = goReport(bare(history.head(5)), textOf(cosigned(fork.head(8))), proofOf(fork, 8, 5))
    expect(idsOf(inText(one))).toEqual([evidenceId(view)])
    expect(idsOf(inText(other))).toEqual([evidenceId(view)])
    expect(idsOf(inText(printed, { logs: keys.logs, witnesses: [idle.verifier] }))).toEqual([evidenceId(view)])
  })

  it('are convicted where each of their lines was printed in another report', () => {
    const first = goReport(textOf(cosigned(history.head(5))), bare(fork.head(8)), proofOf(fork, 8, 5))
    const second = goReport(bare(history.head(5)), textOf(cosigned(fork.head(8))), proofOf(fork, 8, 5))
    expect(inText(first + second).proven.map(({ witness: by }) => by?.name)).toEqual([undefined, 'w.example'])
  })
})

describe('of several logs', () => {
  const second = testSigner('second.example', 2)
  const both = { ...keys, logs: [second.verifier, signer.verifier] }

  it('the one whose heads were printed is convicted, with the witness that cosigned them', () => {
    const printed = goReport(textOf(cosigned(history.head(5))), textOf(cosigned(fork.head(8))), proofOf(fork, 8, 5))
    const { proven } = inText(printed, both)
    expect(proven.map(({ key, witness: by }) => [key.vkey, by?.name])).toEqual([
      [signer.verifier.vkey, undefined],
      [signer.verifier.vkey, 'w.example'],
    ])
  })

  it('a cosignature below the head of one is none of another, though the texts are the same', () => {
    const other = new History(second)
    expect(other.text(5)).toBe(history.text(5))
    const half = goReport(bare(history.head(5)), textOf(cosigned(fork.head(8))), proofOf(fork, 8, 5))
    expect(idsOf(inText(half + textOf(cosigned(other.head(5))), both))).toEqual([evidenceId(view)])
  })
})

describe('an evidence file', () => {
  const conflict = makeWitnessConflict(signer.verifier, witness.verifier, [
    cosigned(history.head(8)),
    cosigned(fork.head(8)),
  ])

  it('against a log proves what it says', () => {
    const found = inText(encodeEvidence(view))
    expect(found).toMatchObject({ heads: [], failures: [] })
    expect(found.proven).toMatchObject([{ evidence: view, sizes: [5, 8] }])
  })

  it('against a witness that nobody knows convicts its log first, then the witness, and shows its heads', () => {
    const found = inText(encodeEvidence(conflict), { logs: [signer.verifier], witnesses: [] })
    expect(found.proven.map(({ evidence }) => evidence.type)).toEqual([
      'gossum/split-view/v1',
      'gossum/witness-conflict/v1',
    ])
    expect(found.proven[1]!.witness?.vkey).toBe(witness.verifier.vkey)
    expect(new Set(found.heads.map(({ note }) => note.text))).toEqual(new Set([history.text(8), fork.text(8)]))
    expect(found.heads.map(({ key }) => key.vkey)).toEqual(Array(2).fill(signer.verifier.vkey))
    expect(found.heads.every(({ note }) => note.signatures.length === 2)).toBe(true)
    expect(found.failures).toEqual([])
  })

  it.each([
    ['a log', encodeEvidence(view)],
    ['a witness', encodeEvidence(conflict)],
  ])('against %s whose log nobody trusts here says so, and proves nothing', (_whom, bytes) => {
    const found = inText(bytes, { logs: [], witnesses: [witness.verifier] })
    expect(found).toMatchObject({ proven: [], heads: [], failures: [{ code: 'LOG_UNKNOWN' }] })
  })

  it.each<[string, string, ErrorCode]>([
    ['that is changed', '{\n  "type": "gossum/split-view/v1"\n}\n', 'EVIDENCE_MALFORMED'],
    ['of a later version', '{\n  "type": "gossum/later/v1"\n}\n', 'EVIDENCE_FOREIGN'],
  ])('%s is refused', (_what, text, code) => {
    expect(refusalOf(() => inText(text)).code).toBe(code)
  })
})

it.each(['', 'SECURITY ERROR\nThis download does NOT match\n', '{\n\t"Path": "example.com/x"\n}\n'])(
  'a text without a report is refused, with what a report looks like: %j',
  (text) => {
    const refusal = refusalOf(() => inText(text))
    expect(refusal).toMatchObject({ code: 'EVIDENCE_MALFORMED' })
    expect(refusal.hint).toMatch(/"old database:" and "new database:" .* "proof of misbehavior:"/)
  },
)
