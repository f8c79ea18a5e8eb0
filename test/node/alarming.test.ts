/** A node's notifications: events immediately, conditions after some time, once, and across restarts. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Alert } from '../../src/alerts/alert.js'
import { parseAlarm } from '../../src/config/alarm-setting.js'
import { parseLogSetting } from '../../src/config/config.js'
import { foundIn } from '../../src/node/alert-of.js'
import { Alarming } from '../../src/node/alarming.js'
import type { NodeBase } from '../../src/node/base.js'
import type { NodeEvent, NodeEventBody } from '../../src/node/events.js'
import { News } from '../../src/node/news.js'
import { CONDITIONS, type Condition, type ConditionName } from '../../src/status/conditions.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { WebhookServer } from '../fakes/webhook-server.js'

/** Test machines are busy. */
const EVENTUALLY = { timeout: 20_000 }

const log = parseLogSetting(`${testSigner('log.example', 1).verifier.vkey} http://127.0.0.1:9`)
const other = parseLogSetting(`${testSigner('other.example', 2).verifier.vkey} http://127.0.0.1:9`)
const SECOND = 1000
const MINUTE = 60 * SECOND

/** The alarm of one node across its restarts, with a simulated clock. */
class World {
  readonly home = temporaryHome()
  readonly server: WebhookServer
  readonly time = { now: Date.parse('2026-01-02T12:00:00.000Z'), monotonic: 0 }
  readonly files = new Map<string, Uint8Array>()
  readonly errors: string[] = []
  conditions: Condition[] = []
  isHeard = true
  news = new News(() => undefined)
  #looks = 0
  readonly #waiting = new Set<() => void>()
  #alarming: Alarming | undefined

  private constructor(server: WebhookServer) {
    this.server = server
  }

  static async start(): Promise<World> {
    const world = new World(await WebhookServer.start())
    await world.restart()
    onTestFinished(() => world.#alarming?.stop())
    return world
  }

  async restart(): Promise<void> {
    await this.#alarming?.stop()
    const note = (event: NodeEvent): void => {
      if (event.event === 'error') this.errors.push(event.code)
    }
    this.news = new News(note)
    const base = {
      config: {
        home: this.home,
        alarm: this.isHeard ? [parseAlarm(this.server.url, 'alarm')] : [],
        logs: [log, other],
      },
      keyring: { first: testWitness, verifiers: [testWitness.verifier] },
      news: this.news,
      clock: { now: () => this.time.now, monotonic: () => this.time.monotonic },
    } as unknown as NodeBase
    this.#alarming = await Alarming.open(base, {
      conditions: () => {
        this.#looks++
        this.#waiting.forEach((look) => look())
        return this.conditions
      },
      evidenceFile: (id) => Promise.resolve(this.files.get(id)),
      http: () => 'http://127.0.0.1:46787',
      everyMs: 5,
    })
    this.#alarming.start()
    await this.looks(1)
  }

  /** Resolves after this many complete checks. */
  async looks(count: number): Promise<void> {
    const until = this.#looks + count + 1
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.isHeard && this.#looks < until) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }

  async pass(ms: number): Promise<void> {
    this.time.now += ms
    this.time.monotonic += ms
    await this.looks(1)
  }

  hold(...names: ConditionName[]): void {
    this.conditions = names.map((name) => ({ name, severity: CONDITIONS[name], log: log.id, text: `${name} holds` }))
  }

  told(): string[] {
    return this.server.requests.map(({ body }) => {
      const { state, name, kind } = JSON.parse(body) as Alert
      return `${state === 'firing' ? '+' : '-'}${kind} ${name}`
    })
  }
}

