/**
 * Records from answers of sum.golang.org: the small copy in test/vectors/sumdb, and the full set outside the
 * repository.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseLookup, splitDataTile } from '../../../src/sumdb/module.js'
import { fromUtf8, utf8 } from '../../../src/tlog/bytes.js'
import { hasShared, readShared, sharedPath } from '../../helpers/shared.js'
import { readLines, vectorUrl } from '../../helpers/vectors.js'

/** 60 records, of every known form, as in a data tile. */
export const SMALL_RECORDS: readonly Uint8Array[] = splitDataTile(
  new Uint8Array(readFileSync(vectorUrl('sumdb/records-genuine.txt'))),
)

/** Records with their inclusion proofs. */
export const PROVEN_RECORDS: readonly Uint8Array[] = readLines(vectorUrl('sumdb-inclusion.jsonl')).map((line) =>
  utf8((line as { record: string }).record),
)

/**
 * Every record of the full set: all answers to lookups, and the pairs of lines of go.sum files. Empty without the set.
 */
export const SHARED_RECORDS: readonly Uint8Array[] = hasShared
  ? distinct([
      ...[...filesBelow(sharedPath('sumdb/lookups')), ...filesBelow(sharedPath('sumdb/captures'))]
        .filter((file) => /\/lookups?\//.test(file))
        .map((file) => parseLookup(new Uint8Array(readFileSync(file))).record),
      ...readdirSync(sharedPath('sumdb/gosum')).flatMap((name) =>
        pairsOf(fromUtf8(readShared(`sumdb/gosum/${name}`))!),
      ),
    ])
  : []

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
}

/** The records made of both lines of a module version in a go.sum file; a single line does not determine the record. */
function pairsOf(goSum: string): Uint8Array[] {
  const lines = goSum.split('\n')
  return lines.flatMap((line, i) => {
    const [path, version] = line.split(' ')
    const next = lines[i + 1] ?? ''
    return next.startsWith(`${path!} ${version!}/go.mod `) ? [utf8(`${line}\n${next}\n`)] : []
  })
}

function distinct(records: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(records.map((record) => [fromUtf8(record), record])).values()]
}
