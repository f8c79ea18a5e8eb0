/** The ledger of deposits: what goes into one message, what a peer keeps and is owed, and answers that come late. */
import { describe, expect, test } from 'vitest'
import { utf8 } from '../../src/tlog/bytes.js'
import {
  DepositLedger,
  speaksFor,
  type Deposit,
  type Message,
  type Promised,
} from '../../src/witness/deposit-ledger.js'
import { headBytes, MAX_BYTES, MAX_HEADS, promiseBytes } from '../../src/witness/frame-bytes.js'
import type { WitnessPromise } from '../../src/witness/promise.js'
import { LOG, logId } from '../helpers/shelf.js'

const PEER = 'peer'
const OTHER = logId(1)
const MINUTE = 60_000

const tree = (size: number, root = `root ${size}`, time = 1): Promised => ({ size, root, time })

function promise(witness = 'w', head = 'head'): WitnessPromise {
  return { log: LOG, seq: 1, time: 1, witness, head: utf8(head), signature: new Uint8Array(64) }
}

/** A promise that takes so many bytes of a message. */
const promiseOf = (bytes: number): WitnessPromise => promise('w', 'x'.repeat(bytes - promiseBytes(promise('w', ''))))
/** A line that takes so many bytes of a message. */
const lineOf = (bytes: number): Uint8Array => utf8('x'.repeat(bytes - headBytes(utf8(''))))

/** The logs that a message is about. */
interface Shown {
  readonly deposits: readonly string[]
  readonly lines: readonly string[]
}

const shown = ({ deposits, lines }: Message): Shown => ({
  deposits: deposits.map(({ log }) => log),
  lines: [...lines.keys()],
})

/** The messages to a peer until it is owed nothing. */
function messages(ledger: DepositLedger, now = 0): Shown[] {
  const all: Shown[] = []
  while (all.length < 10 && ledger.owes(PEER, now)) all.push(shown(ledger.take(PEER)))
  return all
}

/** A ledger with one tree after another in one log, and with the message about each. */
function offered(...sizes: readonly number[]) {
  const ledger = new DepositLedger()
  const sent = sizes.map((size) => {
    const deposit = ledger.put(LOG, tree(size), [promise()])
    ledger.release(LOG, utf8(`line of ${size}`))
    return { deposit, message: ledger.take(PEER) }
  })
  return { ledger, sent }
}

describe('a message', () => {
  /** Has something of a log to send that takes so many bytes. */
  type Fill = (ledger: DepositLedger, log: string, bytes: number) => void
  const promises: Fill = (ledger, log, bytes) => ledger.put(log, tree(1), [promiseOf(bytes)])
  const line: Fill = (ledger, log, bytes) => ledger.release(log, lineOf(bytes))

  test.each<[string, first: Fill, second: Fill]>([
    ['promises of two logs', promises, promises],
    ['lines of two logs', line, line],
    ['promises of one log and the line of another', promises, line],
  ])('holds %s until it is full to the last byte, and no further', (_what, first, second) => {
    const logs = (more: number): string[][] => {
      const ledger = new DepositLedger()
      first(ledger, LOG, MAX_BYTES / 2)
      second(ledger, OTHER, MAX_BYTES / 2 + more)
      return messages(ledger).map((message) => [...message.deposits, ...message.lines])
    }
    expect([logs(0), logs(1)]).toEqual([[[LOG, OTHER]], [[LOG], [OTHER]]])
  })

  test('holds at most 64 lines, however short they are', () => {
    const ledger = new DepositLedger()
    const logs = Array.from({ length: MAX_HEADS + 1 }, (_, i) => logId(i))
    for (const log of logs) ledger.release(log, utf8('line'))
    expect(messages(ledger)).toEqual([
      { deposits: [], lines: logs.slice(0, MAX_HEADS) },
      { deposits: [], lines: logs.slice(MAX_HEADS) },
    ])
  })

  test('is for one log alone if its promises or its line fit into none', () => {
    const ledger = new DepositLedger()
    const twoKeys = ['one', 'two'].map((key) => ({ ...promiseOf(MAX_BYTES), witness: key }))
    ledger.put(LOG, tree(1), twoKeys)
    ledger.put(OTHER, tree(1), [promise()])
    ledger.release(LOG, lineOf(MAX_BYTES + 1))
    ledger.release(OTHER, utf8('line'))
    expect(messages(ledger)).toEqual([
      { deposits: [LOG], lines: [] },
      { deposits: [OTHER], lines: [] },
      { deposits: [], lines: [LOG] },
      { deposits: [], lines: [OTHER] },
    ])
  })
})

