/**
 * Sends one table of requests to this witness and to the real litewitness, and writes the comparison into
 * docs/interop.md. Exits with 1 if a row differs without a reason.
 *
 *   npm run interop
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { format } from 'prettier'
import { interop, toMarkdown, unexplained } from '../test/helpers/interop.js'
import { findLitewitness } from '../test/helpers/litewitness.js'

const PAGE = new URL('../docs/interop.md', import.meta.url)
const MARKS = ['<!-- begin: written by npm run interop -->', '<!-- end -->'] as const

const litewitness = findLitewitness()
if (litewitness === undefined) throw new Error('no litewitness here: scripts/ci/peers.sh installs it')
const home = mkdtempSync(join(tmpdir(), 'gossum-interop-'))
const rows = await interop(litewitness, home)
rmSync(home, { recursive: true })

const page = readFileSync(PAGE, 'utf8')
const [before, rest] = page.split(MARKS[0])
const after = rest?.split(MARKS[1])[1]
if (after === undefined) throw new Error('docs/interop.md has no place for the table')
const text = `${before!}${MARKS[0]}\n\n${toMarkdown(rows)}\n${MARKS[1]}${after}`
writeFileSync(PAGE, await format(text, { parser: 'markdown' }))

const equal = rows.filter(({ ours, theirs }) => ours === theirs).length
process.stdout.write(`${rows.length} rows: ${equal} equal, ${rows.length - equal} differ\n`)
for (const text of unexplained(rows)) process.stdout.write(`UNEXPLAINED ${text}\n`)
if (unexplained(rows).length > 0) process.exitCode = 1
