/** The cosignatures that a state promises: made again at a start, and only after chosen peers remember the promise. */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { GossumError, type ErrorCode } from '../../src/errors.js'
import type { LogState } from '../../src/store/heads.js'
import { Store } from '../../src/store/store.js'
import { fromUtf8, toHex } from '../../src/tlog/bytes.js'
import { cosign, type Cosignature } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, SIGNATURE_TYPES, type Signer } from '../../src/tlog/note.js'
import { CosignedHeads } from '../../src/witness/cosigned.js'
import type { DepositResult } from '../../src/witness/deposit-report.js'
import { makePromise } from '../../src/witness/promise.js'
import { Signing, type PromiseDeposits } from '../../src/witness/signing.js'
import { MemoryGuard, testSigner, testWitness } from '../helpers/heart.js'
import { history, holding, log, NOW, ownKey } from '../helpers/step-inputs.js'

const second = testSigner('witness.example', 8, SIGNATURE_TYPES.mlDsa)
const both = [testWitness, second]
const TIME = NOW - 60

const alone = holding(5)
const { name, keyId } = second.verifier
/** A state that promises a cosignature by both keys. */
const byBoth = holding(5, { signed: { key: ownKey, second: `${name}+${keyId}`, size: 5, time: TIME } })

/** A head with these of our lines. */
interface Head {
  readonly size: number
  readonly lines: readonly Cosignature[]
}

const line = (size: number, time: number, by = testWitness): Cosignature => cosign(history.text(size), time, by)
const whole: Head = { size: 5, lines: [line(5, TIME)] }
const wholeByBoth: Head = { size: 5, lines: both.map((by) => line(5, TIME, by)) }

interface Given {
  readonly signers?: readonly Signer[]
  readonly held?: Head
  /** What a deposit results in, and how the depositaries are otherwise. */
  readonly deposits?: Partial<PromiseDeposits> & { readonly result?: DepositResult }
  readonly obstacle?: ErrorCode
  /** Given what was done so far. */
  readonly confirm?: (done: unknown[]) => Promise<void>
}

/** What is left when all is done. */
interface Left {
  readonly owed: readonly string[]
  readonly held: Head | undefined
  /**
   * What was done, in order: for each signature the first line of what was signed; for all else its name, and with
   * what.
   */
  readonly done: readonly unknown[]
}

const NOTHING_DONE: Left = { owed: [], held: undefined, done: [] }

async function start({ signers = [testWitness], held, deposits, obstacle, confirm }: Given) {
  const store = await Store.over(new MemoryLevel(), new MemoryGuard())
  const keys = both.map(({ verifier }) => verifier)
  const cosigned = new CosignedHeads(store, { keys, satisfiedBy: () => false, convicted: () => new Set() }, () => {})
  const done: unknown[] = []
  const watched = signers.map((signer): Signer => {
    const sign: Signer['sign'] = (message) => {
      done.push(Buffer.from(message).toString('latin1').split('\n', 1)[0])
      return signer.sign(message)
    }
    return { ...signer, sign }
  })
  const now = (): Head | undefined => {
    const current = cosigned.current(log.id)
    return current && { size: current.size, lines: [...current.cosignatures.values()] }
  }
  const signing = new Signing({
    keyring: { of: () => watched },
    cosigned,
    deposits: deposits && {
      required: false,
      hasChosen: true,
      isDeposited: (...asked) => {
        done.push(['isDeposited', ...asked])
        return false
      },
      deposit: (...asked) => {
        done.push(['deposit', ...asked])
        return Promise.resolve(deposits.result ?? 'deposited')
      },
      released: (id, note) => done.push(['released', id, fromUtf8(note), now()]),
      ...deposits,
    },
    obstacle: () => obstacle,
    confirm: () => confirm?.(done) ?? Promise.resolve(),
  })
  if (held !== undefined) {
    const ours = held.lines.map((each, i) => [both[i]!.verifier.vkey, each] as const)
    await cosigned.install(log.id, parseNote(history.head(held.size)), new Map(ours))
  }
  const left = (): Left => ({ owed: [...signing.owed], held: now(), done })
  return { signing, left }
}

/** What a start leaves behind. */
async function resumed(state: LogState, given: Given = {}, maySign = true): Promise<Left> {
  const { signing, left } = await start(given)
  await signing.resume(log.id, state, maySign)
  return left()
}

