/**
 * A GOPROXY in a folder, for a real server that can misbehave on each path (LyingLog), and module versions for it: as
 * published by their author, with their records for a log, and as altered by others.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogReply, NewRecord } from '../../src/sumdb/log-server.js'
import { escapeModule } from '../../src/sumdb/module.js'
import { utf8 } from '../../src/tlog/bytes.js'
import type { Answering } from '../fakes/lying-log.js'
import { h1, type ModuleFiles } from './go.js'
import { makeZip, type MadeEntry } from './zips.js'

const TIME = '2024-01-01T00:00:00Z'

/** One module version. */
export interface Made {
  readonly path: string
  readonly version: string
  readonly mod: string
  /** The entries of the zip, in order. */
  readonly entries: readonly MadeEntry[]
  readonly record: NewRecord
}

/** A module version of a go.mod and these files; their names are relative to the module. */
export function makeModule(
  path: string,
  version: string,
  files: ModuleFiles,
  mod = `module ${path}\n\ngo 1.19\n`,
): Made {
  const inside = `${path}@${version}/`
  const all = { 'go.mod': mod, ...files }
  const named = Object.fromEntries(Object.entries(all).map(([name, text]) => [inside + name, text]))
  const lines = [`${path} ${version} ${h1(named)}`, `${path} ${version}/go.mod ${h1({ 'go.mod': mod })}`]
  return {
    path,
    version,
    mod,
    entries: Object.entries(named).map(([name, data]) => ({ name, data, isDeflated: true })),
    record: { path, version, text: `${lines.join('\n')}\n` },
  }
}

/** The path of a file of a module version in a GOPROXY, without the leading slash. */
export function pathOf({ path, version }: { path: string; version: string }, kind: 'info' | 'mod' | 'zip'): string {
  const [module, escaped] = escapeModule(path, version).split('@') as [string, string]
  return `${module}/@v/${escaped}.${kind}`
}

export class ModuleFolder implements Answering {
  readonly dir: string
  /** Versions of each path, in the order in which they were added. */
  readonly #versions = new Map<string, string[]>()

  constructor(dir: string) {
    this.dir = dir
  }

  /** Adds module versions. A version that does not belong in a version list is found by its name, and as the latest. */
  async put(...modules: readonly Made[]): Promise<void> {
    for (const made of modules) {
      await this.write(pathOf(made, 'info'), JSON.stringify({ Version: made.version, Time: TIME }))
      await this.write(pathOf(made, 'mod'), made.mod)
      await this.write(pathOf(made, 'zip'), makeZip(made.entries))
      const versions = [...(this.#versions.get(made.path) ?? []), made.version]
      this.#versions.set(made.path, versions)
      const listed = versions.filter((version) => !/-\d{14}-/.test(version)).map((version) => `${version}\n`)
      const [module] = pathOf(made, 'info').split('/@v/') as [string]
      await this.write(`${module}/@v/list`, listed.join(''))
      await this.write(`${module}/@latest`, JSON.stringify({ Version: made.version, Time: TIME }))
    }
  }

  /** Writes any file. */
  async write(path: string, content: string | Uint8Array): Promise<void> {
    const file = join(this.dir, path)
    await mkdir(join(file, '..'), { recursive: true })
    await writeFile(file, content)
  }

  async handle(pathname: string): Promise<LogReply> {
    const file = join(this.dir, decodeURIComponent(new URL(`http://upstream.invalid${pathname}`).pathname))
    try {
      return { status: 200, type: 'application/octet-stream', body: new Uint8Array(await readFile(file)) }
    } catch {
      return { status: 404, type: 'text/plain', body: utf8('not found\n') }
    }
  }
}