describe('a new deposit', () => {
  const [one, two] = [promise('one'), promise('two')]

  test('for a larger tree leaves the one before it with the peers that keep it', () => {
    const { ledger, sent } = offered(10)
    ledger.answered(PEER, sent[0]!.message, [true], 0)
    const twenty = ledger.put(LOG, tree(20), [promise()])
    expect([ledger.keptBy(sent[0]!.deposit), ledger.keptBy(twenty)]).toEqual([1, 0])
  })

  test.each<[string, WitnessPromise[], WitnessPromise[], isNew: boolean]>([
    ['by the same keys', [one, two], [two, one], false],
    ['by one of the keys', [one, two], [two], false],
    ['by one key more', [one], [one, two], true],
    ['by another key', [one], [two], true],
  ])('of the same tree %s is made only if a promise would be missing', (_by, before, promises, isNew) => {
    const ledger = new DepositLedger()
    ledger.put(LOG, tree(10), before)
    const expected: Deposit = { log: LOG, ...tree(10), promises: isNew ? promises : before }
    expect(ledger.put(LOG, tree(10), promises)).toEqual(expected)
    expect(ledger.get(LOG)).toEqual(expected)
  })

  test.each<[string, Promised, WitnessPromise[]]>([
    ['by one key more', tree(10), [one, two]],
    ['by another key', tree(10), [two]],
    ['of another tree of that size', tree(10, 'another root'), [one]],
  ])('%s is not kept by a peer whose late answer is about the one before', (_what, promised, promises) => {
    const ledger = new DepositLedger()
    ledger.put(LOG, tree(10), [one])
    const message = ledger.take(PEER)
    const deposit = ledger.put(LOG, promised, promises)
    ledger.answered(PEER, message, [true], 0)
    expect(ledger.keptBy(deposit)).toBe(0)
    expect(ledger.take(PEER).deposits).toEqual([deposit])
  })
})

test.each<[string, boolean, Promised]>([
  ['itself', true, tree(10)],
  ['itself a minute later', true, tree(10, 'root 10', 61)],
  ['itself more than a minute later', false, tree(10, 'root 10', 62)],
  ['a smaller tree, at any time', true, tree(9, 'root 9', 1_000)],
  ['a larger tree', false, tree(11)],
  ['another tree of its size', false, tree(10, 'another root')],
  ['a larger tree that a lying log signs with the same root', false, tree(11, 'root 10')],
])('a deposit speaks for %s: %s', (_what, expected, other) => {
  expect(speaksFor(tree(10), other)).toBe(expected)
})

describe('what a peer refused', () => {
  test('is offered again after a minute, to the millisecond', () => {
    const { ledger, sent } = offered(10)
    ledger.answered(PEER, sent[0]!.message, [false], 5)
    expect(messages(ledger, 5 + MINUTE - 1)).toEqual([])
    expect(messages(ledger, 5 + MINUTE)).toEqual([{ deposits: [LOG], lines: [] }])
  })

  test('is not offered again if a newer tree has replaced it, which the peer keeps', () => {
    const { ledger, sent } = offered(10)
    ledger.answered(PEER, sent[0]!.message, [false], 0)
    const twenty = ledger.put(LOG, tree(20), [promise()])
    ledger.answered(PEER, ledger.take(PEER), [true], 0)
    expect([ledger.keptBy(twenty), messages(ledger, MINUTE)]).toEqual([1, []])
  })
})

describe('a message that was lost', () => {
  test('is owed again, with its promises and its lines', () => {
    const { ledger, sent } = offered(10)
    expect(messages(ledger)).toEqual([])
    ledger.lost(PEER, sent[0]!.message)
    const again = ledger.take(PEER)
    expect(again).toEqual(sent[0]!.message)
    expect(messages(ledger)).toEqual([])
  })

  test('is owed to nobody if newer ones of its logs were sent since', () => {
    const { ledger, sent } = offered(10, 20)
    ledger.lost(PEER, sent[0]!.message)
    expect(messages(ledger)).toEqual([])
  })
})

describe('an answer that comes after the one about a newer tree', () => {
  test('takes nothing from what the peer keeps', () => {
    const { ledger, sent } = offered(10, 20)
    for (const { message } of sent.toReversed()) ledger.answered(PEER, message, [true], 0)
    expect(sent.map(({ deposit }) => ledger.keptBy(deposit))).toEqual([1, 1])
  })

  test('does not hide that the peer refused the newer one', () => {
    const { ledger, sent } = offered(10, 20)
    for (const { message } of sent.toReversed()) ledger.answered(PEER, message, [false], 0)
    expect(ledger.mightBeKeptBy(sent[1]!.deposit, [PEER])).toBe(0)
    expect(messages(ledger, MINUTE)).toEqual([{ deposits: [LOG], lines: [] }])
  })
})
