/**
 * Repairs what mutations break in texts and files of many parts, so that the code after the first checks is reached.
 */
import { KeyCollector } from '../../../src/audit/walk/module-keys.js'
import { UNIT_RECORDS } from '../../../src/audit/walk/unit.js'
import { errorCode } from '../../../src/errors.js'
import { isObject } from '../../../src/lib/is-object.js'
import { publicKeyBlob, sshString, uint32 } from '../../../src/keys/ssh/ssh-wire.js'
import { concatBytes, fromUtf8, readUint32, toBase64, utf8 } from '../../../src/tlog/bytes.js'
import { ed25519PublicKey } from '../../../src/tlog/native.node.js'
import { formatHash, sha256 } from '../../../src/tlog/hash.js'
import { parsePolicy } from '../../../src/tlog/policy.js'

const HASH1 = /^h1:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/

/** Makes a record of two lines about the module of the first line, with well-formed hashes. */
export function repairedRecord(bytes: Uint8Array): Uint8Array {
  const lines = (fromUtf8(bytes) ?? '').split('\n')
  const [path = '', version = ''] = lines[0]!.split(' ')
  const of = version.replace(/\/go\.mod$/, '')
  const hashOf = (line = ''): string => {
    const hash = line.split(' ')[2] ?? ''
    return HASH1.test(hash) ? hash : `h1:${toBase64(sha256(utf8(hash)))}`
  }
  return utf8(`${path} ${of} ${hashOf(lines[0])}\n${path} ${of}/go.mod ${hashOf(lines[1])}\n`)
}

/** The maximum number of policy lines that are examined. */
const MAX_LINES = 40

/** Removes lines that are refused on their own, and adds a quorum. */
export function repairedPolicy(bytes: Uint8Array): Uint8Array {
  const lines = Buffer.from(bytes).toString('latin1').split('\n')
  if (lines.length > MAX_LINES) return bytes
  let kept = ''
  let quorum = 'quorum none\n'
  for (const line of lines) {
    const isQuorum = /^[ \t]*quorum[ \t]/.test(line)
    const longer = `${kept}${line}\n`
    if (!isPolicy(isQuorum ? longer : longer + quorum)) continue
    kept = longer
    if (isQuorum) quorum = ''
  }
  return Uint8Array.from(Buffer.from(kept + quorum, 'latin1'))
}

function isPolicy(latin1: string): boolean {
  try {
    parsePolicy(Uint8Array.from(Buffer.from(latin1, 'latin1')))
    return true
  } catch (error) {
    if (errorCode(error) === 'INTERNAL') throw error
    return false
  }
}

/** Gives an address a host, a port and a peer if it lacks some of them. */
export function repairedAddress(peer: string): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const [, kind = '', host = '', , port = '', ...more] = (fromUtf8(bytes) ?? '').split('/')
    const numbers = [...(host.match(/\d+/g) ?? []), '1', '2', '3', '4']
      .slice(0, 4)
      .map((digits) => Number(digits) % 256)
    const [protocol, where] = /^(?:ip6|dns[46]?)$/.test(kind) ? [kind, host] : ['ip4', numbers.join('.')]
    const last = more.length > 2 ? `/${more.slice(2).join('/')}` : ''
    return utf8(`/${protocol}/${where}/tcp/${(Number(port.replaceAll(/\D/g, '')) || 1) % 65_536}/p2p/${peer}${last}`)
  }
}

/** Gives the part of an audit its correct length, the counts of its findings, and its keys in order. */
export function repairedPart(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0, 4)
  const text = bytes.subarray(4, end === -1 ? bytes.length : end)
  const { header, records } = repairedHeader(text)
  const keys = repairedKeys(end === -1 ? new Uint8Array() : bytes.subarray(end), records)
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, header.length, true)
  return concatBytes(length, header, keys)
}

function repairedHeader(text: Uint8Array): { header: Uint8Array; records: number } {
  let value: unknown
  try {
    value = JSON.parse(fromUtf8(text) ?? '')
  } catch {
    // Left as it is.
  }
  if (!isObject(value)) return { header: text, records: 2 }
  const whole = (number: unknown): number => (Number.isSafeInteger(number) ? Math.abs(Number(number)) : 0)
  const from = whole(value['from'])
  const unitEnd = (Math.floor(from / UNIT_RECORDS) + 1) * UNIT_RECORDS
  const to = Math.min(Math.max(from + 1, whole(value['to'])), unitEnd)
  const findings = (Array.isArray(value['findings']) ? (value['findings'] as unknown[]) : []).filter(isObject)
  for (const one of findings) {
    one['id'] = from + (whole(one['id']) % (to - from))
    one['level'] = one['level'] === 'note' ? 'note' : 'error'
  }
  const notes = findings.filter(({ level }) => level === 'note').length
  const counts = { error: findings.length - notes, note: notes }
  const hashes = (Array.isArray(value['hashes']) ? (value['hashes'] as unknown[]) : []).map((hash) =>
    formatHash(sha256(utf8(String(hash)))),
  )
  return {
    header: utf8(JSON.stringify({ ...value, from, to, audited: to - from, counts, findings, hashes })),
    records: to - from,
  }
}

const TABLE = 257 * 4

function repairedKeys(bytes: Uint8Array, records: number): Uint8Array {
  const keys = new KeyCollector()
  const entries = bytes.subarray(TABLE)
  for (let at = 0, offset = 0; at + 10 <= entries.length && offset < records && offset < 2 ** 16; at += 10, offset++)
    keys.add({ high: readUint32(entries, at), low: readUint32(entries, at + 4) }, offset)
  return keys.take()
}

/** Gives an OpenSSH key file correct lengths, and everything that follows from its seed. */
export function repairedSshKey(bytes: Uint8Array): Uint8Array {
  const outer = new Lenient(bytes)
  const magic = outer.take(15)
  const [cipher, kdf, options] = [outer.string(), outer.string(), outer.string()]
  const count = outer.take(4)
  outer.string()
  const secret = new Lenient(outer.string())
  const check = secret.take(4)
  secret.take(4)
  const type = secret.string()
  secret.string()
  const seed = new Uint8Array(32)
  seed.set(secret.string().subarray(0, 32))
  const comment = secret.string()
  const publicKey = ed25519PublicKey(seed)
  const typed = concatBytes(sshString(type), sshString(publicKey))
  const body = concatBytes(check, check, typed, sshString(concatBytes(seed, publicKey)), sshString(comment))
  const padding = Uint8Array.from({ length: (8 - (body.length % 8)) % 8 }, (_, i) => i + 1)
  return concatBytes(
    ...[magic, sshString(cipher), sshString(kdf), sshString(options), count],
    ...[sshString(publicKeyBlob(publicKey)), sshString(concatBytes(body, padding))],
  )
}

/** Reads SSH fields whose lengths may be wrong. */
class Lenient {
  #left: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#left = bytes
  }

  /** This many bytes, padded with zeros at the end of the input. */
  take(count: number): Uint8Array {
    const taken = new Uint8Array(count)
    taken.set(this.#left.subarray(0, count))
    this.#left = this.#left.subarray(count)
    return taken
  }

  /** As many bytes as stated, or all that are left. */
  string(): Uint8Array {
    const length = readUint32(concatBytes(this.#left.subarray(0, 4), uint32(0)), 0)
    this.#left = this.#left.subarray(4)
    return this.take(Math.min(length, this.#left.length))
  }
}
