/** The heads in evidence: signed by the log, in the only form that evidence allows. Pure; runs in a browser. */
import { errorCode, GossumError } from '../errors.js'
import { utf8 } from '../tlog/bytes.js'
import { parseCheckpoint, type Checkpoint } from '../tlog/checkpoint.js'
import { verifyCosignature } from '../tlog/cosignature.js'
import { parseNote, spellNote, verifyNote, type Note, type VerifierKey } from '../tlog/note.js'

/** The error for evidence that convicts nobody. */
export function unproven(why: string): GossumError {
  return new GossumError('EVIDENCE_UNPROVEN', why)
}

/** The note with only the log's own verified line: what evidence and suspects keep of a head. */
export function bareHead(note: Note, key: VerifierKey): Note {
  return { text: note.text, signatures: [verifyNote(note, key)] }
}

/**
 * Reads one head of evidence: it must be signed by the log, cosigned by the witness if there is one, and carry only
 * their lines, in canonical form. Throws EVIDENCE_UNPROVEN, and the codes for notes, signatures and checkpoints.
 */
export function readEvidenceHead(head: string, key: VerifierKey, witness?: VerifierKey): Checkpoint {
  const note = parseNote(utf8(head))
  const { text, signatures } = bareHead(note, key)
  const cosignature = witness && cosignatureOf(note, witness)
  if (spellNote({ text, signatures: cosignature === undefined ? signatures : [...signatures, cosignature] }) !== head)
    throw unproven(`a head carries more than the line of the log${witness ? ' and that of the witness' : ''}`)
  return parseCheckpoint(text)
}

function cosignatureOf(note: Note, witness: VerifierKey): Note['signatures'][0] {
  const line = note.signatures[1]
  if (line === undefined) throw unproven('a head is not cosigned by the witness')
  try {
    return verifyCosignature(note.text, line, witness).signature
  } catch (error) {
    if (errorCode(error) !== 'SIGNATURE_MISSING') throw error
    throw unproven('a head is not cosigned by the witness')
  }
}
