/** The description of the API: it covers everything that is served, and everything that is served conforms to it. */
import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { describe, expect, it, test } from 'vitest'
import { ERRORS, type ErrorCode } from '../../../src/errors.js'
import { encodeEvidence, makeSplitView } from '../../../src/evidence/evidence.js'
import { apiRoutes } from '../../../src/http/api.js'
import { dashboardRoutes } from '../../../src/http/dashboard-door.js'
import { EventLog } from '../../../src/node/event-log.js'
import type { NodeView } from '../../../src/status/node-view.js'
import type { EvidenceView, LogView, StatusView } from '../../../src/status/shapes.js'
import { eventsRoute } from '../../../src/http/events-door.js'
import { feedRoutes } from '../../../src/http/feed-door.js'
import { sumdbRoutes } from '../../../src/http/go-door.js'
import { indexRoutes } from '../../../src/http/index-door.js'
import { alarmOperatorRoutes } from '../../../src/http/alarm-operator.js'
import { mirrorRoutes } from '../../../src/http/mirror-door.js'
import { mirrorOperatorRoutes } from '../../../src/http/mirror-operator.js'
import { operatorSocket } from '../../../src/http/operator-path.js'
import { operatorRoutes } from '../../../src/http/operator-socket.js'
import type { Route } from '../../../src/http/router.js'
import { openApi } from '../../../src/http/schema/openapi-document.js'
import { OPERATIONS } from '../../../src/http/schema/operations.js'
import { aboutWitnessRoute } from '../../../src/http/witness/about-witness.js'
import { witnessRoutes } from '../../../src/http/witness/add-checkpoint.js'
import { parseNote } from '../../../src/tlog/note.js'
import type { Outcome, OutcomeKind } from '../../../src/witness/outcome.js'
import { ViewsLog } from '../../fakes/views-log.js'
import { EventReader } from '../../helpers/event-reader.js'
import { testWitness } from '../../helpers/heart.js'
import { temporaryHome } from '../../helpers/home.js'
import { RunningNode } from '../../helpers/node.js'
import { EVIDENCE_ID, fakeNode, LOG, LOG_ID, NOTE } from '../../helpers/node-view.js'
import { fakeMirror } from '../../helpers/mirror-view.js'
import { recordOf, RecordLog } from '../../helpers/record-log.js'
import { askRoutes } from '../../helpers/routes.js'
import { objections, type SeenAnswer } from '../../helpers/schemas.js'

const ABOUT = {
  contact: 'ops@example.com',
  logs: [],
  keys: { shared: [testWitness.verifier] as const, of: () => [testWitness.verifier] },
  isTaken: () => false,
  isFrozen: () => false,
}

/** All that a node serves. */
function routesOf(node: NodeView): Route[] {
  const witness = {
    logs: [],
    submit: () => Promise.reject(new Error('nothing is pushed here')),
    checkpoint: () => Promise.resolve(undefined),
    now: () => 0,
  }
  return [
    ...apiRoutes(node),
    ...dashboardRoutes(node, () => 1_790_000_000_000),
    eventsRoute({
      ...{ events: new EventLog(), names: ['log'], follows: (log) => node.follows(log), now: () => 0 },
      onReader: () => undefined,
    }),
    ...operatorRoutes(node),
    ...mirrorOperatorRoutes(fakeMirror()),
    ...alarmOperatorRoutes({
      list: () => ({ firing: [], receivers: [] }),
      test: () => Promise.resolve({ results: [] }),
    }),
    aboutWitnessRoute(ABOUT),
    ...sumdbRoutes([], () => undefined),
    ...feedRoutes(node, () => [
      { event: 'suspect', at: LOG.time!, log: LOG_ID, id: 'ab', size: 3, code: 'NOT_CANONICAL' },
    ]),
    ...indexRoutes({ page: () => Promise.resolve([]) }),
    ...mirrorRoutes(fakeMirror(), [], () => undefined),
    ...witnessRoutes(witness),
  ]
}

