/** Many receivers, some of them failing: each is notified in order, at its own pace, and none waits for another. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Alert } from '../../src/alerts/alert.js'
import { Dispatch } from '../../src/alerts/dispatch.js'
import { parseAlarm } from '../../src/config/alarm-setting.js'
import { WebhookServer } from '../fakes/webhook-server.js'
import { temporaryHome } from '../helpers/home.js'
import { madeAlert } from './made.js'

/** Test machines are busy. */
const EVENTUALLY = { timeout: 20_000 }

interface Settings {
  readonly home?: string
  readonly urls?: readonly string[]
  /** The factor by which retries are faster than usual. */
  readonly hurry?: number
}

async function dispatching({ home = temporaryHome(), urls = [], hurry = 1000 }: Settings) {
  const time = { ahead: 0 }
  const outcomes: string[] = []
  const errors: unknown[] = []
  const dispatch = await Dispatch.open({
    home,
    settings: urls.map((url) => parseAlarm(url, 'alarm')),
    onOutcome: (kind, outcome) => outcomes.push(`${kind} ${outcome}`),
    onError: (error) => errors.push(error),
    world: {
      now: () => Date.parse(madeAlert().at) + time.ahead,
      monotonic: () => performance.now() + time.ahead,
      random: () => 0.5,
      pace: 1 / hurry,
    },
  })
  onTestFinished(() => dispatch.stop())
  return { dispatch, home, outcomes, errors, time }
}

const idsAt = ({ requests }: WebhookServer): unknown[] => requests.map(({ headers }) => headers['webhook-id'])
const outboxOf = (home: string): string[] => readdirSync(join(home, 'alarm', 'outbox'))

