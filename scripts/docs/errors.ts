/**
 * Writes docs/errors.md from the table of error codes. The sentences of each code are in src/errors/ and nowhere else.
 *
 *   npm run docs
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { format } from 'prettier'
import { CHECKPOINTS, EVIDENCE, LOGS, NOTES, TREES } from '../../src/errors/about-heads.js'
import { OTHERS, RUNNING, SIGNING, STATE } from '../../src/errors/about-nodes.js'
import type { ErrorRow } from '../../src/errors/traits.js'

const SECTIONS: Readonly<Record<string, Readonly<Record<string, ErrorRow>>>> = {
  'Signed notes and keys': NOTES,
  'Checkpoints and cosignatures': CHECKPOINTS,
  'Trees, tiles, records': TREES,
  'The log as a server': LOGS,
  'Evidence and policy': EVIDENCE,
  'State and keys on disk': STATE,
  'What keeps a node from signing': SIGNING,
  'Peers and places': OTHERS,
  'Running and asking': RUNNING,
}

const INTRODUCTION = `# Error codes

Every error that Gossum tells has one of these codes. It is the \`code\` of an HTTP problem ([http.md](http.md)) and of an error line of the command line
([json.md](json.md)), and the label of \`gossum_errors_total\`. Codes are never renamed; new ones may come. \`gossum explain CODE\` says the same in a terminal.
This page is written by \`npm run docs\` from the table that the program uses, and a test holds the two together.

- **HTTP** is the status of the answer to who asked for something, or brought it. The doors differ in two things: bytes of a _log_ that do not do
  are 502 for the go command, which has not sent them; and a head that is pushed and cannot be proven yet, or cannot be written, is 503 where asking again may help.
- **exit** is the exit code of a command that ends with the code: 1 could not, 2 refused, 3 misbehaviour, 4 undecided.
- **again** says whether the very same may be answered otherwise later, though who asked has changed nothing.
- **gossip** says what becomes of a message that is refused with the code: \`ignore\` holds it against nobody, \`reject\` costs the peer that sent it its standing,
  and is only for bytes that no honest node can have passed on.
`

/** The whole page, formatted by Prettier. */
export function errorsPage(): Promise<string> {
  const sections = Object.entries(SECTIONS).map(([title, rows]) =>
    [
      `## ${title}`,
      '',
      '| code | what happened | what to do | HTTP | exit | again | gossip |',
      '| --- | --- | --- | --- | --- | --- | --- |',
      ...Object.entries(rows).map(([code, [sentence, hint, { status, exit, retryable, gossip }]]) =>
        row(`\`${code}\``, sentence, hint, status, exit, retryable ? 'yes' : 'no', gossip),
      ),
      '',
    ].join('\n'),
  )
  return format([INTRODUCTION, ...sections].join('\n'), { parser: 'markdown', printWidth: 120 })
}

function row(...cells: readonly (string | number)[]): string {
  return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(fileURLToPath(new URL('../../docs/errors.md', import.meta.url)), await errorsPage())
}
