/** Where the command line leaves evidence, so that it is not lost: with a node, or in a file that overwrites no other. */
import { open, readFile, stat, unlink } from 'node:fs/promises'
import { errorText, GossumError } from '../errors.js'
import { encodeEvidence, evidenceId, type Evidence } from '../evidence/evidence.js'
import type { EvidenceAnswer } from '../http/submit.js'
import { equalBytes } from '../tlog/bytes.js'
import type { NodeClient } from './client.js'

/** Gives evidence to a node. Throws what it refuses it with, and as NodeClient does. */
export function giveEvidence(node: NodeClient, evidence: Evidence): Promise<EvidenceAnswer> {
  return node.submit<EvidenceAnswer>('/api/v1/evidence', 'application/json', encodeEvidence(evidence), 'fate')
}

/** The name of an evidence file where nobody has said one. */
export function evidenceFileName(evidence: Evidence): string {
  return `gossum-evidence-${evidenceId(evidence)}.json`
}

/** Writes an evidence file; one that holds the same already is left as it is. Throws FILE_UNWRITABLE. */
export async function writeEvidence(path: string, evidence: Evidence): Promise<void> {
  const file = encodeEvidence(evidence)
  try {
    const handle = await open(path, 'wx')
    try {
      await handle.writeFile(file)
      await handle.sync()
    } catch (error) {
      // Half a file would stand in the way of the whole one.
      await unlink(path)
      throw error
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (await holds(path, file)) return
    throw new GossumError('FILE_UNWRITABLE', errorText(error), error)
  }
}

async function holds(path: string, file: Uint8Array): Promise<boolean> {
  try {
    const found = await stat(path)
    return found.isFile() && found.size === file.length && equalBytes(await readFile(path), file)
  } catch {
    return false
  }
}
