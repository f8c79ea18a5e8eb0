/**
 * A module version from a git repository: the commit that the go command would take, and the module that it would make
 * from it (cmd/go, and golang.org/x/mod/zip).
 */
import { join } from 'node:path'
import { hash } from 'node:crypto'
import { GossumError } from '../../errors.js'
import type { ModuleVersion } from '../../sumdb/module-version.js'
import { fromUtf8, utf8 } from '../../tlog/bytes.js'
import { goModHash, hash1 } from '../../module/dirhash.js'
import { GitRepository } from './git-repository.js'
import { isSinceGo124, MAX_GO_MOD_BYTES, modulePathIn, synthesizedGoMod } from '../../module/go-mod-text.js'
import { fitsMajor, foldersOf, pseudoVersionOf, splitMajor, tagOf } from './module-layout.js'
import type { HolderView } from './module-views.js'
import { zipEntries } from '../../module/module-zip.js'
import { MAX_ZIP_BYTES, moduleFiles, type TreeFile } from '../../module/zip-rules.js'

const PREFIX = 'prefix/'
/** The bits of a Unix mode that give the type of a file. */
const FILE_TYPE = 0o170000
const REGULAR = 0o100000
const SYMLINK = 0o120000

/** Where the module is in a commit. */
interface Location {
  readonly commit: string
  /** Its name in texts: the tag, or the revision. */
  readonly named: string
  /** Empty for the root. */
  readonly folder: string
  readonly goMod: Uint8Array | undefined
}

/**
 * What the repository has. `scratch` is an empty folder, which the caller removes. Throws USAGE for an invalid address;
 * any other failure is part of the view.
 */
export async function viewOfGit(
  module: ModuleVersion,
  where: string,
  scratch: string,
  signal?: AbortSignal,
): Promise<HolderView> {
  try {
    const repository = await GitRepository.open(where, scratch, signal)
    const found = await find(module, where, repository)
    if ('kind' in found) return found
    const { commit, folder, named, goMod } = found
    const file = join(scratch, 'archive.zip')
    if (!(await repository.archive(commit, folder, file))) {
      return { kind: 'absent', reason: `no files in ${named}${folder === '' ? '' : `, folder ${folder}`}` }
    }
    const zip = await hashModule(module, found, repository, file)
    const mod = goModHash(goMod ?? utf8(synthesizedGoMod(module.path)))
    return { kind: 'has', hashes: { zip, mod }, from: `${named}, commit ${commit.slice(0, 12)}` }
  } catch (error) {
    if (!(error instanceof GossumError) || error.code === 'USAGE') throw error
    return error.code === 'MODULE_ZIP_INVALID'
      ? { kind: 'unusable', reason: error.message }
      : { kind: 'unknown', reason: error.message }
  }
}

async function find(module: ModuleVersion, where: string, repository: GitRepository): Promise<Location | HolderView> {
  const { path, version } = module
  const pseudo = pseudoVersionOf(version)
  const folders = foldersOf(module, where)
  const refused: string[] = []
  for (const folder of folders) {
    const named = pseudo === undefined ? `tag ${tagOf(folder, version)}` : `revision ${pseudo.revision}`
    const commit = await (pseudo === undefined
      ? repository.tagged(tagOf(folder, version))
      : repository.revision(pseudo.revision))
    if (commit === undefined) continue
    // SPEC: go.dev/ref/mod, Pseudo-versions: the time is that of the commit; go refuses a version that says another.
    if (pseudo !== undefined && stamp(await repository.timeOf(commit)) !== pseudo.time) {
      return { kind: 'unusable', reason: `${named} does not have the time in the version` }
    }
    const found = await inCommit(path, folder, commit, repository)
    if (typeof found === 'string') refused.push(`${named}: ${found}`)
    // If the path does not determine the folder, the go.mod does.
    else if (folders.length > 1 && found.goMod !== undefined && pathIn(found.goMod) !== path) {
      refused.push(`${named}: go.mod names ${pathIn(found.goMod) ?? 'no module'}`)
    } else return { ...found, commit, named }
  }
  if (refused.length > 0) return { kind: 'unusable', reason: refused.join('; ') }
  const tags = folders.map((folder) => tagOf(folder, version)).join(' or ')
  return { kind: 'absent', reason: pseudo === undefined ? `no tag ${tags}` : `no revision ${pseudo.revision}` }
}

