/**
 * What of the API stands in the published folder, and where. A path of the API is the path of its file, but for lists: what is a
 * file and a folder at once is `index.json` in that folder. Pure.
 */

/** Logs that are published of. */
export interface PublishedLogs {
  /** Their ids. */
  readonly ids: readonly string[]
  /** By what else `/{hash}/checkpoint` names them: the SHA-256 of an origin, in hex. */
  readonly origins: readonly string[]
}

/** Ids of what was found. */
export interface PublishedFinds {
  readonly evidence: readonly string[]
  readonly suspects: readonly string[]
}

/** Says when the folder was last brought up to date. The one file that the API does not have. */
export const MARKER = 'published.json'

/** Paths of the API that have others below them. */
const FOLDERS: ReadonlySet<string> = new Set(['/api/v1/logs', '/api/v1/evidence', '/api/v1/suspects'])

/** Of every node. How the node stands, its peers and its metrics are not for everybody, and are old a second later. */
const ALWAYS = [...FOLDERS, '/api/v1/witnesses', '/api/v1/witness', '/feed.atom', '/feed.json']

/** The paths whose answers may change. */
export function changingPaths({ ids, origins }: PublishedLogs): string[] {
  const heads = ids.flatMap((id) => [`/api/v1/logs/${id}/head`, `/api/v1/logs/${id}/quorum`])
  // A log may have the hash of its origin for its id.
  const checkpoints = [...new Set([...ids, ...origins])].map((hash) => `/${hash}/checkpoint`)
  return [...heads, ...checkpoints, ...ALWAYS]
}

/** Those that are named by what they hold, and never change. */
export function lastingPaths({ evidence, suspects }: PublishedFinds): string[] {
  return [...evidence.map((id) => `/api/v1/evidence/${id}`), ...suspects.map((id) => `/api/v1/suspects/${id}`)]
}

/** The file of a path, from the folder, with slashes. */
export function fileOf(path: string): string {
  return FOLDERS.has(path) ? `${path.slice(1)}/index.json` : path.slice(1)
}

/** Names that stand in the folder itself, among its logs, and among its suspects. */
export interface FoundNames {
  readonly top: readonly string[]
  readonly logs: readonly string[]
  readonly suspects: readonly string[]
}

/** Where names are found that may be of what is not published any more. */
export const SWEPT: Readonly<Record<keyof FoundNames, string>> = {
  top: '',
  logs: 'api/v1/logs',
  suspects: 'api/v1/suspects',
}

const IS_HASH = /^[0-9a-f]{64}$/

/** The files that a node may have written for these names, and may take away. Evidence stays. */
export function removable({ top, logs, suspects }: FoundNames): string[] {
  return [
    ...top.filter((name) => IS_HASH.test(name)).map((hash) => `${hash}/checkpoint`),
    ...logs
      .filter((name) => IS_HASH.test(name))
      .flatMap((id) => [`api/v1/logs/${id}/head`, `api/v1/logs/${id}/quorum`]),
    ...suspects.filter((name) => IS_HASH.test(name)).map((id) => `api/v1/suspects/${id}`),
  ]
}
