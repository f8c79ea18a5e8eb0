/** A log that lies to its clients, a new one for each test, and a fetcher that retries without delays. */
import { afterEach, beforeEach } from 'vitest'
import { Fetcher, type FetcherOptions } from '../../src/sumdb/fetcher.js'
import { makeSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { LyingLog, memoryLog, type Behaviour } from '../fakes/lying-log.js'

const signer = makeSignerKey('example.com/log', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))

export interface LiedTo {
  readonly log: LyingLog
  /** The delays that the fetcher requested, in ms. */
  readonly delays: number[]
  /** Lies to each request in turn; the last lie is repeated. */
  readonly lieInTurn: (...behaviours: (Behaviour | undefined)[]) => void
  readonly fetcher: (options?: Partial<FetcherOptions>) => Fetcher
}

/** For the tests of the file or block that calls it. `usual` are the fetcher options unless a test overrides them. */
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
