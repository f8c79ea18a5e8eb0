import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { attempt } from '../../src/errors/attempt.js'
import { evidenceId, makeSplitView, verifyEvidence } from '../../src/evidence/evidence.js'
import { evidenceOfReport, MAX_REPORTS, parseGoReports, type GoReport } from '../../src/evidence/go-report.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { parseHash } from '../../src/tlog/hash.js'
import { makeSignerKey, parseNote, parseSignerKey, parseVerifierKey } from '../../src/tlog/note.js'
import { codeOf } from '../helpers/codes.js'
import { FORK, FORK_REPORT, goReport } from '../helpers/go-report.js'
import { testSigner } from '../helpers/heart.js'
import { History } from '../helpers/history.js'
import { remembering } from '../helpers/remembering.js'

const key = remembering(parseVerifierKey(FORK.vkey))
const { old_head: older, new_head: newer, proof_block_lines: hashes } = FORK.detection

const [root, ...proof] = hashes.map((hash) => parseHash(hash)!)
const expected = makeSplitView(key, [parseNote(utf8(older)), parseNote(utf8(newer))], { root: root!, proof })
const EXPECTED_ID = evidenceId(expected)

function reports(text: string | Uint8Array): GoReport[] {
  return parseGoReports(typeof text === 'string' ? utf8(text) : text)
}

/** The ids of the evidence in a text, and the refusals of what is not evidence. */
function found(text: string | Uint8Array, keys = [key]): string[] {
  return reports(text).map((report) => {
    try {
      return evidenceId(evidenceOfReport(report, keys))
    } catch (error) {
      if (error instanceof GossumError) return error.code
      throw error
    }
  })
}

function refusalOf(act: () => unknown): GossumError {
  const refusal = attempt(act)
  if (refusal instanceof GossumError) return refusal
  throw new Error('nothing was refused')
}

