/** `gossum check`: is what you have what the world sees? */
import { Command } from 'commander'
import { goSumCommand } from './check-gosum.js'

export function command(): Command {
  return new Command('check')
    .description('is what you have what the world sees?')
    .addHelpText(
      'after',
      `
Examples:
  gossum check go.sum                        every line of ./go.sum, by the node on this machine
  gossum check go.sum --json
  gossum help check go.sum
`,
    )
    .addCommand(goSumCommand())
}
