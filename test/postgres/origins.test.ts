/** The binding of keys to logs in databases that were there before it: tables of an earlier version, and homes that move. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { PostgresState } from '../../src/postgres/postgres-state.js'
import { encodeState, type LogState } from '../../src/store/log-state.js'
import { claimOf, stateRow, type StateRow } from '../../src/store/shared-state.js'
import { hasPostgres, newSchema, startPostgres, type Postgres } from '../helpers/postgres.js'

const KEY = 'witness.example+00000000+AAAA'
const [ONE, TWO] = ['1', '2'].map((digit) => digit.repeat(64)) as [string, string]
const head = (origin: string): string => `${origin}\n1\nAAAA\n\n— log sig\n`

function row(state: Partial<LogState>): StateRow {
  return stateRow(1, encodeState({ seq: 1, holds: [], tree: { size: 1, root: new Uint8Array(32) }, ...state }))
}

const signed = { key: KEY, size: 1, time: 1 }

describe.skipIf(!hasPostgres)('keys and origins', () => {
  let server: Postgres
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.remove())

  async function newState(): Promise<{ state: PostgresState; schema: string }> {
    const schema = await newSchema(server)
    const state = new PostgresState({ setting: server.setting(schema), key: KEY })
    onTestFinished(() => state.stop())
    return { state, schema }
  }

  /** Whether the key may promise a head of a log of this origin. */
  const mayPromise = (state: PostgresState, log: string, origin: string) =>
    state.replace(log, undefined, row({ origin, signed }), claimOf({ origin, signed }))

  test('stay bound when a home moves', async () => {
    const { state } = await newState()
    await state.make()
    await state.put(new Map([[ONE, row({ origin: 'o', signed })]]))
    expect(await mayPromise(state, TWO, 'o')).toEqual({ by: ONE })
    expect(await mayPromise(state, TWO, 'p')).toBe('won')
  })

  test('are bound by the heads in states of old versions, but a recorded origin goes first', async () => {
    const { state } = await newState()
    await state.make()
    const old = { note: head('o'), signed }
    await state.put(new Map([[ONE, row(old)]]))
    expect(await mayPromise(state, TWO, 'o')).toEqual({ by: ONE })
    const { state: both } = await newState()
    await both.make()
    await both.put(
      new Map([
        [ONE, row(old)],
        [TWO, row({ ...old, origin: 'o' })],
      ]),
    )
    expect(await mayPromise(both, '3'.repeat(64), 'o')).toEqual({ by: TWO })
  })

  test('are refused in tables of an earlier version until gossum state init has added what is missing', async () => {
    const { state, schema } = await newState()
    await state.init()
    expect(await mayPromise(state, ONE, 'o')).toBe('won')
    await server.query(`DROP TABLE ${schema}.gossum_origins`)
    await expect(state.rows()).rejects.toMatchObject({
      code: 'STATE_UNKNOWN',
      hint: expect.stringContaining('gossum state init') as string,
    })
    // Nothing can be written meanwhile either.
    expect(await mayPromise(state, TWO, 'p')).toBe('unknown')
    await state.init()
    expect([...(await state.rows())!.keys()]).toEqual([ONE])
    expect(await mayPromise(state, TWO, 'o')).toEqual({ by: ONE })
    expect(state.failure).toBeUndefined()
  })

  test('are bound whatever the length of the origin', async () => {
    const { state } = await newState()
    await state.init()
    const origin = 'o'.repeat(100_000)
    expect(await mayPromise(state, ONE, origin)).toBe('won')
    expect(await mayPromise(state, TWO, origin)).toEqual({ by: ONE })
  })
})
