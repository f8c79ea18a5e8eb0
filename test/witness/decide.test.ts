import { describe, expect, test } from 'vitest'
import { ERRORS, traitsOf, type ErrorCode } from '../../src/errors.js'
import { EMPTY_ROOT, type Hash } from '../../src/tlog/hash.js'
import { proveTree, treeRoot, type Tree } from '../../src/tlog/merkle.js'
import { decide, objectionTo, type Held, type Proof, type PushedProof } from '../../src/witness/decide.js'
import {
  answerTo,
  gossipVerdict,
  isDelivery,
  type DoorAnswer,
  type Outcome,
  type OutcomeKind,
} from '../../src/witness/outcome.js'
import { MemoryLog } from '../helpers/tree.js'

const root = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const tree = (size: number, byte: number): { size: number; root: Uint8Array } => ({ size, root: root(byte) })

/** A canonical head that we did not get from the log itself. */
const head = (size: number, byte: number, other: { canonical?: boolean; mayBeFirst?: boolean } = {}) => ({
  ...tree(size, byte),
  canonical: true,
  mayBeFirst: false,
  ...other,
})
const holding = (size: number, byte: number, frozen = false): Held => ({ tree: tree(size, byte), frozen })
const nothing: Held = { frozen: false }
const shows = (byte: number): Proof => ({ prefix: { root: root(byte), proof: [root(99)] } })

describe('the first head', () => {
  test('is trusted only if it may be the first one', () => {
    expect(decide(nothing, head(5, 1, { mayBeFirst: true }))).toEqual({ kind: 'advanced' })
    expect(decide(nothing, head(5, 1))).toEqual({ kind: 'pending', code: 'HISTORY_MISSING' })
  })

  test('of an empty tree is treated like any other', () => {
    const empty = { size: 0, root: EMPTY_ROOT, canonical: true }
    expect(decide(nothing, { ...empty, mayBeFirst: true })).toEqual({ kind: 'advanced' })
    expect(decide(nothing, { ...empty, mayBeFirst: false })).toEqual({ kind: 'pending', code: 'HISTORY_MISSING' })
  })
})

describe('size 0', () => {
  test('with a root other than that of the empty tree convicts on its own, whatever we hold', () => {
    for (const held of [
      nothing,
      holding(5, 1),
      holding(5, 1, true),
      { tree: { size: 0, root: EMPTY_ROOT }, frozen: false },
    ]) {
      expect(decide(held, head(0, 1, { mayBeFirst: true }))).toEqual({ kind: 'conflict' })
    }
  })

  test('is past for every larger tree, and extended by every larger head, without a proof', () => {
    expect(decide(holding(5, 1), { ...head(0, 0), root: EMPTY_ROOT })).toEqual({ kind: 'past' })
    expect(decide({ tree: { size: 0, root: EMPTY_ROOT }, frozen: false }, head(5, 1))).toEqual({ kind: 'advanced' })
  })
})

describe('a head of our own size', () => {
  test('is known with our root and a conflict with another, and needs no proof', () => {
    expect(decide(holding(5, 1), head(5, 1))).toEqual({ kind: 'known' })
    expect(decide(holding(5, 1), head(5, 2))).toEqual({ kind: 'conflict' })
  })
})

describe('a larger head', () => {
  test('needs a proof of our size in its tree', () => {
    expect(decide(holding(5, 1), head(9, 2))).toEqual({ kind: 'prove', of: tree(9, 2), size: 5 })
  })
  test('advances us if its tree begins with ours, and convicts if it does not', () => {
    expect(decide(holding(5, 1), head(9, 2), shows(1))).toEqual({ kind: 'advanced' })
    expect(decide(holding(5, 1), head(9, 2), shows(3))).toEqual({
      kind: 'conflict',
      prefix: { root: root(3), proof: [root(99)] },
    })
  })
  test('stays a suspect, with the reason, if nothing can be proven', () => {
    for (const failed of ['LOG_UNREACHABLE', 'TILE_INVALID', 'PROOF_INVALID', 'TIMEOUT'] as const) {
      expect(decide(holding(5, 1), head(9, 2), { failed })).toEqual({ kind: 'pending', code: failed })
    }
  })
})

describe('a smaller head', () => {
  test('needs a proof of its size in our tree', () => {
    expect(decide(holding(9, 1), head(5, 2))).toEqual({ kind: 'prove', of: tree(9, 1), size: 5 })
  })
  test('is past if our tree begins with it, and convicts if it does not', () => {
    expect(decide(holding(9, 1), head(5, 2), shows(2))).toEqual({ kind: 'past' })
    expect(decide(holding(9, 1), head(5, 2), shows(3))).toMatchObject({ kind: 'conflict', prefix: { root: root(3) } })
    expect(decide(holding(9, 1), head(5, 2), { failed: 'TIMEOUT' })).toEqual({ kind: 'pending', code: 'TIMEOUT' })
  })
})

