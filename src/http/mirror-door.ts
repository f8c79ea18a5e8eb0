/**
 * The routes of a GOPROXY: `/mod/<module>/{@latest,@v/list,@v/<version>.{info,mod,zip}}`, and `/mod/sumdb/<name>/...`,
 * which is the same as `/sumdb/<name>/...` (go.dev/ref/mod, "GOPROXY protocol").
 *
 * A refusal has status 403, not 404, after which the go command would silently fetch the module elsewhere. 404 is for
 * modules that do not exist, and for private modules, which are meant to be fetched elsewhere. A node without a mirror
 * answers 501, which also stops the go command.
 */
import { errorText, GossumError, traitsOf, type ErrorCode } from '../errors.js'
import { isVersion, unescapeModule, unescapePath, unescapeQuery, type ModuleVersion } from '../sumdb/module-version.js'
import type { Asking } from '../proxy/shared.js'
import { preflightRoute } from './cross-origin.js'
import { FileBody } from './file-body.js'
import { forGo, GO_TEXT, goStatusOf } from './go-answer.js'
import { sumdbAnswer, type SumdbView } from './go-door.js'
import { IMMUTABLE } from './caching.js'
import { fileReply, type Reply } from './reply.js'
import type { ApiRequest, Route } from './router.js'

/** A file of a module version that may be served. */
export interface ServedFile {
  /** Path on disk. */
  readonly file: string
  /** Bytes. */
  readonly size: number
  /** Its content, if it is small. */
  readonly bytes?: Uint8Array | undefined
  /** `h1:...`, as recorded in the log. */
  readonly hash: string
  /** To be called when the file is no longer read. */
  release(): void
}

/** The module mirror as the go command sees it. */
export interface MirrorView {
  file(module: ModuleVersion, kind: 'mod' | 'zip', asking: Asking): Promise<ServedFile>
  info(path: string, query: string, asking: Asking): Promise<Uint8Array>
  latest(path: string, asking: Asking): Promise<Uint8Array>
  list(path: string, asking: Asking): Promise<Uint8Array>
}

/** Milliseconds that an answer may take: a toolchain of 200 MB must first be fetched from upstream and hashed. */
const PATIENCE_MS = 600_000

const TYPES = { info: 'application/json', mod: GO_TEXT, zip: 'application/zip' } as const
/** Things that may change within a minute. */
const SHORT = 'public, max-age=60'

/** `mirror` is undefined for a node without one. */
export function mirrorRoutes(
  mirror: MirrorView | undefined,
  logs: readonly SumdbView[],
  onError: (error: unknown) => void,
): Route[] {
  const act = async (request: ApiRequest): Promise<Reply> => {
    if (mirror === undefined) throw new GossumError('MIRROR_OFF')
    const rest = request.params['rest']!
    const [first] = rest.split('/', 1)
    return first === 'sumdb' ? sumdbAnswer(logs, rest.slice('sumdb/'.length), request) : answer(mirror, rest, request)
  }
  const handle = forGo(act, onError, statusOf)
  const path = '/mod/*rest'
  return [{ method: 'GET', path, patienceMs: PATIENCE_MS, handle }, preflightRoute(path)]
}

/** Status of an error here: a module that does not match is refused, which is not a server error. */
function statusOf(code: ErrorCode): number {
  return code === 'MODULE_ZIP_INVALID' || traitsOf(code).status === 403 ? 403 : goStatusOf(code)
}

async function answer(mirror: MirrorView, rest: string, { remoteAddress, signal }: ApiRequest): Promise<Reply> {
  const asking = { client: remoteAddress ?? '', signal }
  // No module path contains an @.
  const at = Math.max(rest.indexOf('/@'), 0)
  const [escaped, what] = [rest.slice(0, at), rest.slice(at + 1)]
  if (what === '@latest') return short(TYPES.info, await mirror.latest(unescapePath(escaped), asking))
  if (what === '@v/list') return short(GO_TEXT, await mirror.list(unescapePath(escaped), asking))
  const [, version, kind] = /^@v\/([^/]+)\.(info|mod|zip)$/.exec(what) ?? []
  if (version === undefined) throw new GossumError('REQUEST_INVALID', rest.slice(0, 200))
  if (kind === 'mod' || kind === 'zip') return file(mirror, unescapeModule(`${escaped}@${version}`), kind, asking)
  const query = unescapeQuery(version)
  const body = await mirror.info(unescapePath(escaped), query, asking)
  const headers = { 'content-type': TYPES.info, 'cache-control': isVersion(query) ? IMMUTABLE : SHORT }
  return { status: 200, headers, body }
}

function short(type: string, body: Uint8Array): Reply {
  return { status: 200, headers: { 'content-type': type, 'cache-control': SHORT }, body }
}

async function file(mirror: MirrorView, module: ModuleVersion, kind: 'mod' | 'zip', asking: Asking): Promise<Reply> {
  const found = await mirror.file(module, kind, asking)
  const body = await bodyOf(found)
  return fileReply(body, `"${found.hash}"`, { 'content-type': TYPES[kind], 'cache-control': IMMUTABLE })
}

function bodyOf(found: ServedFile): FileBody | Promise<FileBody> {
  const release = (): void => found.release()
  if (found.bytes !== undefined) return FileBody.of(found.bytes, release)
  return FileBody.open(found.file, found.size, release).catch((error: unknown) => {
    throw new GossumError('FILE_UNREADABLE', errorText(error), error)
  })
}
