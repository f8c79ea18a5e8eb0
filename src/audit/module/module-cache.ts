/**
 * The module cache of the go command: zips, go.mod files and stored hashes below cache/download, and the extracted
 * files next to it (go.dev/ref/mod, "Module cache"). Whoever can write there can change what is compiled, so nothing in
 * it is believed.
 */
import { open, opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GossumError, errorText } from '../../errors.js'
import { unlessRefused } from '../../errors/attempt.js'
import { escapeModule, unescapeModule, type ModuleVersion } from '../../sumdb/module-version.js'
import { fromUtf8 } from '../../tlog/bytes.js'
import { goModHash } from '../../module/dirhash.js'
import { MAX_GO_MOD_BYTES } from '../../module/go-mod-text.js'
import { baseOf } from '../../module/module-proxy.js'
import { differencesOf, hashFolder, type HashedFolder } from './module-folder.js'
import type { HolderName, HolderView } from './module-views.js'
import { hashZip, type HashedZip } from '../../module/module-zip.js'

/** The most module versions of a cache that are checked. */
export const MAX_CACHED_MODULES = 200_000
/** The largest file with a hash in it, in bytes. */
const MAX_ZIPHASH_BYTES = 256
/** The most changed files that are listed for one module. */
const MAX_DIFFERENCES = 100

export type CacheViews = Readonly<Record<Extract<HolderName, 'cache' | 'ziphash' | 'folder'>, HolderView>>

/**
 * The module versions in a cache, ordered by name. Throws FILE_UNREADABLE if it is not a folder, and beyond
 * MAX_CACHED_MODULES.
 */
export async function cachedModules(root: string): Promise<ModuleVersion[]> {
  const found = new Map<string, ModuleVersion>()
  const add = (escaped: string): void => {
    const module = unlessRefused(() => unescapeModule(escaped))
    if (module === undefined) return
    found.set(escaped, module)
    if (found.size > MAX_CACHED_MODULES) throw unreadable(`${root}: more than ${MAX_CACHED_MODULES} module versions`)
  }
  const downloads = join(root, 'cache', 'download')
  if (!(await isFolder(root))) throw unreadable(`${root} is not a folder`)
  for await (const path of foldersBelow(downloads, (name) => name === '@v')) {
    for await (const { name } of await opendir(join(downloads, path, '@v'))) {
      const version = /^(.+)\.(?:zip|ziphash|mod)$/.exec(name)?.[1]
      if (version !== undefined) add(`${path}@${version}`)
    }
  }
  for await (const path of foldersBelow(root, (name) => name.includes('@'))) {
    for await (const entry of await opendir(join(root, path))) {
      if (entry.isDirectory() && entry.name.includes('@')) add(path === '' ? entry.name : `${path}/${entry.name}`)
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, module]) => module)
}

/** Folders that contain a matching folder, as paths below `root`; matching folders are not searched. */
async function* foldersBelow(root: string, isWanted: (name: string) => boolean, path = ''): AsyncGenerator<string> {
  const below: string[] = []
  let hasWanted = false
  const folder = await opendir(join(root, path)).catch(() => undefined)
  if (folder === undefined) return
  for await (const entry of folder) {
    if (!entry.isDirectory()) continue
    if (isWanted(entry.name)) hasWanted = true
    // The download cache, and the go command's memory of logs in it, are not modules.
    else if (path !== '' || (entry.name !== 'cache' && entry.name !== 'sumdb')) below.push(entry.name)
  }
  if (hasWanted) yield path
  for (const name of below) yield* foldersBelow(root, isWanted, path === '' ? name : `${path}/${name}`)
}

