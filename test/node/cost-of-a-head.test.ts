/**
 * What a head that is pushed costs on disk: its line in the journal. All else that follows from it is written and read
 * about once a second, however fast the log grows, so that a witness signs as fast as the disk takes the journal.
 */
import { ClassicLevel } from 'classic-level'
import { expect, onTestFinished, test, vi } from 'vitest'
import { loadConfig } from '../../src/config/config.js'
import { createNode } from '../../src/node/node.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { push, PushingLog } from '../helpers/witness-client.js'

const HEADS = 400
/** Batches and iterators per second: the lazy writes; a covering time, which looks twice at its first; the tempo. */
const PER_SECOND = 5

test('the database is asked so many times per second, not per head', async () => {
  const log = new PushingLog(testSigner('log.example/fast', 1))
  const { vkey } = log.signer.verifier
  const settings = { home: temporaryHome(), log: [`${vkey} -`], listen: [], http: '127.0.0.1:0' }
  const node = await createNode(loadConfig(settings, { env: {} }))
  onTestFinished(() => node.stop())
  const grow = async (from: number, to: number): Promise<void> => {
    for (let size = from; size < to; size++) expect((await push(node.http, log.body(size, size + 1))).status).toBe(200)
  }
  // So many that whatever looks at the last ones finds as many as it wants.
  await grow(0, 20)
  const spies = (['batch', 'iterator', 'get'] as const).map((what) => {
    const spy = vi.spyOn(ClassicLevel.prototype, what)
    onTestFinished(() => spy.mockRestore())
    return { what, spy }
  })
  const start = performance.now()
  await grow(20, 20 + HEADS)
  const seconds = (performance.now() - start) / 1000
  for (const { what, spy } of spies)
    expect(spy.mock.calls.length, `${what} in ${seconds} s`).toBeLessThanOrEqual(PER_SECOND * (seconds + 2))
  const size = 20 + HEADS
  expect((await node.view.status()).logs[0]).toMatchObject({ size, quorum: { size } })
})
