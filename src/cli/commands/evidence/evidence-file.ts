/**
 * Where the command line stores evidence so that it is not lost: with a node, or in a file that overwrites no other.
 */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeEvidence, evidenceId, type Evidence } from '../../../evidence/evidence.js'
import { fromUtf8 } from '../../../tlog/bytes.js'
import type { SubmittedEvidence } from '../../../status/shapes.js'
import type { NodeClient } from '../../node-client.js'
import { writeFileOnce } from '../../named-files.js'
import type { Output } from '../../ui/output.js'

/** Submits evidence to a node. Throws the error with which the node refuses it, and as NodeClient does. */
export function giveEvidence(node: NodeClient, evidence: Evidence): Promise<SubmittedEvidence> {
  return node.submit<SubmittedEvidence>('/api/v1/evidence', 'application/json', encodeEvidence(evidence), 'fate')
}

/** The default name of an evidence file. */
function evidenceFileName(evidence: Evidence): string {
  return `gossum-evidence-${evidenceId(evidence)}.json`
}

/** Writes an evidence file; one with the same content is left as it is. Throws FILE_UNWRITABLE. */
export function writeEvidence(path: string, evidence: Evidence): Promise<void> {
  return writeFileOnce(path, encodeEvidence(evidence))
}

/**
 * Writes evidence to the named file, or else to some other place: a wrong name or a full disk must not lose it. Returns
 * the path; null if no place accepted it, in which case it is printed.
 */
export async function keepInFile(evidence: Evidence, named: string | undefined, out: Output): Promise<string | null> {
  const name = evidenceFileName(evidence)
  for (const path of [...(named === undefined ? [] : [named]), name, join(tmpdir(), name)]) {
    try {
      await writeEvidence(path, evidence)
      return path
    } catch (error) {
      out.error(error)
    }
  }
  out.block(fromUtf8(encodeEvidence(evidence))!)
  return null
}
