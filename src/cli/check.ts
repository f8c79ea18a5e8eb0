/** `gossum check`: is what the go command was shown what the world sees? */
import { Command } from 'commander'
import { goSumCommand } from './check-gosum.js'
import { headCommand } from './check-head.js'

export function command(): Command {
  return new Command('check')
    .description('compare what the go command was shown with what the log, a node and its peers see')
    .addCommand(goSumCommand())
    .addCommand(headCommand())
    .addHelpText(
      'after',
      `
Examples:
  gossum check go.sum                            every line of ./go.sum, by the node on this machine
  gossum check head                              what the go command remembers of sum.golang.org
  gossum check head --json | jq -r .verdict
  gossum help check go.sum
`,
    )
}
