/** What is served at a URL: a checksum database, a GOPROXY that serves one, or neither. */
import type { GossumError } from '../errors.js'
import { isAccepted } from '../errors/attempt.js'
import { StatusError, type FetcherOptions, type WaitOptions } from '../sumdb/fetcher.js'
import { MAX_READ_NOTE_BYTES, parseNote, type VerifierKey } from '../tlog/note.js'
import { Vantage, type ProbeFinding } from './probe-session.js'

export type DoorKind = 'sumdb' | 'proxy'

export interface AuditedDoor {
  /** Null if it is neither. */
  readonly kind: DoorKind | null
  readonly finding: ProbeFinding
  /** Access to the log there; absent if there is none. */
  readonly open?: {
    readonly vantage: Vantage
    /** The answer to /latest, or why there is none. */
    readonly latest: Uint8Array | GossumError
  }
}

/** The largest body of an answer whose content is ignored, in bytes. */
const MAX_SUPPORTED_BYTES = 64 * 1024

/** The path at which a GOPROXY, or a node, serves the log with this key name; without slashes at the ends. */
export function doorPath(name: string): string {
  return `sumdb/${name.split('/').map(encodeURIComponent).join('/')}`
}

/** Finds out like the go command, except that a database is recognized by its head. */
export async function findDoor(
  url: string,
  key: VerifierKey,
  fetching: Omit<FetcherOptions, 'url'>,
  options: WaitOptions,
): Promise<AuditedDoor> {
  const here = new Vantage(url, key, fetching)
  const latest = await here.get('latest', MAX_READ_NOTE_BYTES, options)
  const sumdb: AuditedDoor = {
    kind: 'sumdb',
    finding: { verdict: 'ok', detail: 'a checksum database' },
    open: { vantage: here, latest },
  }
  if (latest instanceof Uint8Array && isNote(latest)) return sumdb
  const below = doorPath(key.name)
  const supported = await here.get(`${below}/supported`, MAX_SUPPORTED_BYTES, options)
  if (isPage(latest) && isPage(supported)) {
    const detail = 'every request is answered with a web page, perhaps a sign-in page on the way'
    return { kind: null, finding: { verdict: 'failed', detail } }
  }
  if (isAnswer(supported)) {
    const vantage = new Vantage(`${here.fetcher.url}/${below}`, key, fetching)
    const detail = `a GOPROXY that serves ${key.name}: the go command asks only it about the log`
    const open = { vantage, latest: await vantage.get('latest', MAX_READ_NOTE_BYTES, options) }
    return { kind: 'proxy', finding: { verdict: 'ok', detail }, open }
  }
  // Not a head, but an answer: a database that answers with something else.
  return isAnswer(latest) ? sumdb : closed(key, latest as GossumError, supported as GossumError)
}

/** Whether there was an answer with status 200, of any size. */
function isAnswer(got: Uint8Array | GossumError): boolean {
  return got instanceof Uint8Array || (got.code === 'LOG_ANSWER_INVALID' && !(got instanceof StatusError))
}

/** Whether it is HTML, which no server for the go command answers with. */
function isPage(got: Uint8Array | GossumError): boolean {
  return got instanceof Uint8Array && /^\s*<(?:!doctype|html|head|body|\?xml)/i.test(asText(got.subarray(0, 1024)))
}

function asText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

function isNote(bytes: Uint8Array): boolean {
  return isAccepted(() => parseNote(bytes))
}

function closed(key: VerifierKey, latest: GossumError, supported: GossumError): AuditedDoor {
  const status = supported instanceof StatusError ? supported.status : undefined
  const redirect = [latest, supported].find((error) => isRedirect(error))
  if (redirect !== undefined) {
    const detail = `it redirects, which a probe does not follow: give the final URL (${redirect.detail})`
    return { kind: null, finding: { verdict: 'failed', detail } }
  }
  if (status === 404 || status === 410) {
    const detail = `a GOPROXY that does not serve ${key.name} (status ${status}): the go command bypasses it and asks the log itself`
    return { kind: 'proxy', finding: { verdict: 'unknown', detail } }
  }
  if (status === undefined && !(latest instanceof StatusError)) {
    return { kind: null, finding: { verdict: 'failed', detail: latest.message } }
  }
  const detail = `neither a checksum database nor a GOPROXY that serves ${key.name}, and the go command stops here (${supported.detail})`
  return { kind: null, finding: { verdict: 'failed', detail } }
}

function isRedirect(error: GossumError): boolean {
  return error instanceof StatusError && error.status >= 300 && error.status < 400
}
