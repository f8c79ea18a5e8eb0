/** What a proof is charged to, and in which order a head and the floor below it are proven. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { parseNote, isBy } from '../../src/tlog/note.js'
import { Prover, type ShowPrefix } from '../../src/witness/prover.js'
import { Runner } from '../../src/witness/runner.js'
import type { HeadSource } from '../../src/witness/source.js'
import { testWitness, type Heart } from '../helpers/heart.js'
import { showing } from '../helpers/history.js'
import { about, cosignedBy, startJudging } from '../helpers/judging.js'
import { history, log, NOW } from '../helpers/step-inputs.js'

afterEach(() => {
  vi.restoreAllMocks()
})

/** From now on, what every proof is of, who may have it, and to whom it is charged. */
function proofs(): () => unknown[] {
  const { mock } = vi.spyOn(Prover.prototype, 'prove')
  return () => mock.calls.map(([, of, size, peer, payer]) => ({ of: of.size, size, peer, payer }))
}

/** A pipeline that holds 5, and learns that its key has signed 20 before. */
async function behind(prefix: ShowPrefix = showing(history)): Promise<Heart> {
  const heart = await startJudging({ prefix })
  await heart.submit('poll', history.head(5))
  await heart.witness.recall({ heads: [cosignedBy(history.head(20), NOW, testWitness)], promises: [] })
  return heart
}

/** The sizes of the heads that were published with a cosignature by our key, in order. */
function signedSizes({ published }: Heart): number[] {
  const notes = published.map((note) => parseNote(note))
  const ours = notes.filter(({ signatures }) => signatures.some((line) => isBy(line, testWitness.verifier)))
  return ours.map(({ text }) => Number(text.split('\n')[1]))
}

test.each<[HeadSource, string, string | undefined]>([
  ['gossip', 'the peer that brought it', 'p'],
  ['sync', 'the peer that brought it', 'p'],
  ['submit', 'all who push', 'pushers'],
  ['poll', 'nobody', undefined],
  ['lookup', 'nobody', undefined],
  ['replay', 'nobody', undefined],
])('the proof of a head from %s is charged to %s', async (source, _whom, payer) => {
  const heart = await startJudging()
  await heart.submit('poll', history.head(5))
  const asked = proofs()
  expect(await heart.submit(source, history.head(9), 'p')).toMatchObject({ kind: 'advanced', size: 9 })
  expect(asked()).toEqual([{ of: 9, size: 5, peer: 'p', payer }])
})

describe('a head above a floor that is not reached', () => {
  test('makes us sign the floor first', async () => {
    const heart = await behind()
    expect(await heart.submit('gossip', history.head(30), 'p')).toMatchObject({ kind: 'advanced', ...about(30) })
    expect(signedSizes(heart)).toEqual([5, 20, 30])
  })

  test('is charged with one proof, even if the floor cannot be proven by itself', async () => {
    const heart = await behind((of, size) =>
      of.size === 20 ? Promise.reject(new GossumError('TIMEOUT')) : showing(history)(of, size),
    )
    const asked = proofs()
    expect(await heart.submit('gossip', history.head(30), 'p')).toMatchObject({ kind: 'advanced', ...about(30) })
    expect(asked().slice(0, 3)).toEqual([
      { of: 30, size: 5, peer: 'p', payer: 'p' },
      { of: 20, size: 5, peer: undefined, payer: undefined },
      { of: 30, size: 20, peer: 'p', payer: undefined },
    ])
    expect(signedSizes(heart)).toEqual([5, 30])
  })

  test.each<[string, { readonly log?: string }]>([
    ['of the log that the head was said to be of', { log: log.id }],
    ['of a log that its signature tells, as it was for the head', {}],
  ])('has the floor judged as a head %s', async (_which, of) => {
    const heart = await behind()
    const judge = vi.spyOn(Runner.prototype, 'judge')
    await heart.witness.submit({ source: 'gossip', note: history.head(30), peer: 'p', receivedAt: 7, ...of })
    expect(judge.mock.calls.map(([candidate]) => candidate)).toStrictEqual([
      { source: 'gossip', note: history.head(30), peer: 'p', receivedAt: 7, ...of },
      { source: 'replay', note: cosignedBy(history.head(20), NOW, testWitness), receivedAt: 7, ...of },
    ])
  })
})
