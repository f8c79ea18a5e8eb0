/**
 * The real go command uses a node, by both routes: it gets what a quorum vouches for, and nothing else. All go commands
 * of this machine are tested. Skipped if there is none, unless REQUIRE_PEERS=1, which makes that a failure.
 */
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { evidenceId, makeSplitView } from '../../src/evidence/evidence.js'
import { SumdbClient } from '../../src/sumdb/client.js'
import type { NewRecord } from '../../src/sumdb/log-server.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { verifiedCosignatures } from '../../src/tlog/cosignature.js'
import {
  makeSignerKey,
  parseNote,
  parseVerifierKey,
  SIGNATURE_TYPES,
  verifyNote,
  type SignerKey,
} from '../../src/tlog/note.js'
import { LyingLog, madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { gossum } from '../helpers/cli.js'
import { readFiles, ReplayLog } from '../fakes/replay-log.js'
import { goCommands, GoUser, publish, removeTree, required, type GoCommand } from '../helpers/go.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { findPeer, startXModLog } from '../helpers/peers.js'
import { GOLANG_KEY, SMALL } from '../sumdb/genuine.js'

const NAME = 'localhost.localdev/sumdb'
const signer = makeSignerKey(NAME, SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))
const commands = goCommands()
const xmod = findPeer('sumdbd')
const HELLO = ['mod', 'download', '-json', 'example.com/hello@v1.0.0']
const WORLD = ['mod', 'download', '-json', 'example.com/Upper/world@v0.1.0']

test.runIf(required)('two go commands are here, as REQUIRE_PEERS asks', () => {
  expect(commands.length).toBeGreaterThanOrEqual(2)
})

test.runIf(required)("golang.org/x/mod's server is here, as REQUIRE_PEERS asks", () => {
  expect(xmod).toBeDefined()
})

/** A policy file that needs all of these witnesses. */
async function policyOf(directory: string, witnesses: readonly string[]): Promise<string> {
  const lines = witnesses.map((vkey, i) => `witness w${i} ${vkey}`)
  const group = `group all all ${witnesses.map((_, i) => `w${i}`).join(' ')}`
  const path = join(directory, 'policy')
  await writeFile(path, [...lines, group, 'quorum all', ''].join('\n'))
  return path
}

function cosigner(byte: number): SignerKey {
  return makeSignerKey(`witness${byte}.example`, SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(byte))
}

