/**
 * `gossum check head`: compares the go command's memory of a log with a node's history and with the log as it is now.
 * The node receives the head in any case, and with it its peers; evidence that no node accepted is written to a file.
 *
 * Trusted: the node, when it says that a head is part of its history. Not trusted: the log; a conviction needs two
 * heads that it signed.
 */
import { Command } from 'commander'
import { parseLogSetting, SUM_GOLANG_ORG, type LogSetting } from '../../../config/config.js'
import { errorCode, GossumError } from '../../../errors.js'
import { evidenceId, type Evidence } from '../../../evidence/evidence.js'
import { findByShape } from '../../../evidence/report-shape.js'
import { parseCheckpoint, type Checkpoint } from '../../../tlog/checkpoint.js'
import { EMPTY_ROOT, formatHash } from '../../../tlog/hash.js'
import { signedHeadsIn } from '../../../tlog/cut.js'
import { formatNote, parseNote, verifyNote, type Note } from '../../../tlog/note.js'
import { NodeClient, nodeFlag } from '../../node-client.js'
import { nodeUrl } from '../../node-url.js'
import type { CommonFlags } from '../../common-flags.js'
import { giveEvidence, keepInFile } from '../evidence/evidence-file.js'
import { EXIT, gravest } from '../../exit.js'
import { readFileBounded } from '../../named-files.js'
import { latestPath, readLatest } from './go-memory.js'
import {
  askLog,
  askNode,
  type HeadStatement,
  type PolledLog,
  type RememberedHead,
  type Said,
  type HeadVerdict,
} from './head-answers.js'
import { output, type Output } from '../../ui/output.js'
import { grouped } from '../../../lib/words.js'

interface HeadFlags extends CommonFlags {
  readonly log: string
  readonly writeEvidence?: string
}

/** The largest file that is read, in bytes: more than any head can need. */
const MAX_FILE_BYTES = 2 * 1024 * 1024

const EXITS = { consistent: EXIT.fine, inconsistent: EXIT.misbehaviour, pending: EXIT.undecided } as const
const STYLES = { consistent: 'green', inconsistent: 'red', pending: 'yellow' } as const
const LABEL_WIDTH = 10

export function headCommand(): Command {
  return new Command('head')
    .description(
      "check the head that the go command remembers of a log against a node's history and against the log itself",
    )
    .argument('[FILE]', 'a signed head; - is stdin (default: pkg/sumdb/<name>/latest below the first entry of GOPATH)')
    .option('--log <"VKEY URL">', 'the log', `${SUM_GOLANG_ORG} https://sum.golang.org`)
    .option(
      '--write-evidence <FILE>',
      'always write evidence here; default: ./gossum-evidence-<id>.json when no node has it',
    )
    .addHelpText(
      'after',
      `
Examples:
  gossum check head                                     what the go command remembers of sum.golang.org
  gossum check head --node http://10.0.0.7:46787 latest
  gossum check head --log "VKEY URL" --json | jq -r .verdict

The first word is consistent (exit code 0), inconsistent (3: proven, with evidence) or pending (4: unknown).
The head is submitted to the node, which keeps it and tells its peers if it is new. An empty file means to the go command
that it remembers nothing: consistent. Exit code 2 when the file has no head signed by the log, 1 when it cannot be
read.
`,
    )
    .action(async (file: string | undefined, _options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<HeadFlags>()
      process.exitCode = await checkHead(file, flags, output(flags))
    })
}

async function checkHead(file: string | undefined, flags: HeadFlags, out: Output): Promise<number> {
  const setting = parseLogSetting(flags.log)
  if (setting.url === null) throw new GossumError('USAGE', '--log: the address of the log is needed, not "-"')
  const log = { ...setting, url: setting.url }
  const node = new NodeClient(nodeUrl(flags))
  const path = file ?? latestPath(log.key.name)
  const bytes = await (file === undefined
    ? readLatest(path, log.key.name, MAX_FILE_BYTES)
    : readFileBounded(path, MAX_FILE_BYTES))
  if (bytes.length === 0) return nothingRemembered(path, log, out)

  const exits: number[] = []
  for (const remembered of readHeads(bytes, log))
    exits.push(await checkOne(remembered, { path, log, node, flags, out }))
  return gravest(exits)
}

/** Where a head was found, and who is asked about it. */
interface Asking {
  readonly path: string
  readonly log: PolledLog
  readonly node: NodeClient
  readonly flags: HeadFlags
  readonly out: Output
}

