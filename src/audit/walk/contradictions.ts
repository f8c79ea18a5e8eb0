/**
 * What records that share a key say: unrelated things, if their keys are equal by chance; the same, which is a note; or
 * different hashes of one module version, from which evidence is made.
 */
import { contradictionOf } from '../../evidence/bad-record.js'
import { makeBadRecord, type BadRecord } from '../../evidence/evidence.js'
import { unlessRefused } from '../../errors/attempt.js'
import type { Hash } from '../../tlog/hash.js'
import type { Note, VerifierKey } from '../../tlog/note.js'
import { parseRecord } from '../../tlog/record.js'
import type { Finding } from '../finding.js'
import { judgeRecord } from '../rules/judge-record.js'
import type { SharedKey } from './duplicates.js'
import { moduleName, walkFinding } from './walk-rules.js'

/** The most evidence that one audit makes: one piece convicts the log, and the rest are findings. */
const MAX_EVIDENCE = 16

/** The log under one head. */
export interface ProvenRecords {
  readonly key: VerifierKey
  readonly head: Note
  /** The bytes of a record, proven to be in the tree. */
  readonly record: (id: number) => Promise<Uint8Array>
  /** Its inclusion proof. */
  readonly proof: (id: number) => Promise<readonly Hash[]>
}

export interface SharedVerdict {
  readonly findings: readonly Finding[]
  readonly evidence: readonly BadRecord[]
}

/**
 * Judges records that share a key, in order; findings are about records numbered `since` or above, compared with those
 * below. Throws errors of reading and proving them.
 */
export async function judgeShared(
  groups: readonly SharedKey[],
  since: number,
  log: ProvenRecords,
): Promise<SharedVerdict> {
  const findings: Finding[] = []
  const evidence: BadRecord[] = []
  for (const group of groups) {
    const earlier = new Map<string, { id: number; record: Uint8Array }[]>()
    for (const id of group) {
      const record = await log.record(id)
      const { module } = judgeRecord(record)
      if (module === undefined) continue
      const name = `${module.path}@${module.version}`
      const about = { id, module: moduleName(module) }
      const known = earlier.get(name) ?? []
      earlier.set(name, known)
      const other = known.find((one) => contradict(one.record, record))
      if (id < since) {
        // Reported before.
      } else if (other !== undefined) {
        findings.push(walkFinding('contradicting-records', `record ${other.id} has another hash of it`, about))
        if (evidence.length < MAX_EVIDENCE) {
          const pair = [other, { id, record }].map(async (one) => ({ ...one, proof: await log.proof(one.id) }))
          const [a, b] = await Promise.all(pair)
          evidence.push(makeBadRecord(log.key, log.head, [a!, b!]))
        }
      } else if (known.length > 0) {
        findings.push(walkFinding('duplicate-record', `record ${known[0]!.id} has the same content`, about))
      }
      known.push({ id, record })
    }
  }
  return { findings, evidence }
}

/** Whether two records contradict each other. The go command would not read a malformed one. */
function contradict(a: Uint8Array, b: Uint8Array): boolean {
  const texts = [unlessRefused(() => parseRecord(a)), unlessRefused(() => parseRecord(b))] as const
  if (texts[0] === undefined || texts[1] === undefined) return false
  return contradictionOf([texts[0], texts[1]]) !== undefined
}
