import { expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { ourHistory } from '../../src/node/our-history.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { makeSplitView } from '../../src/evidence/evidence.js'
import { parseNote, type Note } from '../../src/tlog/note.js'
import { startHeart, testSigner } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const fork = history.fork(3, 'b')
const head = (of: History, size: number): string => fromUtf8(of.head(size))!

async function start(prefix = showing(history, fork)) {
  const heart = await startHeart({ logKey: signer.verifier, prefix: showing(history) })
  for (const size of [5, 9, 20]) await heart.submit('poll', history.head(size))
  const asked: number[] = []
  const { isOurs, areOneHistory } = ourHistory({
    store: heart.store,
    cosigned: heart.cosigned,
    prefix: (_log, of, size) => {
      asked.push(size)
      return prefix(of, size)
    },
  })
  return {
    heart,
    asked,
    isOurs: (note: string) => isOurs(heart.log, note),
    areOne: (one: string, other: string) => areOneHistory(heart.log, [one, other]),
  }
}

test('heads that we held are ours without a query; others are proven by the log', async () => {
  const { asked, isOurs } = await start()
  for (const size of [5, 9, 20]) expect(await isOurs(head(history, size))).toBe(true)
  expect(asked).toEqual([])
  for (const size of [1, 4, 12, 19]) expect(await isOurs(head(history, size)), `size ${size}`).toBe(true)
  expect(asked).toEqual([1, 4, 12, 19])
  // Also in a spelling that we would not sign: only the tree matters.
  expect(await isOurs(fromUtf8(history.sign(`${history.text(20)}an extension\n`))!)).toBe(true)
  for (const size of [4, 5, 12, 20]) expect(await isOurs(head(fork, size)), `fork of ${size}`).toBe(false)
  // Beyond our own, as far as the log shows it.
  expect(await isOurs(head(history, 21))).toBe(true)
  expect(await isOurs(head(fork, 21))).toBe(false)
})

test('an empty tree of ours says nothing of larger heads, though it is the beginning of each of them', async () => {
  const heart = await startHeart({ logKey: signer.verifier, prefix: showing(history) })
  await heart.submit('poll', history.head(0))
  const { isOurs } = ourHistory({ ...heart, prefix: (_log, of, size) => showing(history, fork)(of, size) })
  expect(heart.store.heads.get(heart.log).tree).toMatchObject({ size: 0 })
  expect(await isOurs(heart.log, head(history, 0))).toBe(true)
  for (const of of [history, fork]) expect(await isOurs(heart.log, head(of, 5))).toBeUndefined()
})

test('whether a head is ours is unknown while the log gives no tiles', async () => {
  const { isOurs, areOne } = await start(() => Promise.reject(new GossumError('LOG_UNREACHABLE')))
  for (const size of [12, 21]) expect(await isOurs(head(history, size))).toBeUndefined()
  for (const size of [12, 21]) expect(await isOurs(head(fork, size))).toBeUndefined()
  expect(await areOne(head(fork, 12), head(fork, 20))).toBe(false)
})

test('two heads of one fork are one history, as the log proves; others are not', async () => {
  const { areOne } = await start()
  expect(await areOne(head(fork, 12), head(fork, 20))).toBe(true)
  expect(await areOne(head(fork, 20), head(fork, 12))).toBe(true)
  expect(await areOne(head(fork, 12), head(history, 20))).toBe(false)
  expect(await areOne(head(fork, 20), head(history, 20))).toBe(false)
})

test('an acknowledged fork does not convict again with heads of ours that we never held', async () => {
  const { heart, isOurs } = await start()
  const against = (size: number): ReturnType<typeof makeSplitView> => {
    const heads: [Note, Note] = [parseNote(history.head(size)), parseNote(fork.head(20))]
    return makeSplitView(signer.verifier, heads, fork.prefix(fork.tree(20), size))
  }
  const { id } = await heart.alarm.raise(against(9))
  await heart.store.heads.acknowledge(heart.log, id)
  expect(await isOurs(head(history, 12))).toBe(true)
  expect((await heart.alarm.raise(against(5))).isNew).toBe(false)
})
