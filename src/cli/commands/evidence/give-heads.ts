/**
 * Submits found heads to a node, as they were printed: with its history and the tiles of the log, the node may prove
 * what the heads alone do not, also about the witnesses that cosigned them.
 */
import { errorCode } from '../../../errors.js'
import { evidenceId } from '../../../evidence/evidence.js'
import type { FoundHead } from '../../../evidence/report-shape.js'
import { mapBounded } from '../../../lib/single-flight.js'
import { parseCheckpoint } from '../../../tlog/checkpoint.js'
import { formatNote } from '../../../tlog/note.js'
import type { NodeClient } from '../../node-client.js'
import { EXIT, gravest } from '../../exit.js'
import { askNode, type HeadStatement } from '../check-head/head-answers.js'
import type { Output } from '../../ui/output.js'
import { grouped } from '../../../lib/words.js'

/** The most heads submitted, and how many concurrently: a node accepts 32 at a time from one address. */
const MAX_HEADS = 16
const AT_ONCE = 4

/** Submits heads to a node; `told` are ids of evidence already reported. Returns the exit code of the results. */
export async function giveHeads(
  heads: readonly FoundHead[],
  told: ReadonlySet<string>,
  node: NodeClient,
  out: Output,
): Promise<number> {
  const given = heads.slice(0, MAX_HEADS)
  const answers = await mapBounded(given, AT_ONCE, undefined, ({ key, note }) =>
    askNode(node, { key }, { bytes: formatNote(note) }),
  )
  return gravest(answers.map((answer, i) => tell(given[i]!, answer, told, out)))
}

function tell(
  { key, note }: FoundHead,
  { said, evidence }: HeadStatement,
  told: ReadonlySet<string>,
  out: Output,
): number {
  const size = note.text.split('\n')[1]!
  const shown = Number.isSafeInteger(Number(size)) ? grouped(Number(size)) : size
  if (!out.isJson) {
    const answer =
      said.error === undefined ? `the node at ${said.url}: ${said.text}` : `no answer: ${said.error.message}`
    out.talk(`head of ${key.name}, size ${shown}: ${answer}`)
  }
  if (evidence !== undefined && !told.has(evidenceId(evidence))) {
    const sizes = evidence.heads.map((head) => parseCheckpoint(head).size)
    const id = evidenceId(evidence)
    out.json({ id, fate: 'known', type: evidence.type, log: key.vkey, sizes, written: null })
    out.line(`${id}  known`)
  }
  return evidence !== undefined || isImpossible(note.text) ? EXIT.misbehaviour : EXIT.fine
}

/** Whether no tree can have this size: the log's signature on it is the only possible proof. */
function isImpossible(text: string): boolean {
  try {
    parseCheckpoint(text)
    return false
  } catch (error) {
    return errorCode(error) === 'SIZE_IMPOSSIBLE'
  }
}
