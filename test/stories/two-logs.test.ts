/** Every Go checksum database has the origin `go.sum database tree`: a log is known by its key. */
import { describe, expect, test } from 'vitest'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { formatSignature, parseNote, type Signature } from '../../src/tlog/note.js'
import { cosignatureIn, startHeart, sumdbId, testSigner } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const one = testSigner('one.example', 1)
const two = testSigner('two.example', 2)
const first = new History(one)
const second = new History(two, 'other records')
const ids = { one: sumdbId(one.verifier), two: sumdbId(two.verifier) }

function start() {
  return startHeart({
    logKey: one.verifier,
    prefix: showing(first),
    others: [{ logKey: two.verifier, prefix: showing(second) }],
  })
}

describe('two logs of one origin', () => {
  test('live side by side: other roots of one size are no split view', async () => {
    const heart = await start()
    for (const size of [5, 9]) {
      expect((await heart.submit('poll', first.head(size), undefined, ids.one)).kind).toBe('advanced')
      expect((await heart.submit('poll', second.head(size), undefined, ids.two)).kind).toBe('advanced')
    }
    expect(heart.evidence).toEqual([])
    expect(heart.store.heads.get(ids.one).tree).toEqual(first.tree(9))
    expect(heart.store.heads.get(ids.two).tree).toEqual(second.tree(9))
    heart.published.forEach((note) => cosignatureIn(note))
  })

  test('are told apart by the key when no door says which it is', async () => {
    const heart = await start()
    await heart.submit('poll', first.head(5), undefined, ids.one)
    await heart.submit('poll', second.head(7), undefined, ids.two)
    const push = (note: Uint8Array) => heart.witness.submit({ source: 'push', note, receivedAt: 0 })
    expect(await push(second.head(9))).toMatchObject({ kind: 'advanced', log: ids.two, size: 9 })
    expect(await push(first.head(3))).toMatchObject({ kind: 'past', log: ids.one })
    const stranger = new History(testSigner('three.example', 3))
    expect(await push(stranger.head(5))).toMatchObject({ kind: 'refused', code: 'LOG_UNKNOWN' })
  })

  test('a line under the name of one does not hide a head of the other', async () => {
    const heart = await start()
    await heart.submit('poll', first.head(5), undefined, ids.one)
    await heart.submit('poll', second.head(7), undefined, ids.two)
    const { name, keyId } = one.verifier
    const bogus: Signature = { name, keyId, bytes: new Uint8Array(64) }
    const genuine = parseNote(second.head(9)).signatures[0]!
    for (const lines of [
      [bogus, genuine],
      [genuine, bogus],
    ]) {
      const note = utf8(`${second.text(9)}\n${lines.map(formatSignature).join('')}`)
      const outcome = await heart.witness.submit({ source: 'push', note, receivedAt: 0 })
      expect(['advanced', 'known']).toContain(outcome.kind)
      expect(outcome.log).toBe(ids.two)
    }
    expect(heart.store.heads.get(ids.two).tree?.size).toBe(9)
    expect(fromUtf8(heart.published.at(-1)!)).not.toContain(name)
  })

  test('a head on the other’s topic is refused, and remembered there only', async () => {
    const heart = await start()
    const note = first.head(5)
    expect(await heart.submit('gossip', note, 'p', ids.two)).toMatchObject({
      kind: 'refused',
      code: 'SIGNATURE_MISSING',
    })
    expect((await heart.submit('poll', note, undefined, ids.one)).kind).toBe('advanced')
    expect(await heart.submit('gossip', note, 'p', ids.two)).toMatchObject({
      kind: 'refused',
      code: 'SIGNATURE_MISSING',
    })
  })

  test('freezing one does not freeze the other', async () => {
    const heart = await start()
    await heart.submit('poll', first.head(5), undefined, ids.one)
    await heart.submit('poll', second.head(5), undefined, ids.two)
    await heart.submit('gossip', first.fork(2, 'b').head(5), 'p', ids.one)
    expect(heart.evidence).toHaveLength(1)
    expect(await heart.submit('poll', first.head(6), undefined, ids.one)).toMatchObject({ code: 'LOG_FROZEN' })
    expect((await heart.submit('poll', second.head(6), undefined, ids.two)).kind).toBe('advanced')
  })

  test('with one name and one key under two origins are two logs', async () => {
    const heart = await start()
    const other = first.sign(first.text(5).replace('go.sum database tree', 'another log'))
    expect(await heart.submit('poll', other, undefined, ids.one)).toMatchObject({
      kind: 'refused',
      code: 'ORIGIN_MISMATCH',
    })
    expect(heart.suspects.list(ids.one)).toEqual([])
  })
})
