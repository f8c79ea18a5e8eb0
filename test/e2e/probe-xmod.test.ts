/**
 * `gossum probe` of the checksum database of golang.org/x/mod, an independent log: alone, and behind a node. Skipped if
 * it is not installed (scripts/ci/peers.sh), unless REQUIRE_PEERS=1, which makes that a failure.
 */
import { expect, test } from 'vitest'
import { madeUpRecords } from '../fakes/lying-log.js'
import { gossum } from '../helpers/cli.js'
import { required } from '../helpers/go.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { findPeer, startXModLog } from '../helpers/peers.js'

const xmod = findPeer('sumdbd')

test.runIf(required)("golang.org/x/mod's server is here, as REQUIRE_PEERS asks", () => {
  expect(xmod).toBeDefined()
})

test.skipIf(xmod === undefined)("golang.org/x/mod's server is honest, and so is a node before it", async () => {
  const goSum = madeUpRecords(0, 700)
    .map(({ text }) => text)
    .join('')
  const log = await startXModLog(xmod!, goSum)
  const node = await RunningNode.start(temporaryHome(), ['--log', `${log.log} ${log.url}`, '--poll', '0.2'])
  await node.event((event) => event.event === 'outcome' && event.outcome === 'advanced' && event.size === 700)
  for (const url of [log.url, node.ready.http]) {
    const result = await gossum([
      'probe',
      url,
      '--log',
      log.log,
      '--node',
      node.ready.http,
      '--samples',
      '20',
      '--json',
    ])
    const { checks } = JSON.parse(result.stdout) as { checks: { verdict: string; detail: string }[] }
    expect(checks.filter(({ verdict }) => verdict !== 'ok')).toEqual([])
    expect(result).toMatchObject({ code: 0, stderr: '' })
    // It writes numbers before the records of its tiles, and refuses a path that is not escaped with status 500.
    expect(checks.map(({ detail }) => detail).join('\n')).toContain('3 tiles of records match the tree')
  }
})
