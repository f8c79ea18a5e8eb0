/**
 * Alarms of whole nodes: evidence of a fork reaches a hook and a webhook, also after a kill; and `alarm test` reports
 * its results.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Alert } from '../../src/alerts/alert.js'
import type { AlarmListView, AlarmTestView } from '../../src/status/alarm-shapes.js'
import { madeUpRecords, memoryLog, LyingLog } from '../fakes/lying-log.js'
import { gossum } from '../helpers/cli.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { WebhookServer } from '../fakes/webhook-server.js'
import { advancedTo, isEvidence, settingOf, signer, status } from './faults/world.js'

/** Test machines are busy. */
const EVENTUALLY = { timeout: 20_000 }

/** A hook in a home that appends its input to a file; returns a function that reads the file. */
function recordingHook(home: string, name = '10-record'): () => Alert[] {
  const file = join(temporaryHome(), 'told')
  mkdirSync(join(home, 'hooks.d'), { recursive: true })
  const path = join(home, 'hooks.d', name)
  writeFileSync(path, `#!/bin/sh\ncat >> ${file}\n`)
  chmodSync(path, 0o755)
  return () => {
    try {
      const lines = readFileSync(file, 'utf8').split('\n')
      return lines.flatMap((line) => (line === '' ? [] : (JSON.parse(line) as Alert)))
    } catch {
      return []
    }
  }
}

/** A log that shows a fork on command. */
async function twoFaced(): Promise<{ log: LyingLog; setting: string; lie: () => Promise<void> }> {
  const log = await LyingLog.start(await memoryLog(signer, madeUpRecords(0, 10)))
  onTestFinished(() => log.close())
  const lie = async (): Promise<void> => {
    log.history = await memoryLog(signer, [...madeUpRecords(0, 5), ...madeUpRecords(5, 10, 'b')])
  }
  return { log, lie, setting: settingOf(signer, log.url) }
}

async function verifies(file: string): Promise<boolean> {
  const path = join(temporaryHome(), 'evidence.json')
  writeFileSync(path, file)
  return (await gossum(['verify', '--log', signer.verifier.vkey, path])).code === 0
}

test('a fork reaches the hooks and the webhook at once, with evidence that anyone can check, and no separate alert for frozen', async () => {
  const { setting, lie } = await twoFaced()
  const server = await WebhookServer.start()
  const home = temporaryHome()
  const told = recordingHook(home)
  const node = await RunningNode.start(home, ['--log', setting, '--poll', '0.2', '--alarm', server.url])
  await node.event(advancedTo(10))
  await lie()
  await node.event(isEvidence)
  const request = await server.request(0)
  const alert = JSON.parse(request.body) as Alert
  expect(alert).toMatchObject({
    ...{ kind: 'evidence', state: 'firing', severity: 'misbehaviour', name: 'split view', type: 'alarm.firing' },
    log: { name: 'log.example', key: signer.verifier.vkey },
    node: { witness: node.ready.witness, http: node.ready.http },
  })
  expect(request.headers['webhook-id']).toBe(alert.id)
  expect(request.headers['webhook-signature'], 'there is no secret').toBeUndefined()
  expect(await verifies(alert.evidence!.file!)).toBe(true)
  const served = await fetch(`${node.ready.http}${alert.evidence!.path}`)
  expect(await served.text()).toBe(alert.evidence!.file)
  expect(alert.text).toContain('gossum verify --log')

  await expect.poll(told, EVENTUALLY).toEqual([alert])
  const listed = await gossum(['alarm', 'list', '--home', home, '--json'])
  const { firing, receivers } = JSON.parse(listed.stdout) as AlarmListView
  expect(firing).toMatchObject([{ name: 'frozen', severity: 'misbehaviour', log: alert.log!.id }])
  expect(receivers).toMatchObject([
    { kind: 'webhook', name: new URL(server.url).host, waiting: 0, error: null },
    { kind: 'hook', name: '10-record', waiting: 0, error: null },
  ])
  expect((await status(node)).alarm.receivers.map(({ name }) => name)).toEqual(receivers.map(({ name }) => name))
  expect(server.requests).toHaveLength(1)
  expect(JSON.stringify(await status(node)), 'the path of a webhook may be a secret').not.toContain('secret-path')
})

