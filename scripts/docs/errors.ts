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

Every error that Gossum reports has one of these codes. The code is the \`code\` of an HTTP problem ([http.md](http.md)) and of an error line of the command line
([json.md](json.md)), and the label of \`gossum_errors_total\`. Codes are never renamed; new ones may be added. \`gossum explain CODE\` prints the same in a terminal.
\`npm run docs\` generates this page from the table that the program uses, and a test keeps the two in step.

- **HTTP** is the status of the answer to a request that fails with the code. There are two exceptions: bytes from a _log_ that are unusable
  give 502 to the go command, which did not send them; and a pushed head that cannot be proven yet, or cannot be written, gives 503 where retrying may help.
- **exit** is the exit code of a command that fails with the code: 1 could not, 2 refused, 3 misbehaviour, 4 undecided.
- **again** is yes if the same request may succeed later, without any change by whoever made it.
- **gossip** is what gossip does with a message that is refused with the code: \`ignore\` has no consequence for the sender; \`reject\` lowers its score,
  and is used only for bytes that no honest node can have passed on.
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
