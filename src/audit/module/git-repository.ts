/**
 * Reads a git repository without changing it: through a bare repository of our own, with our own configuration and
 * attributes, that borrows the objects of a repository on this disk or fetches those of a remote one.
 */
import { createWriteStream } from 'node:fs'
import { mkdir, realpath, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { errorText, GossumError } from '../../errors.js'
import { git, GitRefusal, type GitRun } from './git-command.js'
import { MAX_GO_MOD_BYTES } from '../../module/go-mod-text.js'
import { MAX_ZIP_BYTES } from '../../module/zip-rules.js'

/** Milliseconds for reading single objects, and for work on a whole repository or over a network. */
const LOOK_MS = 60_000
const FETCH_MS = 10 * 60_000
/** An object id, of SHA-1 or SHA-256. */
const OBJECT_ID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

/** Archives contain all files, unchanged, regardless of their attributes (as in cmd/go). */
const ATTRIBUTES = '* -export-subst -export-ignore\n'

type Reference = readonly [name: string, id: string]

/** A source of references and their objects. */
interface Origin {
  references(tag?: string): Promise<Reference[]>
  /** Makes the objects of one reference available, or of all. */
  bring(name?: string): Promise<void>
}

export class GitRepository {
  readonly #own: string
  readonly #origin: Origin
  readonly #signal: AbortSignal | undefined

  private constructor(own: string, origin: Origin, signal: AbortSignal | undefined) {
    this.#own = own
    this.#origin = origin
    this.#signal = signal
  }

  /**
   * Opens a folder of a checkout, a bare repository, or the repository at an https, ssh or file URL. Its own files go
   * into `scratch`, an empty folder, which the caller removes. Throws USAGE for another kind of address, and
   * GIT_FAILED.
   */
  static async open(where: string, scratch: string, signal?: AbortSignal): Promise<GitRepository> {
    const url = urlOf(where)
    const own = join(scratch, 'repository')
    const at = { repository: own, timeoutMs: LOOK_MS, signal }
    const local = url === undefined ? await findGitFolder(where) : undefined
    const format = local === undefined ? 'sha1' : await objectFormat(local, signal)
    await git(['init', '--quiet', '--bare', `--object-format=${format}`, '--template=', '--', own], {
      timeoutMs: LOOK_MS,
      signal,
    })
    await mkdir(join(own, 'info'), { recursive: true })
    await writeFile(join(own, 'info', 'attributes'), ATTRIBUTES)
    const origin = local === undefined ? remote(url!, at) : await borrowed(local, own, signal)
    return new GitRepository(own, origin, signal)
  }

  /** The commit that a tag names; undefined if there is no such tag. Throws GIT_FAILED. */
  async tagged(tag: string): Promise<string | undefined> {
    const name = `refs/tags/${tag}`
    const found = (await this.#origin.references(tag)).find(([candidate]) => candidate === name)
    if (found === undefined) return undefined
    await this.#origin.bring(name)
    return this.#commit(found[1])
  }

  /** The commit whose id begins with these hexadecimal digits; undefined if there is none, or more than one. */
  async revision(start: string): Promise<string | undefined> {
    const named = (await this.#origin.references()).find(([, id]) => id.startsWith(start))
    await this.#origin.bring(named?.[0].replace(/\^\{\}$/, ''))
    return this.#commit(start)
  }

  /** The time of a commit, in seconds since 1970. */
  async timeOf(commit: string): Promise<number> {
    return Number((await this.#look(['show', '--no-patch', '--no-show-signature', '--format=%ct', commit])).toString())
  }

  /** A file as committed, at most 16 MiB; undefined if there is none. */
  async file(commit: string, path: string): Promise<Uint8Array | undefined> {
    return this.#orNone(['cat-file', 'blob', `${commit}:${path}`], { maxBytes: MAX_GO_MOD_BYTES })
  }

  /**
   * Writes a zip of a folder of a commit, with all paths below `prefix/`. Returns false if it has no files. Throws
   * GIT_FAILED, also beyond 500 MiB.
   */
  async archive(commit: string, folder: string, file: string): Promise<boolean> {
    const sink = createWriteStream(file, { mode: 0o600 })
    const written = finished(sink)
    written.catch(() => undefined)
    const args = ['archive', '--format=zip', '-1', '--prefix=prefix/', commit, ...(folder === '' ? [] : ['--', folder])]
    try {
      return (await this.#orNone(['--literal-pathspecs', ...args], { sink, maxBytes: MAX_ZIP_BYTES })) !== undefined
    } finally {
      sink.end()
      await written
    }
  }

  async #commit(id: string): Promise<string | undefined> {
    const found = (await this.#orNone(['rev-parse', '--verify', '--quiet', `${id}^{commit}`]))?.toString().trim()
    return found !== undefined && OBJECT_ID.test(found) ? found : undefined
  }

  #look(args: readonly string[], more: Partial<GitRun> = {}): Promise<Buffer> {
    return git(args, { repository: this.#own, timeoutMs: FETCH_MS, signal: this.#signal, ...more })
  }

  /** Undefined if git fails, which it does for things that do not exist. */
  async #orNone(args: readonly string[], more?: Partial<GitRun>): Promise<Buffer | undefined> {
    try {
      return await this.#look(args, more)
    } catch (error) {
      if (error instanceof GitRefusal) return undefined
      throw error
    }
  }
}

// ---- addresses -------------------------------------------------------------------------------------------------

/** The address from which git fetches; undefined for a folder. Throws USAGE for any other protocol. */
function urlOf(where: string): string | undefined {
  const [, protocol] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(where) ?? []
  if (protocol !== undefined) {
    if (['https', 'ssh', 'file'].includes(protocol)) return where
    throw new GossumError('USAGE', `--git takes a folder, or an https, ssh or file URL: ${where}`)
  }
  // git would run a program for an address of a word and two colons.
  if (where.includes('::')) throw new GossumError('USAGE', `--git takes no helpers: ${where}`)
  // user@host:path
  return /^[^/\\]+@[^/\\:]+:/.test(where) ? where : undefined
}

function protocolOf(url: string): string {
  return /^([a-z]+):\/\//.exec(url)?.[1] ?? 'ssh'
}

/** The git folder of a checkout, or the folder itself if it is a bare repository. */
async function findGitFolder(where: string): Promise<string> {
  const start = await realpath(resolve(where)).catch((error: unknown) => {
    throw new GossumError('FILE_UNREADABLE', errorText(error), error)
  })
  for (let folder = start; ; folder = dirname(folder)) {
    if (await isThere(join(folder, '.git'))) return join(folder, '.git')
    if ((await isThere(join(folder, 'HEAD'))) && (await isThere(join(folder, 'objects')))) return folder
    if (folder === dirname(folder)) throw new GossumError('GIT_FAILED', `${where} is not in a git repository`)
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

// ---- origins ---------------------------------------------------------------------------------------------------

async function objectFormat(repository: string, signal: AbortSignal | undefined): Promise<string> {
  const format = await git(['rev-parse', '--show-object-format'], { repository, timeoutMs: LOOK_MS, signal })
  return format.toString().trim() === 'sha256' ? 'sha256' : 'sha1'
}

/** A repository on this disk, whose objects are borrowed; only its references are read with its own configuration. */
async function borrowed(repository: string, own: string, signal: AbortSignal | undefined): Promise<Origin> {
  const at = { repository, timeoutMs: LOOK_MS, signal }
  const path = (await git(['rev-parse', '--path-format=absolute', '--git-path', 'objects'], at)).toString()
  const objects = path.replace(/\n$/, '')
  // The file has one path per line.
  if (objects.includes('\n')) throw new GossumError('GIT_FAILED', 'a newline in the path of the repository')
  await writeFile(join(own, 'objects', 'info', 'alternates'), `${quoted(objects)}\n`)
  return {
    references: async (tag) => {
      const pattern = tag === undefined ? [] : [`refs/tags/${tag}`]
      const listed = await git(['for-each-ref', '--format=%(objectname) %(refname)', ...pattern], at)
      return referencesIn(listed.toString(), ' ')
    },
    bring: () => Promise.resolve(),
  }
}

/** A path in the form of git's own files: in quotes where it would otherwise be misread. */
function quoted(path: string): string {
  return /^["#]/.test(path) ? `"${path.replaceAll(/["\\]/g, '\\$&')}"` : path
}

function remote(url: string, at: GitRun): Origin {
  const over = { ...at, protocol: protocolOf(url), timeoutMs: FETCH_MS }
  const fetch = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head']
  let listed: Promise<Reference[]> | undefined
  return {
    references: () => {
      listed ??= git(['ls-remote', '--', url], over).then((text) => referencesIn(text.toString(), '\t'))
      return listed
    },
    bring: async (name) => {
      if (name !== undefined) await git([...fetch, '--depth=1', '--', url, `+${name}:refs/brought/one`], over)
      else await git([...fetch, '--', url, '+refs/heads/*:refs/brought/h/*', '+refs/tags/*:refs/brought/t/*'], over)
    },
  }
}

function referencesIn(text: string, between: string): Reference[] {
  return text.split('\n').flatMap((line) => {
    const [id, name] = line.split(between, 2)
    return id !== undefined && name !== undefined && OBJECT_ID.test(id) ? [[name, id] as const] : []
  })
}
