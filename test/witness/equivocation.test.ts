/** Which witnesses are convicted by what they cosigned, and which lies are kept when there are too many. */
import { describe, expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { verifyEvidence, type Evidence } from '../../src/evidence/evidence.js'
import { formatCheckpoint, parseCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { EMPTY_ROOT } from '../../src/tlog/hash.js'
import { parseNote, type SignerKey } from '../../src/tlog/note.js'
import { cosignedHead, type CosignedHead } from '../../src/witness/cosigned-head.js'
import type { CosignedHeads } from '../../src/witness/cosigned.js'
import { WitnessEquivocations, type WitnessedHead } from '../../src/witness/equivocation.js'
import { Prover, type ShowPrefix } from '../../src/witness/prover.js'
import { sumdbId, testSigner } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const witnesses = Array.from({ length: 300 }, (_, i) => testSigner(`witness-${i}.example`, i % 256, 4))
const all = witnesses.map(({ verifier }) => verifier)
const [liar, other] = [witnesses[0]!, witnesses[1]!]
const first = testSigner('first.example', 1)
const second = testSigner('second.example', 2)

const history = new History(first, 'truth')
/** It shares the first three records. */
const fork = history.fork(3, 'lie')

const logOf = ({ verifier: key }: SignerKey) => ({ id: sumdbId(key), key, origin: 'go.sum database tree' })

function headOf(signer: SignerKey, salt: string, by: SignerKey): WitnessedHead {
  return witnessed(new History(signer, salt).head(9), by)
}

function witnessed(signed: Uint8Array, ...by: readonly SignerKey[]): WitnessedHead {
  const bare = parseNote(signed)
  const { size, root } = parseCheckpoint(bare.text)
  const lines = by.map((key) => [key.verifier.vkey, cosign(bare.text, 1_700_000_000, key)] as const)
  return { size, root, logNote: bare, cosignatures: new Map(lines) }
}

interface World {
  readonly counted?: readonly SignerKey[]
  readonly relayed?: readonly SignerKey[]
  /** The head that we hold. */
  readonly current?: CosignedHead
  /** The largest head of our history by each witness. */
  readonly largest?: ReadonlyMap<SignerKey, CosignedHead>
  readonly prefix?: ShowPrefix
}

function start({ counted = [], relayed = [], current, largest = new Map(), prefix }: World) {
  const raised: Evidence[] = []
  const by = new Map([...largest].map(([{ verifier }, head]) => [verifier.vkey, head]))
  const liars = new WitnessEquivocations({
    cosigned: {
      current: () => current,
      signers: { largestBy: (_log: string, vkey: string) => Promise.resolve(by.get(vkey)) },
    } as unknown as CosignedHeads,
    prover: new Prover(() => Promise.reject(new GossumError('PEER_UNHELPFUL')), new AbortController().signal, Date.now),
    counted: counted.map(({ verifier }) => verifier),
    relayed: () => relayed.map(({ verifier }) => verifier),
    alarm: (evidence) => Promise.resolve(raised.push(evidence)),
  })
  const log = { ...logOf(first), ...(prefix && { prefix }) }
  /** The names of the convicted witnesses, and the sizes of the heads that they cosigned. */
  const convictions = () =>
    raised.map((evidence) => {
      const { witness, sizes } = verifyEvidence(evidence, [first.verifier, ...all])
      return [witness!.name, ...sizes]
    })
  return { liars, log, convictions }
}

test('endless lies of the witnesses of one log displace only lies of the same log', async () => {
  const convicted: string[] = []
  const liars = new WitnessEquivocations({
    cosigned: {
      current: () => undefined,
      signers: { largestBy: () => Promise.resolve(undefined) },
    } as unknown as CosignedHeads,
    prover: new Prover(() => Promise.reject(new Error('nobody is asked')), new AbortController().signal, Date.now),
    counted: [],
    relayed: () => witnesses.map(({ verifier }) => verifier),
    alarm: ({ log }) => Promise.resolve(convicted.push(log.split('+')[0]!)),
  })
  await liars.sawLie(logOf(second), headOf(second, 'lie', witnesses[0]!), undefined)
  for (const by of witnesses) await liars.sawLie(logOf(first), headOf(first, 'lie', by), undefined)

  await liars.sawTruth(logOf(second), headOf(second, 'truth', witnesses[0]!))
  expect(convicted).toEqual(['second.example'])
  await liars.sawTruth(logOf(first), headOf(first, 'truth', witnesses[0]!))
  expect(convicted, 'the oldest of the log with most is gone').toHaveLength(1)
  await liars.sawTruth(logOf(first), headOf(first, 'truth', witnesses[299]!))
  expect(convicted).toEqual(['second.example', 'first.example'])
})

test('all the lies of two hundred and fifty-six keys are kept', async () => {
  const keys = witnesses.slice(0, 257)
  const { liars, log, convictions } = start({ relayed: keys })
  for (const by of keys.slice(0, 256)) await liars.sawLie(log, witnessed(fork.head(9), by), undefined)
  await liars.sawTruth(log, witnessed(history.head(9), liar))
  expect(convictions()).toEqual([['witness-0.example', 9, 9]])
})

test('a key that we count is convicted whatever number of lies others have told since', async () => {
  const { liars, log, convictions } = start({ counted: [liar], relayed: witnesses.slice(1) })
  for (const by of witnesses) await liars.sawLie(log, witnessed(fork.head(9), by), undefined)
  // The oldest of the 299 that we do not count made room.
  await liars.sawTruth(log, witnessed(history.head(9), other))
  expect(convictions()).toEqual([])
  await liars.sawTruth(log, witnessed(history.head(9), liar))
  expect(convictions()).toEqual([['witness-0.example', 9, 9]])
})

describe('a head that contradicts ours', () => {
  const held = (size: number, ...by: readonly SignerKey[]) => {
    const { logNote, cosignatures } = witnessed(history.head(size), ...by)
    return cosignedHead(logNote.text, logNote.signatures[0]!, cosignatures)
  }

  test('convicts who cosigned the head that we hold as well', async () => {
    // An older head by the same witness says less.
    const world = { counted: [liar, other], current: held(9, liar), largest: new Map([[liar, held(5, liar)]]) }
    const { liars, log, convictions } = start(world)
    await liars.sawLie(log, witnessed(fork.head(9), liar, other), undefined)
    expect(convictions()).toEqual([['witness-0.example', 9, 9]])
  })

  test('convicts who cosigned an older head of ours', async () => {
    const world = { counted: [liar, other], current: held(12, other), largest: new Map([[liar, held(9, liar)]]) }
    const { liars, log, convictions } = start(world)
    await liars.sawLie(log, witnessed(fork.head(9), liar), undefined)
    expect(convictions()).toEqual([['witness-0.example', 9, 9]])
  })

  test.each([
    ['smaller', fork.head(7), [7, 9], history],
    ['larger', fork.head(12), [9, 12], fork],
  ])('of a %s size convicts with a proof', async (_, lie, sizes, shown) => {
    const world = { counted: [liar], current: held(9, liar), prefix: showing(shown) }
    const { liars, log, convictions } = start(world)
    await liars.sawLie(log, witnessed(lie, liar), undefined)
    expect(convictions()).toEqual([['witness-0.example', ...sizes]])
  })

  test('convicts nobody while the log proves nothing', async () => {
    const prefix: ShowPrefix = () => Promise.reject(new GossumError('TILE_INVALID'))
    const { liars, log, convictions } = start({ counted: [liar], current: held(9, liar), prefix })
    await liars.sawLie(log, witnessed(fork.head(7), liar), undefined)
    expect(convictions()).toEqual([])
  })

  test.each([9, 7])('convicts nobody if it is of our history after all (size %i)', async (size) => {
    const { liars, log, convictions } = start({ counted: [liar], current: held(9, liar), prefix: showing(history) })
    await liars.sawLie(log, witnessed(history.head(size), liar), undefined)
    expect(convictions()).toEqual([])
  })

  test('of size 0 convicts, without a proof, who cosigned that no records have the root of some', async () => {
    const { liars, log, convictions } = start({ counted: [liar], current: held(9, liar), prefix: showing(history) })
    const text = (root: Uint8Array) => formatCheckpoint({ origin: SUMDB_ORIGIN, size: 0, root })
    await liars.sawLie(log, witnessed(history.sign(text(EMPTY_ROOT)), liar), undefined)
    expect(convictions()).toEqual([])
    await liars.sawLie(log, witnessed(history.sign(text(history.tree(5).root)), liar), undefined)
    expect(convictions()).toEqual([['witness-0.example', 0, 9]])
  })
})
