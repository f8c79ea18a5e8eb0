/** A node's view of others, in edge cases: how logs grow, who signs them, where peers are; and a new node's view. */
import { describe, expect, test } from 'vitest'
import { Ages } from '../../src/status/ages.js'
import { Trails } from '../../src/status/lags.js'
import { Outlook } from '../../src/status/outlook.js'
import type { ViewParts } from '../../src/status/view-parts.js'
import { SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { parsePolicy } from '../../src/tlog/policy.js'
import { testSigner } from '../helpers/heart.js'

const START = Date.parse('2026-01-02T12:00:00.000Z')
const MINUTE = 60
const HOUR = 3600

interface World {
  /** Seconds since the start. */
  seconds: number
  /** For the log: the times of our cosignatures of its heads, newest first, in seconds since the start. */
  heads: (number | undefined)[]
  size: number
  policy: readonly string[] | undefined
  /** For witnesses: when each was last heard, and when it signed the newest head, in seconds since the start. */
  heard: Record<string, number>
  signed: Record<string, number>
  convicted: string[]
  peers: { multiaddr: string; chosen: boolean }[] | undefined
  bootstrap: string[]
}

/** Verifier keys of generated witnesses, by name. */
const VKEYS: Record<string, string> = Object.fromEntries(
  ['a', 'b', 'c'].map((name, i) => [
    name,
    testSigner(`${name}.example`, 60 + i, SIGNATURE_TYPES.cosignature).verifier.vkey,
  ]),
)
const vkeyOf = (name: string): string => VKEYS[name] ?? name

/** A policy that needs two of these. */
function policyOf(names: readonly string[]) {
  const lines = names.map((name) => `witness ${name} ${vkeyOf(name)}`)
  return parsePolicy([...lines, `group g 2 ${names.join(' ')}`, 'quorum g'].join('\n'))
}

function world(change: Partial<World> = {}) {
  const it: World = {
    ...{ seconds: 0, heads: [], size: 10, policy: undefined, heard: {}, signed: {}, convicted: [] },
    ...{ peers: undefined, bootstrap: [], ...change },
  }
  const time = (seconds: number | undefined) => seconds !== undefined && { time: START / 1000 + seconds }
  const lines = (times: Record<string, number>) =>
    new Map(Object.entries(times).map(([name, at]) => [vkeyOf(name), time(at)]))
  const clock = { now: () => START + it.seconds * 1000, monotonic: () => it.seconds * 1000 }
  const parts = {
    time: clock,
    witnesses: {
      config: {
        bootstrap: it.bootstrap,
        logs: [{ id: 'log', disabled: false }],
        policy: it.policy && policyOf(it.policy),
      },
      keysOf: () => [{ vkey: 'own' }],
      cosigned: {
        history: (_log: string, limit: number) =>
          Promise.resolve(
            it.heads.slice(0, limit).map((at) => ({ cosignatures: lines(at === undefined ? {} : { own: at }) })),
          ),
        current: () => ({ cosignatures: lines(it.signed) }),
        signers: {
          lastSeen: (vkey: string) =>
            time(Object.entries(it.heard).find(([name]) => vkeyOf(name) === vkey)?.[1]) || undefined,
        },
      },
      store: {
        heads: { get: () => ({ tree: { size: it.size } }) },
        convictions: { convicted: () => new Set(it.convicted.map(vkeyOf)) },
      },
    },
    around: { mesh: () => it.peers && { peers: () => it.peers } },
  } as unknown as ViewParts
  return { it, outlook: new Outlook(parts, new Ages(clock.now, clock.monotonic)) }
}

/** A log that grew this many times, with this gap in seconds, the last time when the node was started. */
const moving = (moves: number, gap: number): number[] => [0, ...Array.from({ length: moves + 1 }, (_, i) => -i * gap)]

describe('the tempo of a log', () => {
  test('is read from the kept heads: how long the newest has been there, and the longest gap', async () => {
    const heads = moving(12, 5 * MINUTE)
    heads[6] = heads[6]! + 200
    const { it, outlook } = world({ heads })
    await outlook.moved('log')
    it.seconds = 90
    expect(outlook.ofLog('log').tempo).toEqual({ since: 90, usual: 500 })
  })

  test('is unknown after seven moves, and known after eight', async () => {
    for (const [moves, known] of [
      [7, false],
      [8, true],
    ] as const) {
      const { outlook } = world({ heads: moving(moves, 60) })
      await outlook.moved('log')
      expect(outlook.ofLog('log').tempo !== undefined, String(moves)).toBe(known)
    }
  })

  test('is recent: moves before the last 16 do not count', async () => {
    const late = moving(16, 60)
    const { outlook } = world({ heads: [...late, -1e6, -2e6] })
    await outlook.moved('log')
    expect(outlook.ofLog('log').tempo).toMatchObject({ usual: 60 })
  })

  test('is not changed by a renewal of our cosignature', async () => {
    const { it, outlook } = world({ heads: moving(10, 60) })
    await outlook.moved('log')
    it.seconds = 30 * HOUR
    it.heads[0] = it.seconds - 60
    await outlook.moved('log')
    expect(outlook.ofLog('log').tempo).toMatchObject({ since: 30 * HOUR })
  })
})

describe('recent signatures on the newest head', () => {
  const policy = ['a', 'b', 'c']

  test('are counted by the policy, within two hours, without convicted witnesses', () => {
    const { it, outlook } = world({ policy, signed: { a: 0, b: 0, c: 0, stranger: 0 }, convicted: ['c'] })
    expect(outlook.ofLog('log').signedLately).toEqual({ by: 2, need: 2 })
    it.seconds = 2 * HOUR
    it.signed['a'] = it.seconds - 1
    expect(outlook.ofLog('log').signedLately).toEqual({ by: 1, need: 2 })
  })

  test('without a policy are those of this node alone', () => {
    expect(world({ signed: { own: 0, a: 0 } }).outlook.ofLog('log').signedLately).toEqual({ by: 1, need: 1 })
  })
})

describe('witnesses that are heard', () => {
  const lively = { heads: moving(10, 60), policy: ['a', 'b', 'c'] }

  test('are counted after two hours if a log usually moves each hour', async () => {
    const { it, outlook } = world({ ...lively, heard: { a: 0, b: 0 } })
    await outlook.moved('log')
    it.seconds = 2 * HOUR
    expect(outlook.ofNode().witnesses, 'they may have been away for as long as we were').toBeUndefined()
    it.seconds += 1
    it.heard['b'] = 2 * HOUR
    expect(outlook.ofNode().witnesses).toEqual({ heard: 1, need: 2 })
  })

  test('are not counted if no log moves often, or without a policy', async () => {
    for (const change of [
      { ...lively, heads: moving(10, 2 * HOUR) },
      { ...lively, heads: [] },
      { ...lively, policy: undefined },
    ]) {
      const { it, outlook } = world(change)
      await outlook.moved('log')
      it.seconds = 5 * HOUR
      expect(outlook.ofNode().witnesses).toBeUndefined()
    }
  })
})

describe('polls', () => {
  const polled = (size: number) => ({ outcome: { kind: 'past', news: false, size } }) as const

  test('are behind since a head was proven that they have not shown', () => {
    const { it, outlook } = world({ size: 10 })
    outlook.polled('log', polled(10))
    expect(outlook.ofLog('log').pollBehind).toBeUndefined()
    it.size = 20
    outlook.polled('log', polled(10))
    it.seconds = 700
    expect(outlook.ofLog('log').pollBehind).toBe(700)
    outlook.polled('log', polled(20))
    expect(outlook.ofLog('log').pollBehind).toBeUndefined()
  })

  test('that fail or show nothing are not behind', () => {
    const { it, outlook } = world()
    outlook.polled('log', { silence: new Error('down') })
    it.seconds = 9999
    expect(outlook.ofLog('log').pollBehind).toBeUndefined()
  })

  test('of a log that shows everything an hour late are an hour behind, even if it moves all the time', () => {
    let now = 0
    const trails = new Trails(() => now)
    let most = 0
    for (; now < 5 * HOUR * 1000; now += 60_000) {
      const newest = now / 60_000
      most = Math.max(most, trails.note('log', Math.max(0, newest - 60), newest) ?? 0)
    }
    expect(most).toBeGreaterThanOrEqual(59 * MINUTE)
    // A node that is late by one poll is late by exactly that.
    now = 0
    const quick = new Trails(() => now)
    most = 0
    for (; now < 5 * HOUR * 1000; now += 60_000)
      most = Math.max(most, quick.note('log', Math.max(0, now / 60_000 - 1), now / 60_000) ?? 0)
    expect(most).toBeLessThanOrEqual(2 * MINUTE)
  })
})

describe('a shared network of peers', () => {
  const at = (ip: string, chosen = false) => ({ multiaddr: `/ip${ip.includes(':') ? 6 : 4}/${ip}/tcp/1/p2p/x`, chosen })
  const three = [at('203.0.113.1'), at('203.0.77.2'), at('203.0.5.3')]

  test('is reported for three peers, with its duration', () => {
    const { it, outlook } = world({ peers: three })
    expect(outlook.ofNode().network).toEqual({ name: '203.0.0.0/16', peers: 3, seconds: 0 })
    it.seconds = 700
    expect(outlook.ofNode().network).toMatchObject({ seconds: 700 })
    it.peers = [...three, at('198.51.100.1')]
    expect(outlook.ofNode().network).toBeUndefined()
    it.peers = three
    expect(outlook.ofNode().network, 'it is so anew').toMatchObject({ seconds: 0 })
  })

  test('is reported for an IPv6 /32', () => {
    const peers = [at('2a01:db8::1'), at('2a01:db8:1::1'), at('2a01:db8:ffff::1')]
    expect(world({ peers }).outlook.ofNode().network).toMatchObject({ name: '2a01:db8::/32' })
  })

  test.each<[string, Partial<World>]>([
    ['no mesh', { peers: undefined }],
    ['no peers', { peers: [] }],
    ['a single peer', { peers: [at('203.0.113.1')] }],
    ['two peers', { peers: three.slice(0, 2) }],
    ['this machine', { peers: [at('127.0.0.1'), at('127.0.0.1'), at('127.0.0.1')] }],
    ['a local network', { peers: [at('192.168.1.2'), at('192.168.1.3'), at('10.0.0.1')] }],
    ['a local network of IPv6', { peers: [at('fd00::1'), at('fd00::2'), at('::1')] }],
    ['peers with names', { peers: three.map(() => ({ multiaddr: '/dns4/h.example/tcp/1', chosen: false })) }],
    [
      'peers that the operator configured',
      { peers: three.map((peer) => ({ ...peer, chosen: true })), bootstrap: ['a', 'b', 'c'] },
    ],
  ])('is not reported for %s', (_what, change) => {
    expect(world(change).outlook.ofNode().network).toBeUndefined()
  })

  test('is reported for peers that this node chose itself', () => {
    const peers = three.map((peer) => ({ ...peer, chosen: true }))
    expect(world({ peers }).outlook.ofNode().network).toBeDefined()
    const one = { peers: [...peers.slice(1), at('203.0.9.9')], bootstrap: ['a'] }
    expect(world(one).outlook.ofNode().network, 'one came by itself').toBeDefined()
  })
})
