/** Heads that a log signed, whatever surrounds them. */
import { describe, expect, it } from 'vitest'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { signedHeadsIn } from '../../src/tlog/cut.js'
import {
  formatNote,
  formatSignature,
  makeSignerKey,
  signNote,
  SIGNATURE_TYPES,
  type VerifierKey,
} from '../../src/tlog/note.js'
import { testSigner } from '../helpers/heart.js'
import { History } from '../helpers/history.js'
import { SPOILED } from '../helpers/spoiled.js'

const signer = testSigner('log.example', 1)
const key = signer.verifier
const history = new History(signer)
const head = history.head(7)

const cut = (bytes: Uint8Array, by: VerifierKey = key): string[] =>
  signedHeadsIn(bytes, by, SUMDB_ORIGIN).map((note) => Buffer.from(formatNote(note)).toString())

describe('a head is found', () => {
  it.each(SPOILED)('in an answer with %s', (_what, spoil) => {
    expect(cut(spoil('example.com/x v1.0.0 h1:x\n', head))).toEqual([Buffer.from(head).toString()])
  })

  it('alone, and each of several', () => {
    expect(cut(head)).toHaveLength(1)
    expect(cut(concatBytes(head, utf8('\n'), history.head(9)))).toHaveLength(2)
  })

  it('with the lines of others, and without unreadable ones', () => {
    const line = '— w.example AAAAAAAAAAA=\n'
    expect(cut(concatBytes(head, utf8(`${line}— broken\n`)))).toEqual([`${Buffer.from(head).toString()}${line}`])
  })

  it('with an extension, and with an impossible size', () => {
    const extended = history.sign(`${history.text(7)}more\n\nand more\n`)
    expect(cut(concatBytes(utf8('x\n'), extended))).toEqual([Buffer.from(extended).toString()])
    const impossible = history.sign(history.text(7).replace('\n7\n', '\n9007199254740993\n'))
    expect(cut(concatBytes(utf8('+1\n'), impossible))).toEqual([Buffer.from(impossible).toString()])
  })

  it('after a first line by the log that is not its signature', () => {
    const text = history.text(7)
    const forged = { ...signNote(text, signer), bytes: new Uint8Array(64) }
    const two = formatNote({ text, signatures: [forged, signNote(text, signer)] })
    expect(cut(two)).toEqual([Buffer.from(head).toString()])
  })
})

describe('in a text with many candidates', () => {
  const decoy = utf8(`${SUMDB_ORIGIN}\n`)
  const decoys = (count: number): Uint8Array => concatBytes(...Array<Uint8Array>(count).fill(decoy))
  const found = [Buffer.from(head).toString()]

  it('the first four beginnings and the last four are tried', () => {
    for (const [before, after, expected] of [
      [3, 9, found],
      [9, 3, found],
      [4, 4, []],
    ] as const) {
      // An empty line far before it, so that it is not where the go command would look.
      const text = concatBytes(utf8('x\n\ny\n'), decoys(before), head, decoys(after))
      expect(cut(text), `${before} before it and ${after} behind it`).toEqual(expected)
    }
  })

  it('the beginning after the first empty line is always tried, because the go command looks there', () => {
    expect(cut(concatBytes(decoys(9), utf8('x\n\n'), head, decoys(9)))).toEqual(found)
  })

  it('the last three ends are tried, whichever is valid', () => {
    const end = utf8(`\n\n\u2014 x.example AAAAAAAAAAA=\n`)
    const ends = (count: number): Uint8Array => concatBytes(...Array<Uint8Array>(count).fill(end))
    for (const count of [0, 1, 2]) expect(cut(concatBytes(head, ends(count))), String(count)).toEqual(found)
    expect(cut(concatBytes(head, ends(3)))).toEqual([])
    // An unreadable line does not count.
    const unread = utf8(`\n\n\u2014 nothing\n`)
    expect(cut(concatBytes(head, unread, unread, unread))).toEqual(found)
  })

  it('a hundred lines of each are read', () => {
    const text = history.text(7)
    const line = `\u2014 x.example AAAAAAAAAAA=\n`
    const own = formatSignature(signNote(text, signer))
    const with_ = (count: number) => cut(utf8(`${text}\n${line.repeat(count)}${own}`))
    expect(with_(99)).toEqual([`${text}\n${own}${line.repeat(99)}`])
    expect(with_(100)).toEqual([])
  })
})

it('an origin may begin with a byte order mark, which is part of it', () => {
  const origin = `\ufeff${SUMDB_ORIGIN}`
  const odd = history.sign(`\ufeff${history.text(7)}`)
  expect(signedHeadsIn(odd, key, origin)).toHaveLength(1)
})

describe('no head is found', () => {
  it('under another name, even if the signature is valid', () => {
    const text = history.text(7)
    expect(cut(formatNote({ text, signatures: [{ ...signNote(text, signer), name: 'other.example' }] }))).toEqual([])
  })

  it('that another key signed, or that was changed', () => {
    const other = makeSignerKey(key.name, SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(9))
    expect(cut(head, other.verifier)).toEqual([])
    expect(cut(head.map((byte, i) => (i === 21 ? byte ^ 1 : byte)))).toEqual([])
  })

  it('in an empty text, or in one that only resembles a head', () => {
    for (const text of ['', '\n\n', SUMDB_ORIGIN, `${SUMDB_ORIGIN}\n\n— `, '\n\n— log.example AAAA\n'])
      expect(cut(utf8(text))).toEqual([])
  })

  it('by endless verification', () => {
    let verified = 0
    const counting = { ...key, verify: () => (verified++, false) }
    const line = `— ${key.name} ${Buffer.from(`${key.keyId}${'00'.repeat(64)}`, 'hex').toString('base64')}\n`
    const text = `${SUMDB_ORIGIN}\n\n${line.repeat(50)}`.repeat(200)
    expect(cut(utf8(text), counting)).toEqual([])
    expect(verified).toBeLessThanOrEqual(32)
  })
})
