/**
 * Who a node is and what it follows: its keys, and the logs of its settings, of its home and of the log lists.
 */
import { join } from 'node:path'
import type { Config, LogSetting } from '../config.js'
import { GossumError } from '../errors.js'
import { loadOrCreateWitnessKey, loadSecondKey, SECOND_FILE, WITNESS_FILE, type LoadedKey } from '../keys.js'
import { LogLists, type ListNews } from '../logs/lists.js'
import { followedOf } from '../logs/setting.js'
import { utf8 } from '../tlog/bytes.js'
import type { SignerKey, VerifierKey } from '../tlog/note.js'

export interface Self extends LoadedKey {
  /** Its ML-DSA-44 key, if it has one. */
  readonly second: SignerKey | undefined
  /** The public halves of both, the first one first. */
  readonly keys: readonly VerifierKey[]
  /** The settings, with all logs. */
  readonly config: Config
  /** The others are kept as they are: shown, and frozen by evidence, but they get nothing new and no cosignature. */
  readonly followed: readonly LogSetting[]
  /** Goes on reading them once it is started. */
  readonly lists: LogLists
}

/** Reads the keys, making one in an empty home, and the lists. Throws KEY_FILE_INVALID, CONFIG_INVALID, what readBook throws. */
export async function readSelf(given: Config, onNews: (news: ListNews) => void): Promise<Self> {
  const { home, name, agentSocket } = given
  const loaded = await loadOrCreateWitnessKey(join(home, WITNESS_FILE), name, { socket: agentSocket })
  const { verifier } = loaded.signer
  const second = await loadSecondKey(join(home, SECOND_FILE), verifier.name)
  const lists = new LogLists({ home, sources: given.logLists, witness: verifier.name, logs: given.logs, onNews })
  const config = { ...given, logs: await lists.read() }
  const followed = followedOf(config.logs)
  // One key, two roles: whoever trusts the name as one would trust it as the other.
  if (followed.some(({ origin }) => origin === verifier.name)) {
    throw new GossumError('CONFIG_INVALID', `log: ${verifier.name} is the name of this witness`)
  }
  if (second !== undefined && config.logs.some(({ origin }) => utf8(origin).length > 255)) {
    throw new GossumError('CONFIG_INVALID', 'log: an ML-DSA-44 cosignature has room for an origin of 255 bytes')
  }
  const keys = [verifier, ...(second === undefined ? [] : [second.verifier])]
  return { ...loaded, second, keys, config, followed, lists }
}
