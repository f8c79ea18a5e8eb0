/**
 * The fast path through a log: decides in one pass, without allocating, whether bytes are a faultless record of the
 * usual form with two lines. Almost all records of the public log are, so that few need the full judgement.
 *
 * It is conservative. `true` promises that judgeRecord finds nothing; `false` only means that judgeRecord must be
 * asked. Legal but rare forms are left to it: unusual prereleases, tildes, toolchains, old versions at gopkg.in.
 *
 * Pure.
 */
import { daysOf } from './judge-version.js'

/** Where a plain record names its module; one object can be reused for all of them. */
export interface PlainRecord {
  /** The path begins where the record does. */
  pathEnd: number
  /** After the space. */
  versionStart: number
  versionEnd: number
}

/** The longest path and version with the space between them, in bytes: escaped, they fit into MAX_MODULE_LENGTH. */
const MAX_NAME = 512
/** Bytes of ` h1:`, 43 digits of base64, `=` and the newline. */
const HASH_FIELD = 49
const GO_MOD = ascii('/go.mod')
const INCOMPATIBLE = ascii('+incompatible')
const GOPKG_IN = ascii('gopkg.in/')
const TOOLCHAIN = ascii('golang.org/toolchain')

const SPACE = 0x20
const PLUS = 0x2b
const DASH = 0x2d
const DOT = 0x2e
const SLASH = 0x2f
const ZERO = 0x30
const ONE = 0x31
const LETTER_V = 0x76

/** Classes of bytes, as bits: letters, digits, dash and underscore may occur in paths. */
const IN_PATH = 1
const NOT_IN_HOST = 2
const IN_IDENTIFIER = 4
const DIGIT = 8
const HEX = 16
const KINDS = new Uint8Array(256)
kind('abcdefghijklmnopqrstuvwxyz', IN_PATH | IN_IDENTIFIER)
kind('ABCDEFGHIJKLMNOPQRSTUVWXYZ', IN_PATH | IN_IDENTIFIER | NOT_IN_HOST)
kind('0123456789', IN_PATH | IN_IDENTIFIER | DIGIT | HEX)
kind('abcdef', HEX)
kind('-', IN_PATH | IN_IDENTIFIER)
kind('_', IN_PATH | NOT_IN_HOST)

/** The value of each base64 digit; 64 for any other byte. */
const BASE64 = new Uint8Array(256).fill(64)
ascii('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/').forEach((byte, i) => (BASE64[byte] = i))

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

function kind(chars: string, bits: number): void {
  for (const byte of ascii(chars)) KINDS[byte]! |= bits
}

/**
 * Whether the bytes from `start` to `end` are a plain record; if so, sets `into` to the positions of its names. Offsets
 * are within `data`. Otherwise `into` is meaningless.
 */
export function readPlain(data: Uint8Array, start: number, end: number, into: PlainRecord): boolean {
  if (start < 0 || end > data.length) return false
  const pathEnd = endOfPath(data, start, end)
  if (pathEnd < 0 || isAt(data, start, pathEnd, TOOLCHAIN)) return false
  const major = majorOfPath(data, start, pathEnd)
  if (major < 0) return false
  const versionEnd = endOfVersion(data, end, pathEnd, major)
  if (versionEnd < 0) return false
  const nameLength = versionEnd - start
  const second = versionEnd + HASH_FIELD
  const goMod = second + nameLength
  if (nameLength > MAX_NAME || end !== goMod + GO_MOD.length + HASH_FIELD) return false
  for (let i = 0; i < nameLength; i++) if (data[second + i] !== data[start + i]) return false
  if (!isAt(data, goMod, goMod + GO_MOD.length, GO_MOD)) return false
  if (!isHashField(data, versionEnd) || !isHashField(data, goMod + GO_MOD.length)) return false
  into.pathEnd = pathEnd
  into.versionStart = pathEnd + 1
  into.versionEnd = versionEnd
  return true
}

