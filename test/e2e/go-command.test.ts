/**
 * The real go command against our checksum database: it verifies modules with it, refuses a changed module, and
 * notices a fork. Skipped where there is no go command, unless REQUIRE_PEERS=1, which makes that a failure.
 */
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest'
import { escapeModule } from '../../src/sumdb/module.js'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { makeSignerKey, parseNote, SIGNATURE_TYPES, verifyNote } from '../../src/tlog/note.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { readJson, SMALL } from '../sumdb/genuine.js'
import { LyingLog, madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import type { NewRecord } from '../../src/sumdb/server.js'

/** The file of the go command, or undefined. */
function findGo(): string | undefined {
  try {
    return execFileSync('which', ['go'], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

const go = findGo()
const required = process.env.REQUIRE_PEERS === '1'
const signer = makeSignerKey('localhost.localdev/sumdb', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))

// ---- modules ---------------------------------------------------------------------------------------------------

type ModuleFiles = Record<string, string>

/** The h1 hash of files: SHA-256 over a line of hex hash and name for each, names sorted bytewise. */
function h1(files: ModuleFiles): string {
  const lines = Object.keys(files)
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((name) => `${createHash('sha256').update(files[name]!).digest('hex')}  ${name}\n`)
  return `h1:${createHash('sha256').update(lines.join('')).digest('base64')}`
}

function crc32(data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}

/** A zip of stored entries. */
function zip(files: ModuleFiles): Uint8Array {
  const parts: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let offset = 0
  for (const [name, text] of Object.entries(files)) {
    const [nameBytes, data] = [utf8(name), utf8(text)]
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt32LE(crc32(data), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(nameBytes.length, 22)
    const local = concatBytes(utf8('PK\x03\x04'), common, nameBytes, data)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    directory.push(concatBytes(utf8('PK\x01\x02'), Uint8Array.of(20, 0), common, tail, nameBytes))
    parts.push(local)
    offset += local.length
  }
  const entries = concatBytes(...directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(directory.length, 4)
  end.writeUInt16LE(directory.length, 6)
  end.writeUInt32LE(entries.length, 8)
  end.writeUInt32LE(offset, 12)
  return concatBytes(...parts, entries, utf8('PK\x05\x06'), end)
}

/** Puts a module version into a proxy directory and returns its record. */
async function publish(proxy: string, path: string, version: string, body: string): Promise<NewRecord> {
  const mod = `module ${path}\n\ngo 1.19\n`
  const inside = `${path}@${version}/`
  const files = { [`${inside}go.mod`]: mod, [`${inside}lib.go`]: `package lib\n\n${body}\n` }
  const [escaped] = escapeModule(path, version).split('@')
  const directory = join(proxy, escaped!, '@v')
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'list'), `${version}\n`)
  await writeFile(
    join(directory, `${version}.info`),
    JSON.stringify({ Version: version, Time: '2024-01-01T00:00:00Z' }),
  )
  await writeFile(join(directory, `${version}.mod`), mod)
  await writeFile(join(directory, `${version}.zip`), zip(files))
  return {
    path,
    version,
    text: `${path} ${version} ${h1(files)}\n${path} ${version}/go.mod ${h1({ 'go.mod': mod })}\n`,
  }
}

/** Deletes a folder that holds a module cache, which is read-only. */
async function removeTree(directory: string): Promise<void> {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(directory, entry.name))
  }
  await rm(directory, { recursive: true, force: true })
}

// ---- tests -----------------------------------------------------------------------------------------------------

test('h1 hashes are those of the go command', () => {
  const { dirhash_h1: vector } = readJson(new URL('records.json', SMALL)) as {
    dirhash_h1: { files: ModuleFiles; h1: string }
  }
  expect(h1(vector.files)).toBe(vector.h1)
})

test.runIf(required)('the go command is here, as REQUIRE_PEERS asks', () => {
  expect(go).toBeDefined()
})

describe.skipIf(go === undefined)('the go command', () => {
  let root: string
  let proxy: string
  let hello: NewRecord
  let world: NewRecord
  let log: LyingLog
  let home: string

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'gossum-go-'))
    proxy = join(root, 'proxy')
    hello = await publish(proxy, 'example.com/hello', 'v1.0.0', 'const Hello = 1')
    world = await publish(proxy, 'example.com/Upper/world', 'v0.1.0', 'const World = 2')
  })
  afterAll(() => removeTree(root))

  beforeEach(async () => {
    // More than a tile before and behind, so that the proof takes full tiles and more than one level.
    const records = [...madeUpRecords(0, 300), hello, ...madeUpRecords(300, 600), world]
    log = await LyingLog.start(await memoryLog(signer, records))
    home = await mkdtemp(join(root, 'home-'))
    await writeFile(join(home, 'go.mod'), 'module example.com/app\n\ngo 1.19\n')
  })
  afterEach(() => log.close())

  /** Runs the go command with an environment of its own; resolves to its exit code and what it said. */
  function runGo(args: string[], modules = proxy): Promise<{ exit: number; output: string }> {
    const env = {
      PATH: `${dirname(go!)}:/usr/bin:/bin`,
      HOME: home,
      GOPATH: join(home, 'gp'),
      GOCACHE: join(home, 'cache'),
      GOENV: 'off',
      GOTOOLCHAIN: 'local',
      GOFLAGS: '-mod=mod',
      GOPROXY: `file://${modules}`,
      GOSUMDB: `${signer.verifier.vkey} ${log.url}`,
    }
    return new Promise((resolve) => {
      execFile(go!, args, { cwd: home, env, timeout: 60_000 }, (error, stdout, stderr) => {
        resolve({ exit: error === null ? 0 : 1, output: stdout + stderr })
      })
    })
  }

  test('downloads a module that the log vouches for, and remembers the head', async () => {
    const { exit, output } = await runGo(['mod', 'download', '-json', 'example.com/hello@v1.0.0'])
    expect([exit, output]).toEqual([0, expect.stringContaining(/h1:\S+/.exec(hello.text)![0]) as string])
    expect(log.requests).toContain('lookup/example.com/hello@v1.0.0')
    expect(log.requests.filter((path) => path.startsWith('tile/8/0/')).length).toBeGreaterThan(0)
    const latest = await readFile(join(home, 'gp/pkg/sumdb/localhost.localdev/sumdb/latest'))
    const note = parseNote(latest)
    verifyNote(note, signer.verifier)
    expect(parseCheckpoint(note.text).size).toBe(log.history.size)
  })

  test('writes the lines of the log into go.sum, also for upper-case paths', async () => {
    const { exit, output } = await runGo(['get', 'example.com/Upper/world@v0.1.0'])
    expect([exit, output]).toEqual([0, expect.stringContaining('added example.com/Upper/world v0.1.0') as string])
    expect(await readFile(join(home, 'go.sum'), 'utf8')).toBe(world.text)
    expect(log.requests).toContain('lookup/example.com/!upper/world@v0.1.0')
  })

  test('follows the log as it grows', async () => {
    expect((await runGo(['mod', 'download', 'example.com/hello@v1.0.0'])).exit).toBe(0)
    await log.history.append(madeUpRecords(600, 900))
    expect((await runGo(['mod', 'download', 'example.com/Upper/world@v0.1.0'])).exit).toBe(0)
    const latest = await readFile(join(home, 'gp/pkg/sumdb/localhost.localdev/sumdb/latest'), 'utf8')
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

  test('convicts a log that forks: the same key, other records behind the tiles that it has', async () => {
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

  test('only calls a fork inconsistent when a tile that it has kept is of the other history', async () => {
    expect((await runGo(['mod', 'download', 'example.com/hello@v1.0.0'])).exit).toBe(0)
    log.history = await memoryLog(signer, [...madeUpRecords(0, 700, 'b'), hello, world])
    const { exit, output } = await runGo(['mod', 'download', 'example.com/Upper/world@v0.1.0'])
    expect([exit, output]).toEqual([1, expect.stringContaining('downloaded inconsistent tile') as string])
  })
})
