/** `gossum state`: the database that several machines with one witness key share (docs/two-machines.md). */
import { join } from 'node:path'
import { Command } from 'commander'
import { loadConfig } from '../../config/config.js'
import type { StateSetting } from '../../config/state-setting.js'
import { GossumError } from '../../errors.js'
import { loadWitnessVerifier, WITNESS_FILE } from '../../keys/key-file.js'
import { keyMissing } from '../../keys/keyring.js'
import { PostgresState } from '../../postgres/postgres-state.js'
import { unmetFloor } from '../../store/heads.js'
import { decodeState } from '../../store/log-state.js'
import { markElsewhere, unmarkElsewhere } from '../../store/elsewhere.js'
import type { SharedState, StateRow } from '../../store/shared-state.js'
import { Store } from '../../store/store.js'
import type { CommonFlags } from '../common-flags.js'
import { output, type Output } from '../ui/output.js'

interface StateFlags extends CommonFlags {
  readonly state?: string
  readonly back?: boolean
}

const FLAG = ['--state <postgres://...>', 'the database (default: $GOSSUM_STATE, or the file of settings)'] as const

export function command(): Command {
  const state = new Command('state')
    .description('what a witness key has signed, where several machines share it')
    .addHelpText(
      'after',
      `
Examples:
  gossum state init --state postgres://gossum@db.example.org/gossum
  gossum state move --state postgres://gossum@db.example.org/gossum
  gossum state show --json

A witness on one machine needs none of this. docs/two-machines.md describes how to go from one machine to two, and back.
`,
    )
  state
    .command('init')
    .description('make the tables, and register the key of this home, which has signed nothing yet')
    .option(...FLAG)
    .addHelpText(
      'after',
      '\nExample:\n  gossum key new && gossum state init --state postgres://gossum@db.example.org/gossum\n',
    )
    .action((_options: unknown, self: Command) => init(self.optsWithGlobals()))
  state
    .command('move')
    .description('move what the key of this home has signed into the database, once; stop the node first')
    .option(...FLAG)
    .option('--back', 'move it back into this home; stop all machines first')
    .addHelpText('after', '\nExamples:\n  gossum state move\n  gossum state move --back\n')
    .action((_options: unknown, self: Command) => move(self.optsWithGlobals()))
  state
    .command('show')
    .description('what the database has for the key of this home')
    .option(...FLAG)
    .addHelpText('after', '\nExample:\n  gossum state show --json\n')
    .action((_options: unknown, self: Command) => show(self.optsWithGlobals()))
  return state
}

/** Opens the configured database for the key of the home while `act` runs. */
async function withState<T>(flags: StateFlags, act: (state: PostgresState, home: string) => Promise<T>): Promise<T> {
  const { home, state: setting } = loadConfig(
    { ...(flags.home !== undefined && { home: flags.home }), ...(flags.state !== undefined && { state: flags.state }) },
    { file: flags.config, policy: false, book: false },
  )
  if (setting === undefined) throw new GossumError('USAGE', 'name the database: --state postgres://...')
  const state = await stateOf(setting, home)
  try {
    return await act(state, home)
  } finally {
    await state.stop()
  }
}

async function stateOf(setting: StateSetting, home: string): Promise<PostgresState> {
  const verifier = await loadWitnessVerifier(join(home, WITNESS_FILE))
  if (verifier === undefined) throw keyMissing(home)
  return new PostgresState({ setting, key: verifier.vkey })
}

async function init(flags: StateFlags): Promise<void> {
  const out = output(flags)
  await withState(flags, async (state, home) => {
    const journal = await journalOf(home)
    await state.make()
    // A machine that shares its state may add what a newer version needs.
    if (journal.size > 0 && !(await state.isOpen()))
      throw new GossumError(
        'STATE_DISAGREES',
        `the key of this home has signed ${logs(journal.size)}: gossum state move`,
      )
    await state.init()
    tell(out, { done: 'init', logs: (await state.allRows()).size }, `ready: ${state.promise}`)
  })
}

async function move(flags: StateFlags): Promise<void> {
  const out = output(flags)
  await withState(flags, (state, home) =>
    flags.back === true ? moveBack(out, state, home) : moveThere(out, state, home),
  )
}

/** The home is first marked as no longer on its own: if this is interrupted anywhere, it can be repeated. */
async function moveThere(out: Output, state: PostgresState, home: string): Promise<void> {
  const journal = await journalOf(home)
  await requireNothingNewer(state, journal)
  await markElsewhere(home)
  await state.put(journal)
  tell(out, { done: 'move', logs: journal.size }, `${logs(journal.size)} moved: ${state.promise}`)
}

/** Throws STATE_DISAGREES if the database has more of the key's history than this home. */
async function requireNothingNewer(state: PostgresState, journal: ReadonlyMap<string, StateRow>): Promise<void> {
  await state.make()
  for (const [log, row] of await state.allRows()) {
    const mine = journal.get(log)
    if (mine === undefined || mine.seq < row.seq || (mine.seq === row.seq && mine.hash !== row.hash))
      throw new GossumError(
        'STATE_DISAGREES',
        `the database is at state ${row.seq} of log ${log}, this home at ${mine?.seq ?? 0}`,
      )
  }
}

/**
 * First the database is closed to writers; then its content goes into the journal; then the home is on its own again.
 */
async function moveBack(out: Output, state: PostgresState, home: string): Promise<void> {
  await state.closeKey()
  const closed: SharedState = {
    rows: () => state.allRows(),
    row: (log) => state.row(log),
    wentThrough: (log, at) => state.wentThrough(log, at),
    replace: () => Promise.resolve('lost'),
    confirm: () => Promise.resolve('lost'),
  }
  const store = await Store.open(home, closed)
  let count = 0
  try {
    // Throws when a state does not continue what this home has seen.
    count = store.heads.rows().size
    await store.flush()
  } finally {
    await store.close()
  }
  await unmarkElsewhere(home)
  tell(
    out,
    { done: 'move back', logs: count },
    `${logs(count)} moved back: this home is on its own again, and no other machine may sign`,
  )
}

async function show(flags: StateFlags): Promise<void> {
  const out = output(flags)
  await withState(flags, async (state) => {
    const rows = [...(await state.allRows())].map(([log, { seq, text }]) => {
      const held = decodeState(text)?.state
      return {
        ...{ log, seq, size: held?.tree?.size ?? null, time: held?.signed?.time ?? null },
        floor: (held && unmetFloor(held)?.size) ?? null,
      }
    })
    const isOpen = (await state.rows()) !== undefined
    if (out.isJson) return out.json({ open: isOpen, server: state.promise, logs: rows })
    out.line(state.promise)
    out.line(
      isOpen ? 'machines with this key may sign' : 'closed: no machine may sign with it (gossum state init, or move)',
    )
    for (const { log, seq, size } of rows) out.line(`${log}  state ${seq}  size ${size ?? 'none'}`)
  })
}

/** The states of a home whose node is stopped and whose journal is undamaged. */
async function journalOf(home: string): Promise<ReadonlyMap<string, StateRow>> {
  const store = await Store.open(home, 'moving')
  try {
    return store.heads.rows()
  } finally {
    await store.close()
  }
}

function tell(out: Output, json: object, text: string): void {
  if (out.isJson) out.json(json)
  else out.line(text)
}

function logs(count: number): string {
  return `${count} log${count === 1 ? '' : 's'}`
}
