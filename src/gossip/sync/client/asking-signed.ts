/** Asks a peer what it holds of our own witness keys: key by key, page by page. */
import type { WitnessPromise } from '../../../witness/promise.js'
import type { Advertised } from '../server/sync-server.js'
import type { Ask } from './sync-client.js'
import type { SignedAnswer } from '../pages.js'

/** Bytes that each item counts for in addition to its own. */
const ITEM_BYTES = 256
/** Bytes after which what a peer has told is handed over even if there is more. */
const HAND_OVER_BYTES = 1024 * 1024

export interface TellingOptions {
  /** Verifier keys. */
  readonly keys: readonly string[]
  /** The most pages asked for per key. */
  readonly maxPages: number
  /** Takes up what was told; resolves to false when that failed. Never throws. */
  readonly take: (told: Advertised) => Promise<boolean>
}

/**
 * Whether the peer told all that it holds and all of it was taken up. What a peer told before it failed is taken up,
 * too. Throws what `ask` throws.
 */
export async function askSigned(ask: Ask, { keys, maxPages, take }: TellingOptions): Promise<boolean> {
  const told = new Pages()
  let isWhole = true
  let isTaken = true
  const handOver = async (): Promise<void> => {
    isTaken = (await take(told.empty())) && isTaken
  }
  try {
    for (const witness of keys) {
      let after: string | undefined
      for (let pages = 1; ; pages++) {
        const answer = await ask({ type: 'signed', witness, after })
        const page = answer?.type === 'signed' ? answer : undefined
        if (page === undefined || !told.add(page, witness)) isWhole = false
        if (told.bytes > HAND_OVER_BYTES) await handOver()
        if (page?.next === undefined) break
        // A peer whose pages make no progress would go on for ever.
        const mayGoOn = pages < maxPages && (after === undefined || page.next > after)
        if (!mayGoOn) isWhole = false
        if (!mayGoOn) break
        after = page.next
      }
    }
  } catch (error) {
    isWhole = false
    throw error
  } finally {
    // An empty answer is an answer, if it is complete.
    if (told.bytes > 0 || isWhole) await handOver()
  }
  return isWhole && isTaken
}

class Pages {
  #heads: Uint8Array[] = []
  #promises: WitnessPromise[] = []
  bytes = 0

  /** Adds what is readable in a page and about this key; false when that is not all of it. */
  add(page: SignedAnswer, witness: string): boolean {
    const heads = page.heads.filter((head) => head !== undefined)
    const promises = page.promises
      .filter((promise) => promise?.witness === witness)
      .filter((each) => each !== undefined)
    this.#heads.push(...heads)
    this.#promises.push(...promises)
    for (const { length } of [...heads, ...promises.map(({ head }) => head)]) this.bytes += length + ITEM_BYTES
    return heads.length === page.heads.length && promises.length === page.promises.length
  }

  empty(): Advertised {
    const told = { heads: this.#heads, promises: this.#promises }
    this.#heads = []
    this.#promises = []
    this.bytes = 0
    return told
  }
}
