/** Everything that was ever signed, as observed at the keys, and the invariant that must hold for all of it. */
import type { LogState } from '../../src/store/log-state.js'
import { fromUtf8, readUint64, toHex } from '../../src/tlog/bytes.js'
import { formatCheckpoint, parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { areOneHistory } from './log.js'

/** A cosignature, as read from the signed bytes. */
export interface Signing {
  /** The verifier key. */
  readonly key: string
  readonly size: number
  /** Hex. */
  readonly root: string
  /** POSIX seconds. */
  readonly time: number
}

/** The content of the bytes that a key signs: a cosignature, or the head of a promise. */
export type Signed =
  { readonly cosignature: Omit<Signing, 'key'> } | { readonly promise: { size: number; root: string } }

const SUBTREE = 'subtree/v1\n\0'

/** Reads what a key is about to sign; undefined for what no witness key may sign. */
export function readSigned(message: Uint8Array): Signed | undefined {
  if (Buffer.from(message.subarray(0, SUBTREE.length)).toString('latin1') === SUBTREE) return readSubtree(message)
  const text = fromUtf8(message) ?? ''
  const [, time, checkpoint] = /^cosignature\/v1\ntime (\d+)\n(.*)$/s.exec(text) ?? []
  if (checkpoint !== undefined) {
    const tree = parseCheckpoint(checkpoint)
    const isCanonical = formatCheckpoint(tree) === checkpoint
    return isCanonical ? { cosignature: { ...treeOf(checkpoint), time: Number(time) } } : undefined
  }
  const [, promised] = /^gossum\/promise\/v1\n[0-9a-f]{64}\n\S+\n\d+ \d+\n(.*)\n\n/s.exec(text) ?? []
  return promised === undefined ? undefined : { promise: treeOf(`${promised}\n`) }
}

function treeOf(text: string): { size: number; root: string } {
  const { size, root } = parseCheckpoint(text)
  return { size, root: toHex(root) }
}

function readSubtree(message: Uint8Array): Signed {
  const name = message[SUBTREE.length]!
  const time = readUint64(message, SUBTREE.length + 1 + name)!
  const size = readUint64(message, message.length - 40)!
  return { cosignature: { size, root: toHex(message.subarray(message.length - 32)), time } }
}

/** Why two cosignatures under one key must not both exist; undefined if they may. */
export function contradiction(a: Signing, b: Signing): string | undefined {
  if (!areOneHistory(a, b)) return `no history has both ${described(a)} and ${described(b)}`
  const [smaller, larger] = a.size < b.size ? [a, b] : [b, a]
  const isBackwards = smaller.size < larger.size && smaller.time > larger.time
  return isBackwards ? `${described(smaller)} is lower and later than ${described(larger)}` : undefined
}

function described({ size, root, time }: Signing): string {
  return `size ${size} (${root.slice(0, 6)}) at ${time}`
}

/** Everything that was signed under some keys. */
export class Signings {
  readonly #all = new Map<string, Signing>()

  /** Adds one. Returns why it must not exist, if so. */
  add(signing: Signing): string | undefined {
    const id = `${signing.key} ${signing.size} ${signing.root} ${signing.time}`
    if (this.#all.has(id)) return undefined
    const wrong = [...this.#all.values()].flatMap((other) => {
      return other.key === signing.key ? (contradiction(other, signing) ?? []) : []
    })
    this.#all.set(id, signing)
    return wrong[0]
  }

  /** The different trees that were signed. */
  get trees(): readonly (readonly [size: number, root: string])[] {
    return [
      ...new Map([...this.#all.values()].map(({ size, root }) => [`${size} ${root}`, [size, root] as const])).values(),
    ]
  }

  /** The largest; undefined if nothing was signed. */
  get largest(): Signing | undefined {
    return this.#last((a, b) => b.size - a.size)
  }

  /** The latest time of a cosignature, in POSIX seconds; 0 for none. */
  get latest(): number {
    return this.#last((a, b) => b.time - a.time)?.time ?? 0
  }

  /** Whether a state contains all of it. */
  areIn(state: LogState | undefined): boolean {
    return (state?.tree?.size ?? -1) >= (this.largest?.size ?? -1) && (state?.signed?.time ?? 0) >= this.latest
  }

  #last(order: (a: Signing, b: Signing) => number): Signing | undefined {
    return [...this.#all.values()].sort(order)[0]
  }
}
