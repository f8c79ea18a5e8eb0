/**
 * What the proxies of a GOPROXY setting have of a module version: the first that has it counts, as for the go command.
 */
import { join } from 'node:path'
import { GossumError } from '../../errors.js'
import type { ModuleVersion } from '../../sumdb/module-version.js'
import { fromUtf8 } from '../../tlog/bytes.js'
import { goModHash } from '../../module/dirhash.js'
import { MAX_GO_MOD_BYTES } from '../../module/go-mod-text.js'
import { baseOf, ModuleProxy, NotThere } from '../../module/module-proxy.js'
import type { HolderView } from './module-views.js'
import { hashZip } from '../../module/module-zip.js'
import { MAX_ZIP_BYTES } from '../../module/zip-rules.js'

/** Time limits for a small file, and for a zip, in milliseconds. */
const SMALL_MS = 30_000
const ZIP_MS = 10 * 60_000
/** The largest list of versions that is read, in bytes. */
const MAX_LIST_BYTES = 4 * 1024 * 1024

/** An entry of a GOPROXY setting. */
interface ProxyEntry {
  /** A URL, `direct` or `off`. */
  readonly name: string
  /** Whether the next proxy is asked after any failure, and not only if this one does not have the module. */
  readonly passesAll: boolean
}

export interface ProxyAnswer {
  readonly view: HolderView
  /** Whether the list of versions of a proxy names this one. */
  readonly isListed: boolean
}

function entriesOf(goproxy: string): ProxyEntry[] {
  // SPEC: go.dev/ref/mod, GOPROXY: behind a comma the next is asked after 404 and 410 alone, behind a bar after any error.
  return [...goproxy.matchAll(/([^,|]+)([,|]?)/g)].flatMap(([, name, end]) => {
    const trimmed = name!.trim()
    return trimmed === '' ? [] : [{ name: trimmed, passesAll: end === '|' }]
  })
}

/** Asks them. `scratch` is a folder for downloads. Throws USAGE for an entry that is not a proxy. */
export async function viewOfProxies(
  module: ModuleVersion,
  goproxy: string,
  scratch: string,
  signal?: AbortSignal,
): Promise<ProxyAnswer> {
  let isListed = false
  const absent: string[] = []
  for (const { name, passesAll } of entriesOf(goproxy)) {
    if (name === 'off' || name === 'direct') {
      const reason = name === 'off' ? 'GOPROXY is off' : 'GOPROXY says direct: name the repository with --git'
      return { view: absent.length > 0 ? missing(absent) : { kind: 'not-asked', reason }, isListed }
    }
    const proxy = new ModuleProxy(name)
    try {
      return { view: await viewOfProxy(module, proxy, scratch, signal), isListed }
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      if (error instanceof NotThere) {
        absent.push(error.detail)
        isListed ||= await lists(module, proxy, signal)
      } else if (error.code === 'MODULE_ZIP_INVALID') {
        return { view: { kind: 'unusable', reason: `${proxy.url}: ${error.message}` }, isListed }
      } else if (!passesAll) {
        return { view: { kind: 'unknown', reason: error.message }, isListed }
      } else {
        absent.push(error.detail)
      }
    }
  }
  const view =
    absent.length > 0
      ? missing(absent)
      : ({ kind: 'not-asked', reason: 'GOPROXY names no proxy: name one with --proxy' } as const)
  return { view, isListed }
}

function missing(absent: readonly string[]): HolderView {
  return { kind: 'absent', reason: absent.join('; ') }
}

/** Throws NotThere if the zip or the go.mod does not exist, MODULE_ZIP_INVALID, and PROXY_FAILED. */
async function viewOfProxy(
  { path, version }: ModuleVersion,
  proxy: ModuleProxy,
  scratch: string,
  signal: AbortSignal | undefined,
): Promise<HolderView> {
  const base = baseOf({ path, version })
  const goMod = await proxy.get(`${base}.mod`, MAX_GO_MOD_BYTES, SMALL_MS, signal)
  const file = await proxy.save(`${base}.zip`, join(scratch, 'proxy.zip'), MAX_ZIP_BYTES, ZIP_MS, signal)
  const { hash, flaw } = await hashZip(file, `${path}@${version}/`, signal)
  return {
    kind: 'has',
    hashes: { zip: hash, mod: goModHash(goMod) },
    from: proxy.url,
    ...(flaw === undefined ? {} : { flaw }),
  }
}

/** Whether the proxy's list names the version. An unreadable list names nothing. */
async function lists(module: ModuleVersion, proxy: ModuleProxy, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    const list = await proxy.get(baseOf(module).replace(/[^/]*$/, 'list'), MAX_LIST_BYTES, SMALL_MS, signal)
    return (fromUtf8(list) ?? '').split('\n').some((line) => line.trim().split(/\s/, 1)[0] === module.version)
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    return false
  }
}
