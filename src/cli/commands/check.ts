/** `gossum check`: was the go command shown the same as everyone else? */
import { Command } from 'commander'

const PARTS = {
  'go.sum': async () => (await import('./check-gosum/check-gosum.js')).goSumCommand(),
  module: async () => (await import('./check-module/check-module.js')).moduleCommand(),
  modcache: async () => (await import('./check-modcache/check-modcache.js')).modcacheCommand(),
  head: async () => (await import('./check-head/check-head.js')).headCommand(),
  index: async () => (await import('./check-index/check-index.js')).indexCommand(),
}

/**
 * The command with only the named part, or with all parts: CI checks often, and each part needs little of the others.
 */
export async function command(named: string | undefined): Promise<Command> {
  const check = new Command('check')
    .description('compare what the go command was shown with what the log, a node and its peers see')
    .addHelpText(
      'after',
      `
Examples:
  gossum check go.sum                            every line of ./go.sum, by the node on this machine
  gossum check module golang.org/x/text@v0.3.0   one module version: the log, the proxy, a repository, this machine
  gossum check modcache                          the zips and files that the go command has downloaded
  gossum check head                              what the go command remembers of sum.golang.org
  gossum check head --json | jq -r .verdict
  gossum check index https://index.golang.org/index   a public index of module versions, by an auditing node
  gossum help check go.sum
`,
    )
  const isPart = named !== undefined && Object.hasOwn(PARTS, named)
  for (const [name, load] of Object.entries(PARTS)) if (!isPart || name === named) check.addCommand(await load())
  return check
}
