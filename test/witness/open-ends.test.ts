/** What is open of a log is tried again: a state that others share, a floor, and suspects, until they are reported. */
import { describe, expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import type { Floor } from '../../src/store/log-state.js'
import { formatHash } from '../../src/tlog/hash.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { formatNote, parseNote, spellNote } from '../../src/tlog/note.js'
import type { Judged } from '../../src/witness/runner.js'
import { testWitness } from '../helpers/heart.js'
import { history, log } from '../helpers/kept-suspects.js'
import { holding, judged, replay, startOpenEnds } from '../helpers/open-ends.js'

const MINUTE = 60_000
const IMPOSSIBLE = history.sign(
  'go.sum database tree\n9007199254740993\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n',
)

describe('a state that other machines share', () => {
  test('is read again, and what it promises is signed here', async () => {
    const { world, done, openEnds } = await startOpenEnds()
    world.isShared = true
    world.refresh = () => world.states.set(log, holding(9))
    expect(await openEnds.retry(log, 1)).toEqual([])
    expect(done).toEqual([
      ['refresh', log],
      ['resume', log, holding(9), true],
    ])
  })

  test('is only looked at while something is in the way', async () => {
    const { world, done, openEnds } = await startOpenEnds()
    world.isShared = true
    world.obstacle = 'CLOCK_WRONG'
    await openEnds.retry(log, 1)
    expect(done[1]).toMatchObject(['resume', log, { seq: 0 }, false])
  })

  test('is not signed if the log has not signed it', async () => {
    const { world, done, openEnds } = await startOpenEnds()
    world.isShared = true
    const note = spellNote({ text: history.text(9), signatures: parseNote(history.head(5)).signatures })
    world.refresh = () => world.states.set(log, holding(9, { note }))
    await expect(openEnds.retry(log, 1)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
    expect(done).toEqual([['refresh', log]])
  })

  test('is left for later while its database is away, and the suspects are not', async () => {
    const { world, done, suspect, openEnds } = await startOpenEnds()
    world.isShared = true
    await suspect(history.head(9))
    world.refresh = () => {
      throw new GossumError('STATE_UNCONFIRMED')
    }
    await openEnds.retry(log, 1)
    expect(done).toEqual([
      ['refresh', log],
      ['judge', replay(history.head(9), world.now)],
    ])
  })

  test('is an error if it cannot be kept here, and is read again the next time', async () => {
    const { world, done, openEnds } = await startOpenEnds()
    world.isShared = true
    let isFull = true
    world.refresh = () => {
      if (isFull) throw new GossumError('STORE_WRITE_FAILED')
    }
    await expect(openEnds.retry(log, 1)).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
    isFull = false
    await openEnds.retry(log, 1)
    expect(done.map(([what]) => what)).toEqual(['refresh', 'refresh', 'resume'])
  })

  test.each([
    ['not shared', false, 1],
    ['not to be asked for', true, 0],
  ])('is not read if it is %s', async (_, isShared, limit) => {
    const { world, done, openEnds } = await startOpenEnds()
    world.isShared = isShared
    await openEnds.retry(log, limit)
    expect(done).toEqual([])
  })
})

describe('a floor', () => {
  const unseen: Floor = { size: 9, root: formatHash(history.tree(9).root), at: '2026-01-01T00:00:00.000Z' }
  const floor: Floor = { ...unseen, note: fromUtf8(history.head(9))! }

  test('that is not reached is tried again, at no expense of a peer', async () => {
    const { world, done, openEnds } = await startOpenEnds()
    world.states.set(log, holding(7, { floor }))
    const next = replay(history.head(12), world.now)
    world.judge = () => judged({ kind: 'advanced' }, next)
    expect(await openEnds.retry(log, 1)).toEqual([next])
    expect(done).toEqual([['judge', replay(history.head(9), world.now)]])
  })

  test.each([
    ['that is reached', holding(9, { floor }), 1],
    ['of which no head is known', holding(7, { floor: unseen }), 1],
    ['that nobody is to be asked about', holding(7, { floor }), 0],
  ])('%s is not tried', async (_, state, limit) => {
    const { world, done, openEnds } = await startOpenEnds()
    world.states.set(log, state)
    expect(await openEnds.retry(log, limit)).toEqual([])
    expect(done).toEqual([])
  })
})

describe('suspects', () => {
  const sizesJudged = (done: readonly (readonly unknown[])[]) =>
    done
      .filter(([what]) => what === 'judge')
      .map(([, candidate]) => Number(parseNote((candidate as { note: Uint8Array }).note).text.split('\n')[1]))

  /** Suspects of these sizes, each a second later than the one before. */
  async function startWith(sizes: readonly number[], options: Parameters<typeof startOpenEnds>[0] = {}) {
    const started = await startOpenEnds(options)
    const suspects = []
    for (const size of sizes) {
      suspects.push(await started.suspect(history.head(size)))
      started.world.now += 1000
    }
    return { ...started, suspects }
  }

  test('that our tree has overtaken are all tried, and so many larger ones as are asked for', async () => {
    const { world, done, openEnds } = await startWith([12, 3, 11, 9, 10])
    world.states.set(log, holding(9))
    await openEnds.retry(log, 0)
    expect(sizesJudged(done)).toEqual([3, 9])
    done.length = 0
    await openEnds.retry(log, 2)
    expect(sizesJudged(done)).toEqual([12, 3, 11, 9])
  })

  test('of a size that no tree has are not tried, and take nobody’s place', async () => {
    const { world, done, suspect, openEnds } = await startOpenEnds()
    world.states.set(log, holding(9))
    await suspect(IMPOSSIBLE, 'SIZE_IMPOSSIBLE')
    world.now += 1000
    await suspect(history.head(12))
    await openEnds.retry(log, 1)
    expect(sizesJudged(done)).toEqual([12])
  })

  test('of a log of which nothing is held are all larger than that', async () => {
    const { done, openEnds } = await startWith([1])
    await openEnds.retry(log, 0)
    expect(done).toEqual([])
  })

  test('are left alone once the node stops', async () => {
    const { world, done, stopped, openEnds } = await startWith([10, 11])
    world.now += 15 * MINUTE
    world.judge = () => {
      stopped.abort()
      return judged({ kind: 'past' })
    }
    await openEnds.retry(log, 8)
    expect(done.map(([what]) => what)).toEqual(['judge', 'outcome'])
  })

  test('are tried once at a time, since peers may take long to answer', async () => {
    const { world, done, openEnds } = await startWith([10])
    const answer = Promise.withResolvers<Judged>()
    const next = replay(history.head(12), world.now)
    world.judge = () => answer.promise
    const first = openEnds.retry(log, 8)
    expect(await openEnds.retry(log, 8)).toEqual([])
    answer.resolve(judged({ kind: 'past' }, next))
    expect(await first).toEqual([next])
    expect(sizesJudged(done)).toEqual([10])
    await openEnds.retry(log, 8)
    expect(sizesJudged(done)).toEqual([10, 10])
  })

  test('that are explained are told about, and raise no alarm however late it is', async () => {
    const { world, done, openEnds } = await startWith([10])
    world.now += 15 * MINUTE
    const its = judged({ kind: 'advanced', size: 10 }, replay(history.head(12), world.now))
    world.judge = () => its
    expect(await openEnds.retry(log, 8)).toEqual(its.again)
    const candidate = replay(history.head(10), world.now)
    expect(done).toEqual([
      ['judge', candidate],
      ['outcome', its.outcome, candidate],
    ])
  })

  test.each([
    ['that nothing explains', { kind: 'pending', code: 'TILE_INVALID' }],
    ['of a frozen log', { kind: 'refused', code: 'LOG_FROZEN' }],
    ['behind a floor', { kind: 'refused', code: 'GUARD_BEHIND' }],
    ['while the shared state is away', { kind: 'refused', code: 'STATE_UNCONFIRMED' }],
  ] as const)('%s are reported once, after fifteen minutes', async (_, outcome) => {
    const { world, done, suspects, openEnds } = await startWith([10])
    world.judge = () => judged(outcome)
    world.now = Date.parse(suspects[0]!.firstSeen) + 15 * MINUTE - 1
    await openEnds.retry(log, 8)
    expect(done).toEqual([['judge', replay(history.head(10), world.now)]])
    world.now += 1
    await openEnds.retry(log, 8)
    await openEnds.retry(log, 8)
    const again = replay(history.head(10), world.now)
    expect(done.slice(1)).toEqual([
      ['judge', again],
      ['alarm', suspects[0]],
      ['judge', again],
    ])
  })

  test('are explained by the peers that brought them, in turn, and after a restart by the first', async () => {
    const { world, done, suspect, openEnds, restart } = await startOpenEnds()
    await suspect(history.head(10), 'TIMEOUT', 'p')
    await suspect(history.head(10), 'TIMEOUT', 'q')
    await openEnds.retry(log, 8)
    await openEnds.retry(log, 8)
    await (await restart()).retry(log, 8)
    expect(done).toStrictEqual(['p', 'q', 'p'].map((peer) => ['judge', replay(history.head(10), world.now, peer)]))
  })

  test('that no peer brought name none', async () => {
    const { world, done, openEnds } = await startWith([10])
    await openEnds.retry(log, 8)
    expect(done).toStrictEqual([['judge', replay(history.head(10), world.now)]])
  })

  describe('that stay unexplained for fifteen minutes after our tree has overtaken them', () => {
    test('are let go if the log only pushes its heads, which may be late, and larger ones are reported', async () => {
      const { world, done, sizes, suspect, openEnds } = await startOpenEnds({ pushed: true })
      const { text, signatures } = parseNote(history.head(8))
      const line = cosign(text, 1_700_000_000, testWitness).signature
      const cosigned = formatNote({ text, signatures: [...signatures, line] })
      const [overtaken, larger] = [await suspect(cosigned), await suspect(history.head(10))]
      world.states.set(log, holding(9))
      world.now += 15 * MINUTE
      await openEnds.retry(log, 0)
      expect(done.slice(1)).toEqual([
        ['dropped', overtaken],
        ['alarm', larger],
      ])
      expect(sizes()).toEqual([10])
    })

    test('are reported if the log shows its tiles', async () => {
      const { world, done, sizes, suspects, openEnds } = await startWith([8])
      world.states.set(log, holding(9))
      world.now += 15 * MINUTE
      await openEnds.retry(log, 0)
      expect(done.slice(1)).toEqual([['alarm', suspects[0]]])
      expect(sizes()).toEqual([8])
    })
  })
})
