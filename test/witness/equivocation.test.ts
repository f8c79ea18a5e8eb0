/** Which lies of witnesses that only neighbours count are kept when there are too many. */
import { expect, test } from 'vitest'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { parseNote, type SignerKey } from '../../src/tlog/note.js'
import type { CosignedHeads } from '../../src/witness/cosigned.js'
import { WitnessEquivocations, type WitnessedHead } from '../../src/witness/equivocation.js'
import { Prover } from '../../src/witness/prover.js'
import { sumdbId, testSigner } from '../helpers/heart.js'
import { History } from '../helpers/history.js'

const witnesses = Array.from({ length: 300 }, (_, i) => testSigner(`witness-${i}.example`, i % 256, 4))
const first = testSigner('first.example', 1)
const second = testSigner('second.example', 2)

const logOf = ({ verifier: key }: SignerKey) => ({ id: sumdbId(key), key, origin: 'go.sum database tree' })

function headOf(signer: SignerKey, salt: string, by: SignerKey): WitnessedHead {
  const bare = parseNote(new History(signer, salt).head(9))
  const { size, root } = parseCheckpoint(bare.text)
  return {
    size,
    root,
    logNote: bare,
    cosignatures: new Map([[by.verifier.vkey, cosign(bare.text, 1_700_000_000, by)]]),
  }
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
