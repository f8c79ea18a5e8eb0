/** Heads actually signed by sum.golang.org, from 280 573 to 59 270 573 records: each is proven and cosigned. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { SumdbClient } from '../../src/sumdb/client.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { formatNote, parseNote } from '../../src/tlog/note.js'
import { ReplayLog, readFiles, type Files } from '../fakes/replay-log.js'
import { cosignatureIn, startHeart } from '../helpers/heart.js'
import { FULL, GOLANG_KEY, hasFull, readJsonLines, SMALL } from '../sumdb/genuine.js'

/** Follows these heads one by one over a log that serves these files, and returns the publications. */
async function follow(files: Files, heads: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const log = await ReplayLog.start(files)
  const client = new SumdbClient({ url: log.url, key: GOLANG_KEY, retries: 0 })
  const heart = await startHeart({ logKey: GOLANG_KEY, prefix: client.prefix.bind(client) })
  for (const head of heads) {
    log.latest = head
    expect(await heart.submit('poll', await client.latestNote())).toMatchObject({ kind: 'advanced' })
  }
  await heart.witness.stop()
  expect(heart.suspects.list(heart.log)).toEqual([])
  expect(heart.evidence).toEqual([])
  expect(await heart.cosigned.history(heart.log, 1000)).toHaveLength(heads.length)
  await log.close()
  return heart.published
}

/** Each head was published once, with the log's line unchanged and our cosignature after it. */
function expectCosigned(published: readonly Uint8Array[], heads: readonly Uint8Array[]): void {
  expect(published).toHaveLength(heads.length)
  published.forEach((note, i) => {
    cosignatureIn(note)
    const { text, signatures } = parseNote(note)
    expect(signatures).toHaveLength(2)
    expect(fromUtf8(formatNote({ text, signatures: signatures.slice(0, 1) }))).toBe(fromUtf8(heads[i]!))
  })
}

const sizeOf = (head: Uint8Array): number => parseCheckpoint(parseNote(head).text).size

describe('sum.golang.org', () => {
  const heads = readJsonLines<{ size: number; note: string }>(new URL('heads.jsonl', SMALL))
  test.each([
    ['the first heads are proven and cosigned', heads.slice(0, 5)],
    ['the latest heads are proven and cosigned', heads.slice(5)],
  ])('%s', async (_name, part) => {
    const notes = part.map(({ note }) => utf8(note))
    expectCosigned(await follow(readFiles(new URL('genuine/', SMALL)), notes), notes)
  })

  test.skipIf(!hasFull)('132 heads of six years are proven and cosigned in order', async () => {
    const directory = new URL('addcheckpoint/', FULL)
    const notes = readdirSync(directory)
      .sort()
      .map((name) => {
        const body = readFileSync(new URL(name, directory), 'utf8')
        return utf8(body.slice(body.indexOf('\n\n') + 2))
      })
    expect(notes).toHaveLength(132)
    expect([notes[0]!, notes.at(-1)!].map(sizeOf)).toEqual([280573, 59270573])
    expectCosigned(await follow(readFiles(new URL('tiles/', FULL)), notes), notes)
  })
})
