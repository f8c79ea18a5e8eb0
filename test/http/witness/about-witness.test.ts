/** What a witness publishes about itself for operators of logs. */
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { aboutWitness, aboutWitnessRoute, type AboutWitness } from '../../../src/http/witness/about-witness.js'
import { HttpServer } from '../../../src/http/server.js'
import { SUMDB_ORIGIN } from '../../../src/tlog/checkpoint.js'
import { SIGNATURE_TYPES } from '../../../src/tlog/note.js'
import { testSigner, testWitness } from '../../helpers/heart.js'
import { fakeNode } from '../../helpers/node-view.js'

const first = testWitness.verifier
const mlDsa = testSigner('witness.example', 7, SIGNATURE_TYPES.cosignature).verifier
const ofOther = testSigner('witness.example/other', 8, SIGNATURE_TYPES.cosignature).verifier
const log = (id: string, name: string, origin = name, url: string | null = null, perDay: number | null = null) => ({
  ...{ id, key: testSigner(name, 1).verifier, origin, url, perDay },
})
const LOGS = [
  log('a'.repeat(64), 'sum.example', SUMDB_ORIGIN, 'https://sum.example'),
  log('b'.repeat(64), 'pushes.example', 'pushes.example', null, 24),
  log('c'.repeat(64), 'third.example', SUMDB_ORIGIN),
  log('d'.repeat(64), 'other.example', SUMDB_ORIGIN),
]

function witness(changes: Partial<AboutWitness> = {}): AboutWitness {
  return {
    contact: 'me@example.org',
    logs: LOGS,
    keys: { shared: [first, mlDsa], of: (id) => (id === LOGS[3]!.id ? [ofOther] : [first, mlDsa]) },
    isTaken: (id) => id === LOGS[2]!.id,
    isFrozen: (id) => id === LOGS[1]!.id,
    ...changes,
  }
}

test('lists the accepted logs, our keys for each, and the contact', () => {
  const shared = [first.vkey, mlDsa.vkey]
  const [sum, pushes, , other] = LOGS.map(({ id, key, origin }) => ({ id, name: key.name, key: key.vkey, origin }))
  expect(aboutWitness(witness())).toEqual({
    name: first.name,
    keys: shared,
    contact: 'me@example.org',
    // Not the third: our keys cosign another log of its origin.
    logs: [
      { ...sum, keys: shared, polled: true, perDay: null, frozen: false },
      { ...pushes, keys: shared, polled: false, perDay: 24, frozen: true },
      { ...other, keys: [ofOther.vkey], polled: false, perDay: null, frozen: false },
    ],
  })
  expect(aboutWitness(witness({ contact: undefined })).contact).toBeNull()
})

test('has one URL, which answers conditional requests', async () => {
  let frozen = false
  const node = witness({ isFrozen: () => frozen })
  const routes = [aboutWitnessRoute(node)]
  const server = await HttpServer.start({ host: '127.0.0.1', port: 0, node: fakeNode(), routes })
  onTestFinished(() => server.stop())
  const ask = async (headers = {}): Promise<{ answer: IncomingMessage; body: string }> => {
    const [answer] = (await once(get(`${server.url}/api/v1/witness`, { headers }), 'response')) as [IncomingMessage]
    let body = ''
    for await (const chunk of answer.setEncoding('utf8')) body += chunk as string
    return { answer, body }
  }
  const { answer, body } = await ask()
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json',
    'cache-control': 'public, max-age=60, stale-while-revalidate=240, stale-if-error=86400',
  })
  expect(answer.headers['access-control-allow-origin']).toBe('*')
  expect(JSON.parse(body)).toEqual(aboutWitness(node))
  const headers = { 'if-none-match': answer.headers.etag! }
  expect((await ask(headers)).answer.statusCode).toBe(304)
  frozen = true
  expect((await ask(headers)).answer.statusCode).toBe(200)
})
