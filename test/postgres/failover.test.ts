/**
 * PostgreSQL's answers and their meaning: a commit that waits for a standby, a failover, a connection lost at the worst
 * moment.
 */
import { MemoryLevel } from 'memory-level'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parseStateUrl } from '../../src/config/state-setting.js'
import { PostgresState } from '../../src/postgres/postgres-state.js'
import { stateRow } from '../../src/store/shared-state.js'
import { Store } from '../../src/store/store.js'
import { Cutter, Pair } from '../helpers/failover.js'
import { hasPostgres, newSchema } from '../helpers/postgres.js'
import { MemoryJournal } from '../helpers/volatile-disk.js'

const LOG = 'a'.repeat(64)
const KEY = 'witness.example+00000000+AAAA'
const text = (seq: number, word: string): string => JSON.stringify({ seq, word, holds: [] })
const row = (seq: number, word = 'a') => stateRow(seq, text(seq, word))

describe.skipIf(!hasPostgres)('a primary and its synchronous standby', () => {
  let pair: Pair
  beforeAll(async () => {
    pair = await Pair.start()
  })
  afterAll(() => pair.remove())

  function stateAt(url: string, onMoved?: (how: string) => void): PostgresState {
    const state = new PostgresState({ setting: parseStateUrl(url, 'state'), key: KEY, ...(onMoved && { onMoved }) })
    onTestFinished(() => state.stop())
    return state
  }

  /** A schema with the tables, and a state over both servers. */
  async function ready(onMoved?: (how: string) => void) {
    const schema = await newSchema(pair.primary)
    const state = stateAt(pair.url(schema), onMoved)
    await state.init()
    return { schema, state }
  }

  test.each(['before', 'after'] as const)(
    'do not confirm a write if the connection is cut %s the commit, and its fate is found out later',
    async (cut) => {
      const { schema } = await ready()
      const cutter = await Cutter.start(() => pair.primary.port)
      onTestFinished(() => cutter.close())
      const state = stateAt(cutter.url(schema))
      expect(await state.replace(LOG, undefined, row(1))).toBe('won')
      cutter.cut = cut
      const result = await state.replace(LOG, row(1), row(2))
      // The next connection finds our own write, if it was made; if it was not, or not yet, the result is reported as
      // unknown.
      const stands = (await state.row(LOG))?.seq
      if (result === 'won') expect(stands).toBe(2)
      else expect(result).toBe('unknown')
      if (cut === 'before') expect(result).toBe('unknown')
      const next = await state.replace(LOG, row(1), row(2, 'b'))
      expect(next).toBe(stands === 2 ? 'lost' : 'won')
    },
  )

  test('do not confirm a commit whose wait for the standby was cancelled, which only a warning shows', async () => {
    const { state, schema } = await ready()
    expect(await state.replace(LOG, undefined, row(1))).toBe('won')
    await pair.standby.stop('fast')
    const waiting = state.replace(LOG, row(1), row(2))
    await expect
      .poll(() => pair.primary.query("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))
      .not.toHaveLength(0)
    await pair.primary.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    // Committed on the primary, visible to all, and not on the standby.
    await expect.poll(() => pair.primary.query(`SELECT seq FROM ${schema}.gossum_states`)).toEqual([['2']])
    expect(await waiting).toBe('unknown')
    await pair.standby.start()
    expect(await state.confirm(LOG, row(2))).toBe('won')
  })

  test('accept no write after a failover from a node that knew the old primary, until it starts again', async () => {
    const { promise: moved, resolve } = Promise.withResolvers<string>()
    const { schema, state } = await ready(resolve)
    expect(await state.replace(LOG, undefined, row(1))).toBe('won')
    await pair.lose()
    await expect.poll(() => state.replace(LOG, row(1), row(2)), { timeout: 20_000 }).toBe('unknown')
    await pair.rejoin()
    expect(await state.replace(LOG, row(1), row(2))).toBe('unknown')
    expect(await moved).toContain('the database was replaced or restarted')
    // Nothing that had been confirmed is lost.
    const again = stateAt(pair.url(schema))
    expect((await again.rows())?.get(LOG)).toEqual(row(1))
    await expect.poll(() => again.replace(LOG, row(1), row(2)), { timeout: 20_000 }).not.toBe('unknown')
    expect((await again.row(LOG))?.seq).toBe(2)
  })

  test('report in words what a commit survives', async () => {
    const { state } = await ready()
    await state.rows()
    expect(state.promise).toMatch(/each commit waits for a synchronous standby \(1 connected\)/)
  })

  test('stop machines that have seen more when the database is restored from an older copy', async () => {
    const { schema, state } = await ready()
    const journal = new MemoryJournal()
    const store = await Store.over(new MemoryLevel(), journal, undefined, state)
    const advance = (size: number) =>
      store.heads.change(LOG, store.heads.get(LOG), { tree: { size, root: new Uint8Array(32).fill(size) } })
    await advance(5)
    const older = await pair.primary.query(`SELECT seq, hash, state FROM ${schema}.gossum_states`)
    await advance(6)
    const [seq, hash, state5] = older[0] as [string, string, string]
    await pair.primary.query(
      `UPDATE ${schema}.gossum_states SET seq = ${seq}, hash = '${hash}', state = '${state5}';
       DELETE FROM ${schema}.gossum_lineage WHERE seq > ${seq}`,
    )
    await expect(advance(7)).resolves.toBeUndefined()
    await expect(advance(7)).rejects.toMatchObject({ code: 'STATE_DISAGREES' })
  })
})
