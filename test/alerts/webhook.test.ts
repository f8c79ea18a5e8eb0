/** Webhook requests, signed as the specification says, and the meaning of their answers. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Webhook } from '../../src/alerts/webhook.js'
import { webhooksOf } from '../../src/alerts/webhook.js'
import { lastingController } from '../../src/lib/timed.js'
import { parseAlarm } from '../../src/config/alarm-setting.js'
import { WebhookServer, type WebhookRequest } from '../fakes/webhook-server.js'
import { scratchFolder } from '../helpers/home.js'
import { LOG, madeAlert } from './made.js'

const NOW = Date.parse('2026-01-02T03:04:05.678Z')
const NEVER = lastingController().signal
const { file } = scratchFolder()
const KEY = Buffer.alloc(32, 7)
let secrets = 0

function secretFile(text = `whsec_${KEY.toString('base64')}\n`, mode = 0o600): string {
  const path = file(`secret${secrets++}`, text)
  chmodSync(path, mode)
  return path
}

function webhook(text: string): Webhook {
  return webhooksOf([parseAlarm(text, 'alarm')], () => NOW)[0]!
}

/** Written from the text of the specification, not from our code. */
function isSigned({ headers, body }: WebhookRequest, key: Buffer): boolean {
  const signed = Buffer.concat([
    Buffer.from(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.`),
    Buffer.from(body),
  ])
  const mac = createHmac('sha256', key).update(signed).digest()
  return String(headers['webhook-signature'])
    .split(' ')
    .some((one) => {
      const [version, base64 = ''] = one.split(',')
      const given = Buffer.from(base64, 'base64')
      return version === 'v1' && given.length === mac.length && timingSafeEqual(given, mac)
    })
}

describe('a request', () => {
  test('has the alert as its body, its id, the time and a valid signature', async () => {
    const server = await WebhookServer.start()
    const attempt = await webhook(`${server.url} secret-file=${secretFile()}`).deliver(madeAlert(), NEVER)
    expect(attempt).toEqual({ isTaken: true, said: 'status 200', output: 'ok', retryAfterMs: 0 })
    const [request] = server.requests
    expect(request).toMatchObject({ method: 'POST', path: '/secret-path' })
    expect(request!.headers).toMatchObject({
      ...{ 'content-type': 'application/json', 'webhook-id': madeAlert().id },
      'webhook-timestamp': String(Math.floor(NOW / 1000)),
    })
    expect(JSON.parse(request!.body)).toEqual(madeAlert())
    expect(isSigned(request!, KEY)).toBe(true)
    expect(isSigned({ ...request!, body: `${request!.body} ` }, KEY), 'of another body').toBe(false)
    expect(isSigned(request!, Buffer.alloc(32, 8)), 'with another key').toBe(false)
  })

  test('with multi-byte characters is signed as bytes', async () => {
    const server = await WebhookServer.start()
    const alert = madeAlert(0, { sentence: 'ключ 🗝️' })
    await webhook(`${server.url} secret-file=${secretFile()}`).deliver(alert, NEVER)
    expect(isSigned(server.requests[0]!, KEY)).toBe(true)
  })

  test('for an Alertmanager’s receiver is version 4 of its payload', async () => {
    const server = await WebhookServer.start()
    const to = webhook(`${server.url} format=alertmanager`)
    const evidence = { id: 'e'.repeat(16), path: '/api/v1/evidence/e', file: null }
    await to.deliver(madeAlert(0, { name: 'split view', evidence, kind: 'evidence', severity: 'misbehaviour' }), NEVER)
    await to.deliver(madeAlert(9, { state: 'resolved' }), NEVER)
    const [firing, resolved] = server.requests.map(({ body }) => JSON.parse(body) as Record<string, unknown>)
    const labels = {
      ...{ alertname: 'GossumSplitView', severity: 'misbehaviour', kind: 'evidence', witness: 'witness.example' },
      ...{ log: LOG.name, log_id: LOG.id, evidence: evidence.id },
    }
    const annotations = expect.objectContaining({
      summary: '[gossum] MISBEHAVIOUR: split view (log.example)',
      evidence_url: 'http://127.0.0.1:46787/api/v1/evidence/e',
    }) as object
    const never = '0001-01-01T00:00:00Z'
    expect(firing).toEqual({
      ...{ version: '4', status: 'firing', receiver: 'gossum', truncatedAlerts: 0 },
      groupKey: `{}:{alertname="GossumSplitView", log_id="${LOG.id}"}`,
      groupLabels: { alertname: 'GossumSplitView', log_id: LOG.id },
      ...{ commonLabels: labels, commonAnnotations: annotations, externalURL: 'http://127.0.0.1:46787' },
      alerts: [
        {
          ...{ status: 'firing', labels, annotations, startsAt: '2026-01-02T03:00:00.000Z', endsAt: never },
          ...{ generatorURL: 'http://127.0.0.1:46787', fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) as string },
        },
      ],
    })
    expect(resolved).toMatchObject({
      ...{ status: 'resolved', commonLabels: { alertname: 'GossumNoQuorum' } },
      alerts: [{ status: 'resolved', startsAt: '2026-01-02T03:00:00.000Z', endsAt: '2026-01-02T03:04:14.000Z' }],
    })
  })
})

describe('a secret', () => {
  test('is read for each request, and can be changed', async () => {
    const server = await WebhookServer.start()
    const path = secretFile()
    const to = webhook(`${server.url} secret-file=${path}`)
    await to.deliver(madeAlert(), NEVER)
    const other = Buffer.alloc(24, 9)
    file(path.split('/').at(-1)!, `whsec_${other.toString('base64')}`)
    await to.deliver(madeAlert(), NEVER)
    expect(server.requests.map((request) => [isSigned(request, KEY), isSigned(request, other)])).toEqual([
      [true, false],
      [false, true],
    ])
  })

  test.each([
    ['is missing', () => '/nowhere/secret', 'cannot be read: ENOENT'],
    ['is readable by everyone', () => secretFile(undefined, 0o644), 'everyone may read'],
    ['is too short', () => secretFile(`whsec_${Buffer.alloc(23).toString('base64')}`), 'does not contain'],
    ['has another form', () => secretFile(KEY.toString('hex')), 'does not contain'],
    ['is not base64', () => secretFile('whsec_SECRET***'), 'does not contain'],
    ['is too large', () => secretFile('x'.repeat(2000)), 'too large'],
  ])('that %s prevents the request, and is not quoted', async (_what, path, said) => {
    const server = await WebhookServer.start()
    const attempt = await webhook(`${server.url} secret-file=${path()}`).deliver(madeAlert(), NEVER)
    expect(attempt).toMatchObject({ isTaken: false, said: expect.stringContaining(said) as string })
    expect(attempt.said).not.toContain('SECRET')
    expect(server.requests).toEqual([])
  })
})

describe('an answer', () => {
  test.each([
    [204, { isTaken: true }],
    [302, { isTaken: false, said: 'status 302, and redirects are not followed' }],
    [400, { isTaken: false, gives: 'alert' }],
    [401, { isTaken: false, said: 'status 401' }],
    [410, { isTaken: false, gives: 'all' }],
    [500, { isTaken: false, said: 'status 500' }],
  ])('of status %i', async (status, expected) => {
    const server = await WebhookServer.start()
    server.answer = (response) => void response.writeHead(status, { location: `${server.url}/elsewhere` }).end('why')
    const attempt = await webhook(server.url).deliver(madeAlert(), NEVER)
    expect(attempt).toMatchObject({ ...expected, output: status === 204 ? '' : 'why' })
    expect('gives' in attempt).toBe('gives' in expected)
    expect(server.requests.map(({ path }) => path)).toEqual(['/secret-path'])
  })

  test('with Retry-After is respected, up to an hour', async () => {
    const server = await WebhookServer.start()
    for (const [said, ms] of [
      ['7', 7000],
      ['999999', 3_600_000],
      ['soon', 0],
    ] as const) {
      server.answer = (response) => void response.writeHead(429, { 'retry-after': said }).end()
      expect(await webhook(server.url).deliver(madeAlert(), NEVER)).toMatchObject({ isTaken: false, retryAfterMs: ms })
    }
  })

  test('that breaks off or never comes is a failure, but the start of an endless one suffices', async () => {
    const server = await WebhookServer.start()
    server.answer = (response) => void response.destroy()
    expect(await webhook(server.url).deliver(madeAlert(), NEVER)).toMatchObject({ isTaken: false })
    server.answer = (response) => {
      response.writeHead(200)
      const pour = (): void => {
        while (!response.destroyed && response.write('\u001b[31m'.repeat(1000)));
      }
      response.on('drain', pour)
      pour()
    }
    const endless = await webhook(server.url).deliver(madeAlert(), NEVER)
    expect(endless).toMatchObject({ isTaken: true })
    expect(endless.output.length).toBeLessThanOrEqual(200)
    expect(endless.output, 'no escape sequence reaches a terminal').not.toContain('\u001b')
    server.answer = () => undefined
    const stopping = new AbortController()
    const waiting = webhook(server.url).deliver(madeAlert(), stopping.signal)
    await server.request(2)
    stopping.abort(new Error('the node stops'))
    await expect(waiting).rejects.toThrow('the node stops')
  })

  test('that cannot be had is reported with a reason, without the path', async () => {
    const { said } = await webhook('http://127.0.0.1:9/SECRET').deliver(madeAlert(), NEVER)
    expect(said).toContain('ECONNREFUSED')
    expect(said).not.toContain('SECRET')
  })
})

test('webhooks are named by their hosts, and have stable keys on disk', () => {
  const settings = ['https://h.example/a', 'https://h.example/b', 'https://i.example/a'].map((url) =>
    parseAlarm(url, 'alarm'),
  )
  const [a, b, c] = webhooksOf(settings, () => NOW)
  expect([a, b, c].map((one) => one!.name)).toEqual(['h.example', 'h.example (2)', 'i.example'])
  expect(webhooksOf(settings.toReversed(), () => NOW).map(({ key }) => key)).toEqual([c!.key, b!.key, a!.key])
  expect(a!.key).not.toContain('example')
})