describe('a smaller head of a size for which we hold a head', () => {
  const held: Held = { tree: tree(9, 1), kept: tree(5, 2), frozen: false }
  test('is past or a conflict, and needs no proof', () => {
    expect(decide(held, head(5, 2))).toEqual({ kind: 'past' })
    expect(decide(held, head(5, 3))).toEqual({ kind: 'conflict' })
    expect(decide(held, head(4, 3)).kind).toBe('prove')
  })
})

describe('the objection to the proof of a pushed head', () => {
  const history = new MemoryLog()
  for (let i = 0; i < 12; i++) history.append(Uint8Array.of(i))
  const of = (size: number) => ({ size, root: treeRoot(size, history.read), canonical: true })
  const proof = (from: number, to: number) => proveTree(to, from, history.read)
  const pushed = (oldSize: number, hashes: readonly Hash[] = []): PushedProof => ({ oldSize, hashes })

  test('is none if the proof leads from our tree to the head', () => {
    expect(objectionTo(of(5), of(9), pushed(5, proof(5, 9)))).toBeUndefined()
    expect(objectionTo(of(5), of(5), pushed(5))).toBeUndefined()
    expect(objectionTo(undefined, of(9), pushed(0))).toBeUndefined()
    expect(objectionTo(of(0), of(9), pushed(0))).toBeUndefined()
    expect(objectionTo(of(0), of(0), pushed(0))).toBeUndefined()
  })

  test('is the first error in the order of the specification', () => {
    const bad = [root(7)]
    const rows: [what: string, ours: Tree | undefined, of: Tree & { canonical: boolean }, PushedProof, ErrorCode][] = [
      ['a spelling before all', of(5), { ...of(9), canonical: false }, pushed(10, bad), 'NOT_CANONICAL'],
      ['an old size beyond the head', of(5), of(9), pushed(10, bad), 'REQUEST_INVALID'],
      ['beyond any head', of(5), of(9), pushed(Infinity), 'REQUEST_INVALID'],
      ['beyond an impossible head of no records', of(5), head(0, 1), pushed(5), 'REQUEST_INVALID'],
      ['an old size that is not ours', of(5), of(9), pushed(4, proof(4, 9)), 'OLD_SIZE_DIFFERS'],
      ['an old size where we hold nothing', undefined, of(9), pushed(5, proof(5, 9)), 'OLD_SIZE_DIFFERS'],
      ['none where we hold something', of(5), of(9), pushed(0), 'OLD_SIZE_DIFFERS'],
      ['a proof from nothing', undefined, of(9), pushed(0, bad), 'PROOF_INVALID'],
      ['a proof from no records', of(0), of(9), pushed(0, bad), 'PROOF_INVALID'],
      ['a proof where none is needed', of(9), of(9), pushed(9, bad), 'PROOF_INVALID'],
      ['no proof', of(5), of(9), pushed(5), 'PROOF_INVALID'],
      ['one hash too many', of(5), of(9), pushed(5, [...proof(5, 9), root(7)]), 'PROOF_INVALID'],
      ['another proof', of(5), of(9), pushed(5, proof(6, 9)), 'PROOF_INVALID'],
    ]
    for (const [what, ours, candidate, said, code] of rows) {
      expect(objectionTo(ours, candidate, said), what).toBe(code)
    }
  })

  test('is none if the head convicts the log whatever its proof: that is left to the decision', () => {
    expect(objectionTo(of(5), head(0, 1), pushed(0))).toBeUndefined()
    expect(objectionTo(of(5), head(5, 1), pushed(5))).toBeUndefined()
    expect(decide({ tree: of(5), frozen: false }, head(5, 1))).toEqual({ kind: 'conflict' })
  })
})

describe('a frozen log', () => {
  test('does not advance, not even to a first head', () => {
    expect(decide(holding(5, 1, true), head(9, 2), shows(1))).toEqual({ kind: 'refused', code: 'LOG_FROZEN' })
    expect(decide({ frozen: true }, head(9, 2, { mayBeFirst: true }))).toEqual({ kind: 'refused', code: 'LOG_FROZEN' })
  })
  test('is still watched: its heads are known, past or a further conflict', () => {
    expect(decide(holding(5, 1, true), head(5, 1))).toEqual({ kind: 'known' })
    expect(decide(holding(5, 1, true), head(3, 2), shows(2))).toEqual({ kind: 'past' })
    expect(decide(holding(5, 1, true), head(5, 2))).toEqual({ kind: 'conflict' })
    expect(decide(holding(5, 1, true), head(9, 2), shows(3)).kind).toBe('conflict')
  })
})