/** What a cache has of a module version; failures are part of the views. Throws the signal's reason. */
export async function viewsOfCache(root: string, module: ModuleVersion, signal?: AbortSignal): Promise<CacheViews> {
  const prefix = `${module.path}@${module.version}/`
  const base = join(root, 'cache', 'download', baseOf(module))
  const folder = join(root, escapeModule(module.path, module.version))
  const zip = await read(`${base}.zip`, signal, (file) => hashZip(file, prefix, signal))
  const mod = await read(`${base}.mod`, signal, async (file) => goModHash(await contentOf(file, MAX_GO_MOD_BYTES)))
  const noted = await read(`${base}.ziphash`, signal, async (file) => {
    return (fromUtf8(await contentOf(file, MAX_ZIPHASH_BYTES)) ?? '').trim()
  })
  const isPartial = await isThere(`${base}.partial`)
  const extracted = isPartial ? undefined : await read(folder, signal, (dir) => hashFolder(dir, prefix, signal))
  return {
    cache: viewOfDownload(`${base}.zip`, zip, mod),
    ziphash: view(noted, (text) => ({ hashes: { zip: text, mod: null }, from: `${base}.ziphash` })),
    folder: view(extracted, (own) => ({
      hashes: { zip: own.hash, mod: null },
      from: folder,
      ...changesIn(own, zip, prefix),
    })),
  }
}

/** What was read, or why it could not be; undefined if it does not exist. */
type Read<T> = { readonly value: T } | { readonly error: GossumError } | undefined

async function read<T>(
  path: string,
  signal: AbortSignal | undefined,
  act: (path: string) => Promise<T>,
): Promise<Read<T>> {
  signal?.throwIfAborted()
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return undefined
  // Opening a pipe could wait for ever, and reading a device never end.
  if (!found.isFile() && !found.isDirectory()) return { error: unreadable(`${path} is not a file`) }
  try {
    return { value: await act(path) }
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof GossumError)) throw error
    return { error }
  }
}

type Had = Omit<Extract<HolderView, { kind: 'has' }>, 'kind'>

function view<T>(found: Read<T>, of: (value: T) => Had): HolderView {
  if (found === undefined) return { kind: 'absent', reason: 'not in the module cache' }
  if ('value' in found) return { kind: 'has', ...of(found.value) }
  // An unreadable file proves nothing; a readable one that is not a module is certainly not the right one.
  const { code, message } = found.error
  return code === 'MODULE_ZIP_INVALID' ? { kind: 'unusable', reason: message } : { kind: 'unknown', reason: message }
}

/** One view of the two files: that of the invalid one, if one is. */
function viewOfDownload(file: string, zip: Read<HashedZip>, mod: Read<string>): HolderView {
  const wrong = [zip, mod].find((found) => found !== undefined && 'error' in found)
  const [own, goMod] = [valueOf(zip), valueOf(mod)]
  const isThere = own !== undefined || goMod !== undefined
  return view(wrong ?? (isThere ? { value: undefined } : undefined), () => ({
    hashes: { zip: own?.hash ?? null, mod: goMod ?? null },
    from: file,
    ...(own?.flaw === undefined ? {} : { flaw: own.flaw }),
  }))
}

function valueOf<T>(found: Read<T>): T | undefined {
  return found !== undefined && 'value' in found ? found.value : undefined
}

/** The files that differ from the zip, if there is one to compare with. */
function changesIn(
  own: HashedFolder,
  zip: Read<HashedZip>,
  prefix: string,
): Pick<Extract<HolderView, { kind: 'has' }>, 'files'> {
  if (zip === undefined || 'error' in zip || own.hash === zip.value.hash) return {}
  return { files: differencesOf(zip.value.files, own.files, prefix).slice(0, MAX_DIFFERENCES) }
}

async function contentOf(file: string, most: number): Promise<Uint8Array> {
  try {
    const handle = await open(file, 'r')
    try {
      const { size } = await handle.stat()
      if (size > most) throw unreadable(`${file}: larger than ${most} bytes`)
      return await handle.readFile()
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw error instanceof GossumError ? error : unreadable(errorText(error), error)
  }
}

function unreadable(detail: string, cause?: unknown): GossumError {
  return new GossumError('FILE_UNREADABLE', detail, cause)
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}
