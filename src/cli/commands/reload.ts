/** `gossum reload` and `gossum log-level`: change a running node, at the operator's command. */
import { Argument, Command } from 'commander'
import { LOG_LEVELS } from '../../config/settings.js'
import type { ReloadReport } from '../../node/generations.js'
import { fromUtf8 } from '../../tlog/bytes.js'
import { operatorHome } from '../node-url.js'
import type { CommonFlags } from '../common-flags.js'
import { tellNode } from '../operator-client.js'
import { output } from '../ui/output.js'
import { reloadText } from '../ui/event-text.js'

export function reloadCommand(): Command {
  return new Command('reload')
    .description('make a running node read its settings again and apply what changed')
    .addHelpText(
      'after',
      `
The node rereads the file and the environment that it was started with; its flags stay. Everything is checked first: settings that
gossum run would refuse change nothing (exit code 2). Applied are changes of the logs (gossum log add, disable; log lists), the policy,
the places, the watches, the mirror and the log level; changes that need a restart are named. Connections stay open, and requests wait
meanwhile. A SIGHUP to the node does the same.

Examples:
  gossum reload
  gossum reload --home /var/lib/gossum --json
  gossum config check /etc/gossum.yaml && gossum reload
`,
    )
    .action(async (_options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<CommonFlags>()
      const out = output(flags)
      const body = await tellNode(operatorHome(flags), '/api/v1/reload')
      if (out.isJson) return out.raw(body)
      const report = JSON.parse(fromUtf8(body)!) as ReloadReport
      out.line(reloadText(report))
      for (const log of report.followed) out.line(`  now followed: ${log}`)
      for (const log of report.left) out.line(`  no longer followed: ${log}`)
    })
}

export function logLevelCommand(): Command {
  return new Command('log-level')
    .addArgument(
      new Argument('[level]', 'what to log from now on (default: print the current level)').choices(LOG_LEVELS),
    )
    .description('how much a running node logs on stderr, until its next start')
    .addHelpText(
      'after',
      `
Examples:
  gossum log-level
  gossum log-level debug && sleep 60 && gossum log-level info
`,
    )
    .action(async (level: string | undefined, _options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<CommonFlags>()
      const out = output(flags)
      const query = level === undefined ? '' : `?level=${level}`
      const body = await tellNode(operatorHome(flags), `/api/v1/log-level${query}`)
      if (out.isJson) return out.raw(body)
      const told = JSON.parse(fromUtf8(body)!) as { level: string; before: string }
      out.line(level === undefined ? told.level : `${told.before} -> ${told.level}`)
    })
}
