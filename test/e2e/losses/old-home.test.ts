/**
 * Homes written by an older version are taken over by the program: once, automatically, with nothing forgotten,
 * whenever it is killed; and the older version cannot use them any more.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Level } from 'level'
import { beforeAll, describe, expect, test } from 'vitest'
import type { LogView } from '../../../src/status/shapes.js'
import { SCHEMA_VERSION, Store } from '../../../src/store/store.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { logId } from '../../../src/tlog/checkpoint.js'
import { verifiedCosignatures } from '../../../src/tlog/cosignature.js'
import { parseNote } from '../../../src/tlog/note.js'
import { bundled } from '../../helpers/bundle.js'
import { gossum, gossumRefused, jsonError } from '../../helpers/cli.js'
import { temporaryHome } from '../../helpers/home.js'
import { RunningNode } from '../../helpers/node.js'
import { OLD_WITNESS, oldHome, oldLog, oldSumdb, pushedBy } from '../../helpers/old-home.js'
import { canTrace } from '../../helpers/system-calls.js'
import { askWitness, push, type PushingLog } from '../../helpers/witness-client.js'

const [A, B] = [oldLog('a'), oldLog('b')]
const idOf = ({ signer, origin }: PushingLog): string => logId(signer.verifier.name, origin)

async function logsOf(node: RunningNode): Promise<LogView[]> {
  return ((await node.json('/api/v1/logs')) as { logs: LogView[] }).logs
}

async function pushed(node: RunningNode, log: PushingLog, from: number, to: number): Promise<number> {
  return (await push(node.ready.http, log.body(from, to))).status
}

/** The time of the witness's cosignature of a log's newest head, and that head's size; verified. */
async function cosigned(node: RunningNode, log: PushingLog): Promise<{ size: number; time: number }> {
  const { body } = await askWitness(node.ready.http, `/${idOf(log)}/checkpoint`)
  const note = parseNote(utf8(body))
  const line = verifiedCosignatures(note, [OLD_WITNESS.verifier]).get(OLD_WITNESS.verifier.vkey)
  expect(line, body).toBeDefined()
  return { size: Number(note.text.split('\n')[1]), time: line!.time }
}

test('a healthy one continues where it was, and signs nothing that contradicts earlier signatures', async () => {
  const home = oldHome('healthy')
  const args = pushedBy(A, B)
  const node = await RunningNode.start(home, args)
  expect(node.ready.witness).toBe(OLD_WITNESS.verifier.vkey)
  expect(await logsOf(node)).toMatchObject([
    { size: 13, frozen: false, paused: null, floor: null, firstUse: { size: 5 } },
    { size: 7, frozen: false, paused: null, floor: null, firstUse: { size: 7 } },
  ])
  const before = await cosigned(node, A)
  expect(before.size).toBe(13)
  // The next heads are compared with what it knows.
  expect(await pushed(node, A, 5, 14)).toBe(409)
  expect(await pushed(node, A, 13, 14)).toBe(200)
  expect((await cosigned(node, A)).time).toBeGreaterThanOrEqual(before.time)
  expect(await pushed(node, oldLog('b', 'b'), 7, 7)).toBe(422)
  await node.stop()
  expect([existsSync(join(home, 'guard')), existsSync(join(home, 'journal'))]).toEqual([false, true])

  const again = await RunningNode.start(home, args)
  expect(await logsOf(again)).toMatchObject([
    { size: 14, paused: null },
    { size: 7, frozen: true, paused: null },
  ])
  expect(await pushed(again, A, 14, 15)).toBe(200)
  await again.stop()
})

test('its floor and its holds stay', async () => {
  const node = await RunningNode.start(oldHome('floor-and-holds'), pushedBy(A, B))
  const [a, b] = await logsOf(node)
  expect(a).toMatchObject({ size: 14, frozen: true, holds: [{ acked: true }, { acked: false }] })
  expect(b).toMatchObject({ size: 7, frozen: false, floor: { size: 30 } })
  expect(await pushed(node, A, 14, 15)).toBe(503)
  // The key has signed 30 of B: nothing below it, nothing that contradicts it.
  expect(await pushed(node, B, 7, 29)).toBe(503)
  expect(await pushed(node, B, 7, 30)).toBe(200)
  const { holds } = a!
  const acked = await gossum(['evidence', 'ack', holds[1]!.id, '--home', node.home])
  expect(acked.code, acked.stderr).toBe(0)
  expect(await pushed(node, A, 14, 15)).toBe(200)
  expect(await logsOf(node)).toMatchObject([
    { size: 15, frozen: false },
    { size: 30, floor: null },
  ])
  expect(await node.json('/api/v1/evidence')).toMatchObject({ evidence: [{ acked: true }, { acked: true }] })
})

