/** `gossum log add|disable|list`: which logs the node of a home follows, in addition to those in its settings. */
import { join } from 'node:path'
import type { Command } from 'commander'
import { loadConfig, parseLogSetting, type LogSetting } from '../../config/config.js'
import { GossumError } from '../../errors.js'
import { loadWitnessVerifier } from '../../keys/key-file.js'
import { changeBook, withBook, withLog } from '../../logs/followed-logs.js'
import { requireRoomForLogs } from '../../logs/log-setting.js'
import { declareFlags, type CommonFlags } from '../common-flags.js'
import { output, type Output } from '../ui/output.js'

/** Reported with every change: a node reads its logs when it starts. */
const WHEN = 'the node follows this from its next start on'

/** Adds the subcommands. */
export function addBookCommands(log: Command): void {
  const add = log
    .command('add')
    .argument('<"VKEY URL [ORIGIN]"...>', 'as with --log of gossum run; "-" as URL for a log that pushes its heads')
    .description('follow a log from the next start on, follow it again, or at another URL')
    .addHelpText(
      'after',
      `
A log that has another key under a known name and origin is refused: follow it from a new --home.

Examples:
  gossum log add "VKEY https://sum.example.org"             a checksum database
  gossum log add "VKEY https://log.example.org log.example.org/2026"
  gossum log add "VKEY -"                                   it pushes its heads to /add-checkpoint
`,
    )
    .action((words: string[], _options: unknown, self: Command) => addLog(words.join(' '), self.optsWithGlobals()))
  const disable = log
    .command('disable')
    .argument('<NAME|ID>', 'key name or id of the log (gossum log list)')
    .description('neither poll nor cosign a log from the next start on; its data stays')
    .addHelpText(
      'after',
      `
Examples:
  gossum log disable sum.example.org
  gossum log add "VKEY https://sum.example.org"             follow it again, from where it was
`,
    )
    .action((name: string, _options: unknown, self: Command) => disableLog(name, self.optsWithGlobals()))
  const list = log
    .command('list')
    .description('the logs that gossum run follows with these settings, and the disabled ones')
    .addHelpText(
      'after',
      `
Examples:
  gossum log list
  gossum log list --json | jq -r 'select(.disabled).name'
`,
    )
    .action((_options: unknown, self: Command) => listLogs(self.optsWithGlobals()))
  for (const command of [add, disable, list]) declareFlags(command, ['home', 'config'])
}

function settings({ home, config }: CommonFlags): { home: string; logs: readonly LogSetting[] } {
  return loadConfig({ home }, { ...(config === undefined ? {} : { file: config }), policy: false })
}

async function addLog(text: string, flags: CommonFlags): Promise<void> {
  const log = parseLogSetting(text)
  const { home, logs } = settings(flags)
  const witness = await loadWitnessVerifier(join(home, 'witness.key'))
  if (witness?.name === log.origin)
    throw new GossumError('CONFIG_INVALID', `log: ${log.origin} is the name of this witness`)
  // Nor may it contradict the logs in the settings: the node would refuse to start.
  withLog(logs, log)
  await changeBook(home, (book) => {
    const changed = withLog(book, log)
    requireRoomForLogs(withBook(logs, true, changed))
    return changed
  })
  tell(log, 'added', output(flags))
}

async function disableLog(name: string, flags: CommonFlags): Promise<void> {
  const { home, logs } = settings(flags)
  const found = logs.filter(({ id, key }) => id === name || key.name === name)
  const [log] = found
  if (log === undefined) throw new GossumError('LOG_UNKNOWN', name)
  if (found.length > 1)
    throw new GossumError('USAGE', `${name} is the name of several logs: ${found.map(({ id }) => id).join(', ')}`)
  const disabled = { ...log, disabled: true }
  await changeBook(home, (book) => withLog(book, disabled))
  tell(disabled, 'disabled', output(flags))
}

function listLogs(flags: CommonFlags): void {
  const out = output(flags)
  for (const log of settings(flags).logs) {
    out.json(logLine(log))
    out.line(`${log.id.slice(0, 12)}  ${log.disabled ? 'disabled' : 'followed'}  ${described(log)}`)
  }
}

function tell(log: LogSetting, what: string, out: Output): void {
  out.json(logLine(log))
  out.line(`${what.padEnd(9)}${described(log)}`)
  out.talk(WHEN)
}

function described({ key, url, origin, list, perDay }: LogSetting): string {
  const how = perDay === null ? 'pushes its heads' : `pushes up to ${perDay} heads a day`
  return `${key.name}  ${url ?? how}  ${JSON.stringify(origin)}${list === null ? '' : `  from ${list}`}`
}

function logLine({ id, key, url, origin, disabled, list, perDay }: LogSetting): object {
  return { id, name: key.name, key: key.vkey, url, origin, disabled, list, perDay }
}
