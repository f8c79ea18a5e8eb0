/** The template of a settings file: every setting a file may have, explained, and commented out at its default. */
import { stringify } from 'yaml'
import { flagOf, GROUPS, keyOf, otherwiseOf, variableOf, type Setting } from './setting.js'
import { IN_FILES } from './sources.js'

/** The width of comments, in columns. */
const WIDTH = 100

/**
 * The text of the file. A line that begins with "#" and a letter, or with "# - ", is a setting: without its "#" it
 * states the default, or a placeholder where there is none.
 */
export function settingsTemplate(): string {
  const groups = GROUPS.map((group) => ({ group, settings: IN_FILES.filter(([, setting]) => setting.group === group) }))
  const parts = groups.flatMap(({ group, settings }) =>
    settings.length === 0 ? [] : [`## ${group}\n`, ...settings.map(([name, setting]) => entry(name, setting))],
  )
  return [HEADER, ...parts].join('\n')
}

const HEADER = `# Settings of a gossum node: gossum run --config THIS-FILE
#
# Take the "#" away before a setting to change it. What is commented out is at its default.
# gossum config check THIS-FILE says what is wrong here, gossum config show what holds.
`

function entry(name: string, setting: Setting): string {
  const { help, places } = setting
  const also = [
    places.includes('flag') ? flagOf(name, setting) : [],
    places.includes('environment') ? variableOf(name, setting) : [],
  ].flat()
  // The help of a switch that is on by default describes its flag, which turns it off.
  const isOn = setting.kind === 'switch' && setting.initial({}) === true
  const said = isOn ? `false: ${help}` : `${help[0]!.toUpperCase()}${help.slice(1)}`
  const explained = wrapped(`${said}. Also: ${also.join(', ')}`)
  return `${[...explained.map((line) => `# ${line}`), ...writing(name, setting).map((line) => `#${line}`)].join('\n')}\n`
}

/** The lines of a setting at its default, or with the placeholder of its value. */
function writing(name: string, setting: Setting): string[] {
  const { kind, value = '', fields } = setting
  const key = keyOf(name)
  // The default home depends on the user who runs the node.
  const initial = name === 'home' ? undefined : setting.initial({})
  const isSaid = initial !== undefined && String(initial) !== ''
  if (isSaid)
    return stringify({ [key]: initial }, { lineWidth: 0 })
      .trimEnd()
      .split('\n')
  const otherwise = otherwiseOf(setting)
  const note = otherwise === undefined ? '' : `  # default: ${otherwise}`
  if (kind !== 'list') return [`${key}: ${value}${note}`]
  const item = fields === undefined ? value.replaceAll('"', '') : `${fields[0]!}: PATTERNS`
  return [`${key}:${note}`, `  - ${item}`]
}

function wrapped(text: string): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)!} ${word}`.trimStart()
    if (longer.length <= WIDTH) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}