/** What a cosignature leaves behind, and the code of the error if there is none. */
async function cosigned(state: LogState, given: Given): Promise<Left & { readonly code?: unknown }> {
  const { signing, left } = await start(given)
  try {
    await signing.cosign(log.id, state, parseNote(history.head(5)), new Map())
    return left()
  } catch (error) {
    return { ...left(), code: (error as GossumError).code }
  }
}

async function redeposited(state: LogState, given: Given): Promise<Left> {
  const { signing, left } = await start(given)
  await signing.redeposit(log.id, state)
  return left()
}

const unavailable = new GossumError('AGENT_UNAVAILABLE')
const unwilling: Signer = { ...testWitness, sign: () => Promise.reject(unavailable) }

test('a key that is unavailable keeps all keys of a log from signing, even if it is the second', async () => {
  const { signing } = await start({ signers: [testWitness, { ...second, unavailable }] })
  expect(signing.unavailable(log.id)).toBe(unavailable)
  expect((await start({ signers: both })).signing.unavailable(log.id)).toBeUndefined()
})

describe('at a start, what was promised', () => {
  test.each<[string, Head | undefined]>([
    ['no head is held', undefined],
    ['another head is held, cosigned at the same time', { size: 4, lines: [line(4, TIME)] }],
    ['the head is held without our line', { size: 5, lines: [] }],
    ['the head is held with our line of an earlier time', { size: 5, lines: [line(5, TIME - 1)] }],
  ])('is made again if %s', async (_what, held) => {
    expect(await resumed(alone, { ...(held && { held }) })).toEqual({
      owed: [],
      held: whole,
      done: ['cosignature/v1'],
    })
  })

  test.each<[string, Head]>([
    ['the line of one is missing', { size: 5, lines: [line(5, TIME)] }],
    ['the line of one has an earlier time', { size: 5, lines: [line(5, TIME), line(5, TIME - 1, second)] }],
  ])('by two keys is made again by both if %s', async (_what, held) => {
    expect(await resumed(byBoth, { signers: both, held })).toEqual({
      owed: [],
      held: wholeByBoth,
      done: ['cosignature/v1', 'subtree/v1'],
    })
  })

  test('is neither owed nor made again if it is held', async () => {
    expect(await resumed(alone, { held: whole })).toEqual({ owed: [], held: whole, done: [] })
    expect(await resumed(byBoth, { signers: both, held: wholeByBoth })).toEqual({
      owed: [],
      held: wholeByBoth,
      done: [],
    })
  })

  test('is not owed by a node without keys, even if it is not known who promised it', async () => {
    const unknown = holding(5, { signed: { key: '', size: 5, time: TIME } })
    expect(await resumed(unknown, { signers: [] }, false)).toEqual(NOTHING_DONE)
  })

  test('stays owed, and nobody is asked for anything, while nothing may be signed', async () => {
    expect(await resumed(alone, { deposits: {} }, false)).toEqual({ ...NOTHING_DONE, owed: [log.id] })
  })

  test('stays owed, and nobody is asked for anything, while a key is unavailable', async () => {
    const signers = [testWitness, { ...second, unavailable }]
    expect(await resumed(byBoth, { signers, deposits: {} })).toEqual({ ...NOTHING_DONE, owed: [log.id] })
  })

  test('stays owed if it cannot be signed after all, and the start continues', async () => {
    expect(await resumed(alone, { obstacle: 'CLOCK_WRONG' })).toEqual({ ...NOTHING_DONE, owed: [log.id] })
    const asked = { ...NOTHING_DONE, owed: [log.id], done: ['cosignature/v1'] }
    expect(await resumed(alone, { signers: [unwilling] })).toEqual(asked)
  })

  test('stays owed if our disk fails, which ends the start', async () => {
    const failure = new GossumError('STORE_WRITE_FAILED')
    const { signing, left } = await start({ confirm: () => Promise.reject(failure) })
    await expect(signing.resume(log.id, alone, true)).rejects.toBe(failure)
    expect(left()).toEqual({ ...NOTHING_DONE, owed: [log.id] })
  })
})

const promised = { size: 5, root: toHex(history.tree(5).root), time: TIME }
const asked = ['isDeposited', log.id, promised]
/** The deposit of one promise per key. */
async function deposit(signers: readonly Signer[] = [testWitness]): Promise<unknown[]> {
  const head = { log: log.id, seq: 1, time: TIME, head: history.head(5) }
  return ['deposit', log.id, await Promise.all(signers.map((signer) => makePromise(signer, head)))]
}
/** The head with these lines of ours, sent to chosen peers when it is already held. */
function released(head: Head): unknown[] {
  const { text, signatures } = parseNote(history.head(5))
  const note = formatNote({ text, signatures: [...signatures, ...head.lines.map(({ signature }) => signature)] })
  return ['released', log.id, fromUtf8(note), head]
}

