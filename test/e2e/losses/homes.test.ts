/**
 * Homes that cannot be used: the program reports each obstacle correctly, makes and changes nothing, and suggests a new
 * key to nobody.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../../src/tlog/bytes.js'
import { sha256 } from '../../../src/tlog/hash.js'
import { gossumRefused, jsonError, PROGRAM, type CliResult } from '../../helpers/cli.js'
import { testSigner } from '../../helpers/heart.js'
import { copyHome, databaseFiles, scratchFolder, smallDisk, temporaryHome } from '../../helpers/home.js'
import { RunningNode } from '../../helpers/node.js'
import { push, PushingLog } from '../../helpers/witness-client.js'

const log = new PushingLog(testSigner('log.example/pushes', 1))
const LOG = ['--log', `${log.signer.verifier.vkey} -`]
const RUN = ['run', '--json', '--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0', ...LOG]
const isRoot = process.getuid?.() === 0
const NOBODY = 65_534

const kept = scratchFolder()

beforeAll(async () => {
  const node = await RunningNode.start(join(kept.dir, 'home'), LOG, {}, () => undefined)
  expect((await push(node.ready.http, log.body(0, 5))).status).toBe(200)
  expect(await node.stop()).toBe(0)
})

/** A home whose witness has signed: a copy of the one that was made. */
function usedHome(home = join(temporaryHome(), 'home')): string {
  copyHome(join(kept.dir, 'home'), home)
  return home
}

/** The relevant contents of a home, without LevelDB's own files, which change whenever it is opened. */
function contents(home: string): string[] {
  return readdirSync(home)
    .sort()
    .map((name) => {
      const path = join(home, name)
      return `${name} ${statSync(path).isFile() ? toHex(sha256(readFileSync(path))) : ''}`
    })
}

/** `gossum run` on a home; as an unprivileged user, if there is one. */
function run(home: string): CliResult {
  const as = isRoot ? ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups', process.execPath] : []
  const [program, ...args] = [...(isRoot ? ['setpriv'] : [process.execPath]), ...as, PROGRAM, ...RUN, '--home', home]
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', GOSSUM_MDNS: 'false' }
  // A start that succeeds is a failure, and is ended.
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env, timeout: 10_000 })
  return { code: status, stdout, stderr }
}

interface Refusal {
  readonly code: string
  readonly words: RegExp
}

function expectRefused(result: CliResult, { code, words }: Refusal): void {
  expect(result.code, `${result.stdout}${result.stderr}`).toBe(1)
  const error = jsonError(result)
  expect(error).toMatchObject({ code, message: expect.stringMatching(words) as string })
  expect(`${error.message} ${error.hint}`).not.toMatch(/new key|key new|new witness|A new key/)
  expect(result.stdout).toBe('')
}

