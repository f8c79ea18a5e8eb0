/** `gossum status`, `heads`, `peers`, `evidence`: ask a running node. With --json they print the API's body unchanged. */
import { Command } from 'commander'
import { GossumError, HintedError } from '../../errors.js'
import { fromUtf8 } from '../../tlog/bytes.js'
import type { Acknowledged, EvidenceView, HeadView, LogView, PeerView, StatusView } from '../../status/shapes.js'
import { evidenceLines } from '../ui/evidence-text.js'
import { counted, headLines, peerLines, statusLines } from '../ui/node-text.js'
import { NodeClient } from '../node-client.js'
import { nodeUrl, operatorHome } from '../node-url.js'
import { tellNode } from '../operator-client.js'
import type { CommonFlags } from '../common-flags.js'
import { exitCodeOf, gravest } from '../exit.js'
import { exitOf } from '../../status/conditions.js'
import { importCommand } from './evidence/evidence-import.js'
import { output, type Output } from '../ui/output.js'

interface Asking {
  readonly out: Output
  readonly node: NodeClient
}

function asking(command: Command): Asking {
  const flags = command.optsWithGlobals<CommonFlags>()
  return { out: output(flags), node: new NodeClient(nodeUrl(flags)) }
}

function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}\n`).join('')}`
}

// ---- status ----------------------------------------------------------------------------------------------------

export function statusCommand(): Command {
  return new Command('status')
    .description('what a running node sees: each log, its quorum, peers, evidence')
    .addHelpText(
      'after',
      examples(
        'gossum status                              the node on this machine',
        'gossum status --node http://10.0.0.7:46787',
        "gossum status --json | jq '.logs[0].size'",
      ) +
        `
Exit code 3 while misbehaviour is proven: a log is frozen, or this node's own key is convicted. 4 while no cosignatures are
made, or something is in doubt; the lines under "health" say what (docs/operating.md, "Conditions"). Otherwise 0.
`,
    )
    .action(async (_options: unknown, self: Command) => {
      const { out, node } = asking(self)
      const { value, body } = await node.askJson<StatusView>('/api/v1/status', 'conditions')
      process.exitCode = exitOf(value.conditions)
      if (out.isJson) {
        out.raw(body)
        return
      }
      const held = await node.askJson<{ evidence: EvidenceView[] }>('/api/v1/evidence', 'evidence')
      const lines = statusLines(value, held.value.evidence, Date.now(), (style, text) => out.paint(style, text))
      lines.forEach((line) => out.line(line))
    })
}

// ---- heads -----------------------------------------------------------------------------------------------------

export function headsCommand(): Command {
  return new Command('heads')
    .description('the newest heads of a log that the node holds, newest first')
    .argument('[LOG]', 'name or id of the log; not needed when the node follows only one')
    .option('--limit <N>', 'how many, at most 1000', '20')
    .option('--below <SIZE>', 'only heads smaller than this')
    .addHelpText(
      'after',
      examples(
        'gossum heads',
        'gossum heads sum.golang.org --limit 1',
        'gossum heads --limit 1000 --below 280573',
        "gossum heads --json | jq -j '.heads[0].note' > head.txt",
      ),
    )
    .action(async (log: string | undefined, { limit, below }: { limit: string; below?: string }, self: Command) => {
      const { out, node } = asking(self)
      const { value: known } = await node.askJson<{ logs: LogView[] }>('/api/v1/logs', 'logs')
      const { id } = chooseLog(known.logs, log)
      const query = new URLSearchParams({ limit, ...(below !== undefined && { below }) })
      const path = `/api/v1/logs/${id}/heads?${query.toString()}`
      const { value, body } = await node.askJson<{ heads: HeadView[]; next?: number | null }>(path, 'heads')
      if (out.isJson) out.raw(body)
      else headLines(value.heads, Date.now()).forEach((line) => out.line(line))
      if (value.heads.length === 0) out.talk(below === undefined ? 'no head yet' : 'no older head is kept')
      else if (typeof value.next === 'number') out.talk(`older ones: --below ${value.next}`)
    })
}

function chooseLog(logs: readonly LogView[], wanted: string | undefined): LogView {
  if (wanted === undefined && logs.length !== 1) {
    throw new GossumError('USAGE', `name one of the logs: ${logs.map(({ name }) => name).join(', ')}`)
  }
  const log = wanted === undefined ? logs[0] : logs.find(({ id, name }) => id === wanted || name === wanted)
  if (log === undefined) {
    const unknown = new GossumError('LOG_UNKNOWN', JSON.stringify(wanted))
    throw new HintedError(unknown, `the node follows: ${logs.map(({ name }) => name).join(', ')}`)
  }
  return log
}

// ---- peers -----------------------------------------------------------------------------------------------------

export function peersCommand(): Command {
  return new Command('peers')
    .description('the peers that a running node is connected to')
    .addHelpText(
      'after',
      examples(
        'gossum peers',
        "gossum peers --json | jq '.peers | length'",
        'gossum run --bootstrap MULTIADDR           connects a node to a peer',
      ),
    )
    .action(async (_options: unknown, self: Command) => {
      const { out, node } = asking(self)
      const { value, body } = await node.askJson<{ peers: PeerView[] }>('/api/v1/peers', 'peers')
      if (out.isJson) out.raw(body)
      else peerLines(value.peers, Date.now()).forEach((line) => out.line(line))
      if (value.peers.length === 0) out.talk('no peers')
    })
}