/** Where the path that begins at `start` ends with a space; -1 if it is not plain. */
function endOfPath(data: Uint8Array, start: number, end: number): number {
  if (data[start] === DASH) return -1
  let element = start
  // Where the part of this element before its first dot ends; -1 before a dot was found.
  let stem = -1
  let seen = 0
  for (let i = start; i < end; i++) {
    const byte = data[i]!
    const bits = KINDS[byte]!
    seen |= bits
    if ((bits & IN_PATH) !== 0) continue
    if (byte === DOT) {
      if (i === element) return -1
      if (stem < 0) stem = i
      continue
    }
    if (byte !== SLASH && byte !== SPACE) return -1
    if (i === element || data[i - 1] === DOT || isReserved(data, element, stem < 0 ? i : stem)) return -1
    if (element === start && (stem < 0 || (seen & NOT_IN_HOST) !== 0)) return -1
    if (byte === SPACE) return i
    element = i + 1
    stem = -1
  }
  return -1
}

/** Whether this is a device name of Windows, in any case: con prn aux nul, or com or lpt followed by a digit. */
function isReserved(data: Uint8Array, start: number, end: number): boolean {
  const length = end - start
  if (length !== 3 && length !== 4) return false
  const name = ((data[start]! | 0x20) << 16) | ((data[start + 1]! | 0x20) << 8) | data[start + 2]! | 0x20
  if (length === 3) return name === 0x636f6e || name === 0x70726e || name === 0x617578 || name === 0x6e756c
  return (name === 0x636f6d || name === 0x6c7074) && data[end - 1]! > ZERO && (KINDS[data[end - 1]!]! & DIGIT) !== 0
}

/** Where the number of the path's major version begins; `pathEnd` if it has none, -1 if it is not plain. */
function majorOfPath(data: Uint8Array, start: number, pathEnd: number): number {
  let at = pathEnd
  let hasDot = false
  const isGopkgIn = isAt(data, start, start + GOPKG_IN.length, GOPKG_IN)
  while (at > start && ((KINDS[data[at - 1]!]! & DIGIT) !== 0 || (data[at - 1] === DOT && !isGopkgIn))) {
    at--
    if (data[at] === DOT) hasDot = true
  }
  const isMajor = at < pathEnd && data[at - 1] === LETTER_V && data[at - 2] === (isGopkgIn ? DOT : SLASH)
  if (!isMajor) return isGopkgIn ? -1 : pathEnd
  const isOneDigit = at + 1 === pathEnd
  if (isGopkgIn) return data[at] === ZERO && !isOneDigit ? -1 : at
  return hasDot || data[at] === ZERO || (data[at] === ONE && isOneDigit) ? -1 : at
}

/** Where the version after the path ends with a space; -1 if it is not plain. `major` is the result of majorOfPath. */
function endOfVersion(data: Uint8Array, end: number, pathEnd: number, major: number): number {
  const start = pathEnd + 1
  if (data[start] !== LETTER_V) return -1
  const minor = endOfNumber(data, start + 1, end)
  if (minor < 0 || data[minor] !== DOT) return -1
  const patch = endOfNumber(data, minor + 1, end)
  if (patch < 0 || data[patch] !== DOT) return -1
  let at = endOfNumber(data, patch + 1, end)
  if (at < 0) return -1
  const isOneDigit = minor === start + 2
  const isV0 = isOneDigit && data[start + 1] === ZERO
  const isV1 = isOneDigit && data[start + 1] === ONE
  const hasPatch0 = at === patch + 2 && data[patch + 1] === ZERO

  let hasBase = true
  if (data[at] === DASH) {
    const prerelease = at + 1
    at = endOfPrerelease(data, prerelease, end)
    if (at < 0) return -1
    const before = pseudoPart(data, prerelease, at)
    if (before === NOT_PLAIN) return -1
    if (before === NO_BASE) {
      hasBase = false
      if (!hasPatch0 || patch !== minor + 2 || data[minor + 1] !== ZERO) return -1
      if (isV1 && major === pathEnd) return -1
    }
    if (before === PATCH_BASE && hasPatch0) return -1
  }
  if (data[at] === PLUS) {
    const isRight = hasBase && major === pathEnd && !isV0 && !isV1
    const plus = at
    at += INCOMPATIBLE.length
    return isRight && at < end && isAt(data, plus, at, INCOMPATIBLE) && data[at] === SPACE ? at : -1
  }
  if (at >= end || data[at] !== SPACE) return -1
  if (major === pathEnd) return isV0 || isV1 ? at : -1
  if (minor - start - 1 !== pathEnd - major) return -1
  for (let i = 0; i < pathEnd - major; i++) if (data[start + 1 + i] !== data[major + i]) return -1
  return at
}