describe('the report of the go command', () => {
  it('becomes the evidence that its two heads and its proof make', () => {
    const [report] = reports(FORK_REPORT)
    expect(report).toEqual({ older, newer, hashes: hashes.map((hash) => parseHash(hash)!) })
    const evidence = evidenceOfReport(report!, [key])
    expect(evidence).toEqual(expected)
    expect(verifyEvidence(evidence, [key])).toMatchObject({ sizes: [5, 6], id: EXPECTED_ID })
  })

  const lines = FORK_REPORT.trimEnd().split('\n')
  it.each([
    ['without a last line end', FORK_REPORT.trimEnd()],
    ['with CRLF line ends', FORK_REPORT.replaceAll('\n', '\r\n')],
    ['from its first title on', FORK_REPORT.slice(FORK_REPORT.indexOf('old database:'))],
    ['among other lines', `go: downloading example.com/a v1.0.0\n\n${FORK_REPORT}make: *** [build] Error 1\n\tmore\n`],
    ['behind the words of a go command', `go: example.com/a@v1.0.0: verifying module: ${FORK_REPORT}go: exit 1\n`],
    ['behind a prefix on each line', lines.map((line) => `go: ${line}`).join('\n')],
    ['behind times', lines.map((line) => `2026-01-02T03:04:05.6789012Z ${line}`).join('\n')],
    ['behind columns with TABs', lines.map((line) => `build\tRun go vet\t2026-01-02T03:04:05Z ${line}`).join('\n')],
    ['with lines of others in it', lines.flatMap((line, i) => [`go: downloading x${i}`, line]).join('\n')],
    ['among bytes that are no text', Buffer.concat([Buffer.of(0xff, 0xfe, 0x0a), Buffer.from(FORK_REPORT)])],
    ['with CR CRLF line ends', FORK_REPORT.replaceAll('\n', '\r\r\n')],
    ['with progress in front of each line, and CRLF', lines.map((line) => `50%\r${line}\r\n`).join('')],
    ['with blanks behind its titles', FORK_REPORT.replace(/:$/gm, ':   ')],
    ['with empty lines above its titles', FORK_REPORT.replace(/^(?=new|proof)/gm, '\n\n\n')],
    ['indented as a whole', lines.map((line) => `    ${line}`).join('\n')],
    ['trimmed, then indented as a whole', lines.map((line) => `    ${line.trimEnd()}`).join('\n')],
    ['indented as a whole behind a mark', `\ufeff    ${lines.slice(3).join('\n    ')}`],
    [
      'behind columns with TABs, with indented lines of others in it',
      lines.map((line) => `build\tvet\tnow ${line}\n  12 of 40 packages\n`).join(''),
    ],
    [
      'copied from a screen: spaces for TABs, nothing at the ends of lines',
      FORK_REPORT.replaceAll('\t', '        ').replace(/ +$/gm, ''),
    ],
    ['twice, as builds side by side print it', FORK_REPORT + FORK_REPORT.replaceAll('\n', '\r\n')],
    [
      'twice, the second time behind other columns',
      FORK_REPORT + lines.map((line) => `build\tstep\t${line}`).join('\n'),
    ],
  ])('is read %s', (_how, text) => {
    expect(found(text)).toEqual([EXPECTED_ID])
  })

  it('is read of two heads of one size in any order, with or without hashes', () => {
    const [a, b] = [FORK.view_a_heads[5]!, FORK.view_b_heads[5]!]
    const ids = [goReport(a, b, []), goReport(b, a, []), goReport(a, b, [b.split('\n')[2]!]), goReport(b, a, hashes)]
    const id = evidenceId(makeSplitView(key, [parseNote(utf8(a)), parseNote(utf8(b))]))
    for (const text of ids) expect(found(text)).toEqual([id])
  })

  it('is read of each of several', () => {
    const [a, b] = [FORK.view_a_heads[5]!, FORK.view_b_heads[5]!]
    const second = evidenceId(makeSplitView(key, [parseNote(utf8(a)), parseNote(utf8(b))]))
    const text = `go: first\n${FORK_REPORT}go: second\n${goReport(a, b, [])}go: the end\n`
    expect(found(text)).toEqual([EXPECTED_ID, second])
    // A faulty report does not affect the other one.
    const broken = FORK_REPORT.replace('\t5\n', '\t4\n')
    expect(found(broken + FORK_REPORT)).toEqual(['SIGNATURE_INVALID', EXPECTED_ID])
    const cut = FORK_REPORT.slice(0, FORK_REPORT.indexOf('new database:'))
    expect(found(cut + FORK_REPORT)).toEqual(['EVIDENCE_MALFORMED', EXPECTED_ID])
  })

  it('is read behind another report, whatever the columns of the two', () => {
    const [a, b] = [FORK.view_a_heads[5]!, FORK.view_b_heads[5]!]
    const first = goReport(a, b, [])
    const id = evidenceId(makeSplitView(key, [parseNote(utf8(a)), parseNote(utf8(b))]))
    const inColumns = (report: string): string => report.replace(/^/gm, 'build\tstep\tnow ')
    expect(found(first + inColumns(FORK_REPORT))).toEqual([id, EXPECTED_ID])
    expect(found(inColumns(FORK_REPORT) + first)).toEqual([EXPECTED_ID, id])
  })

  it('is read of heads with the lines of witnesses below that of the log', () => {
    const line = `\u2014 w.example ${Buffer.alloc(76, 7).toString('base64')}\n`
    expect(found(goReport(older + line, newer + line + line, hashes))).toEqual([EXPECTED_ID])
  })

  it('says nothing of a text without one', () => {
    const mismatch = `verifying example.com/a@v1.0.0: checksum mismatch\n\nSECURITY ERROR\nThis download does NOT match\n`
    for (const text of ['', '\n', 'old database:\n', 'old database:\nnew database:\n\tx\n', mismatch]) {
      expect(reports(text)).toEqual([])
    }
  })
})

describe('a log that signs what looks like a report', () => {
  const signer = testSigner('log.example', 1)
  const history = new History(signer)
  const fork = history.fork(3, 'b')
  const titles = ['old database:', 'new database:', 'proof of misbehavior:']
  const decorated = (text: string, lines: readonly string[]): string =>
    Buffer.from(history.sign(`${text}${lines.map((line) => `${line}\n`).join('')}`)).toString()

  it.each([
    ['titles', titles],
    ['titles behind other words', titles.map((title) => `go: ${title}`)],
    ['hashes', ['nWzN20+pwMt62p7jbv1/NlN95ePTlHijabv5zO/s36w=']],
    ['empty lines', ['', '', 'x', '']],
  ])('cannot hide a fork in %s', (_what, extra) => {
    const prefix = fork.prefix(fork.tree(8), 5)!
    const printed = [prefix.root, ...prefix.proof].map((hash) => Buffer.from(hash).toString('base64'))
    const [a, b] = [decorated(history.text(5), extra), decorated(fork.text(8), extra)]
    const evidence = makeSplitView(signer.verifier, [parseNote(utf8(a)), parseNote(utf8(b))], prefix)
    const text = goReport(a, b, printed)
    for (const form of [text, text.replaceAll('\n', '\r\n'), text.replace(/^/gm, 'build\tstep\tnow ')]) {
      expect(found(form, [signer.verifier])).toEqual([evidenceId(evidence)])
    }
  })
})

