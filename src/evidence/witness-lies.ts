/** Finds the witnesses that cosigned both heads of a split view: printed heads often carry their lines. Pure. */
import { verifiedCosignatures } from '../tlog/cosignature.js'
import { parseHash, type Hash } from '../tlog/hash.js'
import { parseNote, type Note, type VerifierKey } from '../tlog/note.js'
import { utf8 } from '../tlog/bytes.js'
import { makeWitnessConflict, type SplitView, type WitnessConflict } from './evidence.js'

/**
 * Evidence against each of these witnesses that cosigned both heads of verified evidence against the log, verified.
 * `printed` are heads as they were found, with whatever lines they had.
 */
export function witnessLies(
  { heads, prefix }: SplitView,
  logKey: VerifierKey,
  printed: readonly Note[],
  witnesses: readonly VerifierKey[],
): WitnessConflict[] {
  const pair = heads.map((head) => withLines(parseNote(utf8(head)), printed)) as [Note, Note]
  const proven = prefix && { root: hashOf(prefix.root), proof: prefix.proof.map(hashOf) }
  const [one, other] = pair.map((note) => verifiedCosignatures(note, witnesses))
  return witnesses
    .filter(({ vkey }) => one!.has(vkey) && other!.has(vkey))
    .map((witness) => makeWitnessConflict(logKey, witness, pair, proven))
}

/** The head with the lines of all printed heads that have its text. */
function withLines({ text, signatures }: Note, printed: readonly Note[]): Note {
  const found = printed.filter((note) => note.text === text).flatMap((note) => note.signatures)
  return { text, signatures: [...signatures, ...found] }
}

function hashOf(base64: string): Hash {
  return parseHash(base64)!
}
