/** `gossum probe`: is this checksum database or GOPROXY honest? */
import { Command } from 'commander'
import { doorPath } from '../../audit/door.js'
import { probe, MAX_SAMPLES, USUAL_SAMPLES, type Check, type ProbeReport } from '../../audit/probe.js'
import type { Reference } from '../../audit/probe-history.js'
import { FAMOUS_MODULES } from '../../audit/probe-lookups.js'
import { SUM_GOLANG_ORG } from '../../config/config.js'
import { GossumError } from '../../errors.js'
import { attempted } from '../../errors/attempt.js'
import { evidenceId } from '../../evidence/evidence.js'
import { withoutLogin } from '../../outgoing/logins.js'
import { escapeModule, type ModuleVersion } from '../../sumdb/module.js'
import { utf8 } from '../../tlog/bytes.js'
import { logId, SUMDB_ORIGIN } from '../../tlog/checkpoint.js'
import { formatHash } from '../../tlog/hash.js'
import type { VerifierKey } from '../../tlog/note.js'
import { counted } from '../ui/node-text.js'
import { NodeClient } from '../node-client.js'
import { collect, type CommonFlags } from '../common-flags.js'
import { keepInFile } from './evidence/evidence-file.js'
import { EXIT } from '../exit.js'
import { parseLogKey } from '../log-key.js'
import { nodeUrl } from '../node-url.js'
import { output, type Output } from '../ui/output.js'

interface ProbeFlags extends CommonFlags {
  readonly log?: string
  readonly reference?: string[]
  readonly module?: string[]
  readonly samples: string
  readonly maxLag?: string
  readonly timeout: string
  readonly writeEvidence?: string
}

const EXITS = {
  honest: EXIT.fine,
  unreachable: EXIT.couldNot,
  dishonest: EXIT.refused,
  'split-view': EXIT.misbehaviour,
  undecided: EXIT.undecided,
} satisfies Record<ProbeReport['verdict'], number>

const STYLES = { ok: 'green', failed: 'red', unknown: 'yellow' } as const
/** The largest timeout of a probe, in seconds. */
const MAX_TIMEOUT = 3600
/** The most modules that can be named. */
const MAX_MODULES = 100

export function command(): Command {
  return new Command('probe')
    .description(
      'ask a checksum database or GOPROXY as a client would, and say whether it is honest: does every tile and every ' +
        'record verify, is its head fresh, is its history ours? It only reads, and requests nothing that the log does ' +
        'not have',
    )
    .argument('<URL>', 'of a checksum database, or of a GOPROXY')
    .option('--log <VKEY>', 'key of the log (default: that of sum.golang.org)')
    .option('--reference <URL>', 'another URL of the log to compare with, besides the node (repeatable)', collect)
    .option('--module <PATH@VERSION>', 'also look up this module version, which the log has (repeatable)', collect)
    .option('--samples <N>', 'how many tiles of each level, and how many records', String(USUAL_SAMPLES))
    .option('--max-lag <RECORDS>', 'how far its head may be behind (default: 1% of the log, at most 10000)')
    .option('--timeout <SECONDS>', 'time limit for the whole probe', '120')
    .option('--write-evidence <FILE>', 'where evidence goes (default: gossum-evidence-ID.json); replaces no file')
    .addHelpText(
      'after',
      `
Examples:
  gossum probe https://goproxy.example.org                        a GOPROXY, against the node on this machine
  gossum probe https://goproxy.example.org --reference https://sum.golang.org
  gossum probe --log VKEY http://127.0.0.1:46788 --json | jq -r '.checks[] | [.verdict, .name] | @tsv'

Exit code 0 when every answer was right, 1 when no server for the log answers there, 2 when an answer was wrong, 3 when the
log signed two histories, 4 when none was wrong but one is missing (other than to malformed paths).
A server may recognise a probe and be honest only to it: run it where your builds run.
`,
    )
    .action(async (url: string, _options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<ProbeFlags>()
      process.exitCode = await run(url, flags, output(flags))
    })
}

async function run(address: string, flags: ProbeFlags, out: Output): Promise<number> {
  const url = addressOf('the URL', address)
  const key = parseLogKey(flags.log ?? SUM_GOLANG_ORG)
  const maxLag = flags.maxLag === undefined ? undefined : whole('--max-lag', flags.maxLag, 0, Number.MAX_SAFE_INTEGER)
  const settings = {
    url,
    key,
    samples: whole('--samples', flags.samples, 1, MAX_SAMPLES),
    modules: modulesOf(flags.module ?? []),
    famous: key.vkey === SUM_GOLANG_ORG ? FAMOUS_MODULES : [],
    ...(maxLag === undefined ? {} : { maxLag }),
    deadlineMs: 1000 * whole('--timeout', flags.timeout, 1, MAX_TIMEOUT),
  }
  const others = (flags.reference ?? []).map((other) => addressOf('--reference', other))
  const references: Reference[] = others.map((other) => ({ name: other, url: other }))
  const node = await nodeReference(flags, key)
  // The default node may be absent if there is another reference.
  const isNamed = flags.node !== undefined || Boolean(process.env['GOSSUM_NODE'])
  if (isNamed || references.length === 0 || !(node.head instanceof GossumError)) references.unshift(node)
  const report = await out.progress(`probing ${url}`, probe({ ...settings, references }))
  const file = report.evidence && ((await keepInFile(report.evidence, flags.writeEvidence, out)) ?? undefined)
  out.json(jsonOf(url, key, report))
  report.checks.forEach((check) => out.line(lineOf(check, out)))
  out.line(closing(report, file, out))
  hints(report, key, file).forEach((hint) => out.hint(hint))
  return EXITS[report.verdict]
}