async function checkOne(remembered: RememberedHead, { path, log, node, flags, out }: Asking): Promise<number> {
  const [byNode, byLog] = await out.progress(
    'asking the node and the log',
    Promise.all([askNode(node, log, remembered), askLog(log, remembered)]),
  )
  const verdict = verdictOf(remembered, [byNode, byLog])
  const kept = await keep(byNode, byLog, node, flags.writeEvidence, out)
  const [, size, root] = remembered.note.text.split('\n') as [string, string, string]
  out.json({
    verdict,
    log: log.key.vkey,
    size: remembered.head?.size ?? null,
    root,
    file: path,
    node: said(byNode),
    logAnswer: said(byLog),
    evidence: kept.id,
    written: kept.path,
  })
  const sizeText = remembered.head === undefined ? size : grouped(remembered.head.size)
  out.line([out.paint(STYLES[verdict], verdict), log.key.name, `size ${sizeText}`, `root ${root}`, path].join('  '))
  out.line(told('node', byNode.said))
  out.line(told('log', byLog.said))
  if (kept.path !== null)
    out.line(labelled('evidence', `${kept.path}  gossum verify --log ${log.key.vkey} ${kept.path}`))
  else if (kept.id !== null) out.line(labelled('evidence', `gossum evidence show ${kept.id}${nodeFlag(node.url)}`))
  return EXITS[verdict]
}

/**
 * The head, or the heads that the log signed within a file that is not a head itself, such as a cached lookup. Throws
 * the reason of a refusal: not a note, not signed by the log, not a checkpoint, or of another origin.
 */
function readHeads(bytes: Uint8Array, log: LogSetting): RememberedHead[] {
  try {
    const note = parseNote(bytes)
    verifyNote(note, log.key)
    return [readHead(bytes, note, log)]
  } catch (error) {
    const cut = signedHeadsIn(bytes, log.key, log.origin)
    // A head copied from a build log may have lost its exact form.
    const found = cut.length > 0 ? cut : findByShape(bytes, [log.key]).heads.map(({ note }) => note)
    if (found.length === 0) throw error
    return found.map((note) => readHead(formatNote(note), note, log))
  }
}

function readHead(bytes: Uint8Array, note: Note, log: LogSetting): RememberedHead {
  let head: Checkpoint | undefined
  try {
    head = parseCheckpoint(note.text)
  } catch (error) {
    // It is signed, and the go command accepts it: the node must see it.
    if (errorCode(error) !== 'SIZE_IMPOSSIBLE') throw error
  }
  const origin = note.text.slice(0, note.text.indexOf('\n'))
  if (origin !== log.origin) throw new GossumError('ORIGIN_MISMATCH', JSON.stringify(origin.slice(0, 100)))
  return { bytes, note, head }
}

/** To the go command an empty file is the empty tree, which is part of every history. */
function nothingRemembered(path: string, { key }: LogSetting, out: Output): number {
  const nobody = { node: null, logAnswer: null, evidence: null, written: null }
  out.json({ verdict: 'consistent', log: key.vkey, size: 0, root: formatHash(EMPTY_ROOT), file: path, ...nobody })
  out.line(`${out.paint('green', 'consistent')}  ${key.name}  nothing is remembered yet: the file is empty  ${path}`)
  return EXIT.fine
}

/** A size that no tree has is a lie in itself: the log's signature on it is the only possible proof. */
function verdictOf({ head }: RememberedHead, answers: readonly HeadStatement[]): HeadVerdict {
  if (head === undefined) return 'inconsistent'
  if (answers.some(({ evidence }) => evidence !== undefined)) return 'inconsistent'
  const isProven = answers.some(({ said }) => said.error === undefined && said.verdict === 'consistent')
  return isProven ? 'consistent' : 'pending'
}

// ---- evidence --------------------------------------------------------------------------------------------------

interface Kept {
  /** Id of the evidence; null when there is none. */
  readonly id: string | null
  /** The file that it was written to. */
  readonly path: string | null
}

/** Stores evidence: with the node, or in a file; in both if a file is named. */
async function keep(
  byNode: HeadStatement,
  byLog: HeadStatement,
  node: NodeClient,
  named: string | undefined,
  out: Output,
): Promise<Kept> {
  const evidence = byNode.evidence ?? byLog.evidence
  if (evidence === undefined) return { id: null, path: null }
  const isThere = byNode.said.error === undefined
  const held = byNode.evidence ? evidenceId(evidence) : isThere ? await give(node, evidence, out) : undefined
  const path = held !== undefined && named === undefined ? null : await keepInFile(evidence, named, out)
  return { id: held ?? evidenceId(evidence), path }
}

/** Submits evidence to the node unless it has it already. Returns its id there; undefined if it was not accepted. */
async function give(node: NodeClient, evidence: Evidence, out: Output): Promise<string | undefined> {
  try {
    return (await giveEvidence(node, evidence)).id
  } catch (error) {
    out.error(error)
    return undefined
  }
}

// ---- words -----------------------------------------------------------------------------------------------------

function labelled(label: string, text: string): string {
  return `${label.padEnd(LABEL_WIDTH)}${text}`
}

function told(label: string, { url, ...rest }: Said): string {
  return labelled(label, `${url}  ${rest.error === undefined ? rest.text : `no answer: ${rest.error.message}`}`)
}

/** A statement, as a JSON object. */
function said({ said: { url, ...rest } }: HeadStatement): object {
  return rest.error === undefined ? { url, verdict: rest.verdict, ...rest.fields } : { url, error: rest.error }
}
