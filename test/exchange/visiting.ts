/** A pipeline that polls nothing, with a log in memory and places that it visits. */
import { onTestFinished } from 'vitest'
import type { PlaceSetting } from '../../src/config/places.js'
import { buildPlaces } from '../../src/exchange/build.js'
import { Exchange, type ExchangeNews } from '../../src/exchange/exchange.js'
import { ownHead } from '../../src/exchange/service.js'
import { isFrozen } from '../../src/store/heads.js'
import type { SignerKey, VerifierKey } from '../../src/tlog/note.js'
import { Feed, startHeart, testSigner, testWitness, type Heart, type HeartOptions } from '../helpers/heart.js'
import { PushingLog } from '../helpers/witness-client.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'

/** Seconds between two visits; a pause is half of it. */
export const INTERVAL = 0.05

export interface Visiting {
  readonly heart: Heart
  readonly log: PushingLog
  readonly exchange: Exchange
  readonly news: Feed<ExchangeNews>
  /** Metric outcomes of requests, in order. */
  readonly requests: string[]
  /** Our node proves and cosigns the log's head of this size. */
  grow(size: number): Promise<void>
}

export interface VisitingOptions extends Partial<HeartOptions> {
  readonly interval?: number
  readonly threshold?: number
  readonly logSigner?: SignerKey
}

export async function visiting(places: readonly PlaceSetting[], options: VisitingOptions = {}): Promise<Visiting> {
  const { interval = INTERVAL, threshold = 1, logSigner = testSigner('log.example', 1), ...more } = options
  const log = new PushingLog(logSigner, { origin: SUMDB_ORIGIN })
  const heart = await startHeart({
    logKey: logSigner.verifier,
    prefix: (of, size) => Promise.resolve({ root: log.tree(size).root, proof: log.proof(size, of.size) }),
    ...more,
  })
  const news = new Feed<ExchangeNews>()
  const requests: string[] = []
  const counted: readonly VerifierKey[] = more.counted ?? [testWitness.verifier]
  const exchange = new Exchange({
    places: buildPlaces(places, {
      threshold,
      witnesses: () => counted,
      onRequest: (_place, outcome) => requests.push(outcome),
    }),
    logs: [{ id: heart.log, key: logSigner.verifier, origin: SUMDB_ORIGIN }],
    own: {
      head: (id) =>
        isFrozen(heart.store.heads.get(id)) ? undefined : ownHead(heart.cosigned.current(id), testWitness.verifier),
      prove: (id, head, size) => heart.witness.proof(id, head, size),
    },
    submit: (candidate) => heart.witness.submit(candidate),
    interval,
    told: { onNews: (told) => news.push(told), onError: (error) => heart.errors.push(error) },
    world: { now: Date.now, random: () => 0.5 },
  })
  exchange.start()
  onTestFinished(async () => {
    await exchange.stop()
    await heart.stop()
  })
  const grow = async (size: number): Promise<void> => {
    const { kind } = await heart.submit('poll', log.head(size))
    if (kind !== 'advanced') throw new Error(`size ${size} is ${kind}`)
    exchange.advanced()
  }
  return { heart, log, exchange, news, requests, grow }
}
