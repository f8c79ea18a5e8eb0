/** `gossum audit merge`: merges the audits of several machines. */
import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { LogAudit } from '../../../audit/walk/log-audit.js'
import { headOf, readPinnedTree } from '../../../audit/walk/merge.js'
import { UNIT_RECORDS, unitsOf, type PartRange } from '../../../audit/walk/unit.js'
import { GossumError } from '../../../errors.js'
import { EXIT, gravest } from '../../exit.js'
import { output, type Output } from '../../ui/output.js'
import { auditSettings, USUAL_RATE, whole, type AuditFlags } from './audit-settings.js'
import { exitOfAudit, tellDisagreement, tellFinding, tellOutcome } from './audit-text.js'

/** Default percentage of the units that are read again. */
const USUAL_REDO = 1
/** The most files that are merged. */
const MAX_FILES = 10_000

export function mergeCommand(): Command {
  return new Command('merge')
    .description(
      'merge the results of gossum audit --units: the units must hash to the root of their head, some of them are read ' +
        'again, and module versions are compared across all of them',
    )
    .argument('<FILE...>', 'results of gossum audit --units, of one head')
    .option('--log <"VKEY URL [ORIGIN]">', 'the log, from which units are read again (default: sum.golang.org)')
    .option(
      '--redo <PERCENT>',
      `percentage of the units that is read again, at least one unit (default: ${USUAL_REDO})`,
    )
    .option('--rate <N>', `requests per second; 0 = no limit (default: ${USUAL_RATE})`)
    .option('--write-evidence <FILE>', 'where evidence goes (default: gossum-evidence-ID.json here)')
    .addHelpText(
      'after',
      `
Examples:
  gossum audit --head head.txt --units 0-481 --out a.bin          on one machine
  gossum audit --head head.txt --units 482-962 --out b.bin        on another one
  gossum audit merge a.bin b.bin

The hashes prove that the units belong to this tree. They do not prove that no finding was left out: a machine that hides one is
caught with the probability given by --redo. The files are copied to the folder for temporary files, which needs as much space.

Exit code as for gossum audit; 1 when a file differs from what was read again: the file is named.
`,
    )
    .action(async (files: string[], _options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<AuditFlags>()
      process.exitCode = await merge(files, flags, output(flags))
    })
}

async function merge(files: readonly string[], flags: AuditFlags, out: Output): Promise<number> {
  if (files.length > MAX_FILES) throw new GossumError('USAGE', `at most ${MAX_FILES} files`)
  const percent = whole('--redo', flags.redo, 0, 100) ?? USUAL_REDO
  const { log, source } = auditSettings(flags)
  const pinned = await readPinnedTree(files[0]!)
  const dir = await mkdtemp(join(tmpdir(), 'gossum-merge-'))
  try {
    const audit = await LogAudit.open({ dir, key: log.key, origin: log.origin, source })
    const start = performance.now()
    // One unit is always read again, chosen at random: without it, nothing would be known of the results.
    const always = randomInt(Math.max(unitsOf(headOf(pinned, log.key).head.size), 1))
    const isChosen = ({ from }: PartRange): boolean =>
      percent > 0 && (Math.floor(from / UNIT_RECORDS) === always || randomInt(100) < percent)
    const { report, wrong } = await out.progress('merging', audit.merge(files, pinned, isChosen))
    for await (const finding of audit.findings()) tellFinding(finding, out)
    wrong.forEach((one) => tellDisagreement(one, out))
    await tellOutcome(report, { flags, note: pinned.head, ms: performance.now() - start, read: 0 }, out)
    await audit.close()
    return gravest([exitOfAudit(report), wrong.length > 0 ? EXIT.couldNot : EXIT.fine])
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