// ---- evidence --------------------------------------------------------------------------------------------------

export function evidenceCommand(): Command {
  const command = new Command('evidence')
    .description('evidence of misbehaviour that a running node holds')
    .addHelpText(
      'after',
      examples(
        'gossum evidence list',
        'gossum evidence show ID > evidence.json    then: gossum verify evidence.json',
        'gossum evidence ack ID                     the log may be cosigned again, or the witness counts again',
        'gossum evidence import build.log           what the go command printed when it caught a fork',
      ),
    )
  command
    .command('list')
    .description('list the evidence, acknowledged or not')
    .addHelpText(
      'after',
      examples(
        'gossum evidence list',
        'gossum evidence list --node http://10.0.0.7:46787',
        "gossum evidence list --json | jq -r '.evidence[].id'",
      ),
    )
    .action((_options: unknown, self: Command) => listEvidence(asking(self)))
  command
    .command('show')
    .description('print an evidence file, byte for byte; or the head of a suspect')
    .argument('<ID>', 'id of the evidence, or of the suspect')
    .addHelpText(
      'after',
      examples(
        'gossum evidence show 0123456789abcdef > evidence.json',
        'gossum evidence show 0123456789abcdef | gossum verify -',
        "gossum evidence show 0123456789abcdef | jq -j '.heads[0]' > head.txt",
      ),
    )
    .action(async (id: string, _options: unknown, self: Command) => {
      const { out, node } = asking(self)
      out.raw(await shown(node, encodeURIComponent(id)))
    })
  command
    .command('ack')
    .description('acknowledge evidence: you have seen it; its log may be cosigned again, or its witness counts again')
    .argument('[ID...]', 'ids of evidence or of suspects, as status prints them: with or without commas')
    .option('--all', 'everything not acknowledged yet')
    .addHelpText(
      'after',
      examples(
        'gossum evidence ack 0123456789abcdef',
        'gossum evidence ack 0123456789abcdef, fedcba9876543210',
        'gossum evidence ack --all',
        'gossum evidence ack 0123456789abcdef --home /var/lib/gossum',
        'gossum status                              says whether the log is still frozen',
      ) +
        `
Only the operator may do this: the command reaches the node through operator.sock in its home, so run it on the node's
machine, as the user that runs the node. The HTTP API does not accept it, and --node has no effect on it.
`,
    )
    .action(async (words: string[], options: { all?: boolean }, self: Command) => {
      const named = words.flatMap((word) => word.split(/[\s,]+/)).filter((id) => id !== '')
      if (named.length > 0 === (options.all === true)) throw new GossumError('USAGE', 'name ids, or use --all')
      const ids = options.all === true ? await openIds(asking(self).node) : named
      process.exitCode = await acknowledge(new Set(ids), self.optsWithGlobals<CommonFlags>())
    })
  return command.addCommand(importCommand())
}

/** The ids of everything that is not acknowledged: evidence, and the suspects for which a log is frozen. */
async function openIds(node: NodeClient): Promise<string[]> {
  const [held, known] = await Promise.all([
    node.askJson<{ evidence: EvidenceView[] }>('/api/v1/evidence', 'evidence'),
    node.askJson<{ logs: LogView[] }>('/api/v1/logs', 'logs'),
  ])
  const open = [...held.value.evidence, ...known.value.logs.flatMap(({ holds }) => holds)]
  return open.filter(({ acked }) => !acked).map(({ id }) => id)
}

/** Acknowledges each id; a refusal of one does not affect the others. Returns the exit code. */
async function acknowledge(ids: ReadonlySet<string>, flags: CommonFlags): Promise<number> {
  const out = output(flags)
  const exits: number[] = []
  if (ids.size === 0) out.talk('nothing is left to acknowledge')
  for (const id of ids) {
    try {
      const body = await tellNode(operatorHome(flags), `/api/v1/evidence/${encodeURIComponent(id)}/ack`)
      if (out.isJson) out.raw(body)
      else out.line(acknowledgedText(id, body))
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      out.error(error)
      exits.push(exitCodeOf(error.code))
    }
  }
  return gravest(exits)
}

/** What was acknowledged, and how many more items with it: a fork that grew is many items, acknowledged together. */
function acknowledgedText(id: string, body: Uint8Array): string {
  const { items } = JSON.parse(fromUtf8(body)!) as Acknowledged
  return `acknowledged ${id}${items > 1 ? `, and ${counted(items - 1, 'item')} more about the same log` : ''}`
}

/** Whatever `ack` accepts: evidence, or the head of a suspect. */
async function shown(node: NodeClient, id: string): Promise<Uint8Array> {
  try {
    return await node.ask(`/api/v1/evidence/${id}`)
  } catch (error) {
    if (!(error instanceof GossumError && error.code === 'EVIDENCE_UNKNOWN')) throw error
    return node.ask(`/api/v1/suspects/${id}`)
  }
}

async function listEvidence({ out, node }: Asking): Promise<void> {
  const { value, body } = await node.askJson<{ evidence: EvidenceView[] }>('/api/v1/evidence', 'evidence')
  if (out.isJson) {
    out.raw(body)
    return
  }
  if (value.evidence.length === 0) {
    out.talk('no evidence')
    return
  }
  const { value: known } = await node.askJson<{ logs: LogView[] }>('/api/v1/logs', 'logs')
  evidenceLines(value.evidence, known.logs, Date.now()).forEach((line) => out.line(line))
}
