/** A mirror with everything around it that a test may make lie: upstreams on loopback, and a fake log. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { listen, urlOf } from '../../src/lib/listen.js'
import type {
  CoveredSince,
  MirrorFile,
  MirrorParts,
  MirrorRefusal,
  RecordedLines,
} from '../../src/mirror/mirror-parts.js'
import { Mirror } from '../../src/mirror/mirror.js'
import { goModHash, hash1 } from '../../src/module/dirhash.js'
import { baseOf } from '../../src/module/module-proxy.js'
import { Admission, PAID } from '../../src/proxy/admission.js'
import type { Asking } from '../../src/proxy/shared.js'
import { StatusError } from '../../src/sumdb/fetcher.js'
import type { ModuleVersion } from '../../src/sumdb/module-version.js'
import { sha256 } from '../../src/tlog/hash.js'
import { toHex, utf8 } from '../../src/tlog/bytes.js'
import { temporaryHome } from '../helpers/home.js'
import { makeZip, type MadeEntry } from '../helpers/zips.js'

export const HOUR = 3_600_000
/** The time of these tests. */
export const NOW = Date.parse('2026-06-01T00:00:00Z')
export const M: ModuleVersion = { path: 'example.com/Mod', version: 'v1.0.0' }

/** A client that stays for the whole test. */
export function asking(): Asking {
  return { client: PAID, signal: new AbortController().signal }
}

type Answer = Uint8Array | string | number | ((response: ServerResponse, request: IncomingMessage) => void)

/** A module proxy with the answers of a test: bytes, a status, or a function. 404 for everything else. */
export class FakeUpstream {
  /** By path, without the leading slash. */
  readonly files = new Map<string, Answer>()
  /** The requested paths, in order. */
  readonly asked: string[] = []
  url = ''
  stop: () => Promise<void> = () => Promise.resolve()

  static async start(): Promise<FakeUpstream> {
    const upstream = new FakeUpstream()
    const server = createServer((request, response) => {
      const path = request.url!.slice(1)
      upstream.asked.push(path)
      const answer = upstream.files.get(path) ?? 404
      if (typeof answer === 'function') answer(response, request)
      else if (typeof answer === 'number') response.writeHead(answer).end()
      else response.end(answer)
    })
    await listen(server, { host: '127.0.0.1', port: 0 })
    upstream.url = urlOf(server)
    upstream.stop = () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    onTestFinished(() => (server.listening ? upstream.stop() : undefined))
    return upstream
  }

  /** Serves a version: its go.mod, its zip and its `.info`. */
  serve(module: MadeModule): void {
    const base = baseOf(module)
    this.files.set(`${base}.mod`, module.goMod)
    this.files.set(`${base}.zip`, module.zip)
    this.files.set(`${base}.info`, module.info)
  }
}

export interface MadeModule extends ModuleVersion {
  readonly goMod: string
  readonly zip: Uint8Array
  readonly info: string
  readonly lines: readonly string[]
  readonly hashes: { readonly mod: string; readonly zip: string }
}

/** A version of a module as its author made it, and its lines in the log. */
export function madeModule(
  { path, version }: ModuleVersion = M,
  files: Readonly<Record<string, string>> = { 'mod.go': 'package mod\n' },
): MadeModule {
  const goMod = `module ${path}\n`
  const entries = Object.entries({ 'go.mod': goMod, ...files }).map(([name, data]) => ({
    name: `${path}@${version}/${name}`,
    data,
    isDeflated: true,
  }))
  const hashes = {
    mod: goModHash(utf8(goMod)),
    zip: hash1(entries.map(({ name, data }) => ({ name, sha256: toHex(sha256(utf8(data))) }))),
  }
  return {
    path,
    version,
    goMod,
    zip: makeZip(entries),
    info: JSON.stringify({ Version: version, Time: '2026-01-02T03:04:05Z', Origin: { VCS: 'git', URL: 'x' } }),
    lines: [`${path} ${version} ${hashes.zip}`, `${path} ${version}/go.mod ${hashes.mod}`],
    hashes,
  }
}

/** Another zip of a version. */
export function zipOf(
  { path, version }: ModuleVersion,
  entries: readonly (MadeEntry & { name: string })[],
): Uint8Array {
  return makeZip(entries.map((entry) => ({ ...entry, name: `${path}@${version}/${entry.name}` })))
}

/** A log with the records of a test. */
export class FakeLog {
  readonly records = new Map<string, RecordedLines>()
  readonly times = new Map<number, CoveredSince>()
  audited: Map<string, { version: string; id: number }[]> | undefined
  readonly asked: string[] = []
  /** Thrown instead of returning any record. */
  trouble: Error | undefined

  /** Records a version under the next number; it was covered at this time, or is not yet. */
  record(module: MadeModule, time: number | null = 0, isExact = true): number {
    const id = this.records.size
    this.records.set(nameOf(module), { id, lines: module.lines })
    if (time !== null) this.times.set(id, { time, isExact })
    return id
  }

  readonly parts: MirrorParts['log'] = {
    record: (module) => {
      this.asked.push(nameOf(module))
      if (this.trouble !== undefined) return Promise.reject(this.trouble)
      const found = this.records.get(nameOf(module))
      return found === undefined ? Promise.reject(new StatusError(404, nameOf(module))) : Promise.resolve(found)
    },
    covered: (id) => Promise.resolve(this.times.get(id)),
    versions: (path) => Promise.resolve(this.audited && (this.audited.get(path) ?? [])),
  }
}

export interface Mirroring {
  readonly mirror: Mirror
  readonly log: FakeLog
  readonly dir: string
  readonly refusals: MirrorRefusal[]
  readonly served: string[]
  readonly errors: unknown[]
  /** Closes this one and opens the same folder again. */
  readonly again: (other?: Partial<MirrorParts>) => Promise<Mirror>
}

/** A mirror of these upstreams. */
export async function startMirror(
  upstreams: readonly (FakeUpstream | string)[],
  settings: Partial<MirrorParts> = {},
): Promise<Mirroring> {
  const log = new FakeLog()
  const dir = settings.dir ?? join(temporaryHome(), 'mirror')
  const refusals: MirrorRefusal[] = []
  const served: string[] = []
  const errors: unknown[] = []
  const parts: MirrorParts = {
    dir,
    upstreams: upstreams.map((upstream) => (typeof upstream === 'string' ? upstream : upstream.url)),
    maxBytes: 1024 * 1024 * 1024,
    privatePatterns: '',
    cooldown: undefined,
    log: log.parts,
    told: {
      onRefused: (refusal) => void refusals.push(refusal),
      onServed: (kind, source) => void served.push(`${kind} ${source}`),
      onError: (error) => void errors.push(error),
    },
    now: () => NOW,
    admission: new Admission(() => performance.now()),
    ...settings,
  }
  let open = await Mirror.open(parts)
  onTestFinished(() => open.stop())
  const again = async (other: Partial<MirrorParts> = {}): Promise<Mirror> => {
    await open.stop()
    open = await Mirror.open({ ...parts, ...other })
    return open
  }
  return { mirror: open, log, dir, refusals, served, errors, again }
}

/** The bytes of a file from a mirror; releases it. */
export function bytesOf(given: MirrorFile): Uint8Array {
  const bytes = readFileSync(given.file)
  given.release()
  return bytes
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}

function nameOf({ path, version }: ModuleVersion): string {
  return `${path}@${version}`
}
