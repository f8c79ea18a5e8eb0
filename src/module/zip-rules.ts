/**
 * Which files belong to a module, and which zips are module zips (golang.org/x/mod/zip). What is refused here is also
 * refused by the go command.
 *
 * Pure.
 */
import { GossumError } from '../errors.js'
import { badFilePath, NameCollisions } from './file-path.js'
import { MAX_GO_MOD_BYTES } from './go-mod-text.js'

/** The largest module zip, and the largest total of its files, in bytes. */
export const MAX_ZIP_BYTES = 500 * 1024 * 1024
/** The most entries of a zip that are read. The largest modules have about ten thousand files. */
export const MAX_ZIP_ENTRIES = 500_000

/** A file in a tree from which a module may be made. */
export interface TreeFile {
  /** Its path below the root of the module, with slashes. */
  readonly name: string
  readonly kind: 'regular' | 'symlink' | 'other'
  /** Bytes. */
  readonly size: number
}

/**
 * The files of a tree that belong to the module, in their order; the others are silently omitted, as the go command
 * does. `isSinceGo124` is declared by the go.mod at the root. Throws MODULE_ZIP_INVALID if no module can be made from
 * the tree.
 */
export function moduleFiles<T extends TreeFile>(files: readonly T[], isSinceGo124: boolean): T[] {
  const nested = new Set(files.filter(isGoMod).map(({ name }) => folderOf(name)))
  const collisions = new NameCollisions()
  let room = MAX_ZIP_BYTES
  return files.filter((file) => {
    const { name, kind, size } = file
    // SPEC: go.dev/ref/mod, Module zip files: no vendored packages, no files of modules in folders below.
    if (isVendored(name, isSinceGo124) || isInNested(name, nested) || name === '.hg_archival.txt') return false
    requireGood(name, collisions, false)
    if (name !== 'go.mod' && name.toLowerCase() === 'go.mod') throw invalid(name, 'a go.mod has a lower-case name')
    // SPEC: the same: symbolic links and other irregular files are left out.
    if (kind !== 'regular') return false
    room -= size
    if (room < 0) throw tooLarge()
    requireSize(name, size)
    return true
  })
}

function isGoMod({ name, kind }: TreeFile): boolean {
  return kind === 'regular' && baseOf(name).toLowerCase() === 'go.mod'
}

/** The folder of a path with a trailing slash; empty for the root. */
function folderOf(name: string): string {
  return name.slice(0, name.lastIndexOf('/') + 1)
}

function baseOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

function isInNested(name: string, nested: ReadonlySet<string>): boolean {
  for (let folder = folderOf(name); folder !== ''; folder = folderOf(folder.slice(0, -1))) {
    if (nested.has(folder)) return true
  }
  return false
}

/**
 * Whether a file is in a package below a vendor folder. Before Go 1.24, vendor folders below the root were computed
 * wrongly, and the hashes from that time remain valid (golang.org/issue/37397).
 */
function isVendored(name: string, isSinceGo124: boolean): boolean {
  if (isSinceGo124 && name === 'vendor/modules.txt') return true
  const [start, inner] = ['vendor/', '/vendor/']
  if (name.startsWith(start)) return name.slice(start.length).includes('/')
  const at = name.indexOf(inner)
  return at !== -1 && name.slice(isSinceGo124 ? at + inner.length : inner.length).includes('/')
}

/** Checks the entries of a zip, one after another, against the rules of module zips. */
export class ZipNames {
  readonly #prefix: string
  readonly #collisions = new NameCollisions()
  #room = MAX_ZIP_BYTES

  /** `prefix` is `path@version/`. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /**
   * Throws MODULE_ZIP_INVALID unless a module zip may, after the previous entries, have an entry of this declared size.
   */
  require(entry: string, size: number): void {
    // SPEC: go.dev/ref/mod, Module zip files: every name begins with the module path, an @, the version and a slash.
    if (!entry.startsWith(this.#prefix)) throw invalid(entry, `its name does not begin with ${this.#prefix}`)
    const name = entry.slice(this.#prefix.length)
    if (name === '') return
    const isFolder = name.endsWith('/')
    requireGood(isFolder ? name.slice(0, -1) : name, this.#collisions, isFolder)
    if (isFolder) return
    // SPEC: the same: a go.mod, in whatever case, is at the root, and there in lower case.
    if (name !== 'go.mod' && baseOf(name).toLowerCase() === 'go.mod') throw invalid(entry, 'another go.mod')
    this.#room -= size
    if (this.#room < 0) throw tooLarge()
    requireSize(name, size)
  }
}

function requireGood(name: string, collisions: NameCollisions, isFolder: boolean): void {
  const why = badFilePath(name) ?? collisions.add(name, isFolder)
  if (why !== undefined) throw invalid(name, why)
}

function requireSize(name: string, size: number): void {
  if ((name === 'go.mod' || name === 'LICENSE') && size > MAX_GO_MOD_BYTES) throw invalid(name, `${size} bytes`)
}

function invalid(name: string, why: string): GossumError {
  return new GossumError('MODULE_ZIP_INVALID', `${JSON.stringify(name.slice(0, 200))}: ${why}`)
}

function tooLarge(): GossumError {
  return new GossumError('MODULE_ZIP_INVALID', `its files are larger than ${MAX_ZIP_BYTES} bytes`)
}