/** Where a number without leading zeros ends; -1 if there is none. */
function endOfNumber(data: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && (KINDS[data[at]!]! & DIGIT) !== 0) at++
  return at === start || (data[start] === ZERO && at > start + 1) ? -1 : at
}

/** Where dot-separated identifiers end, none of them empty or a number with a leading zero; -1 if they are not such. */
function endOfPrerelease(data: Uint8Array, start: number, end: number): number {
  let identifier = start
  let isNumber = true
  for (let at = start; at < end; at++) {
    const bits = KINDS[data[at]!]!
    if ((bits & IN_IDENTIFIER) !== 0) {
      if ((bits & DIGIT) === 0) isNumber = false
      continue
    }
    if (at === identifier || (isNumber && data[identifier] === ZERO && at > identifier + 1)) return -1
    if (data[at] !== DOT) return at
    identifier = at + 1
    isNumber = true
  }
  return -1
}

const NOT_PSEUDO = 0
/** The form vX.0.0-time-revision. */
const NO_BASE = 1
/** The form vX.Y.Z-0.time-revision. */
const PATCH_BASE = 2
/** The form vX.Y.Z-pre.0.time-revision. */
const PRERELEASE_BASE = 3
const NOT_PLAIN = 4

/** The form of pseudo-version that a prerelease has. One that only resembles such a form is not plain. */
function pseudoPart(data: Uint8Array, start: number, end: number): number {
  let dash = end - 1
  while (dash >= start && data[dash] !== DASH) dash--
  const time = dash - 14
  if (time < start) return NOT_PSEUDO
  for (let i = time; i < dash; i++) if ((KINDS[data[i]!]! & DIGIT) === 0) return NOT_PSEUDO
  if (end - dash - 1 !== 12 || !isTime(data, time)) return NOT_PLAIN
  for (let i = dash + 1; i < end; i++) if ((KINDS[data[i]!]! & HEX) === 0) return NOT_PLAIN
  if (time === start) return NO_BASE
  if (time - start < 2 || data[time - 1] !== DOT || data[time - 2] !== ZERO) return NOT_PLAIN
  if (time - 2 === start) return PATCH_BASE
  return data[time - 3] === DOT ? PRERELEASE_BASE : NOT_PLAIN
}

/** Whether the 14 digits are a date of 1970 or later, and a time of day. */
function isTime(data: Uint8Array, at: number): boolean {
  const year = 100 * pair(data, at) + pair(data, at + 2)
  const day = pair(data, at + 6)
  if (year < 1970 || day < 1 || day > daysOf(year, pair(data, at + 4))) return false
  return pair(data, at + 8) < 24 && pair(data, at + 10) < 60 && pair(data, at + 12) < 60
}

function pair(data: Uint8Array, at: number): number {
  return 10 * (data[at]! - ZERO) + data[at + 1]! - ZERO
}

/** Whether exactly these bytes are at `start` to `end`. */
function isAt(data: Uint8Array, start: number, end: number, bytes: Uint8Array): boolean {
  if (end - start !== bytes.length) return false
  for (let i = 0; i < bytes.length; i++) if (data[start + i] !== bytes[i]) return false
  return true
}

/** Whether there is a space, `h1:`, the canonical base64 of 32 bytes and a newline at `at`. */
function isHashField(data: Uint8Array, at: number): boolean {
  if (data[at] !== SPACE || data[at + 1] !== 0x68 || data[at + 2] !== ONE || data[at + 3] !== 0x3a) return false
  let seen = 0
  for (let i = at + 4; i < at + 47; i++) seen |= BASE64[data[i]!]!
  // 43 digits have 258 bits: the last two are unused, and zero in the canonical form.
  return (seen & 64) === 0 && (BASE64[data[at + 46]!]! & 3) === 0 && data[at + 47] === 0x3d && data[at + 48] === 0x0a
}
