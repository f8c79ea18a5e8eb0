/**
 * Homes of schema 1: the database recorded what was signed, and a second file, the guard, recorded which state of each
 * log was written last. They are migrated once, when first opened: a journal is made from the two and gets its name,
 * then the database gets its new schema number, then the guard is deleted. A migration interrupted anywhere is repeated
 * or completed.
 *
 * A log for which the two disagreed stays disputed. The guard had one line per write, fields separated by a space:
 *   log id, sequence number, SHA-256 of the state (hex), tree size, root (base64), time of our newest cosignature,
 *   holds (ids joined by ",", or "-"), the floor if there is one (size, root in base64, when it was learnt in ISO
 *   8601), and the first 16 hex digits of the SHA-256 of everything before them.
 */
import { readFile } from 'node:fs/promises'
import { GossumError } from '../errors.js'
import { toHex, utf8 } from '../tlog/bytes.js'
import { parseHash, sha256 } from '../tlog/hash.js'
import type { Table } from './disk.js'
import type { JournalFile } from './journal-file.js'
import { BEFORE_START, firstWrite, formatJournal, type StateText } from './journal-text.js'
import { decodeState, encodeState, NOTHING, type LogState } from './log-state.js'

/** What the guard remembered of one log. */
interface GuardEntry {
  readonly log: string
  /** SHA-256 of the state's bytes, hex. */
  readonly hash: string
  /** As much of the state as it knew. */
  readonly state: LogState
}

const LINE =
  /^([0-9a-f]{64}) (\d{1,15}) ([0-9a-f]{64}) (\d{1,16}) ([A-Za-z0-9+/]{43}=|-) (\d{1,16}) ([0-9a-f,]+|-)(?: (\d{1,16}) ([A-Za-z0-9+/]{43}=) ([-+\d:.TZ]{24,27}))? ([0-9a-f]{16})$/

/** The parts of a home of schema 1, and the file of its new journal. */
export interface OldHome {
  /** The table `state` of its database. */
  readonly states: Table
  readonly guardPath: string
  readonly journal: JournalFile
}

/**
 * Makes the journal, unless there is one that was in use: then an old database next to it is a restored old copy, and
 * is compared with it like any other. Throws STORE_DAMAGED when a line of the guard is not what was written.
 */
export async function makeJournal({ states, guardPath, journal }: OldHome): Promise<void> {
  const bytes = await journal.read()
  if (bytes !== undefined && firstWrite(bytes) !== 0) return
  const guard = await readGuard(guardPath)
  const database = new Map(await states.entries())
  const logs = [...new Set([...database.keys(), ...guard.keys()])]
  const made = logs.map((log): StateText => [log, takeOver(database.get(log), guard.get(log))])
  await journal.replace(utf8(formatJournal(made, BEFORE_START).text))
}

/**
 * The state of one log for the journal: the database's, if that is what the guard recorded or the next one; otherwise
 * disputed.
 */
function takeOver(inDatabase: string | undefined, entry: GuardEntry | undefined): string {
  const state = (inDatabase === undefined ? undefined : decodeState(inDatabase)?.state) ?? NOTHING
  if (inDatabase !== undefined && state !== NOTHING) {
    const previous = (JSON.parse(inDatabase) as { previous?: string }).previous
    const isWhatTheGuardSaw = entry?.hash === toHex(sha256(utf8(inDatabase)))
    // A crash came between the two writes: nothing was signed for that state yet.
    const isNext = previous === (entry?.hash ?? '')
    if (isWhatTheGuardSaw || isNext) return inDatabase
  }
  const why = `the database is at state ${state.seq}, the guard of its older version at ${entry?.state.seq ?? 0}`
  return encodeState(state, { why, others: entry === undefined ? [] : [entry.state] })
}

async function readGuard(path: string): Promise<Map<string, GuardEntry>> {
  const entries = new Map<string, GuardEntry>()
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return entries
    throw error
  }
  const lines = text.split('\n')
  // After the last newline is a line that a crash cut off: nothing was signed for its state yet.
  lines.pop()
  lines.forEach((line, i) => {
    const entry = parseLine(line)
    if (entry === undefined) throw new GossumError('STORE_DAMAGED', `${path}, line ${i + 1}`)
    entries.set(entry.log, entry)
  })
  return entries
}

function parseLine(line: string): GuardEntry | undefined {
  const [, log, seq, hash, size, root, time, holds, floorSize, floorRoot, at, checksum] = LINE.exec(line) ?? []
  // A line of another form has no checksum, and is refused here; any other line has all fields, except those of a floor.
  if (toHex(sha256(utf8(line.slice(0, -17)))).slice(0, 16) !== checksum) return undefined
  const rootHash = parseHash(root!)
  const floor = floorRoot === undefined ? undefined : { size: Number(floorSize), root: floorRoot, at: at! }
  const state: LogState = {
    seq: Number(seq),
    ...(rootHash && { tree: { size: Number(size), root: rootHash } }),
    // The guard did not record which key signed.
    ...(Number(time) > 0 && { signed: { key: '', size: Number(size), time: Number(time) } }),
    ...(floor && { floor }),
    holds: holds === '-' ? [] : holds!.split(',').map((id) => ({ id, acked: false })),
  }
  return { log: log!, hash: hash!, state }
}
