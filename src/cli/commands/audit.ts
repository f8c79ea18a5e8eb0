/** `gossum audit`: reads every record of a log. */
import { open } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { Command } from 'commander'
import { doorPath } from '../../audit/door.js'
import type { Finding } from '../../audit/finding.js'
import { LogAudit, type AuditedHead, type AuditReport } from '../../audit/walk/log-audit.js'
import type { Part, PartRange } from '../../audit/walk/unit.js'
import { isWalkRule } from '../../audit/walk/walk-rules.js'
import { GossumError, traitsOf } from '../../errors.js'
import { dialectOf } from '../../sumdb/log-layout.js'
import { parseCheckpoint, SUMDB_ORIGIN } from '../../tlog/checkpoint.js'
import { MAX_READ_NOTE_BYTES, parseNote, spellNote, verifyNote } from '../../tlog/note.js'
import { EXIT } from '../exit.js'
import { NodeClient } from '../node-client.js'
import { readFileBounded } from '../named-files.js'
import { counted } from '../ui/node-text.js'
import { output, type Output } from '../ui/output.js'
import {
  auditSettings,
  rangeOf,
  USUAL_POLL,
  USUAL_RATE,
  type AuditFlags,
  type AuditSettings,
} from './audit/audit-settings.js'
import { exitOfAudit, tellFinding, tellOutcome } from './audit/audit-text.js'
import { grouped } from '../../lib/words.js'

export async function command(named: string | undefined): Promise<Command> {
  const audit = new Command('audit')
  if (named === 'merge') return audit.addCommand((await import('./audit/merge-command.js')).mergeCommand())
  return audit
    .description(
      'read every record of a log, and check that each is in the tree, that every tile is right, that every entry follows ' +
        'the rules, and that no module version has two hashes',
    )
    .option('--log <"VKEY URL [ORIGIN]">', 'the log; file:DIR for tiles stored with --keep (default: sum.golang.org)')
    .option('--head <FILE>', 'audit up to this head, which the log signed (default: its newest, or that of --node)')
    .option('--from <N>', 'begin with this record')
    .option('--to <N>', 'end before this record')
    .option('--keep <DIR>', 'store the tiles there, as files at the paths at which they are served')
    .option('--follow', 'continue with every new head until stopped')
    .option('--poll <SECONDS>', `how long --follow waits before it looks for a new head (default: ${USUAL_POLL})`)
    .option('--threads <N>', 'how many threads read (default: one per processor, at most 4)')
    .option(
      '--rate <N>',
      `requests per second by all threads, each of up to 64 KiB; 0 = no limit (default: ${USUAL_RATE})`,
    )
    .option('--units <A-B>', 'audit these units of 65,536 records and write the result to --out')
    .option('--out <FILE>', 'the result of --units, for gossum audit merge')
    .option('--write-evidence <FILE>', 'where evidence goes (default: gossum-evidence-ID.json here)')
    .addHelpText(
      'after',
      `
Examples:
  gossum audit --log "VKEY http://127.0.0.1:46788"            a log of your own
  gossum audit --keep ./sumdb                                 sum.golang.org, all of it, and keep its tiles
  gossum audit --log "VKEY file:./sumdb" --json               the same again, without network
  gossum audit --node http://127.0.0.1:46787 --follow         up to what a quorum of witnesses has cosigned
  gossum audit --head head.txt --units 0-499 --out part.bin   one part of many, then: gossum audit merge part*.bin

An interrupted audit continues where it stopped, also after kill -9: what was read is stored in HOME/audit, about 11 bytes per
record (700 MB for 64 million records). Memory stays below 400 MB whatever the size of the log. With --keep the tiles take another
230 bytes or so per record. docs/audit.md lists the rules.

Exit code 0 when every record was read and is clean; 3 when a rule is broken, or the log is convicted; 4 when something was
not available (repeat the command); 1 and 2 as for every command.
`,
    )
    .action(async (_options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<AuditFlags>()
      process.exitCode = await run(flags, output(flags))
    })
}

/** An audit in progress, and what was reported of it. */
interface Session {
  readonly audit: LogAudit
  readonly flags: AuditFlags
  readonly out: Output
  readonly signal: AbortSignal
  readonly tell: (finding: Finding) => void
}

async function run(flags: AuditFlags, out: Output): Promise<number> {
  if ((flags.units === undefined) !== (flags.out === undefined))
    throw new GossumError('USAGE', '--units and --out belong together')
  if (flags.units !== undefined && flags.follow === true)
    throw new GossumError('USAGE', '--units is for one head, but --follow continues with others')
  const settings = auditSettings(flags)
  const { log, source, threads } = settings
  const stop = new AbortController()
  const onSignal = (): void => stop.abort()
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  const dir = flags.out === undefined ? settings.dir : `${flags.out}.parts`
  const audit = await LogAudit.open({ dir, key: log.key, origin: log.origin, source, threads })
  try {
    const session: Session = { audit, flags, out, signal: stop.signal, tell: tellOnce(out) }
    for await (const finding of audit.findings()) session.tell(finding)
    if (flags.follow === true) return await follow(session, settings)
    const head = await newestHead(flags, settings, stop.signal)
    if (flags.out !== undefined) requireHead(audit, head, dir)
    const report = await auditOnce(session, head)
    if (flags.out !== undefined) await writeUnits(audit, head, flags.out, report, rangeOf(flags, head.head.size)!)
    return exitOfAudit(report)
  } catch (error) {
    if (!stop.signal.aborted) throw error
    out.talk('stopped: the same command continues from here')
    return EXIT.undecided
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    await audit.close()
  }
}

