/**
 * `gossum mirror`: the state of the module mirror of a node on this machine, what it keeps and lets through, and
 * whether its files are intact.
 */
import { stat } from 'node:fs/promises'
import { Command } from 'commander'
import { errorText, GossumError, HintedError } from '../../errors.js'
import { mirrorFolder } from '../../mirror/mirror-folder.js'
import type { MirrorStatusView } from '../../status/mirror-shapes.js'
import { fromUtf8 } from '../../tlog/bytes.js'
import type { CommonFlags } from '../common-flags.js'
import { EXIT } from '../exit.js'
import { operatorHome } from '../node-url.js'
import { readFromNode, tellNode } from '../operator-client.js'
import { bytesText, mirrorStatusLines } from '../ui/mirror-text.js'
import { counted } from '../ui/node-text.js'
import { output, type Output } from '../ui/output.js'

const OPERATOR = `
Only the operator may do this: the command reaches the node through operator.sock in its home, so run it on the node's machine, as
the user that runs the node.
`

export function command(): Command {
  const mirror = new Command('mirror')
    .description('the module mirror of a node: what it keeps, hides and refuses')
    .addHelpText(
      'after',
      `
A node is a mirror when it runs with --mirror URL: docs/mirror.md.

Examples:
  gossum mirror status
  gossum mirror allow example.com/mod@v1.2.3
  gossum mirror pin example.com/mod@v1.2.3
  gossum mirror verify
`,
    )
  mirror.addCommand(statusCommand()).addCommand(allowCommand())
  for (const verb of ['pin', 'unpin'] as const) mirror.addCommand(pinCommand(verb))
  return mirror.addCommand(verifyCommand())
}

function statusCommand(): Command {
  return new Command('status')
    .description('what the mirror keeps, which upstreams answer, which versions they hide, and what was refused')
    .addHelpText(
      'after',
      `${OPERATOR}
Examples:
  gossum mirror status
  gossum mirror status --home /var/lib/gossum
  gossum mirror status --json | jq '.hidden[] | .path, .versions'
`,
    )
    .action(async (_options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<CommonFlags>()
      const out = output(flags)
      const body = await readFromNode(operatorHome(flags), '/api/v1/mirror')
      if (out.isJson) return out.raw(body)
      const status = JSON.parse(fromUtf8(body)!) as MirrorStatusView
      const lines = mirrorStatusLines(status, Date.now(), (style, text) => out.paint(style, text))
      lines.forEach((line) => out.line(line))
    })
}

function allowCommand(): Command {
  return new Command('allow')
    .description('let a version through the cooldown, or everything that the log had before this node')
    .argument('[M@V]', 'module path and version, as in example.com/mod@v1.2.3')
    .option('--existing', "everything the log had before this node's first quorum head: its age cannot be proven")
    .addHelpText(
      'after',
      `${OPERATOR}
Examples:
  gossum mirror allow example.com/mod@v1.2.3
  gossum mirror allow --existing               once, when the cooldown is new; see docs/mirror.md
`,
    )
    .action(async (module: string | undefined, { existing }: { existing?: true }, self: Command) => {
      if ((module === undefined) === (existing === undefined))
        throw new GossumError('USAGE', 'name M@V, or use --existing')
      const said = module === undefined ? 'existing' : `module=${encodeURIComponent(module)}`
      const what = module ?? "what the log had before this node's first quorum head"
      await tell(self.optsWithGlobals<CommonFlags>(), `allow?${said}`, `allowed ${what}`)
    })
}

function pinCommand(verb: 'pin' | 'unpin'): Command {
  const does = {
    pin: 'keep the files of a version even if they are not requested for long',
    unpin: 'remove the files of a version when space is needed, like all others',
  }
  return new Command(verb)
    .description(does[verb])
    .argument('<M@V>', 'module path and version, as in example.com/mod@v1.2.3')
    .addHelpText(
      'after',
      `${OPERATOR}
Examples:
  gossum mirror ${verb} example.com/mod@v1.2.3
  gossum mirror ${verb} example.com/mod@v1.2.3 --home /var/lib/gossum
`,
    )
    .action(async (module: string, _options: unknown, self: Command) => {
      const path = `${verb}?module=${encodeURIComponent(module)}`
      await tell(self.optsWithGlobals<CommonFlags>(), path, `${verb}ned ${module}`)
    })
}

async function tell(flags: CommonFlags, path: string, done: string): Promise<void> {
  const out = output(flags)
  const body = await tellNode(operatorHome(flags), `/api/v1/mirror/${path}`)
  if (out.isJson) out.raw(body)
  else out.line(done)
}

function verifyCommand(): Command {
  return new Command('verify')
    .description('read and hash everything that the mirror keeps, and set damaged files aside')
    .addHelpText(
      'after',
      `
The node must be stopped. A running node checks each file before it serves it for the first time.

Examples:
  gossum mirror verify
  gossum mirror verify --home /var/lib/gossum
  gossum mirror verify --json | jq -r 'select(.flaw).file'

Exit code 1 when a file was damaged. It is fetched again when it is requested.
`,
    )
    .action(async (_options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<CommonFlags>()
      process.exitCode = await verify(operatorHome(flags), output(flags))
    })
}

async function verify(home: string, out: Output): Promise<number> {
  const dir = mirrorFolder(home)
  await stat(dir).catch((error: unknown) => {
    const missing = new GossumError('FILE_UNREADABLE', errorText(error), error)
    throw new HintedError(missing, 'this home has no mirror yet; name another with --home DIR')
  })
  const { verifyMirror } = await import('../../mirror/mirror.js')
  const seen = { files: 0, bytes: 0, damaged: 0 }
  const read = async (): Promise<void> => {
    for await (const { name, size, flaw } of verifyMirror(dir)) {
      seen.files++
      seen.bytes += size
      if (flaw === undefined) continue
      seen.damaged++
      out.json({ file: name, size, flaw })
      out.line(`${out.paint('red', 'damaged')}  ${name}: ${flaw}`)
    }
  }
  await out.progress(() => `${counted(seen.files, 'file')}, ${bytesText(seen.bytes)}`, read())
  out.json(seen)
  const what = `${counted(seen.files, 'file')}, ${bytesText(seen.bytes)}`
  out.line(seen.damaged === 0 ? `${what}: all are intact` : `${what}: ${seen.damaged} damaged and set aside`)
  return seen.damaged === 0 ? EXIT.fine : EXIT.couldNot
}
