/**
 * Finds module versions that have more than one record, one bucket of their keys at a time: a 256th of all is in
 * memory, whatever the size of the log.
 */
import type { BucketEntry, KeptParts } from './kept-parts.js'
import { BUCKETS } from './module-keys.js'

/** The most records with shared keys that are examined: honest logs have none, and each costs a tile. */
export const MAX_SHARED = 10_000

/** Ascending numbers of records with one key; whether they are about one module version is yet to be determined. */
export type SharedKey = readonly number[]

export interface SharedKeys {
  readonly groups: readonly SharedKey[]
  /** Whether these are all. */
  readonly isWhole: boolean
}

/**
 * The keys shared by several records, at least one of which is numbered `since` or above. Throws the signal's reason.
 */
export async function sharedKeys(parts: KeptParts, since: number, signal?: AbortSignal): Promise<SharedKeys> {
  const groups: number[][] = []
  let count = 0
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    signal?.throwIfAborted()
    if (since > 0 && !parts.hasKeySince(bucket, since)) continue
    for (const group of groupsOf(await parts.bucket(bucket))) {
      if (group.at(-1)! < since) continue
      count += group.length
      if (count > MAX_SHARED) return { groups: inOrder(groups), isWhole: false }
      groups.push(group)
    }
  }
  return { groups: inOrder(groups), isWhole: true }
}

function inOrder(groups: readonly number[][]): SharedKey[] {
  return [...groups].sort((a, b) => a[0]! - b[0]!)
}

/**
 * The numbers of records by key, for keys with more than one. Open addressing: a Map of a million keys is ten times
 * slower.
 */
function groupsOf({ count, high, low, ids }: BucketEntry): number[][] {
  const mask = 2 ** Math.ceil(Math.log2(Math.max(count, 1) * 2)) - 1
  const slots = new Int32Array(mask + 1).fill(-1)
  const groups = new Map<number, number[]>()
  for (let i = 0; i < count; i++) {
    let slot = low[i]! & mask
    for (;;) {
      const other = slots[slot]!
      if (other === -1) {
        slots[slot] = i
        break
      }
      if (high[other] === high[i] && low[other] === low[i]) {
        const group = groups.get(other)
        // If this fills the memory, the log lies, which is evident by then.
        if (group === undefined) groups.set(other, [ids[other]!, ids[i]!])
        else if (group.length <= MAX_SHARED) group.push(ids[i]!)
        break
      }
      slot = (slot + 1) & mask
    }
  }
  return Array.from(groups.values(), (group) => group.sort((a, b) => a - b))
}
