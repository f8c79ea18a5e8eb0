/** `gossum log add|disable|list`, and a node started after them: nothing is lost, and nothing is signed. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { logId, SUMDB_ORIGIN } from '../../../src/tlog/checkpoint.js'
import { encodeEvidence, makeSplitView } from '../../../src/evidence/evidence.js'
import { parseNote, type Note } from '../../../src/tlog/note.js'
import { LyingLog, madeUpRecords, memoryLog } from '../../fakes/lying-log.js'
import { TilesLog } from '../../fakes/tiles-log.js'
import { gossum, jsonError } from '../../helpers/cli.js'
import { testSigner } from '../../helpers/heart.js'
import { temporaryHome } from '../../helpers/home.js'
import { RunningNode } from '../../helpers/node.js'
import { askWitness, push } from '../../helpers/witness-client.js'

const signer = testSigner('sumdb.example', 1)
const ID = logId('sumdb.example', SUMDB_ORIGIN)
const other = testSigner('other.example/log', 2)

async function list(home: string): Promise<Record<string, unknown>[]> {
  const { code, stdout } = await gossum(['log', 'list', '--json', '--home', home])
  expect(code).toBe(0)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('a log can be added, disabled by name or id, and added again', async () => {
  const home = temporaryHome()
  const { vkey } = signer.verifier
  const added = await gossum(['log', 'add', '--json', '--home', home, `${vkey} http://log.example`])
  expect(added.code).toBe(0)
  const line = { id: ID, name: 'sumdb.example', key: vkey, url: 'http://log.example', origin: SUMDB_ORIGIN }
  expect(JSON.parse(added.stdout)).toEqual({ ...line, disabled: false, list: null, perDay: null })
  expect(added.stderr).toContain('from its next start on')
  expect(await list(home)).toMatchObject([{ name: 'sum.golang.org' }, { ...line, disabled: false }])

  expect((await gossum(['log', 'disable', '--home', home, 'sumdb.example'])).code).toBe(0)
  expect((await gossum(['log', 'disable', '--home', home, 'sum.golang.org'])).code).toBe(0)
  expect(await list(home)).toMatchObject([
    { name: 'sum.golang.org', disabled: true },
    { ...line, disabled: true },
  ])
  // Without quotes it is the same.
  expect((await gossum(['log', 'add', '--home', home, vkey, 'http://new.example'])).stdout).toBe(
    'added    sumdb.example  http://new.example  "go.sum database tree"\n',
  )
  expect((await gossum(['log', 'disable', '--home', home, ID])).code).toBe(0)
  const text = (await gossum(['log', 'list', '--home', home])).stdout.split('\n')[1]
  expect(text).toBe(`${ID.slice(0, 12)}  disabled  sumdb.example  http://new.example  "go.sum database tree"`)
})

test('invalid changes are refused, and change nothing', async () => {
  const home = temporaryHome()
  const { vkey } = signer.verifier
  const changedKey = testSigner('sumdb.example', 9).verifier.vkey
  await gossum(['key', 'new', '--home', home, '--name', 'witness.example'])
  await gossum(['log', 'add', '--home', home, `${vkey} http://log.example`])
  await gossum(['log', 'add', '--home', home, `${vkey} - another origin`])
  const before = await list(home)
  for (const [args, code] of [
    [['add', `${changedKey} http://log.example`], 'LOG_KEY_CHANGED'],
    [['add', `sum.golang.org+033de0ae+AQ== http://log.example`], 'KEY_MALFORMED'],
    [['add', vkey], 'CONFIG_INVALID'],
    [['add', `${vkey} - witness.example`], 'CONFIG_INVALID'],
    [['disable', 'nobody.example'], 'LOG_UNKNOWN'],
    [['disable', 'sumdb.example'], 'USAGE'],
    [['disable'], 'USAGE'],
  ] as const) {
    const result = await gossum(['log', ...args, '--json', '--home', home])
    expect([result.code, jsonError(result).code], args.join(' ')).toEqual([2, code])
  }
  expect(await list(home)).toEqual(before)
  // The same goes for the key of the log that is followed by default.
  const golang = testSigner('sum.golang.org', 9).verifier.vkey
  const result = await gossum(['log', 'add', '--json', '--home', home, `${golang} https://sum.golang.org`])
  expect(jsonError(result).code).toBe('LOG_KEY_CHANGED')
})

test('a damaged logs.json stops only the commands that need it', async () => {
  const home = temporaryHome()
  await gossum(['key', 'new', '--home', home])
  writeFileSync(join(home, 'logs.json'), '{"logs":[')
  expect((await gossum(['key', 'show', '--home', home])).code).toBe(0)
  const asking = await gossum(['status', '--json'], { home, env: { GOSSUM_HTTP: '127.0.0.1:1' } })
  expect(jsonError(asking).code).toBe('NODE_UNREACHABLE')
  for (const command of [['run'], ['log', 'list'], ['log', 'disable', 'sum.golang.org']]) {
    const result = await gossum([...command, '--json', '--home', home])
    expect([result.code, jsonError(result).code]).toEqual([2, 'CONFIG_INVALID'])
    expect(jsonError(result).message).toContain('logs.json')
  }
})

test('a disabled log keeps its state, is not polled, and gets no cosignatures', async () => {
  const home = temporaryHome()
  const log = await LyingLog.start(await memoryLog(signer, madeUpRecords(0, 5)))
  onTestFinished(() => log.close())
  const pushing = new TilesLog(other).grow(4)
  const { vkey } = signer.verifier
  await gossum(['log', 'disable', '--home', home, 'sum.golang.org'])
  await gossum(['log', 'add', '--home', home, `${vkey} ${log.url}`])
  await gossum(['log', 'add', '--home', home, `${other.verifier.vkey} -`])
  const start = () => RunningNode.start(home, ['--poll', '0.1'])
  const stateOf = async (node: RunningNode) =>
    ((await node.json('/api/v1/logs')) as { logs: Record<string, unknown>[] }).logs.map(
      ({ id, disabled, size, time, firstUse, reachable }) => ({ id, disabled, size, time, firstUse, reachable }),
    )

  let node = await start()
  await node.event((event) => event.event === 'outcome' && event.log === ID && event.outcome === 'advanced')
  expect((await push(node.ready.http, pushing.pushed(0))).status).toBe(200)
  const followed = await stateOf(node)
  expect(followed.map(({ disabled, size }) => [disabled, size])).toEqual([
    [true, 0],
    [false, 5],
    [false, 4],
  ])
  const head = await node.json(`/api/v1/logs/${ID}/head`)
  await node.stop()

  for (const name of ['sumdb.example', 'other.example/log']) await gossum(['log', 'disable', '--home', home, name])
  await log.history.append(madeUpRecords(5, 9))
  log.requests.length = 0
  node = await start()
  const disabled = { disabled: true, reachable: null }
  expect(await stateOf(node)).toEqual(followed.map((state) => ({ ...state, ...disabled })))
  expect(await node.json(`/api/v1/logs/${ID}/head`)).toEqual(head)
  expect(node.ready.logs.map(({ gosumdb }) => gosumdb)).toEqual([null, null, null])
  // Through none of the doors.
  pushing.grow(3)
  expect((await push(node.ready.http, pushing.pushed(4))).status).toBe(404)
  const asked = { method: 'POST', body: await log.history.head() }
  expect((await askWitness(node.ready.http, '/api/v1/heads', asked)).status).toBe(404)
  expect((await askWitness(node.ready.http, '/sumdb/sumdb.example/latest')).status).toBe(403)
  expect((await askWitness(node.ready.http, '/readyz')).status).toBe(200)
  const status = await gossum(['status', '--node', node.ready.http])
  expect(status.stdout.match(/disabled: nothing new/g)).toHaveLength(3)
  expect(status.code).toBe(0)
  // Evidence against it is accepted all the same.
  const notes = [pushing, pushing.fork(2, 7)].map((history) => parseNote(history.head())) as [Note, Note]
  const body = encodeEvidence(makeSplitView(other.verifier, notes))
  const brought = await askWitness(node.ready.http, '/api/v1/evidence', { method: 'POST', body })
  expect(JSON.parse(brought.body)).toMatchObject({ fate: 'new' })
  expect((await gossum(['status', '--node', node.ready.http])).code).toBe(3)
  expect(await node.stop()).toBe(0)
  expect(log.requests).toEqual([])

  await gossum(['log', 'add', '--home', home, `${vkey} ${log.url}`])
  node = await start()
  expect(
    await node.event((event) => event.event === 'outcome' && event.log === ID && event.outcome === 'advanced'),
  ).toMatchObject({ size: 9 })
  const [, again] = await stateOf(node)
  expect(again!.firstUse).toEqual(followed[1]!.firstUse)
})
