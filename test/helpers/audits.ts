/** Logs in folders, and audits of them. */
import { join } from 'node:path'
import type { Finding } from '../../src/audit/finding.js'
import { LogAudit, type AuditReport } from '../../src/audit/walk/log-audit.js'
import { LogFolder, type LogSource } from '../../src/sumdb/log-source.js'
import { parseCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { parseNote } from '../../src/tlog/note.js'
import { testSigner } from './heart.js'
import { temporaryHome } from './home.js'
import { LogFolderWriter, madeRecord, type LogFolderSetting } from './log-folder.js'

const signer = testSigner('log.example', 1)
export const auditedKey = signer.verifier

export interface MadeLog {
  readonly dir: string
  readonly note: Uint8Array
}

export function makeLog(records: Iterable<Uint8Array>, setting: Partial<LogFolderSetting> = {}): MadeLog {
  return makeLogIn(join(temporaryHome(), 'log'), records, setting)
}

/** A log in a folder that the caller removes: one log for all tests of a file. */
export function makeLogIn(
  dir: string,
  records: Iterable<Uint8Array>,
  setting: Partial<LogFolderSetting> = {},
): MadeLog {
  const writer = new LogFolderWriter({ dir, signer, ...setting })
  for (const record of records) writer.add(record)
  return { dir, note: writer.finish() }
}

export function madeRecords(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => madeRecord(i))
}

interface TestAudit extends AuditReport {
  readonly list: readonly Finding[]
}

interface TestAuditOptions {
  readonly home?: string
  readonly origin?: string
  readonly source?: LogSource
}

/** Audits a log up to its head; with the same home it continues. */
export async function auditOf(
  { dir, note }: MadeLog,
  { home = temporaryHome(), origin = SUMDB_ORIGIN, source = new LogFolder(dir) }: TestAuditOptions = {},
): Promise<TestAudit> {
  const audit = await LogAudit.open({ dir: join(home, 'audit'), key: auditedKey, origin, source })
  try {
    const read = parseNote(note)
    const report = await audit.audit({ head: parseCheckpoint(read.text), note: read })
    const list: Finding[] = []
    for await (const finding of audit.findings()) list.push(finding)
    return { ...report, list }
  } finally {
    await audit.close()
  }
}
