import { describe, expect, it } from 'vitest'
import { errorCode } from '../../src/errors.js'
import { concatBytes, fromBase64, toHex, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, parseCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { formatHash, sha256 } from '../../src/tlog/hash.js'
import { isCanonicalNote, parseNote, parseVerifierKey, verifyNote, type Note } from '../../src/tlog/note.js'
import { readVectors } from '../helpers/vectors.js'

// We accept what Go accepts, and refuse what Go refuses, for each note made by scripts/vectors/go-reads.

interface Case {
  why: string
  key: number
  note: [base64: string, times: number][]
  text?: string
  tree?: { size: string; root: string }
}

const vectors = readVectors('go-reads.json') as { keys: string[]; cases: Case[] }
const keys = vectors.keys.map(parseVerifierKey)

function bytesOf(c: Case): Uint8Array {
  return concatBytes(
    ...c.note.map(([base64, times]) => {
      const piece = fromBase64(base64)!
      const out = new Uint8Array(piece.length * times)
      for (let i = 0; i < times; i++) out.set(piece, i * piece.length)
      return out
    }),
  )
}

interface Reading {
  note?: Note
  /** SHA-256 of the signed text if the note opens, otherwise why it does not. */
  text: string
  /** Size and root if the text is a tree, otherwise why it is not. */
  tree?: string
}

function read(bytes: Uint8Array, key: number): Reading {
  let note: Note
  try {
    note = parseNote(bytes)
    verifyNote(note, keys[key]!)
  } catch (error) {
    return { text: errorCode(error) }
  }
  const text = toHex(sha256(utf8(note.text)))
  try {
    const head = parseCheckpoint(note.text)
    return {
      note,
      text,
      tree: head.origin === SUMDB_ORIGIN ? `${head.size} ${formatHash(head.root)}` : 'ORIGIN_MISMATCH',
    }
  } catch (error) {
    return { note, text, tree: errorCode(error) }
  }
}

const isCode = (text: string): boolean => /^[A-Z]+_[A-Z_]+$/.test(text)

const readings = vectors.cases.map((c) => {
  const bytes = bytesOf(c)
  return { ...c, bytes, ours: read(bytes, c.key) }
})

describe(`reading as Go reads: ${vectors.cases.length} notes`, () => {
  it('the same notes are accepted, with the same signed text', () => {
    const different = readings.filter(({ text, ours }) => {
      return text === undefined ? !isCode(ours.text) || ours.text === 'INTERNAL' : ours.text !== text
    })
    expect(different.map((c) => c.why)).toEqual([])
  })

  it('the same texts are checkpoints, with the same size and root', () => {
    const different = readings.filter(({ text, tree, ours }) => {
      if (text === undefined) return false
      if (tree === undefined) return !isCode(ours.tree!) || ['INTERNAL', 'SIZE_IMPOSSIBLE'].includes(ours.tree!)
      if (BigInt(tree.size) > BigInt(Number.MAX_SAFE_INTEGER)) return ours.tree !== 'SIZE_IMPOSSIBLE'
      return ours.tree !== `${tree.size} ${tree.root}`
    })
    expect(different.map((c) => c.why)).toEqual([])
  })

  it('the permitted difference about impossible sizes occurs, but rarely', () => {
    const opened = readings.filter((c) => c.text !== undefined)
    const impossible = opened.filter((c) => c.tree !== undefined && !Number.isSafeInteger(Number(c.tree.size)))
    expect(impossible.filter((c) => c.why.startsWith('size')).map((c) => c.tree!.size)).toEqual([
      '9007199254740992',
      '9007199254740993',
      '4611686018427387904',
      '9223372036854775806',
      '9223372036854775807',
    ])
  })

  it('only notes of three lines and canonical base64 are cosignable', () => {
    const cosignable = readings.filter(({ bytes, ours }) => {
      if (ours.note === undefined || ours.tree === undefined || isCode(ours.tree)) return false
      return isCanonicalNote(bytes, ours.note) && formatCheckpoint(parseCheckpoint(ours.note.text)) === ours.note.text
    })
    const head = /^go\.sum database tree\n(0|[1-9]\d*)\n([A-Za-z0-9+/]{43}=)\n\n((— [^ \n]+ [A-Za-z0-9+/]+={0,2}\n)+)$/
    for (const { bytes, why } of cosignable) {
      const match = head.exec(Buffer.from(bytes).toString('utf8'))
      if (match === null) expect.fail(why)
      const spellings = [match[2]!, ...match[3]!.split('\n').flatMap((line) => line.split(' ').slice(2))]
      for (const text of spellings) expect(Buffer.from(text, 'base64').toString('base64')).toBe(text)
    }
    const readable = readings.filter((c) => c.tree !== undefined).length
    expect(cosignable.length).toBeGreaterThan(60)
    expect(readable).toBeGreaterThan(cosignable.length + 30)
  })
})
