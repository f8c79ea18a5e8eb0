/**
 * The real go command with our checksum database: it verifies modules, refuses a changed module, and notices a fork.
 * Skipped if there is no go command, unless REQUIRE_PEERS=1, which makes that a failure.
 */
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { NewRecord } from '../../src/sumdb/log-server.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { makeSignerKey, parseNote, SIGNATURE_TYPES, verifyNote } from '../../src/tlog/note.js'
import { LyingLog, madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import {
  goCommands,
  GoUser,
  h1,
  publish,
  removeTree,
  required,
  type GoResult,
  type ModuleFiles,
} from '../helpers/go.js'
import { readJson, SMALL } from '../sumdb/genuine.js'

const commands = goCommands()
const signer = makeSignerKey('localhost.localdev/sumdb', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))

// ---- tests -----------------------------------------------------------------------------------------------------

test('h1 hashes are those of the go command', () => {
  const { dirhash_h1: vector } = readJson(new URL('records.json', SMALL)) as {
    dirhash_h1: { files: ModuleFiles; h1: string }
  }
  expect(h1(vector.files)).toBe(vector.h1)
})

test.runIf(required)('the go command is here, as REQUIRE_PEERS asks', () => {
  expect(commands).not.toEqual([])
})

describe.skipIf(commands.length === 0)('the go command', () => {
  let root: string
  let proxy: string
  let hello: NewRecord
  let world: NewRecord
  let log: LyingLog
  let user: GoUser

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'gossum-go-'))
    proxy = join(root, 'proxy')
    hello = await publish(proxy, 'example.com/hello', 'v1.0.0', 'const Hello = 1')
    world = await publish(proxy, 'example.com/Upper/world', 'v0.1.0', 'const World = 2')
  })
  afterAll(() => removeTree(root))

  beforeEach(async () => {
    // More than a tile before and after, so that the proof needs full tiles and more than one level.
    const records = [...madeUpRecords(0, 300), hello, ...madeUpRecords(300, 600), world]
    log = await LyingLog.start(await memoryLog(signer, records))
    user = await GoUser.create(commands[0]!, root)
  })
  afterEach(() => log.close())

  function runGo(args: string[], modules = proxy): Promise<GoResult> {
    return user.run(args, { GOPROXY: `file://${modules}`, GOSUMDB: `${signer.verifier.vkey} ${log.url}` })
  }

  test('downloads a module that the log vouches for, and remembers the head', async () => {
    const { exit, output } = await runGo(['mod', 'download', '-json', 'example.com/hello@v1.0.0'])
    expect([exit, output]).toEqual([0, expect.stringContaining(/h1:\S+/.exec(hello.text)![0]) as string])
    expect(log.requests).toContain('lookup/example.com/hello@v1.0.0')
    expect(log.requests.filter((path) => path.startsWith('tile/8/0/')).length).toBeGreaterThan(0)
    const latest = await readFile(user.latest('localhost.localdev/sumdb'))
    const note = parseNote(latest)
    verifyNote(note, signer.verifier)
    expect(parseCheckpoint(note.text).size).toBe(log.history.size)
  })

  test('writes the lines of the log into go.sum, also for upper-case paths', async () => {
    const { exit, output } = await runGo(['get', 'example.com/Upper/world@v0.1.0'])
    expect([exit, output]).toEqual([0, expect.stringContaining('added example.com/Upper/world v0.1.0') as string])
    expect(await readFile(join(user.home, 'go.sum'), 'utf8')).toBe(world.text)
    expect(log.requests).toContain('lookup/example.com/!upper/world@v0.1.0')
  })

  test('follows the log as it grows', async () => {
    expect((await runGo(['mod', 'download', 'example.com/hello@v1.0.0'])).exit).toBe(0)
    await log.history.append(madeUpRecords(600, 900))
    expect((await runGo(['mod', 'download', 'example.com/Upper/world@v0.1.0'])).exit).toBe(0)
    const latest = await readFile(user.latest('localhost.localdev/sumdb'), 'utf8')
    expect(latest.split('\n')[1]).toBe('902')
  })

  test('refuses a module that was changed', async () => {
    const changed = join(root, 'changed')
    await publish(changed, 'example.com/hello', 'v1.0.0', 'const Hello = "evil"')
    const { exit, output } = await runGo(['mod', 'download', 'example.com/hello@v1.0.0'], changed)
    expect(exit).toBe(1)
    expect(output).toContain('SECURITY ERROR')
    expect(output).toContain('checksum mismatch')
  })

  test('refuses a module that the log does not know', async () => {
    await publish(proxy, 'example.com/unknown', 'v1.0.0', 'const U = 1')
    const { exit, output } = await runGo(['mod', 'download', 'example.com/unknown@v1.0.0'])
    expect([exit, output]).toEqual([1, expect.stringContaining('not found') as string])
  })

  test('convicts a log that forks: the same key, other records after the tiles that it has', async () => {
    expect((await runGo(['mod', 'download', 'example.com/hello@v1.0.0'])).exit).toBe(0)
    const shared = [...madeUpRecords(0, 300), hello, ...madeUpRecords(300, 512)]
    log.history = await memoryLog(signer, [...shared, ...madeUpRecords(512, 700, 'b'), world])
    const { exit, output } = await runGo(['mod', 'download', 'example.com/Upper/world@v0.1.0'])
    expect(exit).toBe(1)
    expect(output).toContain('SECURITY ERROR\ngo.sum database server misbehavior detected!')
    expect(output).toContain('old database:\n\tgo.sum database tree\n\t602\n')
    expect(output).toContain('new database:\n\tgo.sum database tree\n\t702\n')
    expect(output).toContain('proof of misbehavior:\n\t')
  })

  test('only reports a fork as inconsistent when a cached tile is of the other history', async () => {
    expect((await runGo(['mod', 'download', 'example.com/hello@v1.0.0'])).exit).toBe(0)
    log.history = await memoryLog(signer, [...madeUpRecords(0, 700, 'b'), hello, world])
    const { exit, output } = await runGo(['mod', 'download', 'example.com/Upper/world@v0.1.0'])
    expect([exit, output]).toEqual([1, expect.stringContaining('downloaded inconsistent tile') as string])
  })
})
