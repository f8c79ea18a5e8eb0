/**
 * A log that hangs, floods, disconnects or fails: the poller survives, reports it and recovers, and no other log is
 * affected.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { errorCode } from '../../src/errors.js'
import { SumdbClient } from '../../src/sumdb/client.js'
import { pollFailure } from '../../src/witness/polled.js'
import { Poller } from '../../src/witness/poller.js'
import {
  closeEarly,
  endless,
  honestly,
  LyingLog,
  madeUpRecords,
  memoryLog,
  refuse,
  stall,
  stallInBody,
  type Behaviour,
} from '../fakes/lying-log.js'
import { Feed, startHeart, sumdbId, testSigner } from '../helpers/heart.js'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A log over HTTP, and a client with short time limits. */
async function logWith(name: string, byte: number, records = 10) {
  const signer = testSigner(name, byte)
  const log = await LyingLog.start(await memoryLog(signer, madeUpRecords(0, records)))
  closers.push(() => log.close())
  const client = new SumdbClient({ url: log.url, key: signer.verifier, retries: 0, timeoutMs: 250 })
  return { log, client, id: sumdbId(signer.verifier), logKey: signer.verifier, prefix: client.prefix.bind(client) }
}

/** A pipeline over two logs, each with a poller that polls without pauses. */
async function node() {
  const bad = await logWith('bad.example', 1)
  const good = await logWith('good.example', 2)
  const heart = await startHeart({ ...bad, others: [good] })
  const polls = { bad: new Feed<unknown>(), good: new Feed<unknown>() }
  const errors: unknown[] = []
  const poller = (of: typeof bad, feed: Feed<unknown>): Poller =>
    new Poller({
      log: of.id,
      latestNote: (options) => of.client.latestNote(options),
      witness: heart.witness,
      interval: 0.01,
      onPoll: (polled) => feed.push(pollFailure(polled)),
      onError: (error) => errors.push(error),
      world: { now: Date.now, random: () => 0.5 },
    })
  const pollers = [poller(bad, polls.bad), poller(good, polls.good)]
  closers.push(async () => {
    await Promise.all([heart.witness.stop(), ...pollers.map((each) => each.stop())])
    await heart.store.close()
  })
  const sizeOf = (of: typeof bad): number => heart.cosigned.current(of.id)?.size ?? 0
  return { bad, good, heart, polls, errors, pollers, sizeOf }
}

const behaviours: [string, Behaviour, string][] = [
  ['never answers', stall, 'LOG_UNREACHABLE'],
  ['stops in the middle of a body', stallInBody, 'LOG_UNREACHABLE'],
  ['sends endlessly', endless, 'LOG_ANSWER_INVALID'],
  ['disconnects in the middle of a body', closeEarly, 'LOG_UNREACHABLE'],
  ['answers with 500', refuse(500), 'LOG_UNREACHABLE'],
  ['answers with 404', refuse(404), 'LOG_ANSWER_INVALID'],
]

describe.each(behaviours)('a log that %s', (_name, behaviour, code) => {
  test('is reported, does not delay the other log, and is followed again when it recovers', async () => {
    const { bad, good, heart, polls, errors, pollers, sizeOf } = await node()
    bad.log.lie = (path) => (path === 'latest' ? behaviour : undefined)
    pollers.forEach((each) => each.start())
    expect(errorCode(await polls.bad.next((error) => error !== undefined))).toBe(code)

    await good.log.history.append(madeUpRecords(10, 20))
    await heart.feed.next(({ log, kind, size }) => log === good.id && kind === 'advanced' && size === 20)
    expect(sizeOf(good)).toBe(20)
    expect(sizeOf(bad)).toBe(0)

    bad.log.lie = () => honestly
    await heart.feed.next(({ log, kind }) => log === bad.id && kind === 'advanced')
    await polls.bad.next((error) => error === undefined)
    expect(sizeOf(bad)).toBe(10)
    expect(errors).toEqual([])
  })
})

describe.each(behaviours)('a log whose tiles fail: it %s', (_name, behaviour) => {
  test('leaves a suspect, and is followed once the tiles arrive', async () => {
    const { bad, heart, errors, pollers, sizeOf } = await node()
    pollers[0]!.start()
    await heart.feed.next(({ kind }) => kind === 'advanced')
    expect(sizeOf(bad)).toBe(10)
    bad.log.lie = (path) => (path.startsWith('tile/') ? behaviour : undefined)
    await bad.log.history.append(madeUpRecords(10, 400))
    await heart.feed.next(({ kind, size }) => kind === 'pending' && size === 400)
    expect(sizeOf(bad)).toBe(10)
    expect(heart.suspects.list(bad.id)).toMatchObject([{ size: 400, door: 'poll' }])
    bad.log.lie = () => undefined
    await heart.feed.next(({ kind, size }) => kind === 'advanced' && size === 400)
    expect(sizeOf(bad)).toBe(400)
    expect(heart.suspects.list(bad.id)).toEqual([])
    expect(errors).toEqual([])
  })
})

test('stopping does not wait for a log that hangs', async () => {
  const { bad, polls, pollers, heart } = await node()
  bad.log.lie = () => stall
  pollers[0]!.start()
  await pollers[0]!.stop()
  await heart.witness.stop()
  expect(polls.bad.seen).toEqual([])
})
