/**
 * What `gossum check go.sum` relies on: which log, who vouches for its quorum head, and where that comes from. Cheap to
 * load: a file whose lines are all cached needs nothing else.
 */
import { resolve } from 'node:path'
import { SUM_GOLANG_ORG, SUM_GOLANG_ORG_URL } from '../../../config/known-logs.js'
import { GossumError } from '../../../errors.js'
import { withoutLogin } from '../../../outgoing/logins.js'
import type { CommonFlags } from '../../common-flags.js'
import { readPolicyFile } from '../../named-files.js'

export interface GoSumFlags extends CommonFlags {
  readonly log?: string
  readonly policy?: string
  readonly head?: string
  readonly offline?: string
  readonly writeProof?: string
  readonly writeEvidence?: string
  readonly sarif?: boolean
  /** False with --no-cache. */
  readonly cache?: boolean
}

/** Where the quorum head and the records come from. */
export type GoSumSource =
  /** A node, which serves only heads that have a quorum. */
  | { readonly kind: 'node'; readonly url: string }
  /** The log itself; `head` is a file with a cosigned head. */
  | { readonly kind: 'log'; readonly url: string; readonly head: string | undefined }
  /** A home, for the quorum head, and the log, for the records. */
  | { readonly kind: 'home'; readonly home: string; readonly url: string }
  /** A proof file. */
  | { readonly kind: 'proof'; readonly file: string }

export interface GoSumSettings {
  /** Verifier key of the log, as it was given. */
  readonly vkey: string
  /** The bytes of the policy that a head must satisfy; undefined when the source is trusted. */
  readonly policy: Uint8Array | undefined
  readonly source: GoSumSource
  /** Identifies whom a verdict relies on: what was found under one is not reused under another. */
  readonly trust: string
}

/** The largest policy that is read, in bytes; parsePolicy has the same bound. */
const MAX_POLICY_BYTES = 256 * 1024

/** Throws USAGE, FILE_UNREADABLE and POLICY_MALFORMED. */
export async function goSumSettings(flags: GoSumFlags): Promise<GoSumSettings> {
  const policy = flags.policy === undefined ? undefined : await readPolicyFile(flags.policy, MAX_POLICY_BYTES)
  const [vkey, address, ...rest] = flags.log?.trim().split(/\s+/) ?? [await logOf(policy)]
  const url = address && withoutLogin(address)
  if (!vkey || rest.length > 0) throw new GossumError('USAGE', '--log takes "VKEY" or "VKEY URL"')
  const source = await sourceOf(flags, vkey, url)
  if (policy === undefined && (source.kind === 'log' || source.kind === 'proof')) {
    const asked = source.kind === 'log' ? 'a log alone' : 'a proof file'
    throw new GossumError('USAGE', `${asked} does not determine whose cosignatures count: give a --policy FILE`)
  }
  if (flags.head !== undefined && source.kind !== 'log') {
    throw new GossumError('USAGE', '--head is for asking the log itself: --log "VKEY URL" --policy FILE')
  }
  if (flags.sarif === true && flags.json === true)
    throw new GossumError('USAGE', '--json and --sarif cannot be combined')
  return { vkey, policy, source, trust: trustIn(policy, source) }
}

/** The log that the policy names, if it names exactly one; otherwise sum.golang.org. */
async function logOf(policy: Uint8Array | undefined): Promise<string> {
  if (policy === undefined) return SUM_GOLANG_ORG
  const { parsePolicy } = await import('../../../tlog/policy.js')
  const { logs } = parsePolicy(policy)
  if (logs.length === 1) return logs[0]!.vkey
  if (logs.length > 1 && !logs.some(({ vkey }) => vkey === SUM_GOLANG_ORG)) {
    throw new GossumError('USAGE', `the policy names ${logs.length} logs: choose one with --log VKEY`)
  }
  return SUM_GOLANG_ORG
}

async function sourceOf(flags: GoSumFlags, vkey: string, given: string | undefined): Promise<GoSumSource> {
  if (flags.offline !== undefined) {
    const other = (['node', 'home', 'writeProof'] as const).find((name) => flags[name] !== undefined)
    if (other !== undefined)
      throw new GossumError(
        'USAGE',
        '--offline makes no requests, and cannot be combined with --node, --home or --write-proof',
      )
    return { kind: 'proof', file: flags.offline }
  }
  if (flags.node !== undefined) return { kind: 'node', url: await named(flags.node) }
  if (flags.home !== undefined) {
    const url = given ?? (vkey === SUM_GOLANG_ORG ? SUM_GOLANG_ORG_URL : undefined)
    if (url === undefined)
      throw new GossumError('USAGE', '--home has no records: give the URL of the log with --log "VKEY URL"')
    return { kind: 'home', home: resolve(flags.home), url }
  }
  if (given !== undefined) return { kind: 'log', url: given, head: flags.head }
  return { kind: 'node', url: await named(await nodeOf(flags)) }
}

/** Loads the configuration only if one could matter. */
async function nodeOf(flags: GoSumFlags): Promise<string> {
  const set = ['GOSSUM_NODE', 'GOSSUM_CONFIG', 'GOSSUM_HTTP'].some((name) => process.env[name])
  if (flags.config === undefined && !set) return `http://127.0.0.1:${(await import('../../node-client.js')).USUAL_PORT}`
  return (await import('../../node-url.js')).nodeUrl(flags)
}

/** Throws USAGE if this is not the URL of a node. */
async function named(url: string): Promise<string> {
  const { NodeClient } = await import('../../node-client.js')
  return new NodeClient(url).url
}

/** Under a policy, it does not matter who delivered the head. */
function trustIn(policy: Uint8Array | undefined, source: GoSumSource): string {
  if (policy !== undefined) return `policy\n${Buffer.from(policy).toString('latin1')}`
  return source.kind === 'home' ? `home\n${source.home}` : `node\n${'url' in source ? source.url : ''}`
}
