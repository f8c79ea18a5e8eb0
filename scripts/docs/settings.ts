/**
 * Writes the tables of settings in docs/operating.md from the table that the program uses (src/config/settings.ts).
 *
 *   npm run docs
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { format } from 'prettier'
import { flagOf, GROUPS, keyOf, otherwiseOf, variableOf, type Setting } from '../../src/config/setting.js'
import { ALL_SETTINGS } from '../../src/config/settings.js'

const PAGE = fileURLToPath(new URL('../../docs/operating.md', import.meta.url))
const BEGIN = '<!-- settings: written by npm run docs -->'
const END = '<!-- end of settings -->'

/** The whole page with its tables up to date, formatted by Prettier. */
export function operatingPage(page = readFileSync(PAGE, 'utf8')): Promise<string> {
  const [before, rest] = page.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error(`${PAGE} has no place for the settings`)
  return format([before, BEGIN, tables(), END, after].join('\n'), { parser: 'markdown', printWidth: 120 })
}

function tables(): string {
  return GROUPS.map((group) => {
    const rows = Object.entries(ALL_SETTINGS).filter(([, setting]) => setting.group === group)
    return [
      `**${group}**`,
      '',
      '| setting | flag | environment | default |',
      '| --- | --- | --- | --- |',
      ...rows.map(([name, setting]) => row(name, setting)),
      '',
    ].join('\n')
  }).join('\n')
}

function row(name: string, setting: Setting): string {
  const { help, places, kind, value } = setting
  const isOn = kind === 'switch' && setting.initial({}) === true
  const key = places.includes('file') ? `\`${keyOf(name)}\`: ` : ''
  const flag = `\`${flagOf(name, setting)}${value === undefined ? '' : ` ${value}`}\`${kind === 'list' ? ' (repeatable)' : ''}`
  const variable = `\`${variableOf(name, setting)}${isOn ? '=false' : ''}\``
  const cells = [
    key + linked(help),
    places.includes('flag') ? flag : '',
    places.includes('environment') ? variable : '',
    otherwiseOf(setting) ?? (kind === 'switch' ? String(isOn) : 'none'),
  ]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

/** Help texts name pages by their paths; here these become links, except to this page. */
function linked(help: string): string {
  return help.replace(' (docs/operating.md)', '').replaceAll(/docs\/([a-z-]+\.md)/g, '[$1]($1)')
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(PAGE, await operatingPage())
}
