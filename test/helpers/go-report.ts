/** What the go command prints when it catches a fork (golang.org/x/mod/sumdb, Client.checkTrees). */
import { readVectors } from './vectors.js'

/** Its exact text; `hashes` are the root computed for the older size, then the proof. */
export function goReport(older: string, newer: string, hashes: readonly string[]): string {
  const indented = (note: string): string => note.replaceAll('\n', '\n\t')
  const proof = hashes.map((hash) => `\n\t${hash}`).join('')
  return `SECURITY ERROR
go.sum database server misbehavior detected!

old database:
\t${indented(older)}
new database:
\t${indented(newer)}
proof of misbehavior:${proof}\n`
}

/** An example: a log, two heads of it, and the report about them. */
export const FORK = readVectors('fork.json') as {
  vkey: string
  skey: string
  view_a_heads: string[]
  view_b_heads: string[]
  detection: { old_head: string; new_head: string; proof_block_lines: string[] }
}

export const FORK_REPORT = goReport(FORK.detection.old_head, FORK.detection.new_head, FORK.detection.proof_block_lines)
