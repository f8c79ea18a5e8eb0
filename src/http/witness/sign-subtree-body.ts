/**
 * The body of POST /sign-subtree (c2sp.org/tlog-witness): a line `subtree START END`, a line with its hash, up to 63
 * lines of proof, an empty line, and a checkpoint that this witness has cosigned. Pure; nothing in it is verified.
 */
import { GossumError } from '../../errors.js'
import type { Hash } from '../../tlog/hash.js'
import { isSubtree, type Subtree } from '../../tlog/subtree.js'
import { parseHashLine, parseProof, splitBody, type PushedNote } from './add-checkpoint-body.js'

export interface AskedSubtree extends PushedNote {
  readonly subtree: Subtree
  readonly proof: readonly Hash[]
}

/** Parses a body. Throws REQUEST_INVALID for what cannot be parsed, and for a range that is not a subtree. */
export function parseSignSubtree(body: Uint8Array): AskedSubtree {
  const { lines, ...pushed } = splitBody(body)
  const [first, second, ...rest] = lines
  const range = /^subtree (0|[1-9][0-9]{0,18}) (0|[1-9][0-9]{0,18})$/.exec(first!)
  if (range === null)
    throw new GossumError('REQUEST_INVALID', 'the first line is "subtree", a start and an end in decimal')
  const [start, end] = [Number(range[1]), Number(range[2])]
  // SPEC: c2sp.org/tlog-witness, sign-subtree: 400 when start and end are not those of a valid subtree.
  if (!isSubtree(start, end))
    throw new GossumError('REQUEST_INVALID', `${range[0].slice(8)} is not a subtree of any tree`)
  const hash = parseHashLine(second ?? '', 'the second line')
  return { ...pushed, subtree: { start, end, hash }, proof: parseProof(rest) }
}
