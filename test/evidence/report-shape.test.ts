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
import { remembering } from '../helpers/remembering.js'
import { seeded } from '../helpers/tree.js'

const signer = testSigner('sum.example.org', 1)
const key = remembering(signer.verifier)
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

  it('line by line in no order, behind the time and the name of each build', () => {
    // Builds write when they like: neither takes its turn, and the hashes of one stand in no row.
    const [a, b] = [report, second.report].map((text, i) => text.split('\n').map((line) => `${'ab'[i]!}-1 | ${line}`))
    const random = seeded(7)
    const mixed: string[] = []
    while (a!.length + b!.length > 0) {
      mixed.push((random() % (a!.length + b!.length) < a!.length ? a! : b!).shift()!)
    }
    const timed = mixed.map((line, i) => `12:${String(i % 60).padStart(2, '0')}:07 ${line}`)
    expect(found(timed.join('\n')).sort()).toEqual(ids)
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

  it('in a head of no records with a root, above another head', () => {
    const empty = textOf(history.sign(history.text(100).replace('\n100\n', '\n0\n')))
    const text = goReport(empty, textOf(history.head(100)), [])
    const sizes = findByShape(utf8(text.replaceAll('\n', '\nx | ')), [key]).evidence.map(
      (one) => verifyEvidence(one, [key]).sizes,
    )
    expect(sizes).toContainEqual([0, 100])
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

  it('with what can be a line of others, and with nothing that could not be written again', () => {
    const other = testSigner('other.example', 2).verifier
    const of = (id: string, size: number): string =>
      Buffer.concat([Buffer.from(id, 'hex'), Buffer.alloc(size, 7)]).toString('base64')
    const below = [
      // No key has these names; nor is there a signature of this size; and a known log speaks for itself.
      of('01020304', 72),
      `\u2014 two+words.example ${of('01020304', 72)}`,
      `\u2014 short.example ${of('01020304', 29)}`,
      `\u2014 ${other.name} ${of(other.keyId, 64)}`,
      `\u2014 ${key.name} ${of(key.keyId, 64)}`,
      `\u2014 w.example ${of('01020304', 72)}`,
    ]
    const { heads } = findByShape(utf8(`${textOf(history.head(100))}${below.join('\n')}\n`), [key, other])
    expect(heads.map(({ note }) => note.signatures.map(({ name }) => name))).toEqual([[key.name, 'w.example']])
    expect(parseNote(formatNote(heads[0]!.note))).toEqual(heads[0]!.note)
  })

  it('with no more lines of others than a note may have', () => {
    const lines = Array.from(
      { length: 150 },
      (_, i) => `\u2014 w${i}.example ${Buffer.alloc(76, i).toString('base64')}\n`,
    )
    const { heads } = findByShape(utf8(`${textOf(history.head(100))}${lines.join('')}`), [key])
    expect(parseNote(formatNote(heads[0]!.note)).signatures.length).toBeGreaterThan(16)
  })

  it('without a line of others on which the text is cut off', () => {
    const line = `\u2014 w.example.org ${Buffer.alloc(76, 7).toString('base64')}`
    const whole = `${textOf(history.head(100))}${line}`
    for (let cut = 1; cut < 12; cut++) {
      const [head] = findByShape(utf8(whole.slice(0, -cut)), [key]).heads
      expect(textOf(formatNote(head!.note)), `${cut} characters before its end`).toBe(textOf(history.head(100)))
    }
    expect(findByShape(utf8(whole), [key]).heads[0]!.note.signatures).toHaveLength(2)
  })

  describe('with a cosignature', () => {
    const blob = Buffer.alloc(4 + 8 + 2420, 7).toString('base64')
    const text = `${textOf(history.head(100))}\u2014 pq.example ${blob}\n`
    const linesIn = (shown: string): number => findByShape(utf8(shown), [key]).heads[0]!.note.signatures.length
    const folded = (lines: number): string =>
      text.replace(blob, blob.match(new RegExp(`.{1,${Math.ceil(blob.length / lines)}}`, 'g'))!.join('\n  '))
    // No line of the cosignature is the widest one, at which a text may have been folded as a whole.
    const wide = `${'-'.repeat(4000)}\n`

    it('that was folded into 61 lines, and none that goes on for longer', () => {
      const lines = folded(61).split('\n').length - text.split('\n').length + 1
      expect(lines).toBe(61)
      expect([linesIn(wide + text), linesIn(wide + folded(61)), linesIn(wide + folded(64))]).toEqual([2, 2, 1])
    })

    it('that only some readings of the text show', () => {
      // As it stands; and without folds, of which there are too many to follow from line to line.
      expect(linesIn(folded(2))).toBe(2)
      expect(linesIn(text.replace(/.{50}(?=.)/g, '$&\n'))).toBe(2)
    })
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

describe('what stands between its lines does not hide a report', () => {
  it('hundreds of empty lines', () => {
    expect(found(report.replaceAll('\n', '\n'.repeat(300)))).toEqual([ID])
  })

  it('words as long as a hash that are none', () => {
    const words = ['A'.repeat(44), `${'A'.repeat(42)}==`]
    for (const word of words) expect(found(report.replaceAll('=\n', `=\n\t${word}\n`))).toEqual([ID])
  })

  it('more blanks between its words', () => {
    expect(found(report.replaceAll(' ', '   '))).toEqual([ID])
  })
})

describe('what is done for one text has an end', () => {
  /** The key, and how often it was asked. */
  const counting = (verify: typeof key.verify = key.verify) => {
    const asked = { count: 0 }
    const counted = { ...key, verify: (...of: Parameters<typeof verify>) => (asked.count++, verify(...of)) }
    return { asked, counted }
  }
  const forgedLine = (i: number): string => {
    const bytes = Buffer.alloc(68, i)
    bytes.set(Buffer.from(key.keyId, 'hex'))
    bytes.writeUint32BE(i, 8)
    return `\u2014 ${key.name} ${bytes.toString('base64')}\n`
  }
  const hashes = Array.from({ length: 8 }, (_, i) => `${formatHash(history.tree(i + 1).root)}\n`).join('')
  const numbers = Array.from({ length: 32 }, (_, i) => `${i + 1}\n`).join('')
  const forgeries = `${numbers}${hashes}${Array.from({ length: 200 }, (_, i) => forgedLine(i)).join('')}`

  it('of forged signatures some are verified, and none where no checksum database is named', () => {
    const { asked, counted } = counting(() => false)
    expect(findByShape(utf8(`go.sum\n${forgeries}misbehavior\n`), [counted]).heads).toEqual([])
    expect(asked.count).toBe(0)
    expect(findByShape(utf8(`go.sum database tree\n${forgeries}`), [counted]).heads).toEqual([])
    expect(asked.count).toBeLessThanOrEqual(10_000)
    expect(asked.count).toBeGreaterThan(1_000)
  })

  const forksOf = (salts: string): string[] => Array.from(salts, (salt) => textOf(history.fork(3, salt).head(100)))

  it('of heads that all contradict each other sixteen pairs are evidence, in whatever way they are shown', () => {
    const { asked, counted } = counting()
    const many = forksOf('abcdefghijklmnopqrstuvwxyz').join('\n')
    expect(findByShape(utf8(many), [counted]).evidence).toHaveLength(16)
    expect(asked.count, 'two heads of each').toBeLessThan(500)
    // Only one reading of the text shows those in quoted-printable, and it spoils the others.
    const quoted = forksOf('ABCDEFG').join('\n').replaceAll('=', '=3D')
    const plain = forksOf('abcdefg').join('\n')
    expect(findByShape(utf8(`${quoted}\n${plain}`), [key]).evidence).toHaveLength(16)
  })

  it('of proofs so many are tried: what stands behind them is not found', () => {
    const filler = Array.from({ length: 600 }, (_, i) => {
      const hash = Buffer.alloc(32)
      hash.writeUint32BE(i + 1)
      return `${hash.toString('base64')}\n`
    }).join('')
    const honest = (count: number): string =>
      Array.from({ length: count }, (_, i) => textOf(history.head(10 + i))).join('\n')
    expect(found(`${honest(1)}${report}${filler}`)).toContain(ID)
    expect(found(`${honest(40)}${report}${filler}`)).toEqual([])
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
