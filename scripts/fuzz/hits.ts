/** Which branches inputs take, and roughly how often: a branch taken twice as often is new, too (instrument.js). */

const { __hits, process } = globalThis as typeof globalThis & { readonly __hits: Uint8Array<ArrayBuffer> }
/** The number of branches. */
const BRANCHES = 4 * Math.ceil(Number(process.env['FUZZ_BRANCHES']) / 4)

/** How often the current input has taken each branch. */
const hits = __hits.subarray(0, BRANCHES)
/** Four counts at a time, since nearly all are zero. */
const words = new Uint32Array(__hits.buffer, 0, BRANCHES / 4)

/** Maps a count to the bit of its range: 1, 2, 3, up to 7, 15, 31, 127, more. */
const BITS = Uint8Array.from({ length: 256 }, (_, times) => {
  if (times === 0) return 0
  const upTo = [1, 2, 3, 7, 15, 31, 127, 255]
  return 1 << upTo.findIndex((most) => times <= most)
})

/** What inputs have reached. */
export class Reached {
  /** For each branch, the bits of the counts seen. */
  readonly #seen = new Uint8Array(BRANCHES)

  /** The number of branches taken by any input. */
  get branches(): number {
    return this.#seen.reduce((count, bits) => count + (bits === 0 ? 0 : 1), 0)
  }

  /** Called before an input is run. */
  begin(): void {
    hits.fill(0)
  }

  /** Whether the input took a branch more often than any before. */
  isNew(): boolean {
    let isNew = false
    for (let at = 0; at < words.length; at++) {
      if (words[at] === 0) continue
      for (let i = 4 * at; i < 4 * at + 4; i++) {
        const bits = BITS[hits[i]!]!
        if ((bits & ~this.#seen[i]!) === 0) continue
        this.#seen[i]! |= bits
        isNew = true
      }
    }
    return isNew
  }
}