describe('a home that was in use', () => {
  test.each<[string, (home: string) => void, Refusal]>([
    ['that nobody may enter', (home) => chmodSync(home, 0), { code: 'HOME_UNUSABLE', words: /EACCES/ }],
    ['that may not be written', (home) => chmodSync(home, 0o500), { code: 'HOME_UNUSABLE', words: /mode 500/ }],
    [
      'whose database nobody may enter',
      (home) => chmodSync(join(home, 'db'), 0),
      { code: 'HOME_UNUSABLE', words: /db.*mode 0/ },
    ],
    [
      'with a file of the database that may not be read',
      (home) => databaseFiles(home, '.log').forEach((file) => chmodSync(file, 0)),
      { code: 'HOME_UNUSABLE', words: /\.log.*mode 0/ },
    ],
    [
      'whose journal may not be read',
      (home) => chmodSync(join(home, 'journal'), 0),
      { code: 'HOME_UNUSABLE', words: /journal.*mode 0/ },
    ],
    [
      'whose key may not be read',
      (home) => chmodSync(join(home, 'witness.key'), 0),
      { code: 'KEY_FILE_INVALID', words: /witness\.key/ },
    ],
    [
      'whose key others may read',
      (home) => chmodSync(join(home, 'witness.key'), 0o644),
      { code: 'KEY_FILE_INVALID', words: /witness\.key/ },
    ],
    [
      'with keys of logs that nobody may see',
      (home) => mkdirSync(join(home, 'keys'), { mode: 0 }),
      { code: 'HOME_UNUSABLE', words: /keys/ },
    ],
  ])('%s: it is said whose it is, and nothing is made', (_what, spoil, refusal) => {
    const home = usedHome()
    if (isRoot) execFileSync('chown', ['-R', String(NOBODY), home])
    // The folder above is ours, and closed to others.
    chmodSync(join(home, '..'), 0o755)
    const before = contents(home)
    spoil(home)
    const result = run(home)
    expectRefused(result, refusal)
    rmSync(join(home, 'keys'), { recursive: true, force: true })
    expect(contents(home)).toEqual(before)
  })

  test('that belongs to another user', ({ skip }) => {
    if (!isRoot) return skip('needs a second user')
    const home = usedHome()
    chmodSync(join(home, '..'), 0o755)
    const before = contents(home)
    expectRefused(run(home), { code: 'HOME_UNUSABLE', words: /EACCES/ })
    expect(contents(home)).toEqual(before)
  })

  test('on a disk that is full, and one that is read-only', async ({ skip }) => {
    const disk = smallDisk(600)
    if (disk === undefined) {
      if (process.env['REQUIRE_PEERS'] === '1') throw new Error('no small file system can be mounted here')
      return skip('mounting a small file system needs root on Linux')
    }
    const home = usedHome(join(disk.path, 'home'))
    const kept = join(temporaryHome(), 'kept')
    copyHome(home, kept)
    disk.fill()
    expectRefused(await gossumRefused(RUN, { home }), { code: 'HOME_UNUSABLE', words: /no space left/ })
    disk.free()
    execFileSync('mount', ['-o', 'remount,ro', disk.path])
    expectRefused(await gossumRefused(RUN, { home }), { code: 'HOME_UNUSABLE', words: /read-only/i })
    execFileSync('mount', ['-o', 'remount,rw', disk.path])
    expect(readFileSync(join(home, 'witness.key'))).toEqual(readFileSync(join(kept, 'witness.key')))
    const node = await RunningNode.start(home, LOG)
    expect((await push(node.ready.http, log.body(5, 6))).status).toBe(200)
  })

  test('that another process uses', async () => {
    const home = usedHome()
    const node = await RunningNode.start(home, LOG)
    expectRefused(await gossumRefused(RUN, { home }), { code: 'STORE_LOCKED', words: /another process/ })
    expect((await push(node.ready.http, log.body(5, 6))).status).toBe(200)
  })

  test.each([
    ['a file in the place of the database', 'db', 'file'],
    ['a directory in the place of the journal', 'journal', 'directory'],
  ])('with %s', async (_what, name, kind) => {
    const home = usedHome()
    rmSync(join(home, name), { recursive: true })
    if (kind === 'file') writeFileSync(join(home, name), '')
    else mkdirSync(join(home, name))
    const before = contents(home)
    expectRefused(await gossumRefused(RUN, { home }), {
      code: 'HOME_UNUSABLE',
      words: new RegExp(`there is a ${kind} where`),
    })
    expect(contents(home)).toEqual(before)
  })

  test('that lost a part of its database, and only that, is damaged', async () => {
    const home = usedHome()
    rmSync(join(home, 'db', 'CURRENT'))
    const refused = await gossumRefused(RUN, { home })
    expectRefused(refused, { code: 'STORE_DAMAGED', words: /damaged/ })
    expect(jsonError(refused).hint).toContain('keep a copy')
    expect(existsSync(join(home, 'db', 'CURRENT'))).toBe(false)
  })
})

describe('a home without its witness.key', () => {
  test.each<[string, string[], RegExp]>([
    ['beside all the rest', [], /journal/],
    ['beside the journal alone', ['db'], /journal/],
    ['beside the database alone', ['journal'], /db/],
  ])('%s, gets no other one: it is refused, and nothing is made', async (_what, gone, trace) => {
    const home = usedHome()
    for (const name of ['witness.key', ...gone]) rmSync(join(home, name), { recursive: true })
    const before = contents(home)
    const refused = await gossumRefused(RUN, { home })
    expect([refused.code, refused.stdout]).toEqual([1, ''])
    const { code, message, hint } = jsonError(refused)
    expect([code, message]).toEqual(['KEY_MISSING', expect.stringMatching(trace)])
    expect(hint).toMatch(/^restore the key file/)
    expect(contents(home)).toEqual(before)
  })

  test('goes on when the key is restored', async () => {
    const home = usedHome()
    const key = readFileSync(join(home, 'witness.key'))
    rmSync(join(home, 'witness.key'))
    expect((await gossumRefused(RUN, { home })).code).toBe(1)
    writeFileSync(join(home, 'witness.key'), key, { mode: 0o600 })
    const node = await RunningNode.start(home, LOG)
    expect((await push(node.ready.http, log.body(5, 6))).status).toBe(200)
  })
})

test('a --home that is a file, or below one, is reported as that', async () => {
  const file = join(temporaryHome(), 'file')
  writeFileSync(file, '')
  for (const home of [file, join(file, 'below')])
    expectRefused(await gossumRefused(RUN, { home }), { code: 'HOME_UNUSABLE', words: /file|ENOTDIR|EEXIST/ })
})