describe('a head of no records with a root', () => {
  const signer = testSigner('log.example', 1)
  const history = new History(signer)
  const note = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
  const empty = note(history.sign(history.text(5).replace('\n5\n', '\n0\n')))
  const of = (...heads: [string, string]): string =>
    evidenceId(makeSplitView(signer.verifier, [parseNote(utf8(heads[0])), parseNote(utf8(heads[1]))]))

  it('convicts alone where the go command had no other head', () => {
    expect(found(goReport(empty, '', []), [signer.verifier])).toEqual([of(empty, empty)])
  })

  it('convicts together with the other head, whatever hashes were printed below them', () => {
    const other = note(history.head(8))
    for (const printed of [[], hashes]) {
      expect(found(goReport(empty, other, printed), [signer.verifier])).toEqual([of(empty, other)])
    }
  })
})

describe('a changed report', () => {
  /** Changes outside the proof leave the same evidence; all others convict nobody. */
  function expectNothingElse(text: string | Uint8Array, what: string): boolean {
    const ids = found(text)
    const isSame = ids.length === 1 && ids[0] === EXPECTED_ID
    if (!isSame) for (const id of ids) if (!/^[A-Z_]+$/.test(id)) expect.fail(`${what}: ${id}`)
    return isSame
  }

  it('convicts nobody else, whichever bit is flipped', () => {
    const bytes = Buffer.from(FORK_REPORT)
    let same = 0
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      if (expectNothingElse(flipped, `bit ${bit}`)) same++
    }
    // Only the text before the first title, line ends, and two unused bits of base64 have no meaning.
    const meaning = FORK_REPORT.length - FORK_REPORT.indexOf('old database:')
    expect(same).toBeLessThan((bytes.length - meaning + 40) * 8)
  })

  it('convicts nobody else, wherever it is cut off, and nobody before its proof is whole', () => {
    const bytes = Buffer.from(FORK_REPORT)
    const whole = bytes.length - 1
    for (let length = 0; length < whole; length++) {
      expect(expectNothingElse(bytes.subarray(0, length), `the first ${length} bytes`)).toBe(false)
    }
  })

  it('convicts nobody else, whichever line is missing, doubled, or in the place of another', () => {
    const lines = FORK_REPORT.split('\n')
    for (const i of lines.keys()) {
      expectNothingElse(lines.toSpliced(i, 1).join('\n'), `without line ${i + 1}`)
      expectNothingElse(lines.toSpliced(i, 0, lines[i]!).join('\n'), `line ${i + 1} twice`)
      for (const j of lines.keys()) {
        const swapped = lines.with(i, lines[j]!).with(j, lines[i]!)
        expectNothingElse(swapped.join('\n'), `lines ${i + 1} and ${j + 1}`)
      }
    }
  })

  it.each([
    ['no hashes', [], 'EVIDENCE_UNPROVEN'],
    ['no proof', hashes.slice(0, 1), 'PROOF_INVALID'],
    ['a proof that lacks its last hash', hashes.slice(0, -1), 'PROOF_INVALID'],
    ['one hash too many', [...hashes, hashes[0]!], 'PROOF_INVALID'],
    ['the root that the old head has', [older.split('\n')[2]!, ...hashes.slice(1)], 'EVIDENCE_UNPROVEN'],
    ['a proof of the other history', [...hashes.slice(0, 2).reverse(), ...hashes.slice(2)], 'PROOF_INVALID'],
  ])('with %s is refused', (_what, printed, code) => {
    expect(found(goReport(older, newer, printed))).toEqual([code])
  })

  it.each([
    [
      'ends before its second head',
      FORK_REPORT.indexOf('new database:'),
      'the report is cut off: it has no second head',
    ],
    ['ends within its second head', FORK_REPORT.lastIndexOf('\u2014') - 1, 'a head of the report is incomplete'],
  ])('that %s is refused, and the reason says so', (_what, length, why) => {
    const [report] = reports(FORK_REPORT.slice(0, length))
    expect(report!.hashes).toEqual([])
    expect(refusalOf(() => evidenceOfReport(report!, [key]))).toMatchObject({
      code: 'EVIDENCE_MALFORMED',
      detail: expect.stringContaining(why) as string,
    })
  })

  it('of a history that goes on is refused: the log did nothing wrong', () => {
    const [a, b] = [FORK.view_a_heads[4]!, FORK.view_a_heads[5]!]
    expect(found(goReport(a, b, hashes))).toEqual(['PROOF_INVALID'])
    expect(found(goReport(a, a, []))).toEqual(['EVIDENCE_UNPROVEN'])
  })

  it('of a size that no tree has is refused in words of its own', () => {
    const signer = parseSignerKey(FORK.skey)
    const impossible = new History(signer).sign(`go.sum database tree\n${2n ** 60n}\n${newer.split('\n')[2]!}\n`)
    expect(found(goReport(older, Buffer.from(impossible).toString(), hashes))).toEqual(['SIZE_IMPOSSIBLE'])
  })
})

