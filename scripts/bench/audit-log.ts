/**
 * The logs that scripts/bench/audit.ts measures with: the same generated records as a checksum database and as a log of
 * c2sp.org/tlog-tiles, in folders that are made once and reused.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { makeSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { LogFolderWriter, madeRecord } from '../../test/helpers/log-folder.js'

/** Increased when the content changes, so that an older folder is not reused. */
const FORM = 2
const NAME = 'bench.example/log'
const signer = makeSignerKey(NAME, SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(41))

export interface BenchLog {
  /** A checksum database: full check. */
  readonly sumdb: string
  /** Tlog-tiles: hash-only. Its origin is the name of the key. */
  readonly tiles: string
  readonly vkey: string
  readonly origin: string
  readonly records: number
  /** Total size of all records. */
  readonly bytes: number
}

/** The folders with this many records, reused or made; `say` reports when they are made. */
export function benchLog(records: number, say: (words: string) => void): BenchLog {
  const dir = join(tmpdir(), `gossum-bench-audit-${FORM}`, String(records))
  const [sumdb, tiles, made] = [join(dir, 'sumdb'), join(dir, 'tiles'), join(dir, 'made.json')]
  const log = { sumdb, tiles, vkey: signer.verifier.vkey, origin: NAME, records }
  if (existsSync(made)) return { ...log, ...(JSON.parse(readFileSync(made, 'utf8')) as { bytes: number }) }
  say(`making ${records.toLocaleString('en-US')} records in ${dir}, twice about 270 bytes each`)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const writers = [
    new LogFolderWriter({ dir: sumdb, signer, origin: SUMDB_ORIGIN }),
    new LogFolderWriter({ dir: tiles, signer, origin: NAME }),
  ]
  let bytes = 0
  for (let i = 0; i < records; i++) {
    const record = madeRecord(i, versionOf(i))
    bytes += record.length
    for (const writer of writers) writer.add(record)
  }
  for (const writer of writers) writer.finish()
  // Written last: a folder without it is incomplete.
  writeFileSync(made, JSON.stringify({ bytes }))
  return { ...log, bytes }
}

/** Every other version is a pseudo-version, as in the public log. */
function versionOf(i: number): string {
  if (i % 2 === 0) return `v1.${i % 31}.${i % 7}`
  const time = new Date(Date.UTC(2020, 0, 1) + i * 7000).toISOString().replace(/\D/g, '').slice(0, 14)
  return `v0.0.0-${time}-${(i * 65537).toString(16).padStart(12, '0').slice(-12)}`
}
