/**
 * The rules for one record of a checksum database: their names, which never change, their texts and their sources.
 * docs/audit.md has the same table (npm run docs).
 *
 * `error`: as far as is known, no release of the go command has ever let a log write this, so the log is at fault.
 * `note`: refused by today's rules but possibly in the public log from its first two years, or never explicitly
 * forbidden.
 *
 * Pure.
 */
import type { FindingLevel } from '../finding.js'

export interface Rule {
  readonly level: FindingLevel
  /** One sentence: what a record must be like. */
  readonly says: string
  /** Where that is specified. */
  readonly source: string
}

const FORMAT_RECORD = 'golang.org/x/mod/sumdb/tlog, FormatRecord'
const REFERENCE = 'go.dev/ref/mod, "go.sum files"'
const DATABASE = 'go.dev/ref/mod, "Checksum database"'
const CHECK_SUM_DB = 'cmd/go/internal/modfetch, checkSumDB'
const CHECK_PATH = 'golang.org/x/mod/module, CheckPath'
const PSEUDO = 'go.dev/ref/mod, "Pseudo-versions"'
const VALIDATE_PSEUDO = 'cmd/go/internal/modfetch, validatePseudoVersion (Go 1.13)'

/** The text of a record. */
export const TEXT_RULES = {
  'record-empty': { level: 'error', says: 'A record has at least one line.', source: FORMAT_RECORD },
  'record-size': {
    level: 'error',
    says: 'A record has at most 65,536 bytes; genuine ones have about 200.',
    source: 'a limit of this program',
  },
  'record-utf8': { level: 'error', says: 'A record is UTF-8.', source: FORMAT_RECORD },
  'record-control': {
    level: 'error',
    says: 'A record has no ASCII control characters except newlines.',
    source: FORMAT_RECORD,
  },
  'record-blank-line': { level: 'error', says: 'A record has no empty lines.', source: FORMAT_RECORD },
  'record-end': { level: 'error', says: 'A record ends with a newline.', source: FORMAT_RECORD },
} as const satisfies Record<string, Rule>

/** The lines of a record. */
export const LINE_RULES = {
  'line-fields': {
    level: 'error',
    says: 'A line has exactly three fields with one space between them: path, version, hash.',
    source: REFERENCE,
  },
  'line-kind': {
    level: 'error',
    says: 'A slash in the version is followed by `go.mod`; anything else names no hashed file.',
    source: REFERENCE,
  },
  'line-other-module': {
    level: 'error',
    says: 'All lines of a record are about one version of one module.',
    source: DATABASE,
  },
  'line-repeated': { level: 'error', says: 'No line occurs twice in a record.', source: DATABASE },
  'line-contradiction': {
    level: 'error',
    says: 'A record does not give one file two different hashes.',
    source: CHECK_SUM_DB,
  },
  'line-order': {
    level: 'note',
    says: "The line of the module's files comes before that of its go.mod, as in every genuine record.",
    source: 'the public log; no rule requires it',
  },
  'go-mod-missing': {
    level: 'error',
    says: 'A record has a hash of the go.mod, without which no go command can load the module.',
    source: CHECK_SUM_DB,
  },
  'go-mod-alone': {
    level: 'note',
    says: "A record has a hash of the module's files; go.mod alone is legal, but nobody can download what it names.",
    source: CHECK_SUM_DB,
  },
  'hash-prefix': { level: 'error', says: 'A hash begins with `h1:`, the only algorithm so far.', source: REFERENCE },
  'hash-base64': {
    level: 'error',
    says: 'A hash is padded base64 of the standard alphabet, in canonical form.',
    source: 'golang.org/x/mod/sumdb/dirhash, Hash1; the go command compares spellings',
  },
  'hash-length': { level: 'error', says: 'A hash has 32 bytes.', source: 'golang.org/x/mod/sumdb/dirhash, Hash1' },
} as const satisfies Record<string, Rule>

