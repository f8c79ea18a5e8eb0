/** The real go command: where it is, modules to download, and runs in an environment of their own. */
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { escapeModule } from '../../src/sumdb/module.js'
import type { NewRecord } from '../../src/sumdb/log-server.js'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'

/** With REQUIRE_PEERS=1 a missing peer is a failure. */
export const required = process.env.REQUIRE_PEERS === '1'

export interface GoCommand {
  readonly path: string
  /** Such as go1.26.8. */
  readonly version: string
}

/** Every go command of this machine, one of each version: on the PATH, and where Debian puts them. */
export function goCommands(): GoCommand[] {
  const onPath = (process.env.PATH ?? '').split(':').map((directory) => join(directory, 'go'))
  const debian = existsSync('/usr/lib') ? readdirSync('/usr/lib').filter((name) => /^go-[\d.]+$/.test(name)) : []
  const files = [...onPath, ...debian.map((name) => `/usr/lib/${name}/bin/go`)].filter((file) => existsSync(file))
  const found = new Map<string, GoCommand>()
  for (const path of new Set(files.map((file) => realpathSync(file)))) {
    const env = { PATH: process.env.PATH, HOME: '/nonexistent', GOTOOLCHAIN: 'local' }
    const version = execFileSync(path, ['version'], { encoding: 'utf8', env }).split(' ')[2]!
    if (!found.has(version)) found.set(version, { path, version })
  }
  return [...found.values()]
}

/** The newest of them: module rules change, and ours are the current ones. */
export function newestGo(): GoCommand | undefined {
  return goCommands()
    .sort((a, b) => minorOf(a) - minorOf(b))
    .at(-1)
}

/** The N of go1.N. */
export function minorOf({ version }: GoCommand): number {
  return Number(/^go1\.(\d+)/.exec(version)?.[1] ?? 0)
}

// ---- runs ------------------------------------------------------------------------------------------------------

export interface GoResult {
  readonly exit: number
  /** Its stdout and stderr. */
  readonly output: string
}

export interface GoSettings {
  readonly GOPROXY: string
  readonly GOSUMDB: string
  /** -mod=mod if absent. */
  readonly GOFLAGS?: string
  /** local if absent. */
  readonly GOTOOLCHAIN?: string
}

/** A user of a go command: a home with an empty module, and with caches of its own. */
export class GoUser {
  readonly home: string
  readonly #go: GoCommand

  private constructor(go: GoCommand, home: string) {
    this.#go = go
    this.home = home
  }

  static async create(go: GoCommand, root: string): Promise<GoUser> {
    const home = await mkdtemp(join(root, 'home-'))
    await writeFile(join(home, 'go.mod'), 'module example.com/app\n\ngo 1.19\n')
    return new GoUser(go, home)
  }

  /** The file in which the go command keeps its head of a log. */
  latest(name: string): string {
    return join(this.home, 'gp/pkg/sumdb', name, 'latest')
  }

  run(args: readonly string[], settings: GoSettings): Promise<GoResult> {
    const env = {
      PATH: `${dirname(this.#go.path)}:/usr/bin:/bin`,
      HOME: this.home,
      GOPATH: join(this.home, 'gp'),
      GOCACHE: join(this.home, 'cache'),
      GOENV: 'off',
      GOTOOLCHAIN: 'local',
      GOFLAGS: '-mod=mod',
      ...settings,
    }
    return new Promise((resolve) => {
      execFile(this.#go.path, args, { cwd: this.home, env, timeout: 60_000 }, (error, stdout, stderr) => {
        resolve({ exit: error === null ? 0 : 1, output: stdout + stderr })
      })
    })
  }
}

// ---- modules ---------------------------------------------------------------------------------------------------

export type ModuleFiles = Record<string, string>

/** The h1 hash of files: SHA-256 over a line of hex hash and name for each, names sorted bytewise. */
export function h1(files: ModuleFiles): string {
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

/** Replaces the zip of a version in a proxy directory; the entries, named within the module, are in this order. */
export async function repack(proxy: string, path: string, version: string, files: ModuleFiles): Promise<void> {
  const [escaped, name] = escapeModule(path, version).split('@')
  const entries = Object.entries(files).map(([file, text]) => [`${path}@${version}/${file}`, text])
  await writeFile(join(proxy, escaped!, '@v', `${name!}.zip`), zip(Object.fromEntries(entries) as ModuleFiles))
}

/** Puts a module version into a proxy directory and returns its record. */
export async function publish(
  proxy: string,
  path: string,
  version: string,
  body: string,
  mod = `module ${path}\n\ngo 1.19\n`,
): Promise<NewRecord> {
  const inside = `${path}@${version}/`
  const files = { [`${inside}go.mod`]: mod, [`${inside}lib.go`]: `package lib\n\n${body}\n` }
  const [escaped, name] = escapeModule(path, version).split('@')
  const directory = join(proxy, escaped!, '@v')
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'list'), `${version}\n`)
  await writeFile(join(directory, `${name!}.info`), JSON.stringify({ Version: version, Time: '2024-01-01T00:00:00Z' }))
  await writeFile(join(directory, `${name!}.mod`), mod)
  await writeFile(join(directory, `${name!}.zip`), zip(files))
  return {
    path,
    version,
    text: `${path} ${version} ${h1(files)}\n${path} ${version}/go.mod ${h1({ 'go.mod': mod })}\n`,
  }
}

/** Deletes a folder with a module cache, which is read-only. */
export async function removeTree(directory: string): Promise<void> {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(directory, entry.name))
  }
  await rm(directory, { recursive: true, force: true })
}

/**
 * The module cache of a new user who has downloaded these from a GOPROXY in a folder; undefined without a go command.
 */
export async function downloadedCache(
  go: GoCommand | undefined,
  { root, proxy }: { readonly root: string; readonly proxy: string },
  modules: readonly { readonly path: string; readonly version: string }[],
): Promise<string | undefined> {
  if (go === undefined) return undefined
  const user = await GoUser.create(go, root)
  const named = modules.map(({ path, version }) => `${path}@${version}`)
  const from = { GOPROXY: pathToFileURL(proxy).href, GOSUMDB: 'off' }
  const { exit, output } = await user.run(['mod', 'download', '-modcacherw', ...named], from)
  if (exit !== 0) throw new Error(output)
  return join(user.home, 'gp/pkg/mod')
}