describe('a non-canonical head', () => {
  const odd = { canonical: false }
  test('never advances us, and stays a suspect until our history has overtaken it', () => {
    expect(decide(holding(5, 1), head(9, 2, odd), shows(1))).toEqual({ kind: 'pending', code: 'NOT_CANONICAL' })
    expect(decide(nothing, head(9, 2, { ...odd, mayBeFirst: true }))).toEqual({
      kind: 'pending',
      code: 'NOT_CANONICAL',
    })
  })
  test('is compared like any other', () => {
    expect(decide(holding(5, 1), head(5, 1, odd))).toEqual({ kind: 'known' })
    expect(decide(holding(5, 1), head(5, 2, odd))).toEqual({ kind: 'conflict' })
    expect(decide(holding(5, 1), head(9, 2, odd), shows(3)).kind).toBe('conflict')
    expect(decide(holding(9, 1), head(5, 2, odd), shows(2))).toEqual({ kind: 'past' })
  })
})

test('the decision depends only on its arguments, and does not change them', () => {
  const held = Object.freeze(holding(5, 1))
  const candidate = Object.freeze(head(9, 2))
  const proof = Object.freeze(shows(1))
  const before = JSON.stringify([held, candidate, proof])
  const answers = Array.from({ length: 3 }, () => decide(held, candidate, proof))
  expect(answers).toEqual([{ kind: 'advanced' }, { kind: 'advanced' }, { kind: 'advanced' }])
  expect(JSON.stringify([held, candidate, proof])).toBe(before)
})

