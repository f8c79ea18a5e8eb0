import { expect, test } from 'vitest'
import { readAtMost } from '../../src/cli/read-at-most.js'

/** Pieces of these lengths, each byte with the number of its piece; and how many were requested. */
function pieces(...lengths: readonly number[]): { chunks: AsyncIterable<Uint8Array>; asked: () => number } {
  let asked = 0
  async function* give(): AsyncIterable<Uint8Array> {
    for (const length of lengths) yield await Promise.resolve(new Uint8Array(length).fill(++asked))
  }
  return { chunks: give(), asked: () => asked }
}

test('input up to the limit is read in order', async () => {
  expect(await readAtMost(pieces(2, 0, 1).chunks, 3)).toEqual(Uint8Array.of(1, 1, 3))
  expect(await readAtMost(pieces().chunks, 0)).toEqual(new Uint8Array())
})

test('one byte over the limit is refused, and reading stops', async () => {
  const { chunks, asked } = pieces(2, 2, 2, 2)
  expect(await readAtMost(chunks, 3)).toBeUndefined()
  expect(asked()).toBe(2)
})
