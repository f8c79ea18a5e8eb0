/**
 * Merges several states that disagree into one, on the operator's behalf: the largest of everything that any of them
 * knows, so that nothing is signed that does not extend them all.
 *
 * Pure.
 */
import { GossumError } from '../errors.js'
import { equalBytes } from '../tlog/bytes.js'
import { parseHash } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import {
  MAX_EARLIER_KEYS,
  unmetFloor,
  type Audited,
  type Floor,
  type Hold,
  type LogState,
  type Signed,
} from './log-state.js'

const NEW_KEY = 'start a new home with a new key'

/**
 * The largest tree and floor, the latest cosignature and every hold that any of them knows. Throws STATE_DISAGREES when
 * they contradict each other, or none knows a tree: then no home may continue with this key.
 */
export function settled(known: readonly LogState[]): LogState {
  requireOneHistory(known.flatMap(({ tree, floor, audited }) => [tree, treeAt(floor), treeAt(audited)]))
  // If two have the same tree or floor, the one that has its note says more.
  const withTree = known.toSorted((a, b) => treeSize(b) - treeSize(a) || hasNote(b) - hasNote(a))[0]
  const tree = withTree?.tree
  const floors = known.flatMap(({ floor }) => (floor !== undefined && floor.size > 0 ? [floor] : []))
  const [floor] = floors.toSorted((a, b) => b.size - a.size || hasNote(b) - hasNote(a))
  const signed = lastSigned(known)
  const audited = lastAudited(known)
  const origin = known.find((state) => state.origin !== undefined)?.origin
  const firstUse = known.find((state) => state.firstUse !== undefined)?.firstUse
  return {
    seq: Math.max(...known.map(({ seq }) => seq)) + 1,
    ...(origin !== undefined && { origin }),
    tree,
    note: withTree?.note,
    ...(signed && { signed }),
    ...(audited && { audited }),
    floor: unmetFloor({ tree, floor }),
    ...(firstUse && { firstUse }),
    holds: allHolds(known),
  }
}

/** The latest cosignature, followed by the latest of every other key. */
function lastSigned(known: readonly LogState[]): Signed | undefined {
  const all: Omit<Signed, 'earlier'>[] = known.flatMap(({ signed }) =>
    signed ? [signed, ...(signed.earlier ?? [])] : [],
  )
  const latest = new Map<string, Signed>()
  for (const { key, second, size, time } of all.toSorted((a, b) => b.time - a.time)) {
    const by = `${key} ${second ?? ''}`
    if (!latest.has(by)) latest.set(by, { key, ...(second !== undefined && { second }), size, time })
  }
  const [signed, ...earlier] = latest.values()
  return signed && { ...signed, ...(earlier.length > 0 && { earlier: earlier.slice(0, MAX_EARLIER_KEYS) }) }
}

/** The largest head that the auditor's key has promised, and its latest time. */
function lastAudited(known: readonly LogState[]): Audited | undefined {
  const all = known.flatMap(({ audited }) => audited ?? [])
  const largest = all.toSorted((a, b) => b.size - a.size)[0]
  return largest && { ...largest, time: Math.max(...all.map(({ time }) => time)) }
}

/** Every known hold; acknowledged if any of the states says that the operator acknowledged it. */
function allHolds(known: readonly LogState[]): Hold[] {
  const holds = new Map<string, Hold>()
  for (const hold of known.flatMap((state) => state.holds)) {
    if (hold.acked || !holds.has(hold.id)) holds.set(hold.id, hold)
  }
  return [...holds.values()]
}

/** Requires at least one tree, and no two different ones of one size. */
function requireOneHistory(known: readonly (Tree | undefined)[]): void {
  const trees = known.filter((tree) => tree !== undefined)
  if (trees.length === 0) throw new GossumError('STATE_DISAGREES', `no tree is known to continue from; ${NEW_KEY}`)
  for (const { size, root } of trees) {
    if (trees.every((other) => other.size !== size || equalBytes(other.root, root))) continue
    throw new GossumError('STATE_DISAGREES', `two roots at size ${size}; ${NEW_KEY}`)
  }
}

function treeAt(head: Pick<Floor, 'size' | 'root'> | undefined): Tree | undefined {
  const root = head && parseHash(head.root)
  return root && { size: head.size, root }
}

function treeSize({ tree }: LogState): number {
  return tree?.size ?? -1
}

function hasNote({ note }: { readonly note?: string | undefined }): number {
  return note === undefined ? 0 : 1
}