describe('a go command asks a node', () => {
  let root: string
  let proxy: string
  let hello: NewRecord
  let world: NewRecord
  /** Of a log that stays as it is, for all tests that only ask: one node vouches for it, the other one does not yet. */
  let [vouching, waiting]: RunningNode[] = []
  const ends: (() => unknown)[] = []

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'gossum-door-'))
    ends.push(() => removeTree(root))
    proxy = join(root, 'proxy')
    hello = await publish(proxy, 'example.com/hello', 'v1.0.0', 'const Hello = 1')
    world = await publish(proxy, 'example.com/Upper/world', 'v0.1.0', 'const World = 2')
    const log = await startLog()
    ends.push(() => log.close())
    const start = async (name: string, ...args: string[]): Promise<RunningNode> => {
      const follow = ['--log', `${signer.verifier.vkey} ${log.url}`, '--poll', '3600', ...args]
      return firstOutcome(await RunningNode.start(join(root, name), follow, {}, (end) => ends.push(end)))
    }
    const policy = await policyOf(root, [cosigner(1).verifier.vkey, cosigner(2).verifier.vkey])
    vouching = await start('vouching')
    waiting = await start('waiting', '--policy', policy, '--quorum-wait', '1')
  })
  afterAll(async () => {
    for (const end of ends.reverse()) await end()
  })

  async function startLog(): Promise<LyingLog> {
    return LyingLog.start(await memoryLog(signer, [...madeUpRecords(0, 300), hello, ...madeUpRecords(300, 600)]))
  }

  async function firstOutcome(node: RunningNode): Promise<RunningNode> {
    await node.event(({ event }) => event === 'outcome')
    return node
  }

  /** A log that changes, and a node that follows it. */
  async function startOwn(...args: string[]): Promise<{ log: LyingLog; node: RunningNode }> {
    const log = await startLog()
    onTestFinished(() => log.close())
    const follow = ['--log', `${signer.verifier.vkey} ${log.url}`, '--poll', '0.5', ...args]
    return { log, node: await firstOutcome(await RunningNode.start(temporaryHome(), follow)) }
  }

  /** Through GOSUMDB, with the line that the node itself prints. */
  const direct = (node: RunningNode, modules = proxy) => ({
    GOPROXY: `file://${modules}`,
    GOSUMDB: node.ready.logs[0]!.gosumdb!,
  })
  /** Through GOPROXY: the node has no modules, so the go command gets those from the next proxy. */
  const through = (node: RunningNode, modules = proxy) => ({
    GOPROXY: `${node.ready.http},file://${modules}`,
    GOSUMDB: signer.verifier.vkey,
  })

  describe.each(commands)('$version', (go: GoCommand) => {
    let user: GoUser
    beforeEach(async () => {
      user = await GoUser.create(go, root)
    })

    test.each([
      ['by GOSUMDB', direct],
      ['through GOPROXY', through],
    ])('downloads a module %s, and keeps a head that the witness cosigned', async (_, settings) => {
      const { exit, output } = await user.run(HELLO, settings(vouching!))
      expect([exit, output]).toEqual([0, expect.stringContaining(/h1:\S+/.exec(hello.text)![0]) as string])
      const note = parseNote(await readFile(user.latest(NAME)))
      verifyNote(note, signer.verifier)
      expect(parseCheckpoint(note.text).size).toBe(601)
      const witness = parseVerifierKey(vouching!.ready.witness)
      expect([...verifiedCosignatures(note, [witness]).keys()]).toEqual([witness.vkey])
    })

    test('gets a record that is newer than every head of the node: cosigned first, then shown', async () => {
      const { log, node } = await startOwn('--poll', '3600')
      await log.history.append([world])
      const { exit, output } = await user.run(WORLD, direct(node))
      expect([exit, output]).toEqual([0, expect.stringContaining(/h1:\S+/.exec(world.text)![0]) as string])
      const head = (await (await fetch(`${node.ready.http}/sumdb/${NAME}/latest`)).text()).split('\n')
      expect(head[1]).toBe('602')
    })

    test('refuses a module that was changed', async () => {
      const changed = await mkdtemp(join(root, 'changed-'))
      await publish(changed, 'example.com/hello', 'v1.0.0', 'const Hello = "evil"')
      const { exit, output } = await user.run(HELLO, through(vouching!, changed))
      expect(exit).toBe(1)
      expect(output).toContain('checksum mismatch')
      expect(output).toContain('SECURITY ERROR')
    })

    test('is stopped with the reason while no quorum covers the record', async () => {
      for (const settings of [direct(waiting!), through(waiting!)]) {
        const { exit, output } = await user.run(HELLO, settings)
        expect(exit).toBe(1)
        expect(output).toContain('503 Service Unavailable')
        expect(output).toContain('no quorum of witnesses has cosigned a head with this record yet')
      }
      const answer = await fetch(`${waiting!.ready.http}/sumdb/${NAME}/lookup/example.com/hello@v1.0.0`)
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    })

    test('is stopped by a log that forks, with the id of the evidence; and goes on after the operator acknowledges it', async () => {
      const { log, node } = await startOwn()
      expect((await user.run(HELLO, direct(node))).exit).toBe(0)
      // From now on the log shows another history under its key, to us and to nobody else.
      const ours = log.history
      const shared = [...madeUpRecords(0, 300), hello, ...madeUpRecords(300, 512)]
      log.history = await memoryLog(signer, [...shared, ...madeUpRecords(512, 700, 'b'), world])
      const { exit, output } = await user.run(WORLD, through(node))
      expect(exit).toBe(1)
      const { id } = (await node.event(({ event }) => event === 'evidence')) as { id: string }
      expect(output).toContain('the log is frozen: it was proven to misbehave')
      expect(output).toContain(id)
      // What was downloaded before is refused too: a frozen log fails closed.
      const other = await GoUser.create(go, root)
      expect((await other.run(HELLO, direct(node))).output).toContain(id)
      expect((await fetch(`${node.ready.http}/sumdb/${NAME}/supported`)).status).toBe(200)

      log.history = ours
      const holds = ((await node.json('/api/v1/logs')) as { logs: { holds: { id: string }[] }[] }).logs[0]!.holds
      for (const hold of holds) {
        expect((await gossum(['evidence', 'ack', hold.id, '--home', node.home])).code).toBe(0)
      }
      expect((await other.run(HELLO, direct(node))).exit).toBe(0)
    })

    test('that used the log before, and knows a newer head than the quorum, keeps working', async () => {
      const { log, node } = await startOwn('--poll', '3600')
      await log.history.append([...madeUpRecords(600, 1100), world])
      const past = { GOPROXY: `file://${proxy}`, GOSUMDB: `${signer.verifier.vkey} ${log.url}` }
      expect((await user.run(WORLD, past)).exit).toBe(0)
      expect((await readFile(user.latest(NAME), 'utf8')).split('\n')[1]).toBe('1102')
      const { exit, output } = await user.run(HELLO, direct(node))
      expect([exit, output]).toEqual([0, expect.stringContaining('h1:') as string])
    })

    test('gets known records while the log is down, which is reported', async () => {
      const { log, node } = await startOwn()
      expect((await user.run(HELLO, direct(node))).exit).toBe(0)
      await log.close()
      await node.event((event) => event.event === 'log' && !event.reachable)
      const other = await GoUser.create(go, root)
      const { exit, output } = await other.run(HELLO, direct(node))
      expect([exit, output]).toEqual([0, expect.stringContaining('h1:') as string])
      const answer = await fetch(`${node.ready.http}/sumdb/${NAME}/lookup/example.com/hello@v1.0.0`)
      expect(Date.parse(answer.headers.get('gossum-stale-since') ?? '')).toBeLessThanOrEqual(Date.now())
    })

    test('is not made to bypass a node that does not follow its log', async () => {
      const settings = { GOPROXY: `${vouching!.ready.http},file://${proxy}`, GOSUMDB: 'sum.golang.org' }
      const { exit, output } = await user.run(HELLO, settings)
      expect(exit).toBe(1)
      expect(output).toContain('this log is not followed here: sum.golang.org')
    })

    test('prints what evidence can be made from when it sees the fork itself', async () => {
      const { log, node } = await startOwn('--poll', '3600')
      expect((await user.run(HELLO, direct(node))).exit).toBe(0)
      const client = new SumdbClient({ url: log.url, key: signer.verifier })
      const ours = await client.latest()
      const shared = [...madeUpRecords(0, 300), hello, ...madeUpRecords(300, 512)]
      log.history = await memoryLog(signer, [...shared, ...madeUpRecords(512, 700, 'b'), world])
      const theirs = await client.latest()
      const { exit, output } = await user.run(WORLD, {
        GOPROXY: `file://${proxy}`,
        GOSUMDB: `${signer.verifier.vkey} ${log.url}`,
      })
      expect(exit).toBe(1)
      const prefix = await client.prefix(theirs.head, ours.head.size)
      const evidence = makeSplitView(signer.verifier, [parseNote(ours.note), parseNote(theirs.note)], prefix)
      const report = join(user.home, 'stderr.txt')
      await writeFile(report, output)
      expect(await importReport(report, node)).toContain(evidenceId(evidence))
      await node.event((event) => event.event === 'evidence' && event.id === evidenceId(evidence))
    })

    test.skipIf(xmod === undefined)("gets the records of golang.org/x/mod's own server", async () => {
      const theirs = await startXModLog(
        xmod!,
        [...madeUpRecords(0, 300), hello, world].map(({ text }) => text).join(''),
      )
      const node = await RunningNode.start(temporaryHome(), ['--log', `${theirs.log} ${theirs.url}`])
      await node.event(({ event }) => event === 'quorum')
      for (const [args, record] of [
        [HELLO, hello],
        [WORLD, world],
      ] as const) {
        const { exit, output } = await user.run(args, direct(node))
        expect([exit, output]).toEqual([0, expect.stringContaining(/h1:\S+/.exec(record.text)![0]) as string])
      }
      expect(parseCheckpoint(parseNote(await readFile(user.latest('xmod.example'))).text).size).toBe(theirs.size)
    })

    test('accepts genuine records of sum.golang.org under its built-in key', async () => {
      const replay = await ReplayLog.start(readFiles(new URL('genuine/', SMALL)))
      onTestFinished(() => replay.close())
      const node = await RunningNode.start(temporaryHome(), ['--log', `${GOLANG_KEY.vkey} ${replay.url}`])
      await node.event(({ event }) => event === 'quorum')
      expect(node.ready.logs[0]!.gosumdb).toBe(`sum.golang.org ${node.ready.http}/sumdb/sum.golang.org`)
      // A module without a go.mod file gets one of a single line, which can be derived without a network.
      const [path, version] = ['github.com/karrick/godirwalk', 'v1.12.0']
      const modules = join(root, 'genuine')
      await mkdir(modules, { recursive: true })
      await publish(modules, path, version, 'const Walk = 1', `module ${path}\n`)
      await writeFile(join(user.home, 'go.mod'), `module example.com/app\n\ngo 1.19\n\nrequire ${path} ${version}\n`)
      const settings = { GOPROXY: `file://${modules}`, GOSUMDB: node.ready.logs[0]!.gosumdb! }
      const listed = await user.run(['list', '-m', 'all'], settings)
      expect([listed.exit, listed.output]).toEqual([0, expect.stringContaining(`${path} ${version}`) as string])
      expect(await readFile(join(user.home, 'go.sum'), 'utf8')).toContain(`${path} ${version}/go.mod h1:`)
      // The files are not the genuine ones, and the genuine record shows that.
      const { exit, output } = await user.run(['mod', 'download', path], settings)
      expect([exit, output]).toEqual([1, expect.stringContaining('checksum mismatch') as string])
      expect(output).toContain('sum.golang.org: h1:')
    })
  })
})

async function importReport(file: string, node: RunningNode): Promise<string> {
  const { stdout, stderr } = await gossum(['evidence', 'import', file, '--node', node.ready.http])
  return stdout + stderr
}
