/**
 * `gossum evidence import`: submits an evidence file, or what the go command printed when it caught a fork, to a node.
 * Everything imported is verified here first, with keys that do not come from the text.
 */
import { Command } from 'commander'
import { SUM_GOLANG_ORG } from '../../../config/config.js'
import { errorCode, GossumError, HintedError } from '../../../errors.js'
import { attempted, unlessRefused } from '../../../errors/attempt.js'
import { evidenceHeads, recordsTold, SPLIT_VIEW } from '../../../evidence/evidence.js'
import {
  evidenceInText,
  MAX_EVIDENCE_TEXT_BYTES,
  type FromText,
  type ProvenEvidence,
  type TextKeys,
} from '../../../evidence/from-text.js'
import type { FoundHead } from '../../../evidence/report-shape.js'
import type { LogView, WitnessView } from '../../../status/shapes.js'
import type { SubmittedEvidence } from '../../../status/shapes.js'
import { utf8 } from '../../../tlog/bytes.js'
import { isWitnessKey, parseNote, parseVerifierKey, type VerifierKey } from '../../../tlog/note.js'
import { MAX_POLICY_BYTES, parsePolicy } from '../../../tlog/policy.js'
import { deedOf, placesOf } from '../../../status/evidence-words.js'
import { NodeClient } from '../../node-client.js'
import { nodeUrl } from '../../node-url.js'
import { collect, type CommonFlags } from '../../common-flags.js'
import { giveEvidence, keepInFile, writeEvidence } from './evidence-file.js'
import { EXIT, exitCodeOf, gravest } from '../../exit.js'
import { readFileBounded, readPolicyFile } from '../../named-files.js'
import { giveHeads } from './give-heads.js'
import { parseLogKey } from '../../log-key.js'
import { output, type Output } from '../../ui/output.js'

interface ImportFlags extends CommonFlags {
  readonly log?: string[]
  readonly policy?: string
  readonly write?: string
}

export function importCommand(): Command {
  return new Command('import')
    .description(
      'make evidence from what the go command printed when it caught a fork, and submit it to a running node',
    )
    .argument('<FILE>', 'a build log with the SECURITY ERROR of the go command, or an evidence file; - is stdin')
    .option('--log <VKEY>', "key of a log to trust (repeatable; default: the node's logs, and sum.golang.org)", collect)
    .option('--policy <FILE>', "also convict its witnesses that cosigned both heads (default: the node's policy)")
    .option('--write <FILE>', 'also write the evidence; then no node is needed')
    .addHelpText(
      'after',
      `
Examples:
  go mod download 2>&1 | gossum evidence import -
  gossum evidence import build.log --write fork.json
  gossum evidence import bad-record.json            an evidence file of any kind
  gossum evidence import --log VKEY build.log --node http://10.0.0.7:46787

The build log may come from any CI system: with times, colours and prefixes, folded, as JSON, in UTF-16. Heads that prove
nothing on their own are submitted to the node as printed: it may know more. Evidence that no node accepts is written to
gossum-evidence-ID.json here, or in the folder for temporary files.

Exit code 3 when a report was proven and kept: the import worked, and what was imported proves that the log has signed
two histories, or holds two records that contradict each other. 2 for a text without a report, or whose reports prove
nothing; 1 when what was proven could not be stored anywhere.
`,
    )
    .action(async (file: string, _options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<ImportFlags>()
      process.exitCode = await importFile(file, flags, output(flags))
    })
}

async function importFile(file: string, flags: ImportFlags, out: Output): Promise<number> {
  const node = new NodeClient(nodeUrl(flags))
  const bytes = await readFileBounded(file, MAX_EVIDENCE_TEXT_BYTES)
  const found = evidenceInText(bytes, await keysOf(node, flags))
  const exits: number[] = found.failures.map((error) => {
    const isUnknown = errorCode(error) === 'LOG_UNKNOWN'
    out.error(isUnknown ? new HintedError(error, 'name the key of the log with --log VKEY') : error)
    return exitCodeOf(error.code)
  })
  for (const [i, proven] of found.proven.entries()) exits.push(await keep(proven, i, { node, flags, out }))
  // After the evidence, which freezes the log at once: a head may take the node a minute.
  exits.push(await giveHeads(untold(found), new Set(found.proven.map(({ id }) => id)), node, out))
  return gravest(exits)
}

interface Keeping {
  readonly node: NodeClient
  readonly flags: ImportFlags
  readonly out: Output
}

