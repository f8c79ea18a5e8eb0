/** Nodes that share a processor wait for it as long as they would on a machine with that many cores. */
import { describe, expect, test } from 'vitest'
import { coreForEach, SharedCores, type Processor, type Work } from '../../scripts/simulate/processor.js'
import { VirtualTime } from '../../scripts/simulate/virtual-time.js'

const COSTS: Readonly<Record<Work, number>> = {
  ...{ judge: 3, convict: 20, send: 1, receive: 1, poll: 3, advance: 10 },
  ...{ deposit: 5, keep: 2, beat: 2, answer: 1, serve: 1, again: 0 },
}

/** When each piece of work is done, in that order; all of it is queued at the beginning. */
async function done(
  processor: (time: VirtualTime) => Processor,
  given: readonly (readonly [string, Work])[],
): Promise<string[]> {
  const time = new VirtualTime()
  const at = processor(time)
  const workers = new Map(given.map(([name]) => [name, { name }]))
  const order: string[] = []
  for (const [name, work] of given) at.work(workers.get(name)!, work, () => order.push(`${name} ${work} ${time.ms}`))
  await time.runUntil(1_000)
  return order
}

const shared =
  (cores: number) =>
  (time: VirtualTime): Processor =>
    new SharedCores(time, cores, COSTS)

describe('a shared processor', () => {
  test('serves workers in order of arrival, as many at a time as there are cores', async () => {
    const three = ['a', 'b', 'c'].map((name) => [name, 'judge'] as const)
    expect(await done(shared(1), three)).toEqual(['a judge 3', 'b judge 6', 'c judge 9'])
    expect(await done(shared(2), three)).toEqual(['a judge 3', 'b judge 3', 'c judge 6'])
  })

  test('lets no worker do two things at once, even if a core is free', async () => {
    const two = ['judge', 'send', 'send'] as const
    expect(
      await done(
        shared(2),
        two.map((work) => ['a', work]),
      ),
    ).toEqual(['a judge 3', 'a send 4', 'a send 5'])
  })

  test('reassigns a core after a time slice if others wait, and otherwise not before the work is done', async () => {
    const given = ['judge', 'judge', 'judge'].map((work) => ['a', work as Work] as const)
    expect(await done(shared(1), [...given, ['b', 'send']])).toEqual([
      'a judge 3',
      'a judge 6',
      'b send 7',
      'a judge 10',
    ])
    expect(
      await done(shared(1), [
        ['a', 'convict'],
        ['a', 'send'],
        ['b', 'send'],
      ]),
    ).toEqual(['a convict 20', 'b send 21', 'a send 22'])
  })

  test('does work that results from other work after what was waiting', async () => {
    const time = new VirtualTime()
    const processor = shared(1)(time)
    const order: string[] = []
    const [a, b] = [{}, {}]
    processor.work(a, 'convict', () => {
      order.push('a')
      processor.work(a, 'send', () => order.push('what came of it'))
    })
    processor.work(b, 'send', () => order.push('b'))
    await time.runUntil(100)
    // The core is free again, and is given to whatever arrives then.
    processor.work(b, 'send', () => order.push(`b at ${time.ms}`))
    await time.runUntil(200)
    expect(order).toEqual(['a', 'b', 'what came of it', 'b at 101'])
  })
})

test('with a core for each worker, only judging takes time, and no worker waits', async () => {
  const given: (readonly [string, Work])[] = [
    ['a', 'judge'],
    ['a', 'judge'],
    ['a', 'send'],
    ['b', 'convict'],
  ]
  expect(await done(coreForEach, given)).toEqual(['a send 0', 'a judge 2', 'a judge 2', 'b convict 2'])
})