describe('a condition', () => {
  test('is notified with what to do, and so is its end, each once, even over restarts', async () => {
    const world = await World.start()
    world.hold('no quorum', 'no policy')
    await world.pass(0)
    await world.pass(59 * SECOND)
    expect(world.told()).toEqual([])
    await world.pass(SECOND)
    await world.server.request(0)
    expect(JSON.parse(world.server.requests[0]!.body)).toMatchObject({
      ...{ kind: 'condition', state: 'firing', severity: 'failing', name: 'no quorum', sentence: 'no quorum holds' },
      ...{ log: { id: log.id, name: 'log.example' }, runbook: 'docs/runbook.md#no-quorum' },
      since: '2026-01-02T12:00:00.000Z',
    })
    await world.restart()
    await world.pass(60 * MINUTE)
    expect(world.told()).toEqual(['+condition no quorum'])
    world.conditions = []
    await world.restart()
    await world.pass(0)
    await world.pass(5 * MINUTE)
    await world.server.request(1)
    await world.restart()
    world.hold()
    await world.pass(60 * MINUTE)
    expect(world.told()).toEqual(['+condition no quorum', '-condition no quorum'])
    expect(world.errors).toEqual([])
  })

  test('is not notified without a receiver, but is as soon as the first one is added', async () => {
    const world = await World.start()
    world.isHeard = false
    await world.restart()
    world.hold('frozen')
    world.time.monotonic += 60 * MINUTE
    world.isHeard = true
    await world.restart()
    await world.server.request(0)
    expect(world.told()).toEqual(['+condition frozen'])
  })

  test('is notified again rather than never if the file of notifications is damaged, which is reported', async () => {
    const world = await World.start()
    world.hold('frozen')
    await world.server.request(0)
    const path = join(world.home, 'alarm', 'told.json')
    await expect.poll(() => readFileSync(path, 'utf8'), EVENTUALLY).toContain('frozen')
    writeFileSync(path, '[{"name":')
    await world.restart()
    await world.server.request(1)
    expect(world.told()).toEqual(['+condition frozen', '+condition frozen'])
    expect(world.errors).toEqual(['INTERNAL'])
  })

  test('is notified even if the home cannot be written', async () => {
    const world = await World.start()
    const blocked = await World.start()
    mkdirSync(join(blocked.home, 'alarm', 'told.json'), { recursive: true })
    blocked.hold('disk failing')
    await blocked.pass(0)
    await blocked.pass(MINUTE)
    await blocked.server.request(0)
    await blocked.pass(60 * MINUTE)
    expect(blocked.told()).toEqual(['+condition disk failing'])
    expect(blocked.errors.length).toBeGreaterThan(0)
    expect(world.told()).toEqual([])
  })
})

const EVIDENCE: NodeEventBody = {
  ...{ event: 'evidence', id: '0123456789abcdef', type: 'gossum/split-view/v1', log: log.id, witness: null },
  ...{ sizes: [5, 6], source: 'found' },
}
const suspect = (n: number, of = log.id): NodeEventBody => ({
  ...{ event: 'suspect', log: of, id: String(n).padStart(16, '0'), size: n, code: 'LOG_UNREACHABLE' },
})

