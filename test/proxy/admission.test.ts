import { describe, expect, test } from 'vitest'
import { TokenBuckets } from '../../src/lib/token-buckets.js'
import { Admission, PAID } from '../../src/proxy/admission.js'
import { Shared } from '../../src/proxy/shared.js'
import { lastingController } from '../../src/lib/timed.js'

const never = lastingController().signal
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A log whose requests last until they are ended, and a queue of clients that take turns. */
function door(slots: number, budget = new TokenBuckets(1000, 1)) {
  const shared = new Shared<string>(new Admission(() => 0, { slots, budget }))
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const stopped: string[] = []
  const ask = (client: string | typeof PAID, what: string, signal = never): Promise<string> =>
    shared.run(what, { client, signal }, (turn, stop) =>
      turn(() => {
        begun.push(what)
        stop.addEventListener('abort', () => stopped.push(what))
        return new Promise((resolve) => ends.set(what, () => resolve(what)))
      }),
    )
  const end = async (what: string): Promise<void> => {
    await settled()
    ends.get(what)!()
    await settled()
  }
  const endLast = async (): Promise<void> => {
    await settled()
    await end(begun.at(-1)!)
  }
  return { ask, begun, end, endLast, stopped }
}

describe('requests to a log', () => {
  test('of one client leave as many slots free as they take', async () => {
    const { ask, begun } = door(8)
    for (let i = 0; i < 20; i++) void ask('10.0.0.1', `a${i}`)
    await settled()
    expect(begun).toHaveLength(4)
    for (let i = 0; i < 20; i++) void ask('10.0.0.2', `b${i}`)
    await settled()
    expect(begun).toHaveLength(6)
    // A newcomer gets a slot, though earlier clients want all.
    void ask('10.0.0.3', 'c')
    void ask('10.0.0.4', 'd')
    await settled()
    expect(begun.slice(6)).toEqual(['c', 'd'])
  })

  test('of two addresses in one network count as one client', async () => {
    const { ask, begun } = door(8)
    for (const [i, client] of ['2001:db8::1', '2001:db8::2', '192.0.2.1', '192.0.2.2'].entries())
      for (let k = 0; k < 9; k++) void ask(client, `${i}.${k}`)
    await settled()
    expect(begun.filter((what) => /^[01]/.test(what))).toHaveLength(4)
    expect(begun.filter((what) => /^[23]/.test(what))).toHaveLength(2)
  })

  test('that wait take turns by client, however many one client has', async () => {
    const { ask, begun, endLast } = door(1)
    void ask('10.0.0.9', 'first')
    for (let i = 0; i < 5; i++) void ask('10.0.0.1', `a${i}`)
    for (let i = 0; i < 2; i++) void ask('10.0.0.2', `b${i}`)
    void ask('10.0.0.3', 'c0')
    for (let i = 0; i < 8; i++) await endLast()
    expect(begun).toEqual(['first', 'a0', 'b0', 'c0', 'a1', 'b1', 'a2', 'a3', 'a4'])
  })

  test('awaited by several clients take the first turn of any of them', async () => {
    const { ask, begun, endLast } = door(1)
    void ask('10.0.0.9', 'first')
    for (let i = 0; i < 5; i++) void ask('10.0.0.1', `a${i}`)
    const popular = ask('10.0.0.1', 'popular')
    const joined = ask('10.0.0.2', 'popular')
    for (let i = 0; i < 3; i++) await endLast()
    expect(begun.slice(0, 3)).toEqual(['first', 'a0', 'popular'])
    expect(await Promise.all([popular, joined])).toEqual(['popular', 'popular'])
  })

  test('that wait are sent at once if a client with a free turn joins, or one that needs none', async () => {
    const { ask, begun, end } = door(4)
    for (const what of ['1', '2', '3', '4']) void ask('10.0.0.1', what)
    await settled()
    expect(begun).toEqual(['1', '2'])
    void ask('10.0.0.2', '3')
    void ask(PAID, '4')
    await settled()
    expect(begun).toEqual(['1', '2', '3', '4'])
    // A request that needed no turn uses none.
    await end('4')
    void ask('10.0.0.3', '5')
    await settled()
    expect(begun.at(-1)).toBe('5')
  })

  test('outlive the client that began them, queued or sent', async () => {
    const { ask, begun, end, stopped } = door(2)
    void ask('10.0.0.1', 'first')
    const gone = new AbortController()
    const given = [ask('10.0.0.1', 'second', gone.signal), ask('10.0.0.2', 'third', gone.signal)]
    const kept = [ask('10.0.0.3', 'second'), ask('10.0.0.4', 'third')]
    gone.abort(new Error('gone'))
    for (const one of given) await expect(one).rejects.toThrow('gone')
    await end('first')
    await end('second')
    await end('third')
    expect(await Promise.all(kept)).toEqual(['second', 'third'])
    expect([begun.length, stopped.length]).toEqual([3, 3])
  })

  test('without waiting clients are aborted, or leave the queue', async () => {
    const { ask, begun, end, stopped } = door(1)
    const gone = new AbortController()
    const given = [ask('10.0.0.1', 'first', gone.signal), ask('10.0.0.2', 'second', gone.signal)]
    await settled()
    gone.abort(new Error('gone'))
    for (const one of given) await expect(one).rejects.toThrow('gone')
    expect(stopped).toEqual(['first'])
    await end('first')
    void ask('10.0.0.3', 'third')
    await settled()
    expect(begun).toEqual(['first', 'third'])
  })

  test('that fail free their slots like others', async () => {
    const shared = new Shared<number>(new Admission(() => 0, { slots: 1 }))
    const asking = { client: '10.0.0.1', signal: never }
    await expect(shared.run('x', asking, (turn) => turn(() => Promise.reject(new Error('no'))))).rejects.toThrow('no')
    await expect(shared.run('x', asking, (turn) => turn(() => Promise.resolve(7)))).resolves.toBe(7)
  })

  test('beyond the budget of a client are refused, but not those of others, or those already begun', async () => {
    const { ask, end } = door(99, new TokenBuckets(2, 1))
    const [one, two] = [ask('10.0.0.1', '1'), ask('10.0.0.1', '2')]
    await expect(ask('10.0.0.1', '3')).rejects.toMatchObject({ code: 'TOO_MANY_REQUESTS' })
    const three = ask('10.0.0.2', '3')
    const joined = ask('10.0.0.1', '3')
    await settled()
    for (const what of ['1', '2', '3']) await end(what)
    expect(await Promise.all([one, two, three, joined])).toEqual(['1', '2', '3', '3'])
  })
})
