/** Parsers of single settings: addresses, networks, names and files. */
import { isIP } from 'node:net'
import { relative, resolve, sep } from 'node:path'
import { printable } from '../lib/printable.js'
import { parseUrl } from '../logs/log-setting.js'
import { cosignatureLineSize } from '../tlog/cosignature.js'
import { isKeyName } from '../tlog/note.js'
import { parsePolicy, type Policy } from '../tlog/policy.js'
import { readText } from './read-text.js'
import { PUBLIC, PUBLIC_POLICY } from './public-policy.js'
import { invalid } from './setting.js'

/** The longest contact, in UTF-16 code units. */
const MAX_CONTACT = 200
/** The most witnesses that a policy may count. */
const MAX_WITNESSES = 90
/**
 * The most bytes that their signature lines may take: what the log's lines, our own lines and those for neighbours
 * leave of a message of 64 KiB.
 */
const MAX_COUNTED_BYTES = 33 * 1024

/** HOST:PORT, with an IPv6 host in brackets. Port 0 takes any free one. */
export function parseHostPort(text: string, setting: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw invalid(setting, `HOST:PORT expected, got ${JSON.stringify(text)}`)
  return Object.freeze({ host: (match[1] ?? match[2])!, port })
}

/** ADDRESS or ADDRESS/BITS. */
export function parseNetwork(text: string, setting: string): string {
  const [, address, bits] = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address ?? '')]!
  if (Number(bits ?? 0) > most) throw invalid(setting, `ADDRESS or ADDRESS/BITS expected, got ${JSON.stringify(text)}`)
  return text
}

/**
 * `https://HOST[:PORT]`: a bastion is reached only over TLS, and identifies its backends by the first element of the
 * path.
 */
export function parseBastion(url: string, setting: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (
    parsed?.protocol !== 'https:' ||
    parsed.pathname !== '/' ||
    parsed.username + parsed.password + parsed.search !== ''
  )
    throw invalid(setting, `"https://HOST[:PORT]" expected, got ${JSON.stringify(url)}`)
  return parsed.origin
}

/** A URL whose path names a file, or the path of a file. */
export function logListSource(text: string, setting: string): string {
  if (!/^https?:/.test(text)) return resolve(text)
  const url = parseUrl(setting, text)
  if (!/^https?:\/\/[^/]+\/./.test(url)) throw invalid(setting, `${JSON.stringify(text)} does not name a file`)
  return url
}

export function parseKeyName(name: string, setting: string): string {
  if (!isKeyName(name)) throw invalid(setting, `${JSON.stringify(name)}: a key name has no white space and no "+"`)
  return name
}

export function parseFolder(path: string, setting: string): string {
  if (path.trim() === '') throw invalid(setting, 'the path of a folder expected')
  return resolve(path)
}

/** Throws CONFIG_INVALID if a web server that serves this folder would serve the keys of the home. */
export function requireApart({ publish, home }: { readonly publish: string | undefined; readonly home: string }): void {
  const [first] = publish === undefined ? ['..'] : relative(publish, resolve(home)).split(sep)
  if (first !== '..') throw invalid('publish', 'the home is in this folder: anyone could read its keys')
}

/** One line that anyone can read. */
export function parseContact(text: string, setting: string): string {
  const contact = text.trim()
  if (contact === '' || contact.length > MAX_CONTACT || contact !== printable(contact))
    throw invalid(setting, `one line of 1 to ${MAX_CONTACT} characters expected`)
  return contact
}

/**
 * The policy in a file, or the built-in one. A note has at most 100 signature lines, and a head has one for each
 * counted witness. Throws FILE_UNREADABLE, POLICY_MALFORMED or CONFIG_INVALID.
 */
export function readPolicy(path: string, setting: string): Policy {
  const policy = parsePolicy(path === PUBLIC ? PUBLIC_POLICY : readText(path))
  const keys = policy.witnesses.flatMap(({ key }) => key ?? [])
  if (keys.length > MAX_WITNESSES)
    throw invalid(setting, `${keys.length} witnesses, but a head has room for ${MAX_WITNESSES}`)
  const bytes = keys.reduce((sum, key) => sum + cosignatureLineSize(key), 0)
  if (bytes > MAX_COUNTED_BYTES)
    throw invalid(setting, `its cosignatures take ${bytes} bytes, but a head has room for ${MAX_COUNTED_BYTES}`)
  return policy
}
