/**
 * Where a repository has a module version: the folder, the tag, the revision of a pseudo-version, determined like the
 * go command (go.dev/ref/mod, "Mapping versions to commits" and "Finding the module directory within the repository").
 *
 * Pure.
 */
import type { ModuleVersion } from '../../sumdb/module-version.js'

/** The major version in a module path. */
export interface MajorSuffix {
  /** The path without it. */
  readonly prefix: string
  /** `/v2`, `.v1` of gopkg.in, or empty. */
  readonly suffix: string
}

/** Splits a module path at its major version. */
export function splitMajor(path: string): MajorSuffix {
  const pattern = path.startsWith('gopkg.in/') ? /\.v(?:0|[1-9][0-9]*)(?:-unstable)?$/ : /\/v(?:[2-9]|[1-9][0-9]+)$/
  const suffix = pattern.exec(path)?.[0] ?? ''
  return { prefix: path.slice(0, path.length - suffix.length), suffix }
}

/** Whether a go.mod that names this path, or none, can belong to a module with this major version suffix. */
export function fitsMajor(named: string | undefined, suffix: string): boolean {
  if (named === undefined) return false
  const own = splitMajor(named).suffix
  return suffix === '' ? ['', '.v0', '.v1'].includes(own.replace(/-unstable$/, '')) : own === suffix
}

export interface PseudoVersion {
  /** The first 12 digits of the commit. */
  readonly revision: string
  /** The time of the commit, as `20060102150405` in UTC. */
  readonly time: string
}

/** The commit that a version itself names; undefined for a version that has a tag. */
export function pseudoVersionOf(version: string): PseudoVersion | undefined {
  const pattern =
    /^v[0-9]+\.(?:0\.0-|[0-9]+\.[0-9]+-(?:[^+]*\.)?0\.)([0-9]{14})-([0-9a-f]{12})(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/
  const [, time, revision] = pattern.exec(version) ?? []
  return time === undefined || revision === undefined ? undefined : { time, revision }
}

/** The tag of a version of the module in this folder, which is empty for the root. */
export function tagOf(folder: string, version: string): string {
  const tag = version.replace(/\+incompatible$/, '')
  return folder === '' ? tag : `${folder}/${tag}`
}

/**
 * The folders in which a repository may have the module, without that of a major version, most likely first. There is
 * only one if the path says where its repository ends, or if the address of the repository does.
 */
export function foldersOf({ path }: Pick<ModuleVersion, 'path'>, repository: string): string[] {
  const { prefix } = splitMajor(path)
  const root = rootIn(path) ?? rootOf(repository, path)
  if (root !== undefined) return [prefix.length <= root.length ? '' : prefix.slice(root.length + 1)]
  const elements = prefix.split('/')
  return elements.map((_, i) => elements.slice(elements.length - i).join('/'))
}

/** The path of the repository, if it is evident from the module path. */
function rootIn(path: string): string | undefined {
  if (path.startsWith('gopkg.in/')) return path
  const patterns = [
    /^(?:github\.com|bitbucket\.org)(?:\/[^/]+){2}(?=\/|$)/,
    /^golang\.org\/x\/[^/]+/,
    /^[^]+?\.git(?=\/|$)/,
  ]
  return patterns.map((pattern) => pattern.exec(path)?.[0]).find((root) => root !== undefined)
}

/** The address of a repository as a prefix of the module path, if it is one. */
function rootOf(repository: string, path: string): string | undefined {
  const [, address] = /^(?:https|ssh):\/\/(?:[^@/]*@)?([^?#]+?)(?:\.git)?\/*$/.exec(repository) ?? []
  const root = address?.replace(/^([^/:]+):[0-9]+/, '$1')
  return root !== undefined && (path === root || path.startsWith(`${root}/`)) ? root : undefined
}
