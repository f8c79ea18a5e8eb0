/** One witness key on two machines that share PostgreSQL: real nodes, a real server, a log that pushes to both. */
import { copyFileSync, cpSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, afterAll, describe, expect, onTestFinished, test } from 'vitest'
import type { StatusView } from '../../src/status/shapes.js'
import { fromBase64 } from '../../src/tlog/bytes.js'
import { logId } from '../../src/tlog/checkpoint.js'
import { gossum, gossumRefused } from '../helpers/cli.js'
import { testSigner } from '../helpers/heart.js'
import { scratchFolder, temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { hasPostgres, newSchema, startPostgres, type Postgres } from '../helpers/postgres.js'
import { push, PushingLog, type WitnessAnswer } from '../helpers/witness-client.js'
import { freePort } from '../helpers/free-port.js'

describe.skipIf(!hasPostgres)('two machines with one key', () => {
  let server: Postgres
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.remove())

  const log = new PushingLog(testSigner('log.example', 1))
  const logArgs = ({ signer }: PushingLog): string[] => ['--log', `${signer.verifier.vkey} -`]

  /** Two homes with one key, and a database with its state. */
  async function homes(at = server, newHome: () => string = temporaryHome) {
    const schema = await newSchema(at)
    const [one, two] = [newHome(), newHome()]
    const state = ['--state', at.url(schema)]
    expect(await gossum(['key', 'new', '--home', one])).toMatchObject({ code: 0 })
    copyFileSync(join(one, 'witness.key'), join(two, 'witness.key'))
    expect(await gossum(['state', 'init', '--home', one, ...state])).toMatchObject({ code: 0 })
    return { one, two, schema, state }
  }

  const start = (home: string, ...args: string[]): Promise<RunningNode> =>
    RunningNode.start(home, [...logArgs(log), ...args])
  const status = async (node: RunningNode): Promise<StatusView> => (await node.json('/api/v1/status')) as StatusView

  /** The time in a cosignature line. */
  function timeOf({ body }: WitnessAnswer): number {
    const bytes = fromBase64(body.trim().split(' ')[2]!)!
    return Number(new DataView(bytes.buffer, bytes.byteOffset + 4).getBigUint64(0))
  }

  describe('that run', () => {
    /** The same two for all tests, of which each has a log of its own; the last one ends one of them. */
    let a: RunningNode
    let b: RunningNode
    const logs = [4, 5, 6].map((seed) => new PushingLog(testSigner(`log${seed}.example`, seed)))
    const [answered, atOnce, others] = logs as [PushingLog, PushingLog, PushingLog]
    const kept = scratchFolder()
    const ends: (() => void)[] = []
    afterAll(() => ends.forEach((end) => end()))
    beforeAll(async () => {
      const { one, two, state } = await homes(server, () => mkdtempSync(join(kept.dir, 'home-')))
      const args = logs.flatMap(logArgs)
      const startKept = (home: string, ...more: string[]): Promise<RunningNode> =>
        RunningNode.start(home, [...args, ...state, ...more], {}, (end) => ends.push(end))
      a = await startKept(one)
      b = await startKept(two, '--bootstrap', a.ready.multiaddrs[0]!)
      await b.event((event) => event.event === 'guard' && event.state === 'guarded')
    })

    test('answer pushes as one witness would, and do not report each other as a duplicate key', async () => {
      const log = answered
      expect(b.ready.witness).toBe(a.ready.witness)
      const answers: WitnessAnswer[] = []
      for (let size = 1; size <= 12; size++) {
        const to = size % 2 === 0 ? a : b
        const answer = await push(to.ready.http, log.body(size - 1, size))
        expect(answer).toMatchObject({ status: 200 })
        answers.push(answer)
      }
      const times = answers.map(timeOf)
      expect(times).toEqual([...times].sort((x, y) => x - y))
      // A machine that lags answers with the current state, not with what it saw last.
      expect(await push(b.ready.http, log.body(3, 13))).toMatchObject({ status: 409, body: '12\n' })
      const conflict = log.fork(5).body(12, 12)
      expect((await push(a.ready.http, conflict)).status).not.toBe(200)
      for (const node of [a, b]) {
        const { guard, state: kept } = await status(node)
        expect(guard.state).not.toBe('twin')
        expect(kept).toMatchObject({ kept: 'postgres', error: null })
        expect(kept.text).toContain('no synchronous standby')
      }
    })

    test('pushes to both at once are signed; of two histories at most one is, and both machines convict the log', async () => {
      const log = atOnce
      const pushes = (bodies: readonly Uint8Array[]): Promise<WitnessAnswer[]> =>
        Promise.all(bodies.map((body, i) => push((i % 2 === 0 ? a : b).ready.http, body)))
      // Whoever comes second may find it signed, and is told so.
      const answers = (await pushes(Array(6).fill(log.body(0, 4)))).map((answer) =>
        answer.status === 409 ? answer.body : answer.status,
      )
      expect(answers).toContain(200)
      expect(answers.filter((answer) => answer !== 200 && answer !== '4\n')).toEqual([])
      const fork = log.fork(4)
      const results = await pushes([log, log, log, log, log, fork, fork, fork, fork, fork].map((of) => of.body(4, 5)))
      const signed = results.flatMap(({ status: code }, i) => (code === 200 ? [i < 5 ? 'log' : 'fork'] : []))
      // None of them, if the log is convicted after a machine has promised to sign and before it does.
      expect(new Set(signed).size).toBeLessThanOrEqual(1)
      const id = logId(log.signer.verifier.name, log.origin)
      for (const node of [a, b]) {
        await node.event((event) => event.event === 'evidence' && event.log === id)
        const { logs } = await status(node)
        expect(logs.find((each) => each.id === id)).toMatchObject({ size: 5, frozen: true })
      }
    })

    test('are one witness to all others, available while one of them is', async () => {
      const log = others
      const home = temporaryHome()
      const { stdout } = await gossum(['key', 'new', '--home', home, '--json'])
      const { witness: own } = JSON.parse(stdout) as { witness: string }
      const policy = join(home, 'policy.txt')
      writeFileSync(
        policy,
        [
          `log ${log.signer.verifier.vkey}`,
          `witness us ${own}`,
          `witness them ${a.ready.witness}`,
          'group q all us them',
          'quorum q',
          '',
        ].join('\n'),
      )
      const both = [a, b].flatMap(({ ready }) => ['--bootstrap', ready.multiaddrs[0]!])
      const other = await RunningNode.start(home, [...logArgs(log), '--policy', policy, '--guard-wait', '1', ...both])
      /** The log shows a head to a machine and to the other witness, which then holds what both have signed. */
      const advance = async (to: RunningNode, size: number): Promise<void> => {
        for (const node of [to, other])
          expect(await push(node.ready.http, log.body(size - 1, size))).toMatchObject({ status: 200 })
        await other.event((event) => event.event === 'quorum' && event.size === size)
      }
      await other.event((event) => event.event === 'guard' && event.state === 'guarded')
      await advance(a, 1)
      await advance(b, 2)
      const { peers } = (await other.json('/api/v1/peers')) as { peers: { peerId: string; witness: string | null }[] }
      expect(peers.map(({ peerId }) => peerId).sort()).toEqual([a.ready.peerId, b.ready.peerId].sort())
      expect(peers.map(({ witness }) => witness)).toEqual([a.ready.witness, a.ready.witness])
      const { witnesses } = (await other.json('/api/v1/witnesses')) as { witnesses: { key: string }[] }
      const { guard, conditions } = await status(other)
      expect(witnesses.map(({ key }) => key).sort()).toEqual([own, a.ready.witness].sort())
      expect(guard.state).not.toBe('twin')
      expect(conditions.filter(({ text }) => text.includes('key'))).toEqual([])
      await a.kill()
      await advance(b, 3)
    })
  })

  test('never cosign two logs of one origin with one key, though each follows only one of them', async () => {
    const { one, two, state } = await homes()
    const origin = 'one origin'
    const [first, second] = [2, 3].map(
      (seed) => new PushingLog(testSigner(`log${seed}.example`, seed), { origin }),
    ) as [PushingLog, PushingLog]
    const setting = ({ signer }: PushingLog): string[] => ['--log', `${signer.verifier.vkey} - ${origin}`]
    const a = await RunningNode.start(one, [...setting(first), ...state])
    const b = await RunningNode.start(two, [...setting(second), ...state])
    const homeOf = (node: RunningNode): string => (node === a ? one : two)
    // Whichever of them it is: both were started before either had signed.
    const [x, y] = await Promise.all([push(a.ready.http, first.body(0, 1)), push(b.ready.http, second.body(0, 1))])
    const [winner, loser] = x.status === 200 ? [a, b] : [b, a]
    const [won, lost] = winner === a ? [first, second] : [second, first]
    expect([x, y].filter(({ status }) => status === 200)).toHaveLength(1)
    expect([x, y].find(({ status }) => status !== 200)!.body).toContain('already cosigns another log')
    // The other log is followed and not cosigned, and the machine says why.
    expect(await push(loser.ready.http, lost.body(0, 2))).toMatchObject({
      status: x.status === 200 ? y.status : x.status,
      body: expect.stringContaining('already cosigns another log') as string,
    })
    expect((await status(loser)).logs[0]).toMatchObject({ size: 2 })
    expect(await push(winner.ready.http, won.body(1, 3))).toMatchObject({ status: 200 })
    await loser.stop()

    // With a key for that log it is cosigned, by every machine that has the key.
    const logs = [...setting(first), ...setting(second)]
    const made = await gossum(['key', 'new', '--for', lost.signer.verifier.name, ...logs, '--home', homeOf(loser)])
    expect(made).toMatchObject({ code: 0 })
    await winner.stop()
    cpSync(join(homeOf(loser), 'keys'), join(homeOf(winner), 'keys'), { recursive: true })
    let size = 2
    const names = new Set<string>()
    for (const home of [one, two]) {
      const node = await RunningNode.start(home, [...logs, ...state])
      await push(node.ready.http, lost.body(0, 2))
      const answer = await push(node.ready.http, lost.body(size, ++size))
      expect(answer).toMatchObject({ status: 200 })
      names.add(answer.body.split(' ')[1]!)
      expect(await push(node.ready.http, won.body(size, size + 1))).toMatchObject({ status: 200 })
    }
    expect([...names]).toEqual([expect.stringMatching(/\/log\d\.example$/)])
  })

  test('gossum doctor says what a commit in the database survives, and what is wrong with it', async () => {
    const { one, schema } = await homes()
    const shared = async (state: string) => {
      const { stdout } = await gossum(['doctor', '--json', '--home', one], { env: { GOSSUM_STATE: state } })
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { check?: string })
      return lines.find(({ check }) => check === 'shared state')
    }
    expect(await shared(server.url(schema))).toMatchObject({
      state: 'warn',
      text: expect.stringContaining('no synchronous standby') as string,
    })
    const nowhere = 'postgres://gossum@127.0.0.1:1/postgres?sslmode=disable'
    expect(await shared(nowhere)).toMatchObject({
      state: 'fail',
      text: expect.stringContaining('ECONNREFUSED') as string,
    })
    await server.query(`DELETE FROM ${schema}.gossum_keys`)
    expect(await shared(server.url(schema))).toMatchObject({ state: 'fail', hint: expect.any(String) as string })
  })

  test('while the database is away nothing is signed; when it is back the node restarts and continues signing', async () => {
    const own = await startPostgres()
    onTestFinished(() => own.remove())
    const { one, state } = await homes(own)
    // The same port after a restart.
    const node = await start(one, ...state, '--http', `127.0.0.1:${await freePort()}`)
    expect(await push(node.ready.http, log.body(0, 5))).toMatchObject({ status: 200 })
    await own.stop('kill')
    const refused = await push(node.ready.http, log.body(5, 6))
    expect(refused.status).toBe(503)
    expect((await status(node)).conditions.map(({ name }) => name)).toContain('state away')
    await own.start()
    // Another life of the database: it may have lost what it had committed.
    await node.event((event) => event.event === 'state')
    await expect
      .poll(async () => (await push(node.ready.http, log.body(5, 6)).catch(() => undefined))?.status, {
        timeout: 20_000,
      })
      .toBe(200)
  })

  test('a home that is moved continues there only, and can be moved back', async () => {
    const schema = await newSchema(server)
    const state = ['--state', server.url(schema)]
    const home = temporaryHome()
    const alone = await start(home)
    expect(await push(alone.ready.http, log.body(0, 5))).toMatchObject({ status: 200 })
    await alone.stop()
    // The database does not know the key: an empty database does not make the node forget what the key signed.
    expect(await gossum(['state', 'init', '--home', home, ...state])).toMatchObject({ code: 1 })
    const early = await gossumRefused([
      'run',
      '--home',
      home,
      ...logArgs(log),
      ...state,
      '--http',
      '127.0.0.1:0',
      '--listen',
      '',
    ])
    expect(early.code).not.toBe(0)
    expect(await gossum(['state', 'move', '--home', home, ...state, '--json'])).toMatchObject({ code: 0 })
    const without = await gossumRefused(['run', '--home', home, ...logArgs(log), '--http', '127.0.0.1:0'])
    expect(without.stderr).toContain('is in a database')
    const there = await start(home, ...state)
    expect(await push(there.ready.http, log.body(5, 9))).toMatchObject({ status: 200 })
    await there.stop()
    expect(await gossum(['state', 'move', '--back', '--home', home, ...state])).toMatchObject({ code: 0 })
    // Another machine that was left running cannot sign any more.
    const other = temporaryHome()
    copyFileSync(join(home, 'witness.key'), join(other, 'witness.key'))
    writeFileSync(join(other, 'state-elsewhere'), '')
    const left = await gossumRefused(['run', '--home', other, ...logArgs(log), ...state, '--http', '127.0.0.1:0'])
    expect(left.stderr).toContain('does not know this witness key')
    const back = await start(home)
    expect(await push(back.ready.http, log.body(9, 11))).toMatchObject({ status: 200 })
  })

  test('tables of an earlier version are completed by gossum state init, on a machine that has signed', async () => {
    const { one, schema, state } = await homes()
    const node = await start(one, ...state)
    expect(await push(node.ready.http, log.body(0, 5))).toMatchObject({ status: 200 })
    await node.stop()
    await server.query(`DROP TABLE ${schema}.gossum_origins`)
    const refused = await gossumRefused(['run', '--home', one, ...logArgs(log), ...state, '--http', '127.0.0.1:0'])
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.stderr).toContain('run gossum state init')
    // The other way to begin is not for this home: its key has signed, and another database would not know.
    const other = await newSchema(server)
    const empty = await gossum(['state', 'init', '--home', one, '--state', server.url(other)])
    expect(empty.code).not.toBe(0)
    expect(empty.stderr).toContain('gossum state move')
    expect(await gossum(['state', 'init', '--home', one, ...state])).toMatchObject({ code: 0 })
    const again = await start(one, ...state)
    expect(await push(again.ready.http, log.body(5, 6))).toMatchObject({ status: 200 })
  })

  test('an emptied database is not taken for a new one', async () => {
    const { one, schema, state } = await homes()
    const node = await start(one, ...state)
    expect(await push(node.ready.http, log.body(0, 5))).toMatchObject({ status: 200 })
    await node.stop()
    await server.query(`DELETE FROM ${schema}.gossum_states`)
    const again = await start(one, ...state)
    expect((await push(again.ready.http, log.body(5, 6))).status).toBe(503)
    expect((await status(again)).logs[0]?.paused).toContain('nothing of this log')
  })
})