test('a node that is killed before an alert is delivered delivers it after its next start, with the same id, once', async () => {
  const { setting, lie } = await twoFaced()
  const server = await WebhookServer.start()
  // It accepts the request and never answers.
  server.answer = () => undefined
  const home = temporaryHome()
  const args = ['--log', setting, '--poll', '0.2', '--alarm', server.url]
  const node = await RunningNode.start(home, args)
  await node.event(advancedTo(10))
  await lie()
  const first = await server.request(0)
  await node.kill()

  server.answer = (response) => void response.writeHead(204).end()
  const again = await RunningNode.start(home, args)
  const second = await server.request(1)
  expect(second.headers['webhook-id']).toBe(first.headers['webhook-id'])
  expect(second.body).toBe(first.body)
  await expect.poll(async () => (await status(again)).alarm.receivers[0]!.waiting, EVENTUALLY).toBe(0)
  await again.stop()
  const third = await RunningNode.start(home, args)
  await third.event((event) => event.event === 'guard')
  await third.stop()
  const told = server.requests.map(({ body }) => (JSON.parse(body) as Alert).name)
  expect(told, 'what was taken, and what was told before, is told no more').toEqual(['split view', 'split view'])
})

test('gossum alarm test sends a sample to each receiver, reports the results, and fails if one does not take it', async () => {
  const server = await WebhookServer.start()
  const home = temporaryHome()
  const { setting } = await twoFaced()
  const node = await RunningNode.start(home, ['--log', setting, '--alarm', `${server.url} format=alertmanager`])
  const run = (...more: string[]) => gossum(['alarm', 'test', '--home', home, ...more])
  const fine = await run()
  expect([fine.code, fine.stdout]).toEqual([
    0,
    expect.stringMatching(/^ok {6}webhook {2}127\.0\.0\.1:\d+ {2}status 200, \d+ ms\n$/),
  ])
  expect(JSON.parse(server.requests[0]!.body)).toMatchObject({
    version: '4',
    alerts: [{ labels: { alertname: 'GossumTest' } }],
  })

  // Added to the home while the node runs.
  const told = recordingHook(home)
  const bad = join(home, 'hooks.d', '20-bad')
  writeFileSync(bad, '#!/bin/sh\necho cannot reach the mail server >&2\nexit 3\n')
  chmodSync(bad, 0o755)
  const failed = await run('--json')
  expect(failed.code).toBe(1)
  const { results } = JSON.parse(failed.stdout) as AlarmTestView
  expect(results).toMatchObject([
    { kind: 'webhook', ok: true, said: 'status 200' },
    { name: '10-record', ok: true, said: 'exit status 0' },
    { name: '20-bad', ok: false, said: 'exit status 3', output: 'cannot reach the mail server' },
  ])
  expect(told()).toMatchObject([{ kind: 'test', state: 'firing', severity: 'notice' }])

  // A hook that others may write to is not run, and that is reported in all the usual places.
  chmodSync(bad, 0o777)
  expect((await run()).stdout).toContain('it is not run: others may write to it')
  const { conditions, alarm } = await status(node)
  expect(conditions).toContainEqual(
    expect.objectContaining({ name: 'alarm failing', text: expect.stringContaining('20-bad') as string }),
  )
  expect(alarm.receivers).toHaveLength(3)
  const metrics = await (await fetch(`${node.ready.http}/metrics`)).text()
  expect(metrics).toContain('gossum_alarm_receivers 3')
})

test('without receivers, the test explains how to add one', async () => {
  const home = temporaryHome()
  const { setting } = await twoFaced()
  await RunningNode.start(home, ['--log', setting])
  const { code, stdout, stderr } = await gossum(['alarm', 'test', '--home', home])
  expect([code, stdout]).toEqual([1, 'no receivers: there is neither a hook nor a webhook\n'])
  expect(stderr).toContain('hooks.d')
})

test('a webhook added by a reload is notified of current conditions; nobody was notified before', async () => {
  const { setting, lie } = await twoFaced()
  const server = await WebhookServer.start()
  const home = temporaryHome()
  const config = join(temporaryHome(), 'gossum.yaml')
  writeFileSync(config, 'poll: 0.2\n')
  const node = await RunningNode.start(home, ['--config', config, '--log', setting])
  await node.event(advancedTo(10))
  await lie()
  await node.event(isEvidence)
  writeFileSync(config, `poll: 0.2\nalarm:\n  - url: ${server.url}\n`)
  expect((await gossum(['reload', '--home', home])).code).toBe(0)
  expect(JSON.parse((await server.request(0)).body)).toMatchObject({
    kind: 'condition',
    name: 'frozen',
    state: 'firing',
  })
  expect((await gossum(['alarm', 'test', '--home', home])).code).toBe(0)
})