describe('keys', () => {
  const other = makeSignerKey(key.name, 1, new Uint8Array(32).fill(9)).verifier

  it('convict only whom they are of', () => {
    expect(found(FORK_REPORT, [])).toEqual(['LOG_UNKNOWN'])
    const [report] = reports(FORK_REPORT)
    expect(refusalOf(() => evidenceOfReport(report!, [])).detail).toBe(`${key.name}+${key.keyId}`)
    expect(found(FORK_REPORT, [other, testSigner('log.example', 1).verifier])).toEqual(['LOG_UNKNOWN'])
    expect(found(FORK_REPORT, [other, key])).toEqual([EXPECTED_ID])
  })

  it('must have signed both heads', () => {
    const foreign = Buffer.from(new History(testSigner('log.example', 1)).head(6)).toString()
    expect(found(goReport(older, foreign, hashes), [key])).toEqual(['LOG_UNKNOWN'])
    expect(found(goReport(older, foreign, hashes), [key, testSigner('log.example', 1).verifier])).toEqual([
      'LOG_UNKNOWN',
    ])
  })
})

describe('a report that two known logs are said to have signed', () => {
  const other = makeSignerKey(key.name, 1, new Uint8Array(32).fill(9)).verifier
  const forged = (byte: number): string =>
    `\u2014 ${other.name} ${Buffer.concat([Buffer.from(other.keyId, 'hex'), Buffer.alloc(64, byte)]).toString('base64')}\n`
  const text = goReport(older + forged(1), newer + forged(2), hashes)

  it('convicts the one that did, in whatever order their keys are known', () => {
    expect(found(text, [other, key])).toEqual([EXPECTED_ID])
    expect(found(text, [key, other])).toEqual([EXPECTED_ID])
  })

  it('is refused where only the other is known', () => {
    expect(found(text, [other])).toEqual(['SIGNATURE_INVALID'])
  })
})

describe('bounds', () => {
  it('a long text is read, and many lines of a proof, and a note beyond what the go command reads is refused', () => {
    expect(found(FORK_REPORT + `${'x'.repeat(99)}\n`.repeat(20_000))).toEqual([EXPECTED_ID])
    const endless = FORK_REPORT + `\t${hashes[0]!}\n`.repeat(20_000)
    expect(found(endless)).toEqual(['PROOF_INVALID'])
    expect(reports(endless)[0]!.hashes, 'a root and the longest proof').toHaveLength(65)
    expect(found(FORK_REPORT.replace('\t5\n', `\t5\n${'\tx\n'.repeat(600_000)}`))).toEqual(['NOTE_TOO_LARGE'])
  })

  it('sixteen reports are read, and no more', () => {
    const many = (count: number): string =>
      Array.from({ length: count }, (_, i) => FORK_REPORT.replace('\t5\n', `\t${50 + i}\n`)).join('')
    expect(found(many(MAX_REPORTS))).toEqual(Array(MAX_REPORTS).fill('SIGNATURE_INVALID'))
    expect(codeOf(() => reports(many(MAX_REPORTS + 1)))).toBe('EVIDENCE_MALFORMED')
    expect(found(FORK_REPORT.repeat(100))).toEqual([EXPECTED_ID])
  })

  it('nothing that is read throws anything but a refusal', () => {
    const pieces = [...FORK_REPORT.split(/(?<=\n)/), '\t', ' ', '\r\n', '\n\n', '— ', 'old database:\n', '\0', '\uFEFF']
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string()), { maxLength: 60 }), (parts) => {
        for (const id of found(parts.join(''))) if (id !== EXPECTED_ID) expect(id).toMatch(/^[A-Z_]+$/)
      }),
      { numRuns: 300 },
    )
  })
})

// Starting from each of them would take hours.
test.each(['\r', '\n', '\t', ' '])('a report with %j without end is read to its end', (piece) => {
  const text = FORK_REPORT.replace('old database:', `${piece.repeat(1024 * 1024)}x\nold database:`)
  expect(parseGoReports(utf8(text))).toEqual(parseGoReports(utf8(FORK_REPORT)))
  expect(parseGoReports(utf8(`old database:\n\ta\n${'\t\n'.repeat(1024 * 1024)}\tb\n`))).toHaveLength(1)
})
