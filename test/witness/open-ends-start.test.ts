/** What an earlier run left open is resumed at the start: promises, freezes, deposits, and heads that had to wait. */
import { describe, expect, test } from 'vitest'
import { NOTHING } from '../../src/store/log-state.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { parseNote, spellNote } from '../../src/tlog/note.js'
import type { Candidate, SizedHead } from '../../src/witness/head.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { History } from '../helpers/history.js'
import { history, log, signer, verified } from '../helpers/kept-suspects.js'
import { holding, replay, secondLog, startOpenEnds } from '../helpers/open-ends.js'

const IMPOSSIBLE = history.sign(
  'go.sum database tree\n9007199254740993\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n',
)
/** The head of size 7 with the log's line of another one. */
const tampered = spellNote({ text: history.text(7), signatures: parseNote(history.head(5)).signatures })

describe('at the start', () => {
  test('what is kept of each log is loaded, and its promised cosignatures are made again', async () => {
    const { world, done, openEnds } = await startOpenEnds()
    const state = holding(7)
    world.states.set(log, state)
    await openEnds.resume()
    expect(done).toEqual([
      ['load', log],
      ['resume', log, state, true],
      ['load', secondLog],
      ['resume', secondLog, NOTHING, true],
    ])
  })

  test('they are only looked at while something is in the way', async () => {
    const { world, done, openEnds } = await startOpenEnds()
    world.obstacle = 'GUARD_WAITING'
    await openEnds.resume()
    expect(done.filter(([what]) => what === 'resume')).toEqual([
      ['resume', log, NOTHING, false],
      ['resume', secondLog, NOTHING, false],
    ])
  })

  test('a log is frozen for what no evidence file can hold, before anything is signed', async () => {
    const { done, suspect, openEnds } = await startOpenEnds()
    const impossible = await suspect(IMPOSSIBLE, 'SIZE_IMPOSSIBLE')
    await suspect(history.head(8))
    const padded = await suspect(history.head(9), 'NOTE_TOO_LARGE')
    await openEnds.resume()
    expect(done.slice(0, 4)).toEqual([
      ['load', log],
      ['hold', log, impossible.id],
      ['hold', log, padded.id],
      ['resume', log, NOTHING, true],
    ])
  })

  test('a head by another key than the one that is configured ends it', async () => {
    const { world, done, openEnds } = await startOpenEnds()
    const other = new History(testSigner('log.example', 2)).head(7)
    world.states.set(log, holding(7, { note: fromUtf8(other)! }))
    await expect(openEnds.resume()).rejects.toMatchObject({ code: 'LOG_KEY_CHANGED', detail: signer.verifier.vkey })
    expect(done).toEqual([])
  })

  test('lines by others next to that of the log are no other key', async () => {
    const { world, done, openEnds } = await startOpenEnds()
    const { text, signatures } = parseNote(history.head(7))
    const line = cosign(text, 1_700_000_000, testWitness).signature
    world.states.set(log, holding(7, { note: spellNote({ text, signatures: [...signatures, line] }) }))
    await openEnds.resume()
    expect(done).toHaveLength(4)
  })

  test('what other machines have written is signed again only if the log signed it', async () => {
    const { world, done, openEnds } = await startOpenEnds()
    world.isShared = true
    world.states.set(log, holding(7, { note: tampered }))
    await expect(openEnds.resume()).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
    expect(done).toEqual([])
    world.states.set(log, holding(7))
    await openEnds.resume()
    expect(done, 'the second log has no head to verify').toHaveLength(4)
  })

  test('what this machine alone has written was verified before it was written', async () => {
    const { world, done, openEnds } = await startOpenEnds()
    world.states.set(log, holding(7, { note: tampered }))
    await openEnds.resume()
    expect(done).toHaveLength(4)
  })

  test('what an earlier run signed is deposited again, for each log', async () => {
    const { world, done, openEnds } = await startOpenEnds()
    const state = holding(7)
    world.states.set(log, state)
    await openEnds.redeposit()
    expect(done).toEqual([
      ['redeposit', log, state],
      ['redeposit', secondLog, NOTHING],
    ])
  })
})

test('the heads that are judged again for an owed cosignature are those that are held', async () => {
  const { world, owed, openEnds } = await startOpenEnds()
  world.states.set(log, holding(7))
  expect(openEnds.owed()).toEqual([])
  owed.add(log).add(secondLog)
  expect(openEnds.owed(), 'nothing is held of the second log').toEqual([replay(history.head(7), world.now)])
})

describe('heads that had to wait until signing was possible', () => {
  const head = (size: number) => verified(history.head(size)) as SizedHead
  const waiting = (size: number, more: Partial<Candidate> = {}): Candidate => {
    return { source: 'push', note: history.head(size), receivedAt: size, ...more }
  }

  test('are judged again without their proof, the largest first', async () => {
    const { deferred, openEnds } = await startOpenEnds()
    deferred.add(head(7), waiting(7, { peer: 'p', proof: { oldSize: 5, hashes: [] } }))
    deferred.add(head(8), waiting(8))
    deferred.add(head(9), waiting(9, { log, parsed: parseNote(history.head(9)) }))
    const submitted: Candidate[] = []
    await openEnds.takeDeferred((candidate) => Promise.resolve(submitted.push(candidate)))
    expect(submitted).toStrictEqual([
      { source: 'replay', note: history.head(9), receivedAt: 9, log },
      { source: 'replay', note: history.head(8), receivedAt: 8 },
      { source: 'replay', note: history.head(7), receivedAt: 7, peer: 'p' },
    ])
  })

  test('come before everything else of their log, and what arrives meanwhile comes after them', async () => {
    const { deferred, openEnds } = await startOpenEnds()
    deferred.add(head(7), waiting(7))
    const submitted: unknown[] = []
    await openEnds.takeDeferred(({ note, receivedAt }) => {
      submitted.push([receivedAt, deferred.isOpen(log)])
      if (receivedAt === 7) deferred.add(head(8), waiting(8))
      return Promise.resolve(note)
    })
    expect(submitted).toEqual([
      [7, true],
      [8, false],
    ])
  })

  test('are in the way of nothing any more when one of them could not be judged', async () => {
    const { deferred, openEnds } = await startOpenEnds()
    deferred.add(head(7), waiting(7))
    const failing = openEnds.takeDeferred(() => Promise.reject(new Error('no space')))
    await expect(failing).rejects.toThrow('no space')
    expect(deferred.isOpen(log)).toBe(false)
  })
})
