/** The value of --log where a log's key is all that is needed. */
import { GossumError } from '../errors.js'
import { parseVerifierKey, SIGNATURE_TYPES, type VerifierKey } from '../tlog/note.js'

/** Parses "VKEY", or "VKEY URL" as in `run` and GOSUMDB. Throws USAGE for the key of a witness, and KEY_*. */
export function parseLogKey(text: string): VerifierKey {
  const key = parseVerifierKey(text.trim().split(/\s+/, 1)[0]!)
  if (key.type !== SIGNATURE_TYPES.ed25519) {
    throw new GossumError('USAGE', `--log: ${key.name} is a witness key (type 0x0${key.type}), not a log key`)
  }
  return key
}