test('one whose database is older than its guard disagrees, for that log only', async () => {
  const home = oldHome('disagreeing')
  const args = pushedBy(A, B)
  const node = await RunningNode.start(home, args)
  expect(await logsOf(node)).toMatchObject([
    { paused: expect.stringMatching(/database is at state 1, the guard .* at 3/) as string },
    { size: 7, paused: null },
  ])
  // The database alone would allow these; the second is of another history.
  expect(await pushed(node, A, 5, 14)).toBe(503)
  expect(await pushed(node, oldLog('a', 'b'), 5, 6)).toBe(422)
  expect(await pushed(node, B, 7, 8)).toBe(200)
  await node.stop()

  const still = await RunningNode.start(home, args)
  expect(await logsOf(still)).toMatchObject([{ paused: expect.stringContaining('state 1') as string }, { size: 8 }])
  await still.stop()
  const recovered = await RunningNode.start(home, [...args, '--recover'])
  expect(await logsOf(recovered)).toMatchObject([{ size: 13, paused: null }, { size: 8 }])
  expect(await pushed(recovered, A, 5, 14)).toBe(409)
  expect(await pushed(recovered, A, 13, 14)).toBe(200)
})

test('one key that cosigned two logs of one origin goes on with one of them, and stays with it', async () => {
  const home = oldHome('one-origin')
  const [one, two] = [oldSumdb('one'), oldSumdb('two')]
  const node = await RunningNode.start(home, pushedBy(one, two))
  expect(await pushed(node, one, 5, 6)).toBe(200)
  expect(await pushed(node, two, 7, 8)).toBe(503)
  expect(await cosigned(node, one)).toMatchObject({ size: 6 })
  await node.stop()

  // The order in which they are configured later changes nothing.
  const turned = await RunningNode.start(home, pushedBy(two, one))
  expect(await pushed(turned, two, 8, 9)).toBe(503)
  expect(await pushed(turned, one, 6, 7)).toBe(200)
  await turned.stop()

  const made = await gossum(['key', 'new', '--for', 'two.example', ...pushedBy(one, two), '--json'], { home })
  expect(made.code, made.stderr).toBe(0)
  const both = await RunningNode.start(home, pushedBy(two, one))
  expect(await pushed(both, two, 9, 10)).toBe(200)
  expect(await pushed(both, one, 7, 8)).toBe(200)
  // By another key.
  const { body } = await askWitness(both.ready.http, `/${idOf(two)}/checkpoint`)
  expect(verifiedCosignatures(parseNote(utf8(body)), [OLD_WITNESS.verifier]).size).toBe(0)
})

describe('a version', () => {
  async function schemaOf(home: string, set?: string): Promise<string | undefined> {
    const db = new Level(join(home, 'db'))
    const meta = db.sublevel('meta')
    if (set !== undefined) await meta.put('schema', set)
    const schema = await meta.get('schema')
    await db.close()
    return schema
  }

  test('before this one refuses what was taken over: it reads the schema number first; and one that finds the home of a newer one reports it, suggests no new key, and changes nothing', async () => {
    const home = oldHome('healthy')
    expect(await schemaOf(home)).toBe('1')
    await (await RunningNode.start(home, pushedBy(A, B))).stop()
    expect(await schemaOf(home)).toBe(SCHEMA_VERSION)
    expect(SCHEMA_VERSION).not.toBe('1')

    await schemaOf(home, String(Number(SCHEMA_VERSION) + 1))
    const journal = readFileSync(join(home, 'journal'))
    const refused = await gossumRefused(['run', '--json', '--http', '127.0.0.1:0', ...pushedBy(A, B)], { home })
    expect(refused.code).toBe(1)
    const { code, message, hint } = jsonError(refused)
    expect([code, message]).toEqual(['STORE_SCHEMA', expect.stringContaining('newer version')])
    expect(hint).toMatch(/use that version/)
    expect(hint).not.toMatch(/new key|key new|new --home/)
    expect(readFileSync(join(home, 'journal'))).toEqual(journal)
  })
})