/** The folder of the module in a commit, which may be that of its major version; or why there is none. */
async function inCommit(
  path: string,
  folder: string,
  commit: string,
  repository: GitRepository,
): Promise<Pick<Location, 'folder' | 'goMod'> | string> {
  const { suffix } = splitMajor(path)
  const goMod = await repository.file(commit, join2(folder, 'go.mod'))
  const fits = goMod !== undefined && fitsMajor(pathIn(goMod), suffix)
  if (suffix.startsWith('/')) {
    const below = join2(folder, suffix.slice(1))
    const other = await repository.file(commit, `${below}/go.mod`)
    // SPEC: go.dev/ref/mod, Finding the module directory: the major version may have a folder; two go.mod are an error.
    if (other !== undefined) {
      if (!fitsMajor(pathIn(other), suffix)) return `${below}/go.mod is not of ${suffix}`
      return fits
        ? `both ${folder === '' ? 'the root' : folder} and ${below} have a go.mod of ${suffix}`
        : { folder: below, goMod: other }
    }
  }
  if (fits) return { folder, goMod }
  if (goMod !== undefined) return `${join2(folder, 'go.mod')} is of another major version`
  // SPEC: the same: a module without go.mod is at the root, and of no major version that its path would have to name.
  return folder === '' && !suffix.startsWith('/') ? { folder, goMod } : `no ${join2(folder, 'go.mod')}`
}

function pathIn(goMod: Uint8Array): string | undefined {
  const text = fromUtf8(goMod)
  return text === undefined ? undefined : modulePathIn(text)
}

function join2(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}

/** Seconds since 1970 in the form of pseudo-versions. */
function stamp(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replaceAll(/[-:T]|\..*/g, '')
}

/** The h1 hash of the module in an archive of its folder. */
async function hashModule(
  { path, version }: ModuleVersion,
  { commit, folder, goMod }: Location,
  repository: GitRepository,
  archive: string,
): Promise<string> {
  const start = folder === '' ? PREFIX : `${PREFIX}${folder}/`
  const tree: TreeFile[] = []
  for await (const { name, size, mode } of zipEntries(archive, MAX_ZIP_BYTES)) {
    if (!name.startsWith(start) || name.endsWith('/')) continue
    tree.push({ name: name.slice(start.length), kind: kindOf(mode), size })
  }
  // SPEC: go.dev/ref/mod, Module zip files: a module in a folder without a LICENSE takes that of the root.
  const borrows = folder !== '' && !tree.some(({ name }) => name === 'LICENSE')
  const license = borrows ? await repository.file(commit, 'LICENSE') : undefined
  if (license !== undefined) tree.push({ name: 'LICENSE', kind: 'regular', size: license.length })
  const since = goMod !== undefined && isSinceGo124(fromUtf8(goMod.subarray(0, MAX_GO_MOD_BYTES)) ?? '')
  const wanted = new Set(moduleFiles(tree, since).map(({ name }) => name))

  const prefix = `${path}@${version}/`
  const files =
    license !== undefined && wanted.has('LICENSE')
      ? [{ name: `${prefix}LICENSE`, sha256: hash('sha256', license) }]
      : []
  for await (const entry of zipEntries(archive, MAX_ZIP_BYTES)) {
    const name = entry.name.slice(start.length)
    if (!entry.name.startsWith(start) || !wanted.has(name)) continue
    files.push({ name: prefix + name, sha256: await entry.digest() })
  }
  return hash1(files)
}

/** git sets a mode only for special files. */
function kindOf(mode: number): TreeFile['kind'] {
  const type = mode & FILE_TYPE
  if (type === SYMLINK) return 'symlink'
  return type === 0 || type === REGULAR ? 'regular' : 'other'
}
