/** `npm run mutants` takes hours and is not part of the tests. What starts it is. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import config from '../scripts/mutants/vitest.config.js'

test('the options of the tests that judge mutants fit a thread, in which Stryker runs them', async () => {
  const worker = new Worker('', { eval: true, execArgv: config.test.execArgv })
  expect(await once(worker, 'exit')).toEqual([0])
})
