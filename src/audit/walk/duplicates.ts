/**
 * Finds module versions that have more than one record, bucket by bucket of their keys: what is in memory is a 256th of
 * all, whatever the size of the log.
 */
import type { BucketEntry, KeptParts } from './kept-parts.js'
import { BUCKETS } from './module-keys.js'

/** How many records that share a key are looked at: honest logs have none, and each costs a tile. */
export const MAX_SHARED = 10_000

/** Numbers of records with one key, ascending; whether they are of one module version is yet to be seen. */
export type SharedKey = readonly number[]

export interface SharedKeys {
  readonly groups: readonly SharedKey[]
  /** Whether these are all. */
  readonly isWhole: boolean
}

/**
 * The keys that several records share, one of which at least has a number of `since` or above. Throws the signal's reason.
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

/** The numbers of records by key, for keys that more than one has. Open addressing: a Map of a million keys is ten times slower. */
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
        // One that would fill the memory is of a log that lies; that it is one is plain by then.
        if (group === undefined) groups.set(other, [ids[other]!, ids[i]!])
        else if (group.length <= MAX_SHARED) group.push(ids[i]!)
        break
      }
      slot = (slot + 1) & mask
    }
  }
  return Array.from(groups.values(), (group) => group.sort((a, b) => a - b))
}
