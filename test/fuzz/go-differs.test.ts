/** Compares with Go's libraries (scripts/peers/fuzzdiff): everything that is kept for a target, and mutations of it. */
import { describe, expect, test } from 'vitest'
import { openGo } from '../../scripts/fuzz/go.js'
import { mutate } from '../../scripts/fuzz/mutate.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { required } from '../helpers/go.js'
import { findPeer } from '../helpers/peers.js'
import { seeded } from '../helpers/tree.js'
import { corpusOf } from './targets/corpus.js'
import { TARGETS } from './targets/index.js'

const peer = findPeer('fuzzdiff')
/** Mutations per target; npm run fuzz makes more. */
const CHANGES = 2000

test.runIf(required)('fuzzdiff is here, as REQUIRE_PEERS asks', () => {
  expect(peer, 'fuzzdiff (scripts/ci/peers.sh)').toBeDefined()
})

describe.skipIf(peer === undefined)('Go reads the same, or differs only where permitted', () => {
  const compared = Object.entries(TARGETS).flatMap(([name, target]) =>
    target.go === undefined ? [] : [{ name, target }],
  )

  test.each(compared)('$name', async ({ name, target: { go, seeds, repair, words, most } }) => {
    const { ask, ours, licence } = go!
    const goReads = openGo(peer!)
    const draw = (bound: number): number => next() % bound
    const next = seeded(7)
    const bytesOf = (text: string | Uint8Array): Uint8Array => (typeof text === 'string' ? utf8(text) : text)
    const from = [...seeds.map(bytesOf), ...corpusOf(name)]
    const any = (): Uint8Array => from[draw(from.length)]!
    const how = { words: words.map(bytesOf), usual: Math.min(4096, most), most: Math.min(64 * 1024, most) }
    const changed = Array.from({ length: CHANGES }, () => {
      const made = mutate(any(), any, draw, how)
      return repair === undefined || draw(2) === 0 ? made : repair(made)
    })
    for (const bytes of [...from, ...changed]) {
      const [we, they] = [await ours(bytes), goReads(ask, bytes)]
      if (we === they || licence?.(bytes, we, they) !== undefined) continue
      expect(we, JSON.stringify(Buffer.from(bytes).toString('latin1'))).toBe(they)
    }
    // Accepted inputs have to be compared too, not only refusals.
    const same: boolean[] = []
    for (const bytes of from) {
      const we = await ours(bytes)
      same.push(we !== undefined && we === goReads(ask, bytes))
    }
    expect(same).toContain(true)
  })
})
