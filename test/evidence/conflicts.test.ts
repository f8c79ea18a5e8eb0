/** Which conflicts displace which: a pure function of the kept ones and of the named witnesses. */
import { describe, expect, test } from 'vitest'
import { conflictsOf, displacedBy } from '../../src/evidence/conflicts.js'
import type { KeptConviction } from '../../src/evidence/kept.js'
import type { VerifierKey } from '../../src/tlog/note.js'
import { testSigner } from '../helpers/heart.js'

const [LOG, OTHER] = ['a'.repeat(64), 'b'.repeat(64)]
const key = (vkey: string): VerifierKey => ({ ...testSigner('w.example', 1).verifier, vkey })
const kept = (witness: string, more: Partial<KeptConviction> = {}): KeptConviction => {
  return { id: `id of ${witness}`, witness, log: LOG, lies: [`lie of ${witness}`], acked: false, ...more }
}
/** `count` witnesses, in round-robin order. */
const named = (count: number): string[] => Array.from({ length: count }, (_, i) => `key ${i}`)
const newcomer = (witness: string) => ({ witness, log: LOG })
/** The witnesses of the displaced conflicts; undefined if the new one is refused. */
const displaced = (
  witness: string,
  all: readonly KeptConviction[],
  relayed: readonly string[],
  counted: readonly string[] = [],
) => displacedBy(newcomer(witness), all, counted.map(key), relayed.map(key))?.map((each) => each.witness)

describe('a conflict of a witness that only neighbours count', () => {
  const turns = named(66)
  const full = turns.slice(1, 65).map((witness) => kept(witness))

  test('needs nobody to go while there is room for 64', () => {
    expect(displaced('key 0', full.slice(1), turns)).toEqual([])
  })

  test('takes the place of the one whose turn is last, in whatever order they are kept', () => {
    expect(displaced('key 0', full, turns)).toEqual(['key 64'])
    expect(displaced('key 0', full.toReversed(), turns)).toEqual(['key 64'])
    expect(displaced('key 0', [...full.slice(40), ...full.slice(0, 40)], turns)).toEqual(['key 64'])
  })

  test('takes the place of nobody whose turn is before its own, nor of its own', () => {
    expect(displaced('key 65', full, turns)).toBeUndefined()
    expect(displaced('key 64', full, turns)).toBeUndefined()
  })

  test('takes the place of one that nobody names any more; and one that nobody names takes none', () => {
    expect(displaced('key 65', [...full.slice(1), kept('gone')], turns)).toEqual(['gone'])
    expect(displaced('gone as well', [...full.slice(1), kept('gone')], turns)).toBeUndefined()
  })

  test('finds a room of its own log, in which those that count and those that were acknowledged take no place', () => {
    const others = [kept('key 0', { log: OTHER }), kept('key 65', { acked: true }), kept('ours')]
    expect(displaced('key 0', [...others, ...full.slice(1)], turns, ['ours'])).toEqual([])
    expect(displaced('key 0', [...others, ...full], turns, ['ours'])).toEqual(['key 64'])
  })
})

test('a conflict of a witness that counts needs nobody to go', () => {
  const full = named(80).map((witness) => kept(witness))
  expect(displaced('ours', full, named(80), ['ours'])).toEqual([])
})

test('of the conflicts of one witness about one log the open one speaks for all, and each lie has its evidence', () => {
  const all = [
    kept('w', { id: 'one', lies: ['x'], acked: true }),
    kept('w', { id: 'two', lies: ['y', 'z'] }),
    kept('w', { id: 'three', lies: ['other log'], log: OTHER }),
    kept('v', { id: 'four', lies: ['other witness'] }),
  ]
  expect(conflictsOf(newcomer('w'), all)).toEqual({
    open: 'two',
    shown: new Map([
      ['x', 'one'],
      ['y', 'two'],
      ['z', 'two'],
    ]),
  })
  expect(conflictsOf(newcomer('w'), all.slice(0, 1))).toMatchObject({ open: undefined })
  expect(conflictsOf(newcomer('nobody'), all)).toEqual({ open: undefined, shown: new Map() })
})
