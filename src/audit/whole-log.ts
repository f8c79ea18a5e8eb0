/**
 * Reads a small log completely. If a log has fewer records than a file has lines, this is faster than lookups, and does
 * not reveal to the log what is looked up.
 */
import type { SumdbClient } from '../sumdb/client.js'
import { MAX_TILE_RECORDS } from '../sumdb/module.js'
import { fromUtf8 } from '../tlog/bytes.js'
import type { Tree } from '../tlog/merkle.js'

/** A data tile costs as much as this many lookups: it has as many bytes. */
const LOOKUPS_A_TILE = 32

/** Called for each record, proven to have this number, of the module version `path@version`. */
export type OnRecord = (module: string, id: number, record: Uint8Array) => void

/** Whether reading all records of the tree is faster than looking up this many module versions. */
export function isWorthReading({ size }: Tree, modules: number): boolean {
  return size > 0 && Math.ceil(size / MAX_TILE_RECORDS) * LOOKUPS_A_TILE <= modules
}

/** Reads the records of a tree, each proven under its head, in order. Throws what SumdbClient.records throws. */
export async function readWhole(
  client: Pick<SumdbClient, 'records'>,
  head: Tree,
  onRecord: OnRecord,
  signal?: AbortSignal,
): Promise<void> {
  // A few tiles at a time: a log may fill its records with anything.
  const step = 16 * MAX_TILE_RECORDS
  for (let from = 0; from < head.size; from += step) {
    const to = Math.min(from + step, head.size)
    const records = await client.records(head, from, to, signal === undefined ? {} : { signal })
    records.forEach((record, i) => {
      const module = moduleOf(record)
      if (module !== undefined) onRecord(module, from + i, record)
    })
  }
}

/** The module version with which a record begins. */
function moduleOf(record: Uint8Array): string | undefined {
  const [path, version] = (fromUtf8(record) ?? '').split('\n', 1)[0]!.split(' ', 2)
  return path && version && `${path}@${version.replace(/\/go\.mod$/, '')}`
}