// ---- what was asked for ----------------------------------------------------------------------------------------

function whole(flag: string, text: string, least: number, most: number): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN
  if (value >= least && value <= most) return value
  throw new GossumError('USAGE', `${flag} takes a whole number from ${least} to ${most}`)
}

/** A URL without its login. Errors never quote the URL: it may contain a password. */
function addressOf(what: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new GossumError('USAGE', `${what} is not an http or https URL`)
  }
  const address = withoutLogin(text)
  if (/[,|?#]/.test(address))
    throw new GossumError('USAGE', `${what} must be one URL, without a query; a list is not accepted`)
  return address
}

function modulesOf(names: readonly string[]): ModuleVersion[] {
  if (names.length > MAX_MODULES) throw new GossumError('USAGE', `at most ${MAX_MODULES} modules can be named`)
  return names.map((name) => {
    const at = name.lastIndexOf('@')
    const module = { path: name.slice(0, Math.max(at, 0)), version: name.slice(at + 1) }
    escapeModule(module.path, module.version)
    return module
  })
}

/** The node, with the newest head that it holds; what it says is verified like everything else. */
async function nodeReference(flags: CommonFlags, key: VerifierKey): Promise<Reference> {
  const node = new NodeClient(nodeUrl(flags))
  const path = `/api/v1/logs/${logId(key.name, SUMDB_ORIGIN)}/head`
  const answer = await attempted(node.askJson<{ note: unknown }>(path, 'note'))
  const noteOf = ({ note }: { note: unknown }): Uint8Array => utf8(typeof note === 'string' ? note : '')
  const head = answer instanceof GossumError ? answer : noteOf(answer.value)
  return { name: `the node at ${node.url}`, url: `${node.url}/${doorPath(key.name)}`, head }
}

// ---- what was found --------------------------------------------------------------------------------------------

function jsonOf(url: string, key: VerifierKey, report: ProbeReport): object {
  const { kind, verdict, head, checks, evidence, requests } = report
  return {
    url,
    kind,
    log: key.vkey,
    verdict,
    head: head && { size: head.size, root: formatHash(head.root) },
    checks,
    evidence: evidence === undefined ? null : evidenceId(evidence),
    requests,
  }
}

function lineOf({ name, verdict, detail }: Check, out: Output): string {
  return `${out.paint(STYLES[verdict], verdict.padEnd(7))}  ${name.padEnd(9)}  ${detail}`
}

/** What can be done about the findings. */
function hints({ head, checks }: ProbeReport, key: VerifierKey, file: string | undefined): string[] {
  const of = (name: Check['name']): Check['verdict'] => checks.find((check) => check.name === name)!.verdict
  const hasNoRecords = of('lookups') === 'unknown' && head !== null
  const isAlone = of('history') === 'unknown' && head !== null
  return [
    ...(file === undefined ? [] : evidenceHints(key, file)),
    ...(of('head') === 'failed' ? ['is this the key of the log? name another with --log VKEY'] : []),
    ...(hasNoRecords ? ['name module versions that the log has: --module PATH@VERSION'] : []),
    ...(isAlone ? ['name a node that follows this log (--node URL), or another URL of it (--reference URL)'] : []),
  ]
}

function evidenceHints(key: VerifierKey, file: string): string[] {
  return [
    `anyone can check it, offline: gossum verify --log ${key.vkey} ${file}`,
    `to tell other nodes: gossum evidence import ${file}`,
  ]
}

function closing(report: ProbeReport, file: string | undefined, out: Output): string {
  const { verdict, checks, evidence, requests } = report
  const named = (wanted: Check['verdict']): string =>
    checks
      .filter((check) => check.verdict === wanted)
      .map(({ name }) => name)
      .join(', ')
  const asked = counted(requests, 'request')
  switch (verdict) {
    case 'honest':
      return `${out.paint('green', 'honest')}: every answer was proven (${asked})`
    case 'undecided':
      return `${out.paint('yellow', 'undecided')}: no answer was wrong, but some are missing: ${named('unknown')} (${asked})`
    case 'dishonest':
      return `${out.paint('red', 'dishonest')}: this server, or something in front of it, gives wrong answers: ${named('failed')}; they convict no key (${asked})`
    case 'split-view':
      return `${out.paint('red', 'split view')}: the log signed two histories; evidence ${evidenceId(evidence!)} convicts it, ${file === undefined ? 'see above' : `in ${file}`} (${asked})`
    case 'unreachable':
      return `${out.paint('red', 'unreachable')}: no server for the log answers there (${asked})`
  }
}