interface Document {
  readonly openapi: string
  readonly paths: Record<string, Record<string, { responses: Record<string, { content: Record<string, unknown> }> }>>
  readonly components: { readonly schemas: Record<string, { readonly properties: Record<string, unknown> }> }
}

const document = JSON.parse(openApi()) as Document

describe('the document', () => {
  test('has every served route, and no other', () => {
    const served = routesOf(fakeNode()).flatMap(({ method, path }) =>
      method === 'OPTIONS' ? [] : `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`,
    )
    const described = OPERATIONS.map(({ method, path }) =>
      /^\/(?:sumdb|mod)\//.test(path) ? `${method} /${path.split('/')[1]!}/*rest` : `${method} ${path}`,
    )
    expect(new Set(described)).toEqual(new Set(served))
    const isPublic = OPERATIONS.filter(({ isForOperator }) => isForOperator !== true)
    const inDocument = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )
    expect(inDocument.toSorted()).toEqual(isPublic.map(({ method, path }) => `${method} ${path}`).toSorted())
  })

  test('has every operation named in docs/http.md', () => {
    const http = readFileSync(new URL('../../../docs/http.md', import.meta.url), 'utf8')
    const nameless = http.replaceAll(/\{[^}]*\}/g, '{}')
    for (const { method, path } of OPERATIONS.filter((each) => !each.path.startsWith('/sumdb/'))) {
      const named = `${method.toUpperCase()} ${path.replaceAll(/\{[^}]*\}/g, '{}')}`
      const isThere = nameless.includes(`\`${named}`) || (path === '/healthz' && nameless.includes('(`/healthz`)'))
      expect(isThere, named).toBe(true)
    }
  })

  test('is OpenAPI 3.1 with declared path parameters, unique operation ids and valid references', () => {
    expect(document.openapi).toMatch(/^3\.1\./)
    const ids = new Set<string>()
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const operation of Object.values(methods) as unknown as {
        operationId: string
        parameters?: { name: string; in: string; required: boolean }[]
      }[]) {
        expect(ids, operation.operationId).not.toContain(operation.operationId)
        ids.add(operation.operationId)
        const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
        expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? [])
        expect(inPath.every(({ required }) => required)).toBe(true)
      }
    }
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)]
    expect(references.length).toBeGreaterThan(20)
    for (const [, name] of references) expect(Object.keys(document.components.schemas)).toContain(name)
  })

  test('knows the code of every problem', () => {
    expect(document.components.schemas['Problem']!.properties['code']).toEqual({ enum: Object.keys(ERRORS) })
  })

  it('is served, with an ETag', async () => {
    const answer = await askRoutes(routesOf(fakeNode()), '/openapi.json')
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } })
    expect(answer.headers['etag']).toBeDefined()
    expect(JSON.parse(answer.body)).toEqual(document)
  })
})

