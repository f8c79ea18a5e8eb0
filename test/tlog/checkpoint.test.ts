import { describe, expect, it } from 'vitest'
import { toHex, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, logId, parseCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { formatHash, hashNode, parseHash } from '../../src/tlog/hash.js'
import { parseNote, parseVerifierKey, verifyNote } from '../../src/tlog/note.js'
import { codeOf } from '../helpers/codes.js'
import { readVectors } from '../helpers/vectors.js'

const syntax = readVectors('checkpoint-syntax.json') as {
  cases: { text: string; why: string; formats_lax: boolean; strict: boolean }[]
}
const real = readVectors('sumdb-checkpoints.json') as {
  vkey: string
  checkpoints: { size: number; root_b64: string; root_hex: string; note: string }[]
  right_edge: { size: number; nodes: string[]; root_b64: string }
}

/** The verdict of Go's ParseTree, our measure of readable, for each case; cosignable is a different property. */
const readable: Record<string, ReturnType<typeof codeOf>> = {
  'C2SP example': 'accepted',
  'one extension line': 'accepted',
  '2^53+1: sizes need bigint': 'SIZE_IMPOSSIBLE',
}

describe('checkpoint syntax', () => {
  it.each(syntax.cases)('reads as Go does: $why', (c) => {
    expect(codeOf(() => parseCheckpoint(c.text))).toBe(readable[c.why] ?? 'CHECKPOINT_MALFORMED')
  })

  it('has one cosignable spelling of a checkpoint', () => {
    const cosignable = syntax.cases.filter((c) => {
      return (
        codeOf(() => parseCheckpoint(c.text)) === 'accepted' && formatCheckpoint(parseCheckpoint(c.text)) === c.text
      )
    })
    // C2SP allows extension lines and sizes up to 2^63 - 1; this witness signs neither.
    expect(cosignable.map((c) => c.why)).toEqual(['C2SP example'])
    for (const c of cosignable) expect(c.strict).toBe(true)
  })

  const root = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I='

  it.each([
    ['9007199254740991', 'accepted'],
    ['9007199254740992', 'SIZE_IMPOSSIBLE'],
    ['9223372036854775807', 'SIZE_IMPOSSIBLE'],
    ['9223372036854775808', 'CHECKPOINT_MALFORMED'],
    ['10000000000000000000', 'CHECKPOINT_MALFORMED'],
    ['0', 'accepted'],
    ['00', 'CHECKPOINT_MALFORMED'],
    ['-0', 'CHECKPOINT_MALFORMED'],
    ['1e3', 'CHECKPOINT_MALFORMED'],
    ['0x10', 'CHECKPOINT_MALFORMED'],
    [' 1', 'CHECKPOINT_MALFORMED'],
    ['1 ', 'CHECKPOINT_MALFORMED'],
    ['', 'CHECKPOINT_MALFORMED'],
    ['٣', 'CHECKPOINT_MALFORMED'],
  ])('size %j: %s', (size, expected) => {
    expect(codeOf(() => parseCheckpoint(`${SUMDB_ORIGIN}\n${size}\n${root}\n`))).toBe(expected)
  })

  it.each([
    ['a', 1, 1_000_000],
    ['\u00e4', 2, 500_000],
    ['\u6728', 3, 333_333],
    ['\u6728', 3, 340_000],
    ['\u{1f642}', 4, 250_000],
  ])('allows a text of up to a million bytes, and none that is longer, of %s', (char, bytes, count) => {
    const start = `${SUMDB_ORIGIN}\n5\n${root}\n`
    const filled = (length: number): string =>
      start + char.repeat(Math.floor((length - start.length) / bytes)) + 'x'.repeat((length - start.length) % bytes)
    expect(utf8(filled(1_000_000))).toHaveLength(1_000_000)
    expect(parseCheckpoint(filled(1_000_000)).size).toBe(5)
    expect(codeOf(() => parseCheckpoint(filled(1_000_001)))).toBe('CHECKPOINT_MALFORMED')
    const longer = count * bytes > 1_000_000 - start.length
    expect(codeOf(() => parseCheckpoint(start + char.repeat(count)))).toBe(longer ? 'CHECKPOINT_MALFORMED' : 'accepted')
  })

  it('shows only the beginning of a bad size in its error', () => {
    const size = '9'.repeat(100_000)
    expect(() => parseCheckpoint(`${SUMDB_ORIGIN}\n${size}\n${root}\n`)).toThrow(
      expect.objectContaining({ detail: `size "${'9'.repeat(40)}"` }) as Error,
    )
  })

  it('ignores what follows the third line, even without a final newline', () => {
    for (const rest of ['', 'x', 'x\n', '\n', '\n\nx']) {
      expect(parseCheckpoint(`${SUMDB_ORIGIN}\n5\n${root}\n${rest}`).size).toBe(5)
    }
  })

  it('allows unused bits in a root, which is then not cosignable', () => {
    const text = `${SUMDB_ORIGIN}\n5\n${root.replace('q2I=', 'q2J=')}\n`
    expect(formatHash(parseCheckpoint(text).root)).toBe(root)
    expect(formatCheckpoint(parseCheckpoint(text))).not.toBe(text)
  })
})

describe('heads of sum.golang.org', () => {
  const key = parseVerifierKey(real.vkey)

  it.each(real.checkpoints)('are read and verified at size $size', (c) => {
    const note = parseNote(utf8(c.note))
    verifyNote(note, key)
    const head = parseCheckpoint(note.text)
    expect(head).toMatchObject({ origin: SUMDB_ORIGIN, size: c.size })
    expect(toHex(head.root)).toBe(c.root_hex)
    expect(formatHash(head.root)).toBe(c.root_b64)
    expect(formatCheckpoint(head)).toBe(note.text)
  })

  it('have a right edge that folds to their root', () => {
    const nodes = real.right_edge.nodes.map((node) => parseHash(node)!)
    expect(formatHash(nodes.reduceRight((right, left) => hashNode(left, right)))).toBe(real.right_edge.root_b64)
  })

  it('are identified by key and origin', () => {
    // printf 'sum.golang.org\ngo.sum database tree' | sha256sum
    expect(logId('sum.golang.org', SUMDB_ORIGIN)).toBe(
      '5b994a2fd1955c1eeb8edcedb6b0446482346322f7dc9fa20f82f1b321bf5f35',
    )
    expect(logId('localhost.localdev/sumdb', SUMDB_ORIGIN)).not.toBe(logId('sum.golang.org', SUMDB_ORIGIN))
  })
})
