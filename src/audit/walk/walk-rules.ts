/** The rules about places of a log; those for single records are in ../rules. Pure. */
import { printable } from '../../lib/printable.js'
import type { Finding, FindingLevel } from '../finding.js'

/** Rule name -> its text, and where that is specified. */
export const WALK_RULES = {
  'hash-tile': {
    level: 'error',
    says: 'every tile of hashes is that of the tree',
    source: 'golang.org/design/25530-sumdb, Checksum Database; c2sp.org/tlog-tiles, Merkle Tree',
  },
  'data-tile': {
    level: 'error',
    says: 'every tile of records has the records of the tree',
    source: 'golang.org/design/25530-sumdb, Checksum Database; c2sp.org/tlog-tiles, Log Entries',
  },
  'record-number': {
    level: 'error',
    says: 'where records are numbered, they count up without gaps',
    source: 'golang.org/x/mod/sumdb/tlog, FormatRecord',
  },
  'duplicate-record': {
    level: 'note',
    says: 'one module version has one record (a second one with the same content is harmless)',
    source: 'golang.org/design/25530-sumdb, Checksum Database',
  },
  'contradicting-records': {
    level: 'error',
    says: 'no two records of one module version have different hashes (gossum/bad-record/v1 convicts the log of it)',
    source: 'golang.org/design/25530-sumdb, Checksum Database',
  },
} as const satisfies Record<string, { level: FindingLevel; says: string; source: string }>

export type WalkRule = keyof typeof WALK_RULES

/** Whether a rule is one of these. */
export function isWalkRule(rule: string): rule is WalkRule {
  return Object.hasOwn(WALK_RULES, rule)
}

/** The longest detail of a finding, in characters. */
const MAX_DETAIL = 200

/** The name of a module version in findings: the log may have written anything. */
export function moduleName({ path, version }: { readonly path: string; readonly version: string }): string {
  return printable(`${path}@${version}`.slice(0, MAX_DETAIL))
}

/** A finding of one of these rules. */
export function walkFinding(rule: WalkRule, detail: string, about: Pick<Finding, 'id' | 'tile' | 'module'>): Finding {
  return { rule, level: WALK_RULES[rule].level, ...about, detail: printable(detail).slice(0, MAX_DETAIL) }
}