describe('an answer, without a socket', () => {
  const targets = {
    log: LOG_ID,
    id: EVIDENCE_ID,
    name: 'sum.example',
    module: 'a@v1.0.0',
    version: 'v1.0.0',
    tile: '8/0/000',
  }
  const targetOf = (path: string): string =>
    path
      .replace('/mod/{module}', '/mod/example.com/mod')
      .replace(/^\/api\/v1\/mirror\/\w+$/, '$&?module=example.com/mod@v1.0.0')
      .replaceAll(/\{(\w+)\}/g, (_all, name) => targets[name as keyof typeof targets])

  /** The answer of each operation of a node, with bodies that get a meaningful answer. */
  async function answers(node: NodeView): Promise<[operation: string, found: string[], answer: SeenAnswer][]> {
    return Promise.all(
      OPERATIONS.map(async ({ method, path }) => {
        const asking = { method: method.toUpperCase(), body: path === '/api/v1/heads' ? NOTE : '{}' }
        const answer = await askRoutes(routesOf(node), targetOf(path), asking)
        return [`${method} ${path}`, objections(method, path, answer), answer]
      }),
    )
  }

  test('is as described for a node with little data and for one with everything', async () => {
    const cosignature = LOG.cosignatures[0]!
    const quorum = { size: 5, root: LOG.root!, cosignatures: [cosignature] }
    const suspect = {
      ...{ id: 'ab'.repeat(32), size: null, root: LOG.root!, firstSeen: LOG.time!, door: 'push' },
      ...{ peer: null, code: 'SIZE_IMPOSSIBLE', alarmed: true },
    }
    const full: LogView = {
      ...LOG,
      ...{ quorum, suspects: [suspect], suspectCount: 1, holds: [{ id: EVIDENCE_ID, acked: true }] },
      ...{ list: 'https://list.example', perDay: 3, paused: 'why', floor: { size: 9, at: LOG.time! }, error: 'why' },
    }
    const bare: LogView = {
      ...LOG,
      ...{ url: null, size: 0, root: null, time: null, firstUse: null, cosignatures: [] },
      ...{ reachable: null, lastPoll: null, verifiedAt: null },
    }
    const usual = await fakeNode().status()
    const status: StatusView = {
      ...usual,
      logs: [full, bare],
      conditions: [{ name: 'frozen', severity: 'misbehaviour', log: LOG_ID, text: 'why' }],
      clock: [{ name: 'clock ahead', text: 'why' }],
      mlDsa: 'key',
      policy: { quorum: 'q', threshold: 2, witnesses: 3 },
      bastion: { url: 'https://b.example/', state: 'serving', since: LOG.time!, lastCosignature: null, error: null },
      exchange: [
        {
          ...{ name: 'a', url: 'https://a.example', kind: 'feed', lastAnswer: LOG.time, error: null },
          says: [{ log: LOG_ID, does: 'push', verdict: 'taken', size: null, at: LOG.time! }],
        },
      ],
    }
    for (const node of [fakeNode(), fakeNode({ status: () => Promise.resolve(status) })]) {
      for (const [operation, found, answer] of await answers(node)) {
        expect(found, `${operation}: ${answer.body}`).toEqual([])
      }
    }
  })

  test('is as described if nothing is found, and if everything fails', async () => {
    const fail = (): never => {
      throw new Error('a bug')
    }
    const nothing = fakeNode({
      ...{ follows: () => false, evidenceFile: () => Promise.resolve(undefined) },
      ...{ suspectNote: () => Promise.resolve(undefined), acknowledge: () => Promise.resolve(0) },
    })
    const broken = fakeNode({
      ...{ status: fail, head: fail, heads: fail, peers: fail, witnesses: fail, evidence: fail, evidenceFile: fail },
      ...{ suspectNote: fail, submitHead: fail, submitEvidence: fail, acknowledge: fail, metrics: fail },
    })
    for (const node of [nothing, broken]) {
      for (const [operation, found, answer] of await answers(node)) {
        expect(found, `${operation}: ${answer.body}`).toEqual([])
      }
    }
    const statuses = (await answers(broken)).filter(([operation]) => operation.includes('/api/v1/'))
    expect(statuses.filter(([, , { status }]) => status === 500).length).toBeGreaterThan(10)
  })

  test.each(['advanced', 'known', 'past', 'pending', 'refused', 'conflict'] as const)(
    'is as described for a head that is %s, with any code',
    async (kind: OutcomeKind) => {
      for (const code of [undefined, ...(Object.keys(ERRORS) as ErrorCode[])]) {
        const outcome: Outcome = { kind, news: false, log: LOG_ID, ...(code !== undefined && { code }) }
        const routes = routesOf(fakeNode({ submitHead: () => Promise.resolve({ outcome, held: null }) }))
        const answer = await askRoutes(routes, '/api/v1/heads', { method: 'POST', body: NOTE })
        expect(objections('post', '/api/v1/heads', answer), answer.body).toEqual([])
      }
    },
  )

  test.each(['?limit=0', '?limit=1001', '?limit=x', '?below=0', '?below=-1', '?below=9007199254740992'])(
    'is a problem as described for %s',
    async (query) => {
      const answer = await askRoutes(routesOf(fakeNode()), `/api/v1/logs/${LOG_ID}/heads${query}`)
      expect(objections('get', '/api/v1/logs/{log}/heads', answer)).toEqual([])
      expect([answer.status, JSON.parse(answer.body)]).toMatchObject([400, { code: 'REQUEST_INVALID' }])
      expect(answer.body).toMatch(/is a whole number from 1 to (1000|9007199254740991)"/)
    },
  )

  test('with missing, extra or wrong properties does not match its schema', async () => {
    const { ready, ...less } = await fakeNode().status()
    expect(ready).toBe(true)
    for (const [status, what] of [
      [less, 'ready'],
      [{ ...less, ready, more: 1 }, 'more'],
      [{ ...less, ready: 'yes' }, '/ready'],
    ] as const) {
      const node = fakeNode({ status: () => Promise.resolve(status as StatusView) })
      const found = objections('get', '/api/v1/status', await askRoutes(routesOf(node), '/api/v1/status'))
      expect(found.join(), JSON.stringify(found)).toContain(what === 'ready' || what === 'more' ? 'propert' : what)
    }
  })
})

describe('a running node', () => {
  async function ask(url: string, path: string, body?: Uint8Array | string, socketPath?: string): Promise<SeenAnswer> {
    const asking = { method: body === undefined ? 'GET' : 'POST', agent: false as const }
    const request =
      socketPath === undefined ? httpRequest(`${url}${path}`, asking) : httpRequest({ ...asking, socketPath, path })
    request.end(body)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    return { status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') }
  }

  test('answers every route as described: with a peer, a quorum, a suspect, evidence and a frozen log', async () => {
    const log = await ViewsLog.start('localhost.localdev/sumdb', 300, ['127.0.0.1', '127.0.0.1'])
    const lie = await log.fork(1)
    await lie.grow(100)
    const args = ['--log', log.setting(), '--poll', '0.2', '--guard-wait', '0', '--contact', 'ops@example.com']
    const first = await RunningNode.start(temporaryHome(), args)
    await first.event((event) => event.event === 'outcome' && event.outcome === 'advanced')
    const second = await RunningNode.start(temporaryHome(), [...args, '--bootstrap', first.ready.multiaddrs[0]!])
    await second.event((event) => event.event === 'peer' && event.connected)
    const { http } = first.ready

    const seen: Record<string, SeenAnswer> = {}
    const look = async (method: 'get' | 'post', path: string, target: string, body?: Uint8Array | string) => {
      const answer = await ask(http, target, body)
      expect(objections(method, path, answer), `${method} ${target}: ${answer.body}`).toEqual([])
      return (seen[`${method} ${path}`] = answer)
    }
    await log.grow(5)
    const history = log.views[0]!.history.server
    await look('post', '/api/v1/heads', '/api/v1/heads', await lie.server.head(400))
    const logs = JSON.parse((await look('get', '/api/v1/logs', '/api/v1/logs')).body) as { logs: LogView[] }
    const [suspect] = logs.logs[0]!.suspects
    await look('get', '/api/v1/suspects/{id}', `/api/v1/suspects/${suspect!.id}`)
    const notes = await Promise.all([lie.server.head(301), history.head(301)])
    const evidence = makeSplitView(log.signer.verifier, [parseNote(notes[0]), parseNote(notes[1])])
    const answer = await look('post', '/api/v1/evidence', '/api/v1/evidence', encodeEvidence(evidence))
    const { id } = JSON.parse(answer.body) as { id: string }
    await look('get', '/api/v1/evidence/{id}', `/api/v1/evidence/${id}`)
    const version = 'example.com/m@v1.2.3'
    const twice = new RecordLog(log.signer, [recordOf(version, 'good'), recordOf(version, 'evil')])
    await look('post', '/api/v1/evidence', '/api/v1/evidence', encodeEvidence(twice.evidence(0, 1)))

    for (const path of ['status', 'logs', 'peers', 'witnesses', 'witness', 'evidence', 'suspects']) {
      await look('get', `/api/v1/${path}`, `/api/v1/${path}?limit=1`)
      await look('get', `/api/v1/${path}`, `/api/v1/${path}`)
    }
    const events = await EventReader.open(http, '/api/v1/events?after=00000000-0')
    await events.until((reader) => reader.events.length > 3)
    events.cut()
    const streamed = { status: 200, headers: events.response.headers, body: '' }
    expect(objections('get', '/api/v1/events', streamed)).toEqual([])
    seen['get /api/v1/events'] = streamed
    await look('get', '/api/v1/events', '/api/v1/events?after=nothing')
    for (const page of ['', '?limit=1', '?below=1', '?limit=0']) {
      await look('get', '/api/v1/logs/{log}/heads', `/api/v1/logs/${log.id}/heads${page}`)
    }
    await look('get', '/api/v1/logs/{log}/head', `/api/v1/logs/${log.id}/head`)
    await look('get', '/api/v1/logs/{log}/quorum', `/api/v1/logs/${log.id}/quorum`)
    await look('get', '/api/v1/logs/{log}/pictures', `/api/v1/logs/${log.id}/pictures`)
    for (const path of ['/', '/livez', '/readyz', '/healthz', '/metrics', '/openapi.json', '/feed.atom', '/feed.json'])
      await look('get', path, path)
    const [script] = /\/assets\/[^"]+/.exec(seen['get /']!.body)!
    await look('get', '/assets/{name}', script)
    await look('get', '/assets/{name}', '/assets/nothing.js')
    await look('get', '/readyz', '/readyz?verbose')
    await look('post', '/add-checkpoint', '/add-checkpoint', 'old 0\n\nnothing\n')
    await look('post', '/sign-subtree', '/sign-subtree', 'nothing')
    await look('get', '/{log}/checkpoint', `/${log.id}/checkpoint`)
    const sumdb = `/sumdb/${log.signer.verifier.name}`
    for (const [path, target] of [
      ['supported', 'supported'],
      ['latest', 'latest'],
      ['lookup/{module}', 'lookup/example.com/none@v1.0.0'],
      ['tile/{tile}', 'tile/8/0/000'],
    ] as const) {
      await look('get', `/sumdb/{name}/${path}`, `${sumdb}/${target}`)
    }
    for (const file of ['@latest', '@v/list', '@v/{version}.info', '@v/{version}.mod', '@v/{version}.zip'])
      await look('get', `/mod/{module}/${file}`, `/mod/example.com/m/${file.replace('{version}', 'v1.0.0')}`)
    await look('get', '/index', '/index?limit=3')
    const held = JSON.parse(seen['get /api/v1/evidence']!.body) as { evidence: EvidenceView[] }
    expect(held.evidence.map(({ module, records }) => ({ module, records }))).toEqual([
      {},
      { module: version, records: [0, 1] },
    ])
    const status = JSON.parse(seen['get /api/v1/status']!.body) as StatusView
    expect(status.logs[0]).toMatchObject({ frozen: true, suspectCount: 1 })
    expect(status.conditions.map(({ name }) => name)).toContain('frozen')
    expect(JSON.parse(seen['get /api/v1/peers']!.body)).toMatchObject({ peers: [{ chosen: false }] })
    expect(JSON.parse(seen['get /openapi.json']!.body)).toEqual(document)

    const acked = await ask(http, `/api/v1/evidence/${id}/ack`, '', operatorSocket(first.home))
    expect(objections('post', '/api/v1/evidence/{id}/ack', acked), acked.body).toEqual([])
    seen['post /api/v1/evidence/{id}/ack'] = acked
    for (const [method, path] of [
      ['get', '/api/v1/alarm'],
      ['post', '/api/v1/alarm/test'],
      ['get', '/api/v1/mirror'],
      ['post', '/api/v1/mirror/allow'],
      ['post', '/api/v1/mirror/pin'],
      ['post', '/api/v1/mirror/unpin'],
    ] as const) {
      const answer = await ask(
        http,
        `${path}?module=example.com/m@v1.0.0`,
        method === 'post' ? '' : undefined,
        operatorSocket(first.home),
      )
      expect(objections(method, path, answer), answer.body).toEqual([])
      seen[`${method} ${path}`] = answer
    }
    expect(Object.keys(seen).toSorted()).toEqual(OPERATIONS.map(({ method, path }) => `${method} ${path}`).toSorted())
    await log.close()
  })
})