function hook(home: string, name: string, script: string): void {
  mkdirSync(join(home, 'hooks.d'), { recursive: true })
  writeFileSync(join(home, 'hooks.d', name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(home, 'hooks.d', name), 0o755)
}

test('an alert is retried with the same id until accepted, before later ones, without delaying other receivers', async () => {
  const [down, well] = [await WebhookServer.start(), await WebhookServer.start()]
  down.answer = (response) => void response.writeHead(down.requests.length < 4 ? 500 : 200).end()
  const { dispatch, home, outcomes } = await dispatching({ urls: [down.url, well.url] })
  const alerts = [madeAlert(1), madeAlert(2)]
  for (const alert of alerts) await dispatch.send(alert)
  await well.request(1)
  await down.request(4)
  const [one, two] = alerts.map(({ id }) => id)
  expect(idsAt(well)).toEqual([one, two])
  expect(idsAt(down)).toEqual([one, one, one, one, two])
  await expect.poll(() => outboxOf(home), EVENTUALLY).toEqual([])
  expect(outcomes.toSorted()).toEqual([
    ...Array<string>(3).fill('webhook failed'),
    ...Array<string>(4).fill('webhook taken'),
  ])
})

test('a failing receiver delays no other, and is reported after five minutes', async () => {
  const [dead, well] = [await WebhookServer.start(), await WebhookServer.start()]
  dead.answer = (response) => void response.writeHead(503).end()
  const { dispatch, time } = await dispatching({ urls: [dead.url, well.url] })
  for (let i = 0; i < 5; i++) await dispatch.send(madeAlert(i))
  await well.request(4)
  await dead.request(1)
  expect(dispatch.faults()).toEqual([])
  time.ahead += 301_000
  // The retries meanwhile have not changed its age.
  await dead.request(dead.requests.length + 1)
  expect(dispatch.faults()).toEqual([{ receiver: new URL(dead.url).host, why: 'status 503' }])
  await expect
    .poll(() => dispatch.views())
    .toMatchObject([
      { kind: 'webhook', waiting: 5, oldest: madeAlert(0).at, lastTaken: null, error: 'status 503' },
      { kind: 'webhook', waiting: 0, oldest: null, error: null },
    ])
  dead.answer = (response) => void response.writeHead(200).end()
  await expect.poll(() => dispatch.faults(), EVENTUALLY).toEqual([])
})

test('Retry-After is obeyed', async () => {
  const server = await WebhookServer.start()
  server.answer = (response) =>
    void response.writeHead(server.requests.length === 1 ? 429 : 200, { 'retry-after': '1' }).end()
  const { dispatch } = await dispatching({ urls: [server.url] })
  await dispatch.send(madeAlert())
  const [first, second] = [await server.request(0), await server.request(1)]
  expect(second.at - first.at).toBeGreaterThanOrEqual(990)
})

test('status 410 ends delivery to a receiver, and is reported at once', async () => {
  const [gone, well] = [await WebhookServer.start(), await WebhookServer.start()]
  gone.answer = (response) => void response.writeHead(410).end()
  const { dispatch, home, outcomes } = await dispatching({ urls: [gone.url, well.url] })
  await dispatch.send(madeAlert(1))
  await expect
    .poll(() => dispatch.faults(), EVENTUALLY)
    .toEqual([{ receiver: new URL(gone.url).host, why: 'status 410' }])
  await dispatch.send(madeAlert(2))
  await well.request(1)
  await expect.poll(() => outboxOf(home), EVENTUALLY).toEqual([])
  expect(gone.requests).toHaveLength(1)
  expect(outcomes).toContain('webhook dropped')
})

test('an alert that is refused permanently does not block the next one', async () => {
  const server = await WebhookServer.start()
  const [bad, good] = [madeAlert(1), madeAlert(2)]
  server.answer = (response, { headers }) => void response.writeHead(headers['webhook-id'] === bad.id ? 413 : 200).end()
  const { dispatch } = await dispatching({ urls: [server.url] })
  for (const alert of [bad, good]) await dispatch.send(alert)
  await server.request(5)
  expect(idsAt(server)).toEqual([...Array<string>(5).fill(bad.id), good.id])
})

test('waiting alerts are sent after a restart, only to receivers still in the settings', async () => {
  const [one, two] = [await WebhookServer.start(), await WebhookServer.start()]
  for (const server of [one, two]) server.answer = (response) => void response.writeHead(500).end()
  const first = await dispatching({ urls: [one.url, two.url], hurry: 0.01 })
  await first.dispatch.send(madeAlert())
  await one.request(0)
  await two.request(0)
  await first.dispatch.stop()
  expect(outboxOf(first.home)).toHaveLength(1)

  for (const server of [one, two]) server.answer = (response) => void response.writeHead(200).end()
  await dispatching({ home: first.home, urls: [one.url] })
  await one.request(1)
  expect(idsAt(one)).toEqual([madeAlert().id, madeAlert().id])
  await expect.poll(() => outboxOf(first.home), EVENTUALLY).toEqual([])
  expect(two.requests).toHaveLength(1)
})

test('stopping does not wait for slow receivers, and loses nothing', async () => {
  const server = await WebhookServer.start()
  server.answer = () => undefined
  const { dispatch, home, errors } = await dispatching({ urls: [server.url] })
  hook(home, 'slow', 'sleep 60')
  await dispatch.send(madeAlert())
  await server.request(0)
  await dispatch.stop()
  expect(outboxOf(home)).toHaveLength(1)
  const [name] = outboxOf(home)
  const kept = JSON.parse(readFileSync(join(home, 'alarm', 'outbox', name!), 'utf8')) as {
    receivers: string[]
    alert: Alert
  }
  expect(kept).toMatchObject({ alert: madeAlert(), receivers: [expect.stringMatching(/^webhook /), 'hook slow'] })
  expect(errors).toEqual([])
})

test('a failing hook is run five times, then dropped, and others are run once', async () => {
  const { dispatch, home, outcomes } = await dispatching({})
  const [bad, good] = [join(home, 'bad'), join(home, 'good')]
  hook(home, '10-bad', `echo . >> ${bad}; exit 1`)
  hook(home, '20-good', `echo . >> ${good}`)
  await dispatch.send(madeAlert())
  await expect.poll(() => outcomes.filter((one) => one === 'hook dropped').length, EVENTUALLY).toBe(1)
  expect([readFileSync(bad, 'utf8'), readFileSync(good, 'utf8')]).toEqual(['.\n'.repeat(5), '.\n'])
  await expect.poll(() => outboxOf(home), EVENTUALLY).toEqual([])
})

test('hanging hooks delay no webhooks, nor other hooks within the limit', async () => {
  const server = await WebhookServer.start()
  const { dispatch, home } = await dispatching({ urls: [server.url] })
  for (let i = 1; i <= 3; i++) hook(home, `1${i}-hangs`, 'exec sleep 60')
  const file = join(home, 'good')
  hook(home, '20-good', `echo . >> ${file}`)
  for (let i = 0; i < 3; i++) await dispatch.send(madeAlert(i))
  await expect.poll(() => readFileSync(file, 'utf8'), EVENTUALLY).toBe('.\n'.repeat(3))
  // Now there is no space.
  const full = join(home, 'full')
  hook(home, '14-hangs', `touch ${full}; exec sleep 60`)
  await dispatch.send(madeAlert(4))
  await expect.poll(() => existsSync(full), EVENTUALLY).toBe(true)
  await dispatch.send(madeAlert(5))
  await server.request(4)
})

test('a temporarily unusable hook keeps its waiting alerts, and a removed one does not', async () => {
  const { dispatch, home } = await dispatching({ hurry: 0.001 })
  hook(home, 'one', 'exit 1')
  await dispatch.send(madeAlert())
  await expect.poll(() => dispatch.views(), EVENTUALLY).toMatchObject([{ waiting: 1, error: 'exit status 1' }])
  chmodSync(join(home, 'hooks.d', 'one'), 0o777)
  await dispatch.look()
  expect(outboxOf(home)).toHaveLength(1)
  expect(dispatch.faults()).toEqual([{ receiver: 'one', why: 'it is not run: others may write to it' }])
  rmSync(join(home, 'hooks.d', 'one'))
  await dispatch.look()
  expect([outboxOf(home), dispatch.isHeard]).toEqual([[], false])
})
