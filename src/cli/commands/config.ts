/** `gossum config`: shows each setting, its value and its source; writes a file to start from, and checks one. */
import { Command } from 'commander'
import { configOf } from '../../config/config.js'
import { keyOf, otherwiseOf, type Setting, type Writing } from '../../config/setting.js'
import { ALL_SETTINGS } from '../../config/settings.js'
import { hear, type Heard } from '../../config/sources.js'
import { withoutSecrets } from '../../errors.js'
import type { CommonFlags } from '../common-flags.js'
import { output } from '../ui/output.js'
import { CHECK_HELP, checkConfig, INIT_HELP, initConfig } from './config-file.js'
import { declareSettings, settingsOf, type SettingFlags } from '../setting-flags.js'

export function command(): Command {
  const config = new Command('config').description('the settings of a node').addHelpText(
    'after',
    `
Examples:
  gossum config init                            write gossum.yaml, with every setting in it
  gossum config check gossum.yaml
  gossum config show
  gossum config show --config /etc/gossum.yaml
  gossum config show --json | jq -r 'select(.source != "default").name'
`,
  )
  config
    .command('init')
    .argument('[file]', 'the file to write, or - (default: gossum.yaml)')
    .description('write a file of settings to start from: each explained, and commented out at its default')
    .addHelpText('after', INIT_HELP)
    .action((file: string | undefined, _options: unknown, self: Command) =>
      initConfig(file, self.optsWithGlobals<CommonFlags>()),
    )
  config
    .command('check')
    .argument('[file]', 'the file to check (default: that of --config)')
    .description('report everything that is wrong with a file of settings, with lines')
    .addHelpText('after', CHECK_HELP)
    .action((file: string | undefined, _options: unknown, self: Command) => {
      process.exitCode = checkConfig(file, self.optsWithGlobals<CommonFlags>())
    })
  const show = config
    .command('show')
    .description('print every setting as gossum run would use it, and its source; refuses what run refuses')
  declareSettings(show)
    .addHelpText(
      'after',
      `
Users and passwords of URLs are left out. gossum log list shows which logs are followed, including those of the home.

Examples:
  gossum config show
  gossum config show --config /etc/gossum.yaml
  gossum config show --poll 30 --json | jq -c 'select(.name == "poll")'
`,
    )
    .action((_options: unknown, self: Command) => showConfig(self.optsWithGlobals<SettingFlags>()))
  return config
}

/** A setting as shown. */
interface Shown {
  readonly name: string
  /** Its value without passwords; null if it has none. */
  readonly value: Writing | null
  readonly source: Heard['source']
  readonly at: string | null
  /** Whether a user or a password was left out. */
  readonly hidden: boolean
}

function showConfig(flags: SettingFlags): void {
  const out = output(flags)
  const heard = hear(settingsOf(flags), { file: flags.config, node: flags.node, env: process.env })
  // Reports whatever is wrong.
  const { home } = configOf(heard)
  const width = Math.max(...Object.keys(heard).map((name) => keyOf(name).length)) + 2
  for (const [name, setting] of Object.entries(ALL_SETTINGS)) {
    const shown = show(name, setting, name === 'home' ? { ...heard[name]!, written: home } : heard[name]!)
    out.json(shown)
    const { value, source, at, hidden } = shown
    const said = [source, at ?? [], hidden ? '(without its login)' : []].flat().join(' ')
    const lines = [value ?? []].flat().map(String)
    const [first = otherwiseOf(setting) ?? 'none', ...more] = lines
    out.line(`${shown.name.padEnd(width)}${first}  ${out.paint('dim', said)}`)
    for (const line of more) out.line(' '.repeat(width) + line)
  }
}

function show(name: string, { secret }: Setting, { written, source, at }: Heard): Shown {
  const clean = (text: string): string => (secret === true ? withoutSecrets(text) : text)
  const value = typeof written === 'string' ? clean(written) : Array.isArray(written) ? written.map(clean) : written
  return { name: keyOf(name), value: value ?? null, source, at, hidden: String(value) !== String(written) }
}
