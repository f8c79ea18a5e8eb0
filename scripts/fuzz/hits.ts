/** Which branches inputs take, and about how often: a branch that is taken twice as often is news, too (instrument.js). */

const { __hits, process } = globalThis as typeof globalThis & { readonly __hits: Uint8Array<ArrayBuffer> }
/** How many branches there are. */
const BRANCHES = 4 * Math.ceil(Number(process.env['FUZZ_BRANCHES']) / 4)

/** How often each branch was taken by the input that runs. */
const hits = __hits.subarray(0, BRANCHES)
/** Four at a time, for nearly all are zero. */
const words = new Uint32Array(__hits.buffer, 0, BRANCHES / 4)

/** Of each number of times the bit of those that are about as many: 1, 2, 3, up to 7, 15, 31, 127, more. */
const BITS = Uint8Array.from({ length: 256 }, (_, times) => {
  if (times === 0) return 0
  const upTo = [1, 2, 3, 7, 15, 31, 127, 255]
  return 1 << upTo.findIndex((most) => times <= most)
})

/** What inputs have reached. */
export class Reached {
  /** Of each branch the bits of how often it was taken. */
  readonly #seen = new Uint8Array(BRANCHES)

  /** How many branches were taken by any input. */
  get branches(): number {
    return this.#seen.reduce((count, bits) => count + (bits === 0 ? 0 : 1), 0)
  }

  /** An input is about to be run. */
  begin(): void {
    hits.fill(0)
  }

  /** Whether the input that was run took a branch that none has taken so often. */
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
