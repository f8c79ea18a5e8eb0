/**
 * What an audit remembers in addition to its parts: its log, the head it reached, and the duplicates that were found.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { areCounts, areTexts } from '../../lib/is-object.js'
import { writeWholeFile } from '../../lib/whole-file.js'
import type { Finding, FindingLevel } from '../finding.js'
import { isSeed, type KeySeed } from './module-keys.js'
import { damaged } from './part-text.js'

export interface AuditState {
  /** The log's verifier key and origin: parts of another log are useless. */
  readonly log: string
  readonly origin: string
  readonly seed: KeySeed
  /** The largest head that was audited, or begun, as a note. */
  readonly head: string
  /** The findings among records [0, upTo) whose keys are shared. */
  readonly shared: {
    readonly upTo: number
    readonly findings: readonly Finding[]
    /** Evidence, as files. */
    readonly evidence: readonly string[]
    readonly isWhole: boolean
  }
}

const VERSION = 'gossum/audit/v1'
const NAME = 'audit.json'
const LEVELS: readonly FindingLevel[] = ['error', 'note']

/** The state in the folder; undefined for a new folder. Throws AUDIT_DAMAGED. */
export async function readState(dir: string): Promise<AuditState | undefined> {
  let text: string
  try {
    text = await readFile(join(dir, NAME), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const { version, ...state } = JSON.parse(text) as AuditState & { version: unknown }
    if (version === VERSION && isState(state)) return state
  } catch {
    // Handled below.
  }
  throw damaged(join(dir, NAME))
}

/** Throws a JavaScript error if a field is missing. */
function isState({ log, origin, head, seed, shared }: AuditState): boolean {
  const { upTo, findings, evidence, isWhole } = shared
  const isFound = ({ rule, level, detail }: Finding): boolean => areTexts(rule, detail) && LEVELS.includes(level)
  const isWalked =
    areCounts(upTo) &&
    findings.every(isFound) &&
    evidence.every((one) => typeof one === 'string') &&
    typeof isWhole === 'boolean'
  return areTexts(log, origin, head) && isSeed(seed) && isWalked
}

/** It is on disk when this returns. */
export function writeState(dir: string, state: AuditState): Promise<void> {
  return writeWholeFile(join(dir, NAME), `${JSON.stringify({ version: VERSION, ...state })}\n`)
}