/** The path of the module. */
export const PATH_RULES = {
  'path-slash': { level: 'error', says: 'A path has no empty elements.', source: CHECK_PATH },
  'path-dot': { level: 'error', says: 'No element of a path begins or ends with a dot.', source: CHECK_PATH },
  'path-character': {
    level: 'error',
    says: 'A path has only ASCII letters and digits and `-._~/`, so that it can be escaped.',
    source: `${CHECK_PATH}, EscapePath`,
  },
  'path-plus': {
    level: 'note',
    says: 'A path has no `+`; go commands before 1.16 accepted it.',
    source: `${CHECK_PATH} (golang/go#44776)`,
  },
  'path-host': {
    level: 'error',
    says: 'The first element has a dot, lower-case letters, digits and dashes only, and begins with no dash.',
    source: CHECK_PATH,
  },
  'path-reserved-name': {
    level: 'error',
    says: 'No element is a name that Windows reserves for devices, such as `con` or `aux.go`.',
    source: CHECK_PATH,
  },
  'path-short-name': {
    level: 'note',
    says: 'No element looks like a short name of Windows, such as `a~1`; go commands before 1.16 accepted it.',
    source: `${CHECK_PATH} (golang/go#29101)`,
  },
  'path-major': {
    level: 'error',
    says: 'A last element `vN` is `v2` or more, without leading zeros and dots.',
    source: 'golang.org/x/mod/module, SplitPathVersion',
  },
  'path-gopkg-in': {
    level: 'error',
    says: 'A path at gopkg.in ends with `.vN`, optionally followed by `-unstable`.',
    source: 'golang.org/x/mod/module, SplitPathVersion',
  },
  'path-length': {
    level: 'note',
    says: 'The escaped `path@version` has at most 1,024 characters; longer ones cannot be looked up through a node.',
    source: 'a limit of this program',
  },
} as const satisfies Record<string, Rule>

/** The version of the module. */
export const VERSION_RULES = {
  'version-syntax': {
    level: 'error',
    says: 'A version is a semantic version with the prefix `v`.',
    source: 'golang.org/x/mod/module, Check',
  },
  'version-canonical': {
    level: 'error',
    says: 'A version has all three numbers and no build metadata except `+incompatible`.',
    source: 'golang.org/x/mod/module, CanonicalVersion; x/mod/sumdb/server.go, modVerRE',
  },
  'version-major': {
    level: 'error',
    says: 'The major version is that of the path: v0 or v1 where it names none, unless the version is `+incompatible`.',
    source: 'golang.org/x/mod/module, Check, CheckPathMajor',
  },
  'incompatible-needless': {
    level: 'note',
    says: 'Only v2 and above of a path without a major version is `+incompatible`.',
    source: 'cmd/go/internal/modfetch, checkCanonical (Go 1.13, golang/go#32695)',
  },
  'pseudo-base': {
    level: 'note',
    says: 'A pseudo-version follows a possible version: no `-0.` after patch 0, and no `+incompatible` or v1 without a base.',
    source: `golang.org/x/mod/module, PseudoVersionBase; ${VALIDATE_PSEUDO}`,
  },
  'pseudo-time': {
    level: 'note',
    says: 'The 14 digits of a pseudo-version are a date and a time, of 1970 or later.',
    source: `golang.org/x/mod/module, PseudoVersionTime; ${PSEUDO}`,
  },
  'pseudo-revision': {
    level: 'note',
    says: 'The revision of a pseudo-version has 12 lower-case hexadecimal digits.',
    source: `${PSEUDO}; ${VALIDATE_PSEUDO}`,
  },
  'toolchain-name': {
    level: 'note',
    says: 'Versions of golang.org/toolchain are `v0.0.1-goVERSION.GOOS-GOARCH`.',
    source: 'cmd/go/internal/modfetch/toolchain.go, goToDL',
  },
  'toolchain-go-mod': {
    level: 'note',
    says: 'The go.mod of golang.org/toolchain is the line `module golang.org/toolchain` in every version.',
    source: 'the public log; go.dev/dl/mod',
  },
} as const satisfies Record<string, Rule>

export type RuleName =
  keyof typeof TEXT_RULES | keyof typeof LINE_RULES | keyof typeof PATH_RULES | keyof typeof VERSION_RULES

export const RULES: Readonly<Record<RuleName, Rule>> = { ...TEXT_RULES, ...LINE_RULES, ...PATH_RULES, ...VERSION_RULES }