describe('the outcome table', () => {
  const rows: [kind: OutcomeKind, code: ErrorCode | undefined, ifNews: DoorAnswer, ifNot: DoorAnswer['gossip']][] = [
    ['advanced', undefined, { status: 200, gossip: 'accept', exit: 0 }, 'ignore'],
    ['known', undefined, { status: 200, gossip: 'accept', exit: 0 }, 'ignore'],
    ['past', undefined, { status: 409, gossip: 'accept', exit: 0 }, 'ignore'],
    ['pending', 'PROOF_INVALID', { status: 422, gossip: 'accept', exit: 4 }, 'ignore'],
    ['pending', 'TILE_INVALID', { status: 503, gossip: 'accept', exit: 4 }, 'ignore'],
    ['pending', 'HISTORY_MISSING', { status: 503, gossip: 'accept', exit: 4 }, 'ignore'],
    ['pending', 'SIZE_IMPOSSIBLE', { status: 422, gossip: 'accept', exit: 4 }, 'ignore'],
    ['pending', 'NOT_CANONICAL', { status: 400, gossip: 'accept', exit: 4 }, 'ignore'],
    ['refused', 'NOTE_MALFORMED', { status: 400, gossip: 'reject', exit: 2 }, 'reject'],
    ['refused', 'NOTE_TOO_LARGE', { status: 400, gossip: 'reject', exit: 2 }, 'reject'],
    ['refused', 'LOG_UNKNOWN', { status: 404, gossip: 'ignore', exit: 2 }, 'ignore'],
    ['refused', 'SIGNATURE_MISSING', { status: 403, gossip: 'reject', exit: 2 }, 'reject'],
    ['refused', 'SIGNATURE_INVALID', { status: 403, gossip: 'reject', exit: 2 }, 'reject'],
    ['refused', 'CHECKPOINT_MALFORMED', { status: 400, gossip: 'ignore', exit: 2 }, 'ignore'],
    ['refused', 'ORIGIN_MISMATCH', { status: 400, gossip: 'ignore', exit: 2 }, 'ignore'],
    ['refused', 'LOG_FROZEN', { status: 503, gossip: 'ignore', exit: 3 }, 'ignore'],
    ['refused', 'LOG_BUDGET', { status: 429, gossip: 'ignore', exit: 4 }, 'ignore'],
    ['pending', 'OLD_SIZE_DIFFERS', { status: 409, gossip: 'accept', exit: 4 }, 'ignore'],
    ['pending', 'REQUEST_INVALID', { status: 400, gossip: 'accept', exit: 4 }, 'ignore'],
    ['refused', 'OLD_SIZE_DIFFERS', { status: 409, gossip: 'ignore', exit: 2 }, 'ignore'],
    ['refused', 'PROOF_INVALID', { status: 422, gossip: 'ignore', exit: 2 }, 'ignore'],
    ['refused', 'REQUEST_INVALID', { status: 400, gossip: 'ignore', exit: 2 }, 'ignore'],
    ['refused', 'NOT_CANONICAL', { status: 400, gossip: 'ignore', exit: 2 }, 'ignore'],
    ['refused', 'GUARD_WAITING', { status: 503, gossip: 'ignore', exit: 4 }, 'ignore'],
    ['refused', 'GUARD_BEHIND', { status: 503, gossip: 'ignore', exit: 4 }, 'ignore'],
    ['refused', 'KEY_DUPLICATE', { status: 503, gossip: 'ignore', exit: 4 }, 'ignore'],
    ['refused', 'DEPOSIT_WAITING', { status: 503, gossip: 'ignore', exit: 4 }, 'ignore'],
    ['refused', 'CLOCK_WRONG', { status: 503, gossip: 'ignore', exit: 4 }, 'ignore'],
    ['refused', 'ORIGIN_TAKEN', { status: 503, gossip: 'ignore', exit: 2 }, 'ignore'],
    ['refused', 'STATE_DISAGREES', { status: 503, gossip: 'ignore', exit: 1 }, 'ignore'],
    ['refused', 'AGENT_UNAVAILABLE', { status: 503, gossip: 'ignore', exit: 1 }, 'ignore'],
    ['pending', 'LOG_ANSWER_INVALID', { status: 503, gossip: 'accept', exit: 4 }, 'ignore'],
    ['pending', undefined, { status: 503, gossip: 'accept', exit: 4 }, 'ignore'],
    ['pending', 'HEADS_WAITING', { status: 503, gossip: 'accept', exit: 4 }, 'ignore'],
    ['pending', 'PEER_BUDGET', { status: 503, gossip: 'accept', exit: 4 }, 'ignore'],
    ['conflict', undefined, { status: 422, gossip: 'accept', exit: 3 }, 'ignore'],
  ]
  test.each(rows)('%s %s', (kind, code, ifNews, ifNot) => {
    const outcome: Outcome = { kind, news: true, ...(code && { code }) }
    expect(answerTo(outcome)).toEqual(ifNews)
    expect(gossipVerdict(outcome)).toBe(ifNews.gossip)
    expect(answerTo({ ...outcome, news: false })).toEqual({ ...ifNews, gossip: ifNot })
  })

  test('a line that is not by the witness it names costs its sender, unless it comes with a conflict', () => {
    for (const kind of ['advanced', 'known', 'past', 'pending'] as const) {
      expect(gossipVerdict({ kind, news: true, forged: true })).toBe('reject')
      expect(gossipVerdict({ kind, news: true, forged: true }, () => true)).not.toBe('reject')
    }
    expect(gossipVerdict({ kind: 'conflict', news: true, forged: true })).toBe('accept')
    expect(gossipVerdict({ kind: 'conflict', news: false, forged: true })).toBe('ignore')
  })

  test('a peer earns credit only for what the log or a counted witness made', () => {
    const paid = (kind: OutcomeKind, news: boolean, counted?: boolean): boolean =>
      isDelivery({ kind, news, ...(counted !== undefined && { counted }) })
    expect([paid('advanced', true), paid('conflict', true)]).toEqual([true, true])
    expect([paid('advanced', false), paid('conflict', false), paid('known', false, true)]).toEqual(Array(3).fill(false))
    // Anyone can make up a suspect, or a line of a key that only a neighbour counts.
    expect([paid('known', true), paid('past', true), paid('pending', true)]).toEqual(Array(3).fill(false))
    expect([paid('known', true, true), paid('past', true, true)]).toEqual([true, true])
  })

  test('no other code punishes the sender, and none lets a refused head through', () => {
    const listed = new Set(rows.filter(([kind]) => kind === 'refused').map(([, code]) => code))
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      const { status, gossip, exit } = answerTo({ kind: 'refused', news: true, code })
      if (!listed.has(code)) expect(gossip, code).toBe('ignore')
      expect(status, code).toBeGreaterThanOrEqual(400)
      expect(exit, code).toBeGreaterThan(0)
    }
    expect(answerTo({ kind: 'refused', news: false })).toEqual({ status: 500, gossip: 'ignore', exit: 1 })
  })

  test('every obstacle to signing is answered with 503, and not held against the sender', () => {
    const obstacles = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => traitsOf(code).fault === 'signing')
    expect(obstacles.length).toBeGreaterThan(0)
    for (const code of obstacles)
      for (const news of [false, true])
        expect(answerTo({ kind: 'refused', news, code }), code).toMatchObject({ status: 503, gossip: 'ignore' })
  })
})
