/**
 * Homes written by the version before the journal (test/vectors/old-home): copies of them, with their key, and their
 * logs.
 */
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { formatSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { testSigner } from './heart.js'
import { temporaryHome } from './home.js'
import { PushingLog } from './witness-client.js'

export type OldHome = 'healthy' | 'floor-and-holds' | 'disagreeing' | 'one-origin'

const VECTORS = fileURLToPath(new URL('../vectors/old-home', import.meta.url))

/** The witness of all of them. */
export const OLD_WITNESS = testSigner('witness.example', 7, SIGNATURE_TYPES.cosignature)

/** A copy, removed when the test ends. */
export function oldHome(name: OldHome): string {
  const home = temporaryHome()
  cpSync(join(VECTORS, name), home, { recursive: true })
  const line = formatSignerKey('witness.example', SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(7))
  writeFileSync(join(home, 'witness.key'), `${line}\n`, { mode: 0o600 })
  return home
}

/** The logs that the witness followed; another salt gives another history. */
export function oldLog(of: 'a' | 'b', salt = 'a'): PushingLog {
  return new PushingLog(testSigner(`log.example/${of}`, of === 'a' ? 1 : 2), { salt })
}

/** The checksum databases of `one-origin`. */
export function oldSumdb(name: 'one' | 'two'): PushingLog {
  const signer = testSigner(`${name}.example`, name === 'one' ? 1 : 2)
  return new PushingLog(signer, { origin: SUMDB_ORIGIN, salt: name })
}

/** The settings of a node that these logs push to. */
export function pushedBy(...logs: readonly PushingLog[]): string[] {
  return logs.flatMap(({ signer, origin }) => ['--log', `${signer.verifier.vkey} - ${origin}`])
}
