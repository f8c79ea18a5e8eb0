/**
 * Reports of the go command in build logs: however a build system changed the text, the fork is found, and nothing
 * else.
 */
import { describe, expect, it } from 'vitest'
import { evidenceId, makeSplitView, verifyEvidence, type SplitView } from '../../src/evidence/evidence.js'
import { findByShape } from '../../src/evidence/report-shape.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { formatHash } from '../../src/tlog/hash.js'
import { formatNote, makeSignerKey, parseNote } from '../../src/tlog/note.js'
import { BUILD_LOGS } from '../helpers/build-logs.js'
import { goReport } from '../helpers/go-report.js'
import { testSigner } from '../helpers/heart.js'
import { History, setUnusedBit } from '../helpers/history.js'

const signer = testSigner('sum.example.org', 1)
const key = signer.verifier
const history = new History(signer)
const textOf = (note: Uint8Array): string => Buffer.from(note).toString()

/** The report of a fork, and its evidence; the two trees share `common` records. */
function fork(small: number, large: number, salt = 'b', common = 3): { report: string; evidence: SplitView } {
  const other = history.fork(common, salt)
  const { root, proof } = other.prefix(other.tree(large), small)!
  const [a, b] = [history.head(small), other.head(large)]
  return {
    report: goReport(textOf(a), textOf(b), [root, ...proof].map(formatHash)),
    evidence: makeSplitView(key, [parseNote(a), parseNote(b)], { root, proof }),
  }
}

const { report, evidence } = fork(100, 120)
const ID = evidenceId(evidence)
const found = (text: string | Uint8Array): string[] =>
  findByShape(typeof text === 'string' ? utf8(text) : text, [key]).evidence.map(evidenceId)

describe('a report is found', () => {
  it.each(BUILD_LOGS)('%s', (_how, show) => {
    expect(found(show(report))).toEqual([ID])
  })

  // Logs with a mark at their beginning, and binary ones, cannot be in the middle of other lines.
  const amongLines = BUILD_LOGS.filter(([, show]) => {
    const shown = show(report)
    return typeof shown === 'string' && !shown.startsWith('\ufeff')
  })
  it.each(amongLines)('among other lines, %s', (_how, show) => {
    const shown = show(report)
    const lines = Array.from(
      { length: 200 },
      (_, i) => `go: downloading example.com/m${i} v1.${i}.0 at 12:00:0${i % 10}`,
    )
    const noise = utf8(`${lines.join('\n')}\n`)
    expect(found(Buffer.concat([noise, Buffer.from(shown), Buffer.from('\n'), noise]))).toContain(ID)
  })
})

describe('several reports are found', () => {
  const second = fork(90, 130, 'c', 40)
  const ids = [ID, evidenceId(second.evidence)].sort()

  it('one below the other', () => {
    expect(found(report + second.report).sort()).toEqual(ids)
  })

  it.each([
    ['with a prefix each', (line: string, other: string) => `a-1 | ${line}\nb-1 | ${other}`],
    ['with nothing to tell them apart', (line: string, other: string) => `${line}\n${other}`],
  ])('line by line, %s', (_how, zip) => {
    const [a, b] = [report.split('\n'), second.report.split('\n')]
    const text = Array.from({ length: Math.max(a.length, b.length) }, (_, i) => zip(a[i] ?? '', b[i] ?? '')).join('\n')
    expect(found(text)).toEqual(expect.arrayContaining(ids))
  })

  it('printed hundreds of times', () => {
    expect(found(report.repeat(300) + second.report).sort()).toEqual(ids)
  })
})

describe('what convicts without a proof is found', () => {
  const other = history.fork(3, 'b')

  it('in two heads of one size', () => {
    const text = goReport(textOf(history.head(100)), textOf(other.head(100)), [])
    expect(found(text.replaceAll('\n', '\n12:00:01 '))).toHaveLength(1)
  })

  it('in a head of no records with a root', () => {
    const empty = history.sign(history.text(100).replace('\n100\n', '\n0\n'))
    const [one] = findByShape(utf8(`x | ${textOf(empty).replaceAll('\n', '\nx | ')}`), [key]).evidence
    expect(verifyEvidence(one!, [key]).sizes).toEqual([0, 0])
  })
})

describe('heads are found', () => {
  it('that prove nothing together, with the lines of others below them', () => {
    const line = `— w.example.org ${Buffer.alloc(76, 7).toString('base64')}\n`
    const text = goReport(`${textOf(history.head(100))}${line}`, textOf(history.fork(3, 'b').head(120)), [])
    const { heads, evidence: none } = findByShape(utf8(text.replaceAll('\n', '\nweb | ')), [key])
    expect(none).toEqual([])
    expect(heads.map(({ note }) => note.text.split('\n')[1])).toEqual(['100', '120'])
    expect(textOf(formatNote(heads[0]!.note))).toBe(`${textOf(history.head(100))}${line}`)
  })

  it('of a size that no tree has', () => {
    const impossible = history.sign(history.text(100).replace('\n100\n', '\n9007199254740993\n'))
    expect(findByShape(impossible, [key]).heads).toHaveLength(1)
  })
})

describe('bits of base64 that mean nothing', () => {
  it('do not hide a head: what the log signed is its root as it stands', () => {
    const [origin, size, root] = history.text(100).split('\n')
    const odd = history.sign(`${origin!}\n${size!}\n${setUnusedBit(root!)}\n`)
    const [found] = findByShape(odd, [key]).heads
    expect(textOf(formatNote(found!.note))).toBe(textOf(odd))
  })

  it('do not hide a proof', () => {
    const spelled = report.replace(evidence.prefix!.root, setUnusedBit(evidence.prefix!.root))
    expect(spelled).not.toBe(report)
    expect(found(spelled)).toEqual([ID])
  })
})

// Starting from each word, or each character of a run, would take hours.
describe('what repeats itself is read in proportion to its length', () => {
  const signature = `${'A'.repeat(91)}= `
  const hash = `${formatHash(history.tree(1).root)} `

  it.each([signature, hash, 'aaaa ', '@', ' ', 'aaaa\n', '1 ', '1.1'])('%j', (piece) => {
    const much = piece.repeat(Math.ceil((512 * 1024) / piece.length))
    expect(found(`go.sum database\n${much}${' '.repeat(1024 * 1024)}x\n${report}`)).toEqual([ID])
  })
})

describe('nobody is convicted', () => {
  it('by a report that another key signed', () => {
    const other = makeSignerKey(key.name, 1, new Uint8Array(32).fill(9)).verifier
    expect(findByShape(utf8(report), [other])).toEqual({ heads: [], evidence: [] })
  })

  it('by a history that goes on', () => {
    const { root, proof } = history.prefix(history.tree(120), 100)!
    const text = goReport(textOf(history.head(100)), textOf(history.head(120)), [root, ...proof].map(formatHash))
    expect(found(text)).toEqual([])
  })

  it('by a report in which any line is missing but those that say nothing', () => {
    const lines = report.split('\n')
    for (const i of lines.keys()) {
      for (const id of found(lines.toSpliced(i, 1).join('\n'))) expect(id).toBe(ID)
    }
  })

  it('by anything that does not verify, however much of it there is', () => {
    const noise = `${report.replaceAll('=', 'A=').repeat(50)}\ngo.sum database tree\n${'1 '.repeat(20_000)}`
    expect(findByShape(utf8(noise), [key])).toEqual({ heads: [], evidence: [] })
    expect(findByShape(new Uint8Array(), [key])).toEqual({ heads: [], evidence: [] })
  })
})
