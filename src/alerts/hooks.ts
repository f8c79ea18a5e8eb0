/**
 * The hooks of a home: programs in `hooks.d`, sorted by name. A program that someone else could have put there, or
 * could change, is not run with the rights of the node, but reported.
 */
import type { Stats } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The most programs that are run. */
const MAX_HOOKS = 32
/** Names of hooks, as with run-parts: no copies left by editors and package managers. */
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$/
const LEFTOVERS = /\.(?:bak|dpkg-[a-z]+|rpm[a-z]+|orig|rej|swp|tmp)$/
/** Permission bits for writing by group and others, and for execution by anyone. */
const WRITABLE = 0o022
const EXECUTABLE = 0o111

export interface HookFile {
  readonly name: string
  /** Its path, without symbolic links. */
  readonly path: string
}

/** A file that is not run as a hook, and why. */
export interface RefusedHook {
  readonly name: string
  readonly why: string
}

export interface Hooks {
  readonly hooks: readonly HookFile[]
  readonly refused: readonly RefusedHook[]
}

/** The folder of the hooks in a home. */
export function hooksFolder(home: string): string {
  return join(home, 'hooks.d')
}

/** Reads the list of hooks; it is empty if the folder does not exist. */
export async function readHooks(folder: string): Promise<Hooks> {
  let names: string[]
  try {
    const why = faultOf(await stat(folder), 'folder')
    if (why !== undefined) return { hooks: [], refused: [{ name: 'hooks.d', why }] }
    names = (await readdir(folder)).filter((name) => NAME.test(name) && !LEFTOVERS.test(name)).toSorted()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { hooks: [], refused: code === 'ENOENT' ? [] : [{ name: 'hooks.d', why: `it cannot be read (${code})` }] }
  }
  const looked = await Promise.all(names.slice(0, MAX_HOOKS).map((name) => lookAt(folder, name)))
  return {
    hooks: looked.flatMap((one) => ('path' in one ? one : [])),
    refused: [
      ...looked.flatMap((one) => ('why' in one ? one : [])),
      ...names.slice(MAX_HOOKS, MAX_HOOKS + 1).map((name) => ({ name, why: `there are more than ${MAX_HOOKS}` })),
    ],
  }
}

async function lookAt(folder: string, name: string): Promise<HookFile | RefusedHook> {
  try {
    const path = await realpath(join(folder, name))
    const why =
      faultOf(await stat(path), 'file') ??
      (dirname(path) === folder ? undefined : faultOf(await stat(dirname(path)), 'folder'))
    return why === undefined ? { name, path } : { name, why }
  } catch (error) {
    return { name, why: `it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})` }
  }
}

/** Why a file is not run, or the folder of a file not trusted. */
function faultOf(stats: Stats, what: 'file' | 'folder'): string | undefined {
  if (what === 'file' ? !stats.isFile() : !stats.isDirectory()) return `it is not a ${what}`
  // Windows has no such owners and bits.
  if (process.platform === 'win32') return undefined
  const place = what === 'file' ? 'it' : 'its folder'
  if (stats.uid !== 0 && stats.uid !== process.geteuid!()) return `${place} belongs to another user`
  if ((stats.mode & WRITABLE) !== 0) return `others may write to ${place}`
  return what === 'file' && (stats.mode & EXECUTABLE) === 0 ? 'it is not executable' : undefined
}
