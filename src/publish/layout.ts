/**
 * Which parts of the API are in the published folder, and where. A path of the API is the path of its file, except for
 * lists: what is both a file and a folder is `index.json` in that folder. Pure.
 */

/** The published logs. */
export interface PublishedLogs {
  /** Their ids. */
  readonly ids: readonly string[]
  /** Other names of theirs in `/{hash}/checkpoint`: the SHA-256 of an origin, in hex. */
  readonly origins: readonly string[]
}

/** Ids of evidence and suspects. */
export interface PublishedFinds {
  readonly evidence: readonly string[]
  readonly suspects: readonly string[]
}

/** Says when the folder was last brought up to date; the only file that the API does not have. */
export const MARKER = 'published.json'

/** Paths of the API that have others below them. */
const FOLDERS: ReadonlySet<string> = new Set(['/api/v1/logs', '/api/v1/evidence', '/api/v1/suspects'])

/** For every node. A node's state, its peers and its metrics are not public, and outdated a second later. */
const ALWAYS = [...FOLDERS, '/api/v1/witnesses', '/api/v1/witness', '/feed.atom', '/feed.json']

/** The paths whose answers may change. */
export function changingPaths({ ids, origins }: PublishedLogs): string[] {
  const heads = ids.flatMap((id) => [`/api/v1/logs/${id}/head`, `/api/v1/logs/${id}/quorum`])
  // The id of a log may be the hash of its origin.
  const checkpoints = [...new Set([...ids, ...origins])].map((hash) => `/${hash}/checkpoint`)
  return [...heads, ...checkpoints, ...ALWAYS]
}

/** The paths that are named by their content, and never change. */
export function lastingPaths({ evidence, suspects }: PublishedFinds): string[] {
  return [...evidence.map((id) => `/api/v1/evidence/${id}`), ...suspects.map((id) => `/api/v1/suspects/${id}`)]
}

/** The file for a path, relative to the folder, with slashes. */
export function fileOf(path: string): string {
  return FOLDERS.has(path) ? `${path.slice(1)}/index.json` : path.slice(1)
}

/** Names in the folder itself, among its logs, and among its suspects. */
export interface FoundNames {
  readonly top: readonly string[]
  readonly logs: readonly string[]
  readonly suspects: readonly string[]
}

/** Where to look for names of what is no longer published. */
export const SWEPT: Readonly<Record<keyof FoundNames, string>> = {
  top: '',
  logs: 'api/v1/logs',
  suspects: 'api/v1/suspects',
}

const IS_HASH = /^[0-9a-f]{64}$/

/** The files that a node may have written under these names, and may delete. Evidence stays. */
export function removable({ top, logs, suspects }: FoundNames): string[] {
  return [
    ...top.filter((name) => IS_HASH.test(name)).map((hash) => `${hash}/checkpoint`),
    ...logs
      .filter((name) => IS_HASH.test(name))
      .flatMap((id) => [`api/v1/logs/${id}/head`, `api/v1/logs/${id}/quorum`]),
    ...suspects.filter((name) => IS_HASH.test(name)).map((id) => `api/v1/suspects/${id}`),
  ]
}
