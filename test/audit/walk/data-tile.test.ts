/** Tiles of records, valid and invalid: records are read as the leaf hashes determine. */
import { describe, expect, it } from 'vitest'
import { claimedLeaves, readRecords, type RecordLayout } from '../../../src/audit/walk/data-tile.js'
import { concatBytes, fromUtf8, utf8 } from '../../../src/tlog/bytes.js'
import { hashLeaf } from '../../../src/tlog/hash.js'
import { madeRecords } from '../../helpers/audits.js'

function leavesOf(records: readonly (string | Uint8Array)[]): Uint8Array {
  return concatBytes(...records.map((record) => hashLeaf(typeof record === 'string' ? utf8(record) : record)))
}

/** What is read from this text, if the tree has these records there. */
function read(text: string, records: readonly string[], first = 0, layout: RecordLayout = 'data') {
  const tile = { first, width: records.length, leaves: leavesOf(records) }
  const found = readRecords(utf8(text), tile, layout)
  if ('missing' in found) return found
  return { misnumbered: found.misnumbered, records: found.records.map((record) => fromUtf8(record)) }
}

describe('data tiles', () => {
  const records = madeRecords(4).map((record) => fromUtf8(record)!)
  const numbered = (first: number, list = records): string =>
    list.map((record, i) => `${first + i}\n${record}\n`).join('')

  it.each([
    ['plain', 0, records.map((record) => `${record}\n`).join('')],
    ['without the last empty line', 0, records.join('\n')],
    ['numbered', 512, numbered(512)],
    ['numbered, without the last empty line', 512, numbered(512).slice(0, -1)],
    ['numbered from 0', 0, numbered(0)],
    ['wider than requested', 256, `${numbered(256)}260\nexample.com/x v1.0.0 h1:x\n\n`],
  ])('are read: %s', (_how, first, text) => {
    expect(read(text, records, first)).toEqual({ records, misnumbered: [] })
  })

  it.each([
    ['an empty line inside', 'a\n\nb\n'],
    ['an empty line first', '\na\n'],
    ['an empty line last', 'a\n\n'],
    ['nothing at all', ''],
    ['no newline at its end', 'a'],
    ['one newline', '\n'],
    ['many newlines', '\n\n\n\n'],
    ['what looks like the number of the next', '2\na\n'],
    ['what looks like the next, numbered', 'a\n\n2\nb\n'],
    ['its own number twice', '1\n1\n'],
  ])('hold a record with %s, at each place, numbered or not', (_what, odd) => {
    for (let place = 0; place < 4; place++) {
      const list = records.with(place, odd)
      const plain = list.map((record) => `${record}\n`).join('')
      expect(read(plain, list)).toEqual({ records: list, misnumbered: [] })
      expect(read(numbered(0, list), list)).toEqual({ records: list, misnumbered: [] })
    }
  })

  it('hold adjacent odd records: text like a number is one only before a record', () => {
    const list = ['a\n\n', '2\nb\n', '\n', '4\n\n5\n']
    const plain = list.map((record) => `${record}\n`).join('')
    expect(read(plain, list, 1)).toEqual({ records: list, misnumbered: [] })
    expect(read(numbered(1, list), list, 1)).toEqual({ records: list, misnumbered: [] })
  })

  it('with wrong record numbers are read, and the wrong numbers are reported', () => {
    const text = numbered(256).replace('257\n', '9999\n').replace('259\n', '0\n')
    expect(read(text, records, 256)).toEqual({
      records,
      misnumbered: [
        { id: 257, written: '9999' },
        { id: 259, written: '0' },
      ],
    })
    // All of them off by one, as in a log that lost a record.
    const off = read(numbered(257), records, 256)
    expect('misnumbered' in off && off.misnumbered.map(({ id, written }) => `${id} ${written}`)).toEqual([
      '256 257',
      '257 258',
      '258 259',
      '259 260',
    ])
  })

  it.each([0, 1, 2, 3])('with another record %i name only that one', (place) => {
    const other = records.with(place, records[place]!.replace('h1:', 'h1:A'))
    expect(read(numbered(0, other), records)).toEqual({ missing: place })
    expect(read(other.join('\n'), records)).toEqual({ missing: place })
  })

  it.each([0, 1, 3])('that end after %i records do not hold the next', (count) => {
    expect(read(numbered(0, records.slice(0, count)), records)).toEqual({ missing: count })
  })

  it('do not hold records in another order', () => {
    expect(read([...records].reverse().join('\n'), records)).toEqual({ missing: 0 })
  })

  it('that would take too long to search, such as 4 MiB of empty lines, are abandoned', () => {
    const leaves = leavesOf(records)
    const found = readRecords(new Uint8Array(4 * 1024 * 1024).fill(10), { first: 0, width: 4, leaves }, 'data')
    expect(found).toEqual({ missing: 0 })
  })

  it('give the leaf hashes of a tile only in the usual form', () => {
    const leaves = leavesOf(records)
    expect(claimedLeaves(utf8(numbered(7)), 7, 4, 'data')).toEqual(leaves)
    expect(claimedLeaves(utf8(records.join('\n')), 0, 4, 'data')).toEqual(leaves)
    // Fewer records give fewer hashes: nothing is invented for missing ones.
    expect(claimedLeaves(utf8(records.join('\n')), 0, 9, 'data')).toEqual(leaves)
    expect(claimedLeaves(utf8(numbered(8)), 7, 4, 'data')).not.toEqual(leaves)
  })
})

describe('entry bundles', () => {
  const entries = ['', 'a\n\n', 'x'.repeat(65535), '0\n', 'last']
  const bundle = concatBytes(
    ...entries.flatMap((entry) => [Uint8Array.of(entry.length >> 8, entry.length & 255), utf8(entry)]),
  )
  const tile = { first: 256, width: entries.length, leaves: leavesOf(entries) }

  it('hold any bytes, delimited by their lengths', () => {
    const found = readRecords(bundle, tile, 'entries')
    expect('records' in found && found.records.map((entry) => fromUtf8(entry))).toEqual(entries)
    expect(readRecords(concatBytes(bundle, Uint8Array.of(0, 9, 1)), tile, 'entries')).toEqual(found)
  })

  it('that are truncated lack the cut entry', () => {
    expect(readRecords(bundle.subarray(0, -1), tile, 'entries')).toEqual({ missing: 260 })
    expect(readRecords(bundle.subarray(0, 1), tile, 'entries')).toEqual({ missing: 256 })
    expect(readRecords(new Uint8Array(), tile, 'entries')).toEqual({ missing: 256 })
  })

  it('with a wrong length hold nothing from there on', () => {
    const lying = bundle.slice()
    lying[3] = 4
    expect(readRecords(lying, tile, 'entries')).toEqual({ missing: 257 })
  })
})
