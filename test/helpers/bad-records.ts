/**
 * Generated records, each of which breaks exactly one rule of src/audit/rules/rules.ts, at least one for every rule. No
 * two name the same module version, so all of them can be in one log.
 */
import type { RuleName } from '../../src/audit/rules/rules.js'
import { toBase64, utf8 } from '../../src/tlog/bytes.js'
import { MAX_RECORD_BYTES } from '../../src/tlog/record.js'
import { sha256 } from '../../src/tlog/hash.js'

export interface BadRecord {
  readonly rule: RuleName
  /** Bytes, because one of them is not text. */
  readonly record: Uint8Array
}

/** A hash with no meaning. */
function hashOf(text: string): string {
  return `h1:${toBase64(sha256(utf8(text)))}`
}

/** The two lines of a correct record of this module version. */
export function recordOf(path: string, version: string): string {
  return filesLine(path, version) + goModLine(path, version)
}

function filesLine(path: string, version: string, hash = hashOf(`${path} ${version}`)): string {
  return `${path} ${version} ${hash}\n`
}

function goModLine(path: string, version: string, hash = hashOf(`${path} ${version} go.mod`)): string {
  return `${path} ${version}/go.mod ${hash}\n`
}

const REVISION = '0123456789ab'
const TIME = '20190102030405'
const V = 'v1.2.3'
/** The last digit of the base64 of 32 bytes has two unused bits. */
const NOT_CANONICAL = `h1:${'A'.repeat(42)}B=`

/** Text and lines: the rule, and the record of a module that no other record names. */
const TEXTS: readonly (readonly [RuleName, (path: string) => string])[] = [
  ['record-empty', () => ''],
  ['record-size', (path) => recordOf(`${path}${'/a'.repeat(MAX_RECORD_BYTES)}`, V)],
  ['record-control', (path) => recordOf(path, V).replaceAll('\n', '\r\n')],
  ['record-control', (path) => recordOf(path, V).replace(' ', '\t')],
  ['record-control', (path) => `${recordOf(path, V)}\0`],
  ['record-blank-line', (path) => `\n${recordOf(path, V)}`],
  ['record-blank-line', (path) => filesLine(path, V) + '\n' + goModLine(path, V)],
  ['record-blank-line', (path) => `${recordOf(path, V)}\n`],
  ['record-end', (path) => recordOf(path, V).slice(0, -1)],
  ['line-fields', (path) => `${recordOf(path, V)}// a remark of somebody\n`],
  ['line-fields', (path) => filesLine(path, V).replace(' ', '  ') + goModLine(path, V)],
  ['line-fields', (path) => filesLine(path, V) + goModLine(path, V).replace('\n', ' \n')],
  ['line-fields', (path) => filesLine(path, V) + `${path} /go.mod ${hashOf(path)}\n`],
  ['line-kind', (path) => filesLine(path, V) + goModLine(path, V).replace('/go.mod', '/go.sum')],
  ['line-other-module', (path) => filesLine(path, V) + goModLine(`${path}-other`, V)],
  ['line-other-module', (path) => filesLine(path, V) + goModLine(path, 'v1.2.4')],
  ['line-repeated', (path) => filesLine(path, V) + recordOf(path, V)],
  ['line-contradiction', (path) => recordOf(path, V) + goModLine(path, V, hashOf('other'))],
  ['line-contradiction', (path) => filesLine(path, V, hashOf('other')) + recordOf(path, V)],
  ['line-order', (path) => goModLine(path, V) + filesLine(path, V)],
  ['go-mod-missing', (path) => filesLine(path, V)],
  ['go-mod-alone', (path) => goModLine(path, V)],
  ['hash-prefix', (path) => filesLine(path, V).replace('h1:', 'h2:') + goModLine(path, V)],
  ['hash-prefix', (path) => filesLine(path, V) + goModLine(path, V).replace('h1:', '')],
  ['hash-base64', (path) => filesLine(path, V) + goModLine(path, V, NOT_CANONICAL)],
  ['hash-base64', (path) => filesLine(path, V).replace('=', '') + goModLine(path, V)],
  ['hash-base64', (path) => filesLine(path, V, `h1:${'A_'.repeat(21)}A=`) + goModLine(path, V)],
  ['hash-length', (path) => filesLine(path, V, `h1:${toBase64(new Uint8Array(31))}`) + goModLine(path, V)],
  ['hash-length', (path) => filesLine(path, V) + goModLine(path, V, 'h1:')],
]