describe('what is cosigned', () => {
  test('is first confirmed, then promised to chosen peers by each key, then signed, kept, and shown to them', async () => {
    const confirm = (done: unknown[]): Promise<void> => Promise.resolve(void done.push('confirmed'))
    const left = await cosigned(byBoth, { signers: both, deposits: {}, confirm })
    const promises = ['gossum/promise/v1', 'gossum/promise/v1', await deposit(both)]
    expect(left).toEqual({
      owed: [],
      held: wholeByBoth,
      done: ['confirmed', asked, ...promises, 'cosignature/v1', 'subtree/v1', released(wholeByBoth)],
    })
  })

  test('is not promised again if peers remember it', async () => {
    const left = await cosigned(alone, { deposits: { isDeposited: () => true, required: true } })
    expect(left).toEqual({ owed: [], held: whole, done: ['cosignature/v1', released(whole)] })
  })

  test('is neither promised nor shown to anybody if no peers are chosen', async () => {
    const left = await cosigned(alone, { deposits: { hasChosen: false } })
    expect(left).toEqual({ owed: [], held: whole, done: [asked, 'cosignature/v1'] })
  })

  test.each<[string, Given['deposits']]>([
    ['must and do remember it', { required: true, result: 'deposited' }],
    ['need not remember it, and do not', { required: false, result: 'undeposited' }],
    ['need not remember it, and have gone', { required: false, result: 'nobody' }],
  ])('is signed if chosen peers %s', async (_what, deposits) => {
    expect(await cosigned(alone, { deposits: { ...deposits } })).toEqual({
      owed: [],
      held: whole,
      done: [asked, 'gossum/promise/v1', await deposit(), 'cosignature/v1', released(whole)],
    })
  })

  test.each<[string, DepositResult]>([
    ['do not', 'undeposited'],
    ['have gone', 'nobody'],
  ])('is owed and not signed if chosen peers must remember it, and %s', async (_what, result) => {
    expect(await cosigned(alone, { deposits: { required: true, result } })).toEqual({
      ...NOTHING_DONE,
      owed: [log.id],
      done: [asked, 'gossum/promise/v1', await deposit()],
      code: 'DEPOSIT_WAITING',
    })
  })

  test('is owed and not signed if peers must remember it, and none are chosen', async () => {
    const left = await cosigned(alone, { deposits: { required: true, hasChosen: false } })
    expect(left).toEqual({ ...NOTHING_DONE, owed: [log.id], done: [asked], code: 'DEPOSIT_WAITING' })
  })
})

describe('what an earlier run signed', () => {
  test('is promised to chosen peers again, and neither signed nor shown again', async () => {
    const done = [asked, 'gossum/promise/v1', await deposit()]
    expect(await redeposited(alone, { deposits: {} })).toEqual({ ...NOTHING_DONE, done })
  })

  test.each<[string, LogState]>([
    ['is not known any more', holding(5, { note: undefined })],
    ['was never signed', { seq: 1, tree: alone.tree, note: alone.note, holds: [] }],
    ['was signed by another key', holding(5, { signed: { key: second.verifier.vkey, size: 5, time: TIME } })],
    ['was signed of another size', holding(5, { signed: { key: ownKey, size: 4, time: TIME } })],
  ])('is not promised again if the newest head %s', async (_what, state) => {
    expect(await redeposited(state, { deposits: {} })).toEqual(NOTHING_DONE)
  })

  test('is not owed again if peers must remember it, and do not', async () => {
    const done = [asked, 'gossum/promise/v1', await deposit()]
    const left = await redeposited(alone, { deposits: { required: true, result: 'undeposited' } })
    expect(left).toEqual({ ...NOTHING_DONE, done })
  })

  test('is not promised again by a key that does not sign now, which is no failure', async () => {
    const done = [asked, 'gossum/promise/v1']
    expect(await redeposited(alone, { signers: [unwilling], deposits: {} })).toEqual({ ...NOTHING_DONE, done })
  })

  test('is not promised again without notice if that fails for any other reason', async () => {
    const failure = new GossumError('STORE_WRITE_FAILED')
    const { signing } = await start({ deposits: { deposit: () => Promise.reject(failure) } })
    await expect(signing.redeposit(log.id, alone)).rejects.toBe(failure)
  })
})
