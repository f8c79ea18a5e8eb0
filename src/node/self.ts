/** The identity of a node and what it follows: its keys, and the logs from its settings, its home and the log lists. */
import type { Config, LogSetting } from '../config/config.js'
import { GossumError } from '../errors.js'
import type { Keyring } from '../keys/keyring.js'
import { LogLists, type ListNews } from '../logs/lists.js'
import { followedOf } from '../logs/log-setting.js'
import { utf8 } from '../tlog/bytes.js'

export interface Self {
  readonly keyring: Keyring
  /** The settings, including all logs. */
  readonly config: Config
  /**
   * The enabled logs. The others are kept: they are shown, and evidence freezes them, but they get nothing new and no
   * cosignature.
   */
  readonly followed: readonly LogSetting[]
  /** Keeps reading the lists once it is started. */
  readonly lists: LogLists
}

/** Reads the lists. Throws CONFIG_INVALID, and what readBook throws. */
export async function readSelf(given: Config, keyring: Keyring, onNews: (news: ListNews) => void): Promise<Self> {
  const { home } = given
  const names = keyring.verifiers.map(({ name }) => name)
  const lists = new LogLists({ home, sources: given.logLists, witnesses: names, logs: given.logs, onNews })
  const config = { ...given, logs: await lists.read() }
  const followed = followedOf(config.logs)
  // One key in two roles: a client that trusts the name in one role would trust it in the other.
  const both = followed.find(({ origin }) => names.includes(origin))
  if (both !== undefined) throw new GossumError('CONFIG_INVALID', `log: ${both.origin} is the name of this witness`)
  if (keyring.second !== undefined && config.logs.some(({ origin }) => utf8(origin).length > 255)) {
    throw new GossumError('CONFIG_INVALID', 'log: an ML-DSA-44 cosignature allows an origin of at most 255 bytes')
  }
  return { keyring, config, followed, lists }
}
