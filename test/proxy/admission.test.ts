import { describe, expect, test } from 'vitest'
import { Budget } from '../../src/budget.js'
import { Admission } from '../../src/proxy/admission.js'

/** An act that ends when it is told to. */
function act() {
  let end!: () => void
  const done = new Promise<void>((resolve) => (end = resolve))
  let begun = false
  const run = (): Promise<void> => {
    begun = true
    return done
  }
  return { run, end, hasBegun: () => begun }
}

const never = new AbortController().signal
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function admission(slots = { all: 3, each: 2 }, budget = new Budget(100, 1)) {
  return new Admission(() => 0, { slots, budget })
}

describe('requests to a log', () => {
  test('of one client wait for each other before they hold up those of another', async () => {
    const door = admission()
    const [one, two, three, other] = [act(), act(), act(), act()]
    const running = [one, two, three].map(({ run }) => door.run('a', never, run))
    running.push(door.run('b', never, other.run))
    await turn()
    expect([one, two, three, other].map(({ hasBegun }) => hasBegun())).toEqual([true, true, false, true])
    one.end()
    await turn()
    expect(three.hasBegun()).toBe(true)
    for (const { end } of [two, three, other]) end()
    await Promise.all(running)
  })

  test('of all clients have a bound, and the first that may go goes first', async () => {
    const door = admission()
    const acts = Array.from({ length: 5 }, act)
    const running = acts.map(({ run }, i) => door.run(`client${i}`, never, run))
    await turn()
    expect(acts.map(({ hasBegun }) => hasBegun())).toEqual([true, true, true, false, false])
    acts[1]!.end()
    await turn()
    expect(acts.map(({ hasBegun }) => hasBegun())).toEqual([true, true, true, true, false])
    acts.forEach(({ end }) => end())
    await Promise.all(running)
  })

  test('that fail make room like others', async () => {
    const door = admission({ all: 1, each: 1 })
    await expect(door.run('a', never, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    await expect(door.run('a', never, () => Promise.resolve(7))).resolves.toBe(7)
  })

  test('that nobody waits for any more leave the line', async () => {
    const door = admission({ all: 1, each: 1 })
    const first = act()
    const running = door.run('a', never, first.run)
    const gone = new AbortController()
    const given = act()
    const waiting = door.run('b', gone.signal, given.run)
    gone.abort(new Error('gone'))
    await expect(waiting).rejects.toThrow('gone')
    const last = act()
    const after = door.run('c', never, last.run)
    first.end()
    last.end()
    await Promise.all([running, after])
    expect([given.hasBegun(), last.hasBegun()]).toEqual([false, true])
  })

  test('beyond the budget of a client are refused, those of others are not', async () => {
    const door = admission({ all: 9, each: 9 }, new Budget(2, 1))
    const ask = (client: string) => door.run(client, never, () => Promise.resolve('asked'))
    await ask('a')
    await ask('a')
    await expect(ask('a')).rejects.toMatchObject({ code: 'TOO_MANY_REQUESTS' })
    await expect(ask('b')).resolves.toBe('asked')
  })
})
