/** `gossum demo log`: the log with two faces in a process of its own, for witnesses that are started separately. */
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { dataHome } from '../../../config/user-home.js'
import { parseHostPort } from '../../../config/values.js'
import { grouped } from '../../../lib/words.js'
import { output, type OutputFlags } from '../../ui/output.js'
import { untilSignalled } from '../../until-signalled.js'
import { everyOption } from './every-option.js'
import { ForkableLog } from './forkable-log.js'
import { LogServer } from './log-server.js'

interface LogFlags extends OutputFlags {
  readonly home?: string
  readonly name: string
  readonly listen: string
  readonly every: number
}

export function logCommand(): Command {
  return new Command('log')
    .description('a checksum database with two faces, and a page with a button that forks it')
    .option('--home <DIR>', 'key and records (default: XDG data home + /gossum-demo-log)')
    .option('--name <KEYNAME>', 'name of the log key, if it is created', 'demo.log.example')
    .option('--listen <HOST:PORT>', 'where it listens; port 0 = any', '127.0.0.1:46789')
    .addOption(everyOption())
    .addHelpText(
      'after',
      `
Its page is at /, its faces are at /left and /right: both show one history until the button is pressed.
Anyone who can reach the page can press it: it is meant for loopback, and for networks of containers.

Examples:
  gossum demo log
  gossum run --log "VKEY http://127.0.0.1:46789/left"
  curl -X POST http://127.0.0.1:46789/fork
`,
    )
    .action(async (_options: unknown, self: Command) => serve(self.optsWithGlobals<LogFlags>()))
}

async function serve(flags: LogFlags): Promise<void> {
  const out = output(flags)
  const address = parseHostPort(flags.listen, 'listen')
  const log = await ForkableLog.open(resolve(flags.home ?? join(dataHome(), 'gossum-demo-log')), flags.name)
  const server = await LogServer.start(log, address, flags.every).catch(async (error: unknown) => {
    await log.close()
    throw error
  })
  const [left, right] = [server.faceUrl('left'), server.faceUrl('right')]
  const { forked, faces } = await log.state()
  // Before the first line: a reader of it may send the signal at once.
  const isTold = untilSignalled()
  out.json({ ready: true, log: log.vkey, page: `${server.url}/`, size: faces[0]!.size, forked, faces: { left, right } })
  out.line(`log      ${log.vkey}`)
  out.line(`page     ${server.url}/`)
  out.line(`size     ${grouped(faces[0]!.size)}${forked ? ', forked' : ''}`)
  for (const url of [left, right]) out.line(`watch it gossum run --log "${log.vkey} ${url}"`)
  await isTold
  await server.close()
}
