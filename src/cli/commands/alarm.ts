/** `gossum alarm`: who is told when something is wrong, whether that works, and what they were told. */
import { Command } from 'commander'
import type { AlarmListView, AlarmTestView } from '../../status/alarm-shapes.js'
import { fromUtf8 } from '../../tlog/bytes.js'
import type { CommonFlags } from '../common-flags.js'
import { EXIT } from '../exit.js'
import { operatorHome } from '../node-url.js'
import { readFromNode, tellNode } from '../operator-client.js'
import { alarmListLines, alarmTestLines } from '../ui/alarm-text.js'
import { output } from '../ui/output.js'

const OPERATOR = `
Only the operator may do this: the command reaches the node through operator.sock in its home, so run it on the node's machine, as
the user that runs the node.
`

export function command(): Command {
  return new Command('alarm')
    .description('who is alerted when something is wrong, and whether that works')
    .addHelpText(
      'after',
      `
A node alerts the programs in hooks.d in its home, and the webhooks of --alarm URL: see docs/alarm.md.

Examples:
  gossum alarm test
  gossum alarm list
`,
    )
    .addCommand(testCommand())
    .addCommand(listCommand())
}

function testCommand(): Command {
  return new Command('test')
    .description('send a sample alert to each hook and webhook, and print the results')
    .addHelpText(
      'after',
      `${OPERATOR}
Examples:
  gossum alarm test
  gossum alarm test --home /var/lib/gossum
  gossum alarm test --json | jq '.results[] | select(.ok | not)'

Exit code 1 when one of them failed, or when there is none.
`,
    )
    .action(async (_options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<CommonFlags>()
      const out = output(flags)
      const asked = tellNode(operatorHome(flags), '/api/v1/alarm/test')
      const body = await out.progress('sending a sample', asked)
      const { results } = JSON.parse(fromUtf8(body)!) as AlarmTestView
      const isFine = results.length > 0 && results.every(({ ok }) => ok)
      if (out.isJson) out.raw(body)
      else for (const line of alarmTestLines(results, (style, text) => out.paint(style, text))) out.line(line)
      if (results.length === 0) out.hint('put a program into hooks.d in the home, or name a webhook: see docs/alarm.md')
      process.exitCode = isFine ? EXIT.fine : EXIT.couldNot
    })
}

function listCommand(): Command {
  return new Command('list')
    .description('the alerts that are firing, and the deliveries that are pending')
    .addHelpText(
      'after',
      `${OPERATOR}
Examples:
  gossum alarm list
  gossum alarm list --json | jq '.firing[].name'
`,
    )
    .action(async (_options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<CommonFlags>()
      const out = output(flags)
      const body = await readFromNode(operatorHome(flags), '/api/v1/alarm')
      if (out.isJson) return out.raw(body)
      const list = JSON.parse(fromUtf8(body)!) as AlarmListView
      for (const line of alarmListLines(list, Date.now(), (style, text) => out.paint(style, text))) out.line(line)
    })
}
