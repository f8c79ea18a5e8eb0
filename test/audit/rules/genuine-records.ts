/** Records that sum.golang.org has answered with: the small copy in test/vectors/sumdb, and all beside the repository. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseLookup, splitDataTile } from '../../../src/sumdb/module.js'
import { fromUtf8, utf8 } from '../../../src/tlog/bytes.js'
import { hasShared, readShared, sharedPath } from '../../helpers/shared.js'
import { readLines, vectorUrl } from '../../helpers/vectors.js'

/** 60 records, of every form that is known; they stand as in a data tile. */
export const SMALL_RECORDS: readonly Uint8Array[] = splitDataTile(
  new Uint8Array(readFileSync(vectorUrl('sumdb/records-genuine.txt'))),
)

/** Those that stand with their inclusion proofs. */
export const PROVEN_RECORDS: readonly Uint8Array[] = readLines(vectorUrl('sumdb-inclusion.jsonl')).map((line) =>
  utf8((line as { record: string }).record),
)

/** Every record of the full set: all that lookups answered, and the pairs of lines of go.sum files. None without the set. */
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

/** The records that both lines of a module version in a go.sum file are; where there is only one, the other is not known. */
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