describe('what is found', () => {
  test('is notified at once with its file; conditions that follow from it are not, but their end is', async () => {
    const world = await World.start()
    world.files.set('0123456789abcdef', new TextEncoder().encode('{"a":"file"}\n'))
    world.hold('frozen')
    world.news.tell(EVIDENCE)
    await world.server.request(0)
    expect(JSON.parse(world.server.requests[0]!.body)).toMatchObject({
      ...{ kind: 'evidence', name: 'split view', severity: 'misbehaviour' },
      evidence: { id: '0123456789abcdef', path: '/api/v1/evidence/0123456789abcdef', file: '{"a":"file"}\n' },
      runbook: 'docs/runbook.md#frozen',
    })
    await world.pass(60 * MINUTE)
    world.conditions = []
    await world.pass(0)
    await world.pass(5 * MINUTE)
    await world.server.request(1)
    expect(world.told()).toEqual(['+evidence split view', '-condition frozen'])
  })

  test('with a file above 64 KiB is sent without it, and says where it is', async () => {
    const world = await World.start()
    world.files.set('0123456789abcdef', new Uint8Array(64 * 1024 + 1).fill(0x61))
    world.news.tell(EVIDENCE)
    const { body } = await world.server.request(0)
    const path = '/api/v1/evidence/0123456789abcdef'
    expect(JSON.parse(body)).toMatchObject({ evidence: { id: '0123456789abcdef', path, file: null } })
    expect((JSON.parse(body) as Alert).text).toContain(`http://127.0.0.1:46787${path}`)
  })

  test('a thousand times in one log is notified eight times, and in another log all the same', async () => {
    const world = await World.start()
    for (let i = 0; i < 1000; i++) world.news.tell(suspect(i))
    world.news.tell(suspect(1, other.id))
    await world.server.request(8)
    await world.pass(0)
    const logs = world.server.requests.map(({ body }) => (JSON.parse(body) as Alert).log!.name)
    expect(logs.toSorted()).toEqual([...Array<string>(8).fill('log.example'), 'other.example'])
  })

  test('as the node stops is delivered after a later start', async () => {
    const world = await World.start()
    world.server.answer = (response) => void response.writeHead(500).end()
    world.news.tell(EVIDENCE)
    await world.restart()
    world.server.answer = (response) => void response.writeHead(200).end()
    await world.restart()
    await expect.poll(() => new Set(world.told()), EVENTUALLY).toEqual(new Set(['+evidence split view']))
    expect(new Set(world.server.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  })

  test('is notified alone even if the process was killed before the resulting conditions were checked', async () => {
    const world = await World.start()
    world.server.answer = () => undefined
    world.news.tell(EVIDENCE)
    await world.server.request(0)
    await world.restart()
    await world.server.request(1)
    world.hold('frozen')
    await world.looks(1)
    world.server.answer = (response) => void response.writeHead(200).end()
    await world.restart()
    await world.server.request(2)
    await world.pass(MINUTE)
    expect(new Set(world.told())).toEqual(new Set(['+evidence split view']))
    expect(world.server.requests).toHaveLength(3)
  })
})

describe('the alert for', () => {
  const at = '2026-01-02T12:00:00.000Z'
  const of = (body: NodeEventBody, own: readonly string[] = []) => foundIn({ at, ...body }, own)
  const witness = 'w.example+01020304+key'

  test.each<[string, NodeEventBody, readonly string[], object]>([
    ['a split view', EVIDENCE, [], { severity: 'misbehaviour', name: 'split view', covers: ['frozen', log.id] }],
    [
      'a bad record',
      { ...EVIDENCE, module: 'example.com/m@v1.0.0' },
      [],
      { name: 'bad record', sentence: expect.stringContaining('example.com/m@v1.0.0') as string },
    ],
    [
      'a witness that lied',
      { ...EVIDENCE, witness },
      [],
      { severity: 'doubtful', name: 'witness conflict', covers: ['witness convicted', null] },
    ],
    [
      'our own key',
      { ...EVIDENCE, witness },
      [witness],
      { severity: 'misbehaviour', covers: ['own key convicted', null] },
    ],
    ['a suspect', suspect(7), [], { kind: 'suspect', severity: 'doubtful', covers: ['unexplained head', log.id] }],
    [
      'a suspect of an impossible size',
      { ...suspect(7), size: null } as NodeEventBody,
      [],
      { covers: ['frozen', log.id], sentence: expect.stringContaining('beyond any tree') as string },
    ],
  ])('%s', (_what, body, own, expected) => {
    expect(of(body, own)).toMatchObject({ since: at, state: 'firing', log: log.id, ...expected })
  })

  test('any other event is none', () => {
    expect(of({ event: 'log', log: log.id, reachable: false, error: 'x' })).toBeUndefined()
    expect(of({ event: 'error', code: 'INTERNAL', message: 'x' })).toBeUndefined()
  })
})
