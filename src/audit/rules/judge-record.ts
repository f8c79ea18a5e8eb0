/**
 * Judges one record of a checksum database: which rules it breaks (rules.ts), for any bytes.
 *
 * Pure, and total: it never throws. It trusts nothing in the record; the caller knows that the log committed to these
 * bytes. Rules are checked in reading order: the text, its lines, the module they name, their hashes.
 */
import { MAX_MODULE_LENGTH } from '../../sumdb/module-version.js'
import { fromBase64, fromUtf8, toBase64 } from '../../tlog/bytes.js'
import { MAX_RECORD_BYTES } from '../../tlog/record.js'
import { broken, BrokenRules, quoted, type Broken } from './broken.js'
import { judgePath } from './judge-path.js'
import { judgeVersion } from './judge-version.js'
import type { RuleName } from './rules.js'

export interface RecordVerdict {
  /** The subject of the first readable line, verbatim: not fit to be shown as it is. */
  readonly module: { readonly path: string; readonly version: string } | undefined
  /** In reading order; each rule at most once, with the first place that breaks it. */
  readonly broken: readonly Broken[]
}

const GO_MOD = '/go.mod'
const TOOLCHAIN_PATH = 'golang.org/toolchain'
/** The hash of the single line `module golang.org/toolchain`. */
const TOOLCHAIN_GO_MOD = 'h1:8wlg68NqwW7eMnI1aABk/C2pDYXj8mrMY4TyRfiLeS0='

interface Line {
  readonly text: string
  readonly path: string
  readonly version: string
  readonly of: 'files' | 'go.mod'
  readonly hash: string
}

/** The rules that the record breaks. */
export function judgeRecord(record: Uint8Array): RecordVerdict {
  if (record.length === 0) return unread('record-empty', 'the record is empty')
  if (record.length > MAX_RECORD_BYTES) return unread('record-size', `the record has ${record.length} bytes`)
  const text = fromUtf8(record)
  if (text === undefined) return unread('record-utf8', 'the record is not UTF-8')
  // SPEC: golang.org/x/mod/sumdb/tlog, isValidRecordText. What is behind such a character may not be what people see.
  const control = /[\0-\x09\x0b-\x1f]/.exec(text)
  if (control !== null) {
    const code = control[0].charCodeAt(0).toString(16).padStart(2, '0')
    return unread('record-control', `the record has the control character 0x${code}`)
  }

  const found = new BrokenRules()
  if (text.startsWith('\n') || text.includes('\n\n'))
    found.add('record-blank-line', () => 'the record has an empty line')
  if (!text.endsWith('\n')) found.add('record-end', () => 'the last line of the record has no newline')
  const { lines, isWhole } = readLines(text, found)
  const [first] = lines
  if (first === undefined) return { module: undefined, broken: found.list() }
  const { path, version } = first
  const isOwn = (line: Line): boolean => line.path === path && line.version === version
  const other = lines.find((line) => !isOwn(line))
  if (other !== undefined) {
    const names = `${quoted(`${path}@${version}`)} and ${quoted(`${other.path}@${other.version}`)}`
    found.add('line-other-module', () => `the record is about ${names}`)
  }
  judgeSet(lines.filter(isOwn), isWhole && other === undefined, found)
  found.addAll(judgePath(path))
  found.addAll(judgeVersion(path, version))
  judgeLength(path, version, found)
  for (const line of lines) judgeHash(line, found)
  return { module: { path, version }, broken: found.list() }
}

function unread(rule: RuleName, detail: string): RecordVerdict {
  return { module: undefined, broken: [broken(rule, detail)] }
}

/** The lines that have three fields and name a file; `isWhole` says whether all lines do. */
function readLines(text: string, found: BrokenRules): { lines: Line[]; isWhole: boolean } {
  const lines: Line[] = []
  let isWhole = true
  for (const line of text.split('\n')) {
    if (line === '') continue
    const fields = line.split(' ')
    const [path = '', named = '', hash = ''] = fields
    const isGoMod = named.endsWith(GO_MOD)
    const version = isGoMod ? named.slice(0, -GO_MOD.length) : named
    if (fields.length !== 3 || path === '' || version === '' || hash === '') {
      found.add('line-fields', () => `a line has not exactly three fields: ${quoted(line)}`)
      isWhole = false
    } else if (version.includes('/')) {
      found.add('line-kind', () => `a line is neither about the files nor about the go.mod: ${quoted(line)}`)
      isWhole = false
    } else lines.push({ text: line, path, version, of: isGoMod ? 'go.mod' : 'files', hash })
  }
  return { lines, isWhole }
}

/**
 * Checks that the lines of the module are the two expected ones. A line can be missing only if all lines were readable.
 */
function judgeSet(lines: readonly Line[], isComplete: boolean, found: BrokenRules): void {
  const firstOf = new Map<Line['of'], Line>()
  for (const line of lines) {
    const earlier = firstOf.get(line.of)
    if (earlier === undefined) firstOf.set(line.of, line)
    else if (earlier.hash === line.hash) found.add('line-repeated', () => `a line occurs twice: ${quoted(line.text)}`)
    else found.add('line-contradiction', () => `${line.of}: ${quoted(earlier.hash)} and ${quoted(line.hash)}`)
  }
  const [files, goMod] = [firstOf.get('files'), firstOf.get('go.mod')]
  if (isComplete && goMod === undefined) found.add('go-mod-missing', () => 'no line is about the go.mod')
  if (isComplete && files === undefined) found.add('go-mod-alone', () => 'no line is about the files')
  if (files !== undefined && goMod !== undefined && lines[0] === goMod) {
    found.add('line-order', () => 'the line about the go.mod comes first')
  }
  if (goMod?.path === TOOLCHAIN_PATH && goMod.hash !== TOOLCHAIN_GO_MOD) {
    found.add('toolchain-go-mod', () => `the go.mod of a toolchain has another hash: ${quoted(goMod.hash)}`)
  }
}

function judgeLength(path: string, version: string, found: BrokenRules): void {
  const capitals = `${path}${version}`.replaceAll(/[^A-Z]+/g, '').length
  const length = path.length + '@'.length + version.length + capitals
  if (length > MAX_MODULE_LENGTH) {
    found.add('path-length', () => `the escaped name has ${length} characters: ${quoted(path)}`)
  }
}

function judgeHash({ hash, text }: Line, found: BrokenRules): void {
  if (!hash.startsWith('h1:')) {
    found.add('hash-prefix', () => `a hash does not begin with h1: ${quoted(text)}`)
    return
  }
  const base64 = hash.slice(3)
  const bytes = fromBase64(base64)
  if (bytes === undefined || toBase64(bytes) !== base64) {
    found.add('hash-base64', () => `a hash is not canonical base64: ${quoted(hash)}`)
  } else if (bytes.length !== 32) found.add('hash-length', () => `a hash has ${bytes.length} bytes: ${quoted(hash)}`)
}
