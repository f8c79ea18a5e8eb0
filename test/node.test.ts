import { expect, test } from 'vitest'
import { loadConfig, SUM_GOLANG_ORG } from '../src/config.js'
import { createNode } from '../src/node.js'
import { utf8 } from '../src/tlog/bytes.js'
import { readFiles, ReplayLog } from './fakes/replay-log.js'
import { temporaryHome } from './helpers/home.js'
import { readJsonLines, SMALL } from './sumdb/genuine.js'

test('a listener that throws does not come between a head and its signature', async () => {
  const log = await ReplayLog.start(readFiles(new URL('genuine/', SMALL)))
  const [first] = readJsonLines<{ size: number; note: string }>(new URL('heads.jsonl', SMALL))
  log.latest = utf8(first!.note)
  const config = loadConfig(
    { home: temporaryHome(), log: [`${SUM_GOLANG_ORG} ${log.url}`], listen: [], http: '127.0.0.1:0', poll: 0.1 },
    { env: {} },
  )
  let told = 0
  const node = await createNode(config, () => {
    told++
    throw new Error('a bug of the listener')
  })
  await expect.poll(async () => (await node.view.status()).logs[0]?.cosignatures.length, { timeout: 20_000 }).toBe(1)
  expect((await node.view.status()).logs[0]).toMatchObject({ size: first!.size, reachable: true })
  expect(told).toBeGreaterThan(1)
  expect(await node.view.metrics()).toMatch(/gossum_errors_total\{code="INTERNAL"\} [1-9]/)
  await node.stop()
  await log.close()
})