/** Paths and versions, in records whose lines are correct. */
const NAMES: readonly (readonly [RuleName, string, string])[] = [
  ['path-slash', 'example.com//a', V],
  ['path-slash', 'example.com/a/', V],
  ['path-dot', 'example.com/.a', V],
  ['path-dot', 'example.com/a./b', V],
  ['path-dot', 'example.com/../b', V],
  ['path-character', 'example.com/a!b', V],
  ['path-character', 'example.com/ä', V],
  ['path-character', 'example.com/a@b', V],
  ['path-character', 'example.com/a\u202eb', V],
  ['path-plus', 'example.com/c++', V],
  ['path-host', 'example/a', V],
  ['path-host', 'Example.com/a', V],
  ['path-host', '-example.com/a', V],
  ['path-host', 'exa_mple.com/a', V],
  ['path-reserved-name', 'example.com/con', V],
  ['path-reserved-name', 'example.com/AUX.go/a', V],
  ['path-reserved-name', 'example.com/lpt9', V],
  ['path-short-name', 'example.com/longna~1', V],
  ['path-short-name', 'example.com/longna~12.ext', V],
  ['path-major', 'example.com/a/v0', 'v0.1.0'],
  ['path-major', 'example.com/a/v1', V],
  ['path-major', 'example.com/a/v02', 'v2.0.0'],
  ['path-major', 'example.com/a/v2.1', 'v2.1.0'],
  ['path-gopkg-in', 'gopkg.in/a', V],
  ['path-gopkg-in', 'gopkg.in/a/v2', 'v2.0.0'],
  ['path-gopkg-in', 'gopkg.in/a.v02', 'v2.0.0'],
  ['path-length', `example.com/${'A'.repeat(600)}`, V],
  ['version-syntax', 'example.com/syntax', '1.2.3'],
  ['version-syntax', 'example.com/syntax', 'v1.2.03'],
  ['version-syntax', 'example.com/syntax', 'v1.2.3-01'],
  ['version-syntax', 'example.com/syntax', 'v1.2.3-a..b'],
  ['version-syntax', 'example.com/syntax', 'latest'],
  ['version-canonical', 'example.com/canonical', 'v1'],
  ['version-canonical', 'example.com/canonical', 'v1.2'],
  ['version-canonical', 'example.com/canonical', 'v1.2.3+meta'],
  ['version-major', 'example.com/major', 'v2.0.0'],
  ['version-major', 'example.com/major/v2', 'v1.0.0'],
  ['version-major', 'example.com/major/v2', 'v20.0.0'],
  ['version-major', 'gopkg.in/major.v2', 'v3.0.0'],
  ['version-major', 'gopkg.in/major.v2', `v0.0.0-${TIME}-${REVISION}`],
  ['incompatible-needless', 'example.com/needless', 'v1.0.0+incompatible'],
  ['incompatible-needless', 'example.com/needless/v2', 'v2.0.0+incompatible'],
  ['pseudo-base', 'example.com/base', `v1.0.0-0.${TIME}-${REVISION}`],
  ['pseudo-base', 'example.com/base', `v1.0.0-${TIME}-${REVISION}`],
  ['pseudo-base', 'example.com/base', `v2.0.0-${TIME}-${REVISION}+incompatible`],
  ['pseudo-time', 'example.com/time', `v0.0.0-20190229030405-${REVISION}`],
  ['pseudo-time', 'example.com/time', `v0.0.0-21000229030405-${REVISION}`],
  ['pseudo-time', 'example.com/time', `v0.0.0-20190101240000-${REVISION}`],
  ['pseudo-time', 'example.com/time', 'v0.0.0-00010101000000-000000000000'],
  ['pseudo-revision', 'example.com/revision', `v0.0.0-${TIME}-0123456`],
  ['pseudo-revision', 'example.com/revision', `v1.2.4-0.${TIME}-0123456789AB`],
  ['pseudo-revision', 'example.com/revision', `v1.2.3-rc.1.0.${TIME}-0123456789abcdef`],
]

/** The go.mod of every toolchain. */
const TOOLCHAIN_GO_MOD = 'h1:8wlg68NqwW7eMnI1aABk/C2pDYXj8mrMY4TyRfiLeS0='

function toolchain(version: string, goMod: string): string {
  return filesLine('golang.org/toolchain', version) + goModLine('golang.org/toolchain', version, goMod)
}

const OTHERS: readonly (readonly [RuleName, string])[] = [
  ['toolchain-name', toolchain('v0.0.1-go1.21.0', TOOLCHAIN_GO_MOD)],
  ['toolchain-name', toolchain('v1.21.0', TOOLCHAIN_GO_MOD)],
  ['toolchain-go-mod', toolchain('v0.0.1-go1.21.0.linux-amd64', hashOf('other'))],
]

/** For the rule `record-utf8`, which no string can break: a path with an invalid byte. */
function notUtf8(): Uint8Array {
  const record = utf8(recordOf('example.com/not-utf8', V))
  record[12] = 0xff
  return record
}

export const BAD_RECORDS: readonly BadRecord[] = [
  { rule: 'record-utf8', record: notUtf8() },
  ...TEXTS.map(([rule, make], i) => ({ rule, record: utf8(make(`example.com/bad-${i}`)) })),
  ...NAMES.map(([rule, path, version]) => ({ rule, record: utf8(recordOf(path, version)) })),
  ...OTHERS.map(([rule, record]) => ({ rule, record: utf8(record) })),
]
