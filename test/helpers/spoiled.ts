/** Answers to lookups that no client accepts, each containing a head that the log signed. */
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'

type Spoil = (record: string, head: Uint8Array) => Uint8Array

const around =
  (before: string, behind = ''): Spoil =>
  (record, head) =>
    concatBytes(utf8(before.replace('RECORD', record)), head, utf8(behind))

export const SPOILED: readonly (readonly [what: string, spoil: Spoil])[] = [
  ['a number with a sign', around('+5\nRECORD\n')],
  ['a number with a zero in front', around('05\nRECORD\n')],
  ['a number of many digits', around('99999999999999999999\nRECORD\n')],
  ['a number beyond its head', around('1000000\nRECORD\n')],
  ['no number', around('RECORD\n')],
  ['a record with a control character', around('5\nexample.com/x\u0007 v1.0.0 h1:x\n\n')],
  ['an empty line in the record', around('5\nRECORD\n\n\n')],
  ['no record', around('5\n\n')],
  ['something behind the head', around('5\nRECORD\n', '\nand more\n')],
  ['no newline at the end', (record, head) => concatBytes(utf8(`5\n${record}\n`), head.subarray(0, -1))],
  ['bytes that are no text', (record, head) => concatBytes(Uint8Array.of(0xff, 0xfe, 10), utf8(record), head)],
  ['false beginnings of heads', around(`5\nRECORD\n${'go.sum database tree\n'.repeat(40)}`)],
  ['false endings of heads', around('5\nRECORD\n', '\n— nobody AAAAAAAA\n\n— nobody AAAAAAAA\n')],
]