/** Audits pass after pass until the log is convicted. Throws the reason of the signal when that is aborted. */
async function follow(session: Session, settings: AuditSettings): Promise<number> {
  const { flags, out, signal } = session
  /** The head up to which everything is audited. */
  let done: string | undefined
  for (;;) {
    try {
      const head = await newestHead(flags, settings, signal)
      if (head.note.text !== done) {
        const report = await auditOnce(session, head)
        if (report.evidence.length > 0) return exitOfAudit(report)
        done = report.isComplete ? head.note.text : undefined
      }
    } catch (error) {
      // An outage of a minute must not end an audit that has followed the log for a year.
      if (signal.aborted || !(error instanceof GossumError) || !traitsOf(error.code).retryable) throw error
      out.error(error)
    }
    await setTimeout(settings.pollMs, undefined, { signal })
  }
}

/** Reports each finding once: one wrong tile affects many units, and records that share a key may be compared again. */
function tellOnce(out: Output): (finding: Finding) => void {
  const told = new Set<string>()
  return (finding) => {
    const isOften = finding.tile !== undefined || isWalkRule(finding.rule)
    const key = isOften ? JSON.stringify(finding) : ''
    if (told.has(key)) return
    if (isOften) told.add(key)
    tellFinding(finding, out)
  }
}

/** One pass up to this head: what it found. */
async function auditOnce({ audit, flags, out, signal, tell }: Session, head: AuditedHead): Promise<AuditReport> {
  const range = rangeOf(flags, head.head.size)
  const wanted = range === undefined ? head.head.size - audit.auditedSize : range.to - range.from
  const start = performance.now()
  let [read, errors, notes] = [0, 0, 0]
  const words = (): string => {
    const perSecond = (read * 1000) / (performance.now() - start)
    const left = read === 0 ? '' : `, ${grouped(Math.max(Math.round((wanted - read) / perSecond), 0))} s left`
    const found = `${counted(errors, 'error')}, ${counted(notes, 'note')}`
    return `${grouped(read)} records read, ${grouped(Math.round(perSecond))}/s${left}, ${found}`
  }
  const onPart = ({ audited, counts, findings }: Part): void => {
    read += audited
    errors += counts.error
    notes += counts.note
    findings.forEach(tell)
  }
  const report = await out.progress(words, audit.audit(head, { ...(range && { range }), signal, onPart }))
  audit.sharedFindings.forEach(tell)
  await tellOutcome(report, { flags, note: spellNote(head.note), ms: performance.now() - start, read }, out)
  return report
}

/** Throws USAGE when the folder holds units of another head: one file cannot hold the units of two heads. */
function requireHead({ head }: LogAudit, { note }: AuditedHead, dir: string): void {
  if (head !== undefined && head.text !== note.text)
    throw new GossumError('USAGE', `${dir} holds units of another head: choose another --out, or the same --head`)
}

async function writeUnits(
  audit: LogAudit,
  { head }: AuditedHead,
  file: string,
  { isComplete, evidence }: AuditReport,
  range: PartRange,
): Promise<void> {
  if (!isComplete || evidence.length > 0)
    throw new GossumError('AUDIT_INCOMPLETE', `${file} was not written: of the tree of ${head.size} records`)
  const handle = await open(file, 'w')
  try {
    for await (const bytes of audit.unitsFile(range)) await handle.write(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The head to audit up to, its signature verified. */
async function newestHead(flags: AuditFlags, settings: AuditSettings, signal: AbortSignal): Promise<AuditedHead> {
  const { log, keeping } = settings
  const bytes = await newestNote(flags, settings, signal)
  const note = parseNote(bytes)
  verifyNote(note, log.key)
  const head = parseCheckpoint(note.text)
  if (head.origin !== log.origin) throw new GossumError('ORIGIN_MISMATCH', JSON.stringify(head.origin.slice(0, 100)))
  // A kept folder is complete only together with the head of its tiles.
  await keeping?.keep(dialectOf(log.origin).newestHead, bytes)
  return { head, note }
}

async function newestNote(flags: AuditFlags, { log, source }: AuditSettings, signal: AbortSignal): Promise<Uint8Array> {
  if (flags.head !== undefined) return readFileBounded(flags.head, MAX_READ_NOTE_BYTES)
  if (flags.node === undefined) return source.get(dialectOf(log.origin).newestHead, MAX_READ_NOTE_BYTES, { signal })
  if (log.origin !== SUMDB_ORIGIN)
    throw new GossumError(
      'USAGE',
      '--node: a node shows quorum heads only of checksum databases; give the head with --head',
    )
  // The head that the node gives the go command: always one that a quorum has cosigned.
  return new NodeClient(flags.node).ask(`/${doorPath(log.key.name)}/latest`)
}
