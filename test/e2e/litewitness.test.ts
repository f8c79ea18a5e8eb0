/**
 * The real litewitness and our program: one table of requests, equal answers, and a reason for each difference. Skipped
 * if it is not installed, unless REQUIRE_PEERS=1, which makes that a failure; scripts/ci/peers.sh installs it.
 */
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { interop, toMarkdown, unexplained, type Row } from '../helpers/interop.js'
import { sequences } from '../helpers/interop-rows.js'
import { findLitewitness } from '../helpers/litewitness.js'
import { scratchFolder } from '../helpers/home.js'

const litewitness = findLitewitness()
const { dir } = scratchFolder()

test.runIf(process.env['REQUIRE_PEERS'] === '1')('litewitness is here, as REQUIRE_PEERS asks', () => {
  expect(litewitness).toBeDefined()
})

describe.skipIf(litewitness === undefined)('litewitness and our program', () => {
  let rows: Row[]
  beforeAll(async () => {
    rows = await interop(litewitness!, dir)
  })

  test('give equal answers, or different ones for a documented reason that still holds', () => {
    expect(unexplained(rows)).toEqual([])
    expect(rows.length).toBe(sequences().flatMap(({ steps }) => steps).length)
    expect(rows.length).toBeGreaterThan(80)
  })

  test('agree on every genuine head of sum.golang.org', () => {
    expect(rows.find(({ sequence }) => sequence === 'sum.golang.org')).toMatchObject({
      ours: '132 x 200 cosignature',
      theirs: '132 x 200 cosignature',
    })
  })

  test('are compared in docs/interop.md by the same table', () => {
    // Removes what the formatter adds: spaces, and the line below the heading.
    const plain = (text: string): string =>
      text
        .split('\n')
        .filter((line) => line.startsWith('|') && !line.startsWith('| ---') && !line.startsWith('| --'))
        .map((line) => line.replace(/\s+/g, ' '))
        .join('\n')
    const page = readFileSync(new URL('../../docs/interop.md', import.meta.url), 'utf8')
    expect(plain(page), 'npm run interop writes it').toBe(plain(toMarkdown(rows)))
  })
})

test('an unexplained difference, and a reason that no longer holds, are both reported', () => {
  const equal: Row = { sequence: 's', what: 'a row', ours: '200', theirs: '200' }
  const differs: Row = { ...equal, theirs: '400' }
  expect(unexplained([differs])).toContain('s, a row: 200 where the other has 400')
  expect(unexplained([equal])).toContain('a tab in the text: the explained difference no longer exists')
})
