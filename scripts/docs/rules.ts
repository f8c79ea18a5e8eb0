/**
 * Writes the tables of rules in docs/audit.md from the tables that the program uses (src/audit/rules/rules.ts and
 * src/audit/walk/walk-rules.ts).
 *
 *   npm run docs
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { format } from 'prettier'
import { LINE_RULES, PATH_RULES, TEXT_RULES, VERSION_RULES, type Rule } from '../../src/audit/rules/rules.js'
import { WALK_RULES } from '../../src/audit/walk/walk-rules.js'

const PAGE = fileURLToPath(new URL('../../docs/audit.md', import.meta.url))
const BEGIN = '<!-- rules: written by npm run docs -->'
const END = '<!-- end of rules -->'

const SECTIONS: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  'The text of a record': TEXT_RULES,
  'The lines of a record': LINE_RULES,
  'The path of the module': PATH_RULES,
  'The version of the module': VERSION_RULES,
  'The places of a log': WALK_RULES,
}

/** The whole page with its tables up to date, formatted by Prettier. */
export function auditPage(page = readFileSync(PAGE, 'utf8')): Promise<string> {
  const [before, rest] = page.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error(`${PAGE} has no place for the rules`)
  return format([before, BEGIN, tables(), END, after].join('\n'), { parser: 'markdown', printWidth: 120 })
}

function tables(): string {
  return Object.entries(SECTIONS)
    .map(([title, rules]) =>
      [
        `**${title}**`,
        '',
        '| rule | level | what it says | source |',
        '| --- | --- | --- | --- |',
        ...Object.entries(rules).map(([name, { level, says, source }]) =>
          row(`\`${name}\``, level, sentence(says), source),
        ),
        '',
      ].join('\n'),
    )
    .join('\n')
}

function sentence(says: string): string {
  return `${says[0]!.toUpperCase()}${says.slice(1).replace(/\.$/, '')}.`
}

function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(PAGE, await auditPage())
}
