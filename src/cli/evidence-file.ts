/** Where the command line leaves evidence, so that it is not lost: with a node, or in a file that overwrites no other. */
import { encodeEvidence, evidenceId, type Evidence } from '../evidence/evidence.js'
import type { EvidenceAnswer } from '../http/submit.js'
import type { NodeClient } from './client.js'
import { writeFileOnce } from './files.js'

/** Gives evidence to a node. Throws what it refuses it with, and as NodeClient does. */
export function giveEvidence(node: NodeClient, evidence: Evidence): Promise<EvidenceAnswer> {
  return node.submit<EvidenceAnswer>('/api/v1/evidence', 'application/json', encodeEvidence(evidence), 'fate')
}

/** The name of an evidence file where nobody has said one. */
export function evidenceFileName(evidence: Evidence): string {
  return `gossum-evidence-${evidenceId(evidence)}.json`
}

/** Writes an evidence file; one that holds the same already is left as it is. Throws FILE_UNWRITABLE. */
export function writeEvidence(path: string, evidence: Evidence): Promise<void> {
  return writeFileOnce(path, encodeEvidence(evidence))
}