describe('killed', () => {
  const CALLS = ['openat', 'write', 'fdatasync', 'fsync', 'rename', 'unlink']
  const NAMES = [
    '',
    'journal',
    'journal.new',
    'guard',
    'db',
    'db/CURRENT',
    'db/LOG',
    'db/LOG.old',
    'db/MANIFEST-000002',
  ]
  const NUMBERED = ['log', 'ldb', 'dbtmp'].flatMap((ending) => [3, 4, 5, 6].map((n) => `db/00000${n}.${ending}`))
  const MANIFESTS = [4, 5, 6].map((n) => `db/MANIFEST-00000${n}`)

  let open: string
  // Of one file, which sixty processes load.
  beforeAll(async () => {
    const store = await bundled(new URL('../../../src/store/store.ts', import.meta.url))
    open = `const { Store } = await import(${JSON.stringify(pathToFileURL(store))})
await (await Store.open(process.argv[1])).close()`
  })

  /** Opens a home in a process that is killed at its nth such call on a file of it. False if it finished before. */
  function openUntil(home: string, call: string, n: number): boolean {
    const paths = [...NAMES, ...NUMBERED, ...MANIFESTS].flatMap((name) => ['-P', name === '' ? home : join(home, name)])
    const inject = `inject=${call}:signal=KILL:when=${n}`
    const options = ['-f', '-o', '/dev/null', '-e', `trace=${call}`, '-e', 'signal=none', ...paths, '-e', inject]
    const { signal, status, stderr } = spawnSync(
      'strace',
      // V8's own threads have nothing to do, and strace would follow each of them.
      [...options, process.execPath, '--v8-pool-size=0', '--input-type=module', '-e', open, home],
      // With one thread, since strace counts the calls of each.
      { encoding: 'utf8', env: { ...process.env, UV_THREADPOOL_SIZE: '1' } },
    )
    if (signal === 'SIGKILL') return true
    expect(status, stderr).toBe(0)
    return false
  }

  async function expectTakenOver(home: string): Promise<void> {
    const { heads, evidence, ...store } = await Store.open(home).then((opened) => ({
      heads: opened.heads,
      evidence: opened.evidence,
      close: () => opened.close(),
    }))
    expect([A, B].map((log) => heads.disagreement(idOf(log)))).toEqual([undefined, undefined])
    expect(heads.get(idOf(A))).toMatchObject({
      tree: A.tree(14),
      signed: { key: OLD_WITNESS.verifier.vkey, size: 14 },
      holds: [{ acked: true }, { acked: false }],
    })
    expect(heads.get(idOf(B))).toMatchObject({ tree: B.tree(7), floor: { size: 30 } })
    expect(await evidence.list()).toHaveLength(2)
    await store.close()
    expect([existsSync(join(home, 'guard')), existsSync(join(home, 'journal'))]).toEqual([false, true])
  }

  test('at any system call, the takeover is repeated or completed', async ({ skip }) => {
    if (!canTrace()) {
      if (process.env['REQUIRE_PEERS'] === '1') throw new Error('no process can be traced here')
      return skip('strace cannot trace here')
    }
    for (const call of CALLS) {
      let n = 1
      for (; ; n++) {
        const home = oldHome('floor-and-holds')
        const isKilled = openUntil(home, call, n)
        await expectTakenOver(home)
        if (!isKilled) break
      }
      expect(n, call).toBeGreaterThan(1)
    }
    // Repeatedly, too: each run finds what the one before left.
    const home = oldHome('floor-and-holds')
    for (const call of ['write', 'fsync', 'rename', 'fdatasync', 'unlink']) openUntil(home, call, 1)
    await expectTakenOver(home)
  }, 120_000)
})

test('an empty home is not an old one: no guard is made or searched for', async () => {
  const home = temporaryHome()
  const node = await RunningNode.start(home, pushedBy(A))
  await node.stop()
  expect(existsSync(join(home, 'guard'))).toBe(false)
})
