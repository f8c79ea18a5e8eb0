/** A log that lies to who asks it, anew for each test, and a fetcher that asks it without waiting between its tries. */
import { afterEach, beforeEach } from 'vitest'
import { Fetcher, type FetcherOptions } from '../../src/sumdb/fetcher.js'
import { makeSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { LyingLog, memoryLog, type Behaviour } from '../fakes/lying-log.js'

const signer = makeSignerKey('example.com/log', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))

export interface LiedTo {
  readonly log: LyingLog
  /** The delays that the fetcher asked for, in ms. */
  readonly delays: number[]
  /** Lies to each request in turn; the last lie holds. */
  readonly lieInTurn: (...behaviours: (Behaviour | undefined)[]) => void
  readonly fetcher: (options?: Partial<FetcherOptions>) => Fetcher
}

/** For the tests of the file or block that calls it. `usual` is what each fetcher has unless a test says otherwise. */
export function liedTo(usual: () => Partial<FetcherOptions> = () => ({})): LiedTo {
  let log: LyingLog
  const delays: number[] = []
  beforeEach(async () => {
    log = await LyingLog.start(await memoryLog(signer))
    delays.length = 0
  })
  afterEach(() => log.close())
  const delay = (ms: number): Promise<void> => {
    delays.push(ms)
    return Promise.resolve()
  }
  return {
    get log() {
      return log
    },
    delays,
    lieInTurn: (...behaviours) => {
      log.lie = () => behaviours[Math.min(log.requests.length, behaviours.length) - 1]
    },
    fetcher: (options) => new Fetcher({ url: log.url, random: () => 0.5, delay, ...usual(), ...options }),
  }
}