/** Stores a piece of evidence in the named file and with the node, or else in some file. */
async function keep(proven: ProvenEvidence, i: number, { node, flags, out }: Keeping): Promise<number> {
  const { evidence } = proven
  const named = flags.write === undefined ? undefined : numbered(flags.write, i)
  let path: string | null = null
  if (named !== undefined) {
    const written = await attempted(writeEvidence(named, evidence))
    if (written instanceof GossumError) out.error(written)
    else path = named
  }
  const answer = await attempted(giveEvidence(node, evidence))
  if (answer instanceof GossumError && path === null) {
    path = await keepInFile(evidence, undefined, out)
    if (path === null) {
      out.error(
        new HintedError(answer, `evidence ${proven.id} is proven, but not stored anywhere: keep what was printed`),
      )
      return exitCodeOf(answer.code)
    }
  }
  tell(proven, answer, path, out)
  return EXIT.misbehaviour
}

// ---- keys ------------------------------------------------------------------------------------------------------

/** The keys of the node's logs, if it can be reached, and that of sum.golang.org; and the keys of witnesses. */
async function keysOf(node: NodeClient, { log, policy }: ImportFlags): Promise<TextKeys> {
  const named = policy === undefined ? undefined : parsePolicy(await readPolicyFile(policy, MAX_POLICY_BYTES))
  const [logs, witnesses] = await Promise.all([
    log?.map(parseLogKey) ?? logsOf(node),
    named?.witnesses.flatMap(({ key }) => key ?? []) ?? witnessesOf(node),
  ])
  return { logs, witnesses }
}

async function logsOf(node: NodeClient): Promise<VerifierKey[]> {
  const usual = parseVerifierKey(SUM_GOLANG_ORG)
  const known = await attempted(node.askJson<{ logs: LogView[] }>('/api/v1/logs', 'logs'))
  return known instanceof GossumError ? [usual] : [...known.value.logs.map(({ key }) => parseVerifierKey(key)), usual]
}

async function witnessesOf(node: NodeClient): Promise<VerifierKey[]> {
  const known = await attempted(node.askJson<{ witnesses: WitnessView[] }>('/api/v1/witnesses', 'witnesses'))
  if (known instanceof GossumError) return []
  return known.value.witnesses.flatMap(({ key }) => readWitness(key) ?? [])
}

/** Undefined for a key of a type that is not verified here, which a policy may contain. */
function readWitness(vkey: string): VerifierKey | undefined {
  const key = unlessRefused(() => parseVerifierKey(vkey))
  return key !== undefined && isWitnessKey(key) ? key : undefined
}

// ---- heads -----------------------------------------------------------------------------------------------------

/** The heads that tell more than the evidence: those that led to none, and those with cosignatures. */
function untold({ heads, proven }: FromText): FoundHead[] {
  const told = new Set(
    proven.flatMap(({ evidence }) => evidenceHeads(evidence).map((head) => parseNote(utf8(head)).text)),
  )
  const most = new Map<string, FoundHead>()
  for (const head of heads) {
    const id = `${head.key.vkey}\n${head.note.text}`
    const before = most.get(id)
    if (before === undefined || before.note.signatures.length < head.note.signatures.length) most.set(id, head)
  }
  return [...most.values()].filter(({ note }) => note.signatures.length > 1 || !told.has(note.text))
}

// ---- telling ---------------------------------------------------------------------------------------------------

/** `fork.json`, then `fork-2.json` and so on. */
function numbered(path: string, index: number): string {
  return index === 0 ? path : path.replace(/(\.[^./]*)?$/, (extension) => `-${index + 1}${extension}`)
}

function tell(proven: ProvenEvidence, answer: SubmittedEvidence | GossumError, path: string | null, out: Output): void {
  const { id, type, key, sizes, witness } = proven
  const isGiven = !(answer instanceof GossumError)
  const fate = isGiven ? answer.fate : null
  const shownId = isGiven ? answer.id : id
  const whom = witness && { witness: witness.vkey }
  out.json({ id: shownId, fate, type, log: key.vkey, ...whom, sizes, ...recordsTold(proven), written: path })
  out.line(`${shownId}  ${fate ?? 'written'}`)
  const has = type === SPLIT_VIEW ? 'has ' : ''
  out.talk(`proven: ${(witness ?? key).name} ${has}${deedOf(proven, key.name)}, at ${placesOf(proven)}`)
  if (path !== null) out.talk(`written to ${path}`)
  if (isGiven) out.talk(fateOf(answer.fate, witness !== undefined))
  else out.talk(`submitted to no node: ${answer.message}`, { important: true })
}

function fateOf(fate: SubmittedEvidence['fate'], isOfWitness: boolean): string {
  if (fate === 'known') return 'the node had it already'
  if (fate !== 'new') return 'the node keeps no more evidence of this kind'
  return `the node keeps it, ${isOfWitness ? 'no longer counts the witness' : 'has frozen the log'}, and tells its peers`
}
