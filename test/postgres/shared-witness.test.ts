/** A witness whose state is in a database that others can write to. */
import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { decodeState, encodeState } from '../../src/store/log-state.js'
import { stateRow } from '../../src/store/shared-state.js'
import { Store } from '../../src/store/store.js'
import { MemoryState } from '../fakes/memory-state.js'
import { startHeart, testSigner } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'
import { MemoryJournal } from '../helpers/volatile-disk.js'

const logSigner = testSigner('log.example', 1)
const history = new History(logSigner)

/** A witness of the log on a machine of its own. */
async function machine(shared: MemoryState) {
  const store = await Store.over(new MemoryLevel(), new MemoryJournal(), undefined, shared)
  return startHeart({ logKey: logSigner.verifier, prefix: showing(history), store })
}

test('what another machine has signed is signed here bit for bit, and is shown', async () => {
  const shared = new MemoryState()
  const [one, two] = [await machine(shared), await machine(shared)]
  await one.submit('poll', history.head(5))
  await two.witness.retrySuspects(two.log, 8)
  const lines = [one, two].map(({ cosigned, log }) => [...(cosigned.current(log)?.cosignatures.values() ?? [])])
  expect(lines[0]).toHaveLength(1)
  expect(lines[1]).toEqual(lines[0])
  expect(two.unknown).toEqual([])
})

test('a text in the database that the log has not signed is not cosigned', async () => {
  const shared = new MemoryState()
  const heart = await machine(shared)
  await heart.submit('poll', history.head(5))
  const row = shared.states.get(heart.log)!
  const { state } = decodeState(row.text)!
  const forged = history.text(9)
  const note = `${forged}\n${state.note!.split('\n\n')[1]!}`
  const text = encodeState({
    ...state,
    ...{ seq: row.seq + 1, tree: history.tree(9), note },
    signed: { ...state.signed!, size: 9, time: state.signed!.time + 1 },
  })
  expect(await shared.replace(heart.log, row, stateRow(row.seq + 1, text))).toBe('won')
  await heart.witness.retrySuspects(heart.log, 8).catch(() => undefined)
  // It was seen, and nothing of it was signed.
  expect(heart.store.heads.get(heart.log).tree?.size).toBe(9)
  expect(heart.cosigned.current(heart.log)?.size).toBe(5)
})
