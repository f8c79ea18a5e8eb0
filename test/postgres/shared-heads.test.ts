/**
 * What several machines with one key may do to their shared state: the same guarantees over a state in memory and over
 * PostgreSQL.
 */
import { MemoryLevel } from 'memory-level'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { PostgresState } from '../../src/postgres/postgres-state.js'
import type { Heads, LogState } from '../../src/store/heads.js'
import type { SharedState } from '../../src/store/shared-state.js'
import { Store } from '../../src/store/store.js'
import { MemoryState } from '../fakes/memory-state.js'
import { hasPostgres, newSchema, startPostgres, type Postgres } from '../helpers/postgres.js'
import { MemoryJournal } from '../helpers/volatile-disk.js'

const LOG = 'a'.repeat(64)
const KEY = 'witness.example+00000000+AAAA'
const tree = (size: number, of = size) => ({ size, root: new Uint8Array(32).fill(of) })

/** A machine: its own journal, and the state that it shares. */
async function machine(
  shared: SharedState,
  journal = new MemoryJournal(),
): Promise<{ heads: Heads; journal: MemoryJournal }> {
  return { heads: (await Store.over(new MemoryLevel(), journal, undefined, shared)).heads, journal }
}

const copyOf = (journal: MemoryJournal): MemoryJournal => new MemoryJournal(journal.content)

function advance(heads: Heads, size: number, of = size): Promise<LogState | undefined> {
  return heads.change(LOG, heads.get(LOG), { tree: tree(size, of) })
}

/** A state that any number of machines can share. */
type NewState = () => Promise<{ machineState: () => SharedState; clear: () => Promise<void> }>

let server: Postgres | undefined
afterAll(() => server?.remove())

const STATES: readonly (readonly [name: string, isThere: boolean, make: NewState])[] = [
  [
    'memory',
    true,
    async () => {
      const state = new MemoryState()
      return Promise.resolve({
        machineState: () => state,
        clear: async () => {
          state.states.clear()
          return Promise.resolve()
        },
      })
    },
  ],
  [
    'PostgreSQL',
    hasPostgres,
    async () => {
      const running = (server ??= await startPostgres())
      const schema = await newSchema(running)
      const machineState = (): PostgresState => {
        const state = new PostgresState({ setting: running.setting(schema), key: KEY })
        onTestFinished(() => state.stop())
        return state
      }
      await machineState().init()
      const clear = async (): Promise<void> => {
        await running.query(`DELETE FROM ${schema}.gossum_states`)
      }
      return { machineState, clear }
    },
  ],
]

describe.each(STATES)('over %s', (_name, isThere, make) => {
  const its = test.skipIf(!isThere)

  its('of racing changes on two machines, exactly one wins, and both then have it', async () => {
    const { machineState } = await make()
    const [one, two] = [await machine(machineState()), await machine(machineState())]
    for (let round = 1; round <= 10; round++) {
      const before = [one.heads.get(LOG), two.heads.get(LOG)] as const
      const results = await Promise.all([
        one.heads.change(LOG, before[0], { tree: tree(round * 10, 1) }),
        two.heads.change(LOG, before[1], { tree: tree(round * 10, 2) }),
      ])
      expect(results.filter((state) => state !== undefined)).toHaveLength(1)
      await Promise.all([one.heads.refresh(LOG), two.heads.refresh(LOG)])
      expect(one.heads.get(LOG)).toEqual(two.heads.get(LOG))
      expect(one.heads.get(LOG).seq).toBe(round)
    }
  })

  its('a machine that was away adopts what the other wrote, and its journal keeps that', async () => {
    const { machineState } = await make()
    const one = await machine(machineState())
    await advance(one.heads, 5)
    const two = await machine(machineState())
    expect(two.heads.get(LOG).tree?.size).toBe(5)
    await advance(one.heads, 7)
    await advance(one.heads, 9)
    // It does not know the newest state yet, and cannot write.
    expect(await advance(two.heads, 6)).toBeUndefined()
    expect(two.heads.get(LOG).tree?.size).toBe(9)
    const again = await machine(machineState(), copyOf(two.journal))
    expect(again.heads.disagreement(LOG)).toBeUndefined()
    expect(again.heads.get(LOG).tree?.size).toBe(9)
  })

  its(
    'a caller that used an older state is told so, even if another caller here has adopted the newer one',
    async () => {
      const { machineState } = await make()
      const [one, two] = [await machine(machineState()), await machine(machineState())]
      const seen = two.heads.get(LOG)
      await advance(one.heads, 5)
      expect(await Promise.all([two.heads.refresh(LOG, seen), two.heads.refresh(LOG, seen)])).toEqual([true, true])
      expect(await two.heads.refresh(LOG)).toBe(false)
    },
  )

  its('what another machine wrote is confirmed here only once a write of our own has found it', async () => {
    const { machineState } = await make()
    const [one, two] = [await machine(machineState()), await machine(machineState())]
    await advance(one.heads, 5)
    await two.heads.refresh(LOG)
    const held = two.heads.get(LOG)
    await two.heads.confirm(LOG, held)
    await advance(one.heads, 6)
    await two.heads.refresh(LOG)
    await advance(one.heads, 7)
    // Its state is not the newest one any more.
    await expect(two.heads.confirm(LOG, two.heads.get(LOG))).rejects.toMatchObject({ code: 'STATE_UNCONFIRMED' })
    expect(two.heads.get(LOG).tree?.size).toBe(7)
    await two.heads.confirm(LOG, two.heads.get(LOG))
  })

  its('a row that is older than what a machine has seen, or missing, or different, stops that machine', async () => {
    const { machineState, clear } = await make()
    const one = await machine(machineState())
    await advance(one.heads, 5)
    const journal = copyOf(one.journal)
    await clear()
    expect((await machine(machineState(), journal)).heads.disagreement(LOG)).toContain('nothing of this log')
    await one.heads.refresh(LOG)
    await expect(advance(one.heads, 6)).rejects.toMatchObject({ code: 'STATE_DISAGREES' })
    // Another machine went on without us, from an older copy.
    const { machineState: other } = await make()
    const two = await machine(other())
    await advance(two.heads, 5, 77)
    const differs = await machine(other(), copyOf(journal))
    expect(differs.heads.disagreement(LOG)).toContain('different states 1')
    await advance(two.heads, 6, 78)
    const gone = await machine(other(), copyOf(journal))
    expect(gone.heads.disagreement(LOG)).toContain('does not continue the journal')
    await expect(advance(gone.heads, 9)).rejects.toMatchObject({ code: 'STATE_DISAGREES' })
  })

  its('a row with a smaller tree does not continue the journal, even with a higher number', async () => {
    const { machineState } = await make()
    const [one, two] = [await machine(machineState()), await machine(machineState())]
    await advance(one.heads, 9)
    await two.heads.refresh(LOG)
    // An attacker with write access writes a valid next state, with a smaller tree.
    await advance(one.heads, 7)
    await two.heads.refresh(LOG)
    expect(two.heads.disagreement(LOG)).toContain('does not continue the journal')
  })

  its('a recovery by the operator settles on the larger of the two, on all machines', async () => {
    const { machineState } = await make()
    const one = await machine(machineState())
    await advance(one.heads, 5)
    const other = await make()
    const two = await machine(other.machineState())
    await advance(two.heads, 9)
    const back = await machine(other.machineState(), copyOf(one.journal))
    expect(back.heads.disagreement(LOG)).toBeDefined()
    await back.heads.recover(LOG)
    expect(back.heads.get(LOG).tree?.size).toBe(9)
    await two.heads.refresh(LOG)
    expect(two.heads.get(LOG)).toEqual(back.heads.get(LOG))
    expect(await advance(two.heads, 10)).toBeDefined()
  })

  describe('a key is bound to one log of an origin', () => {
    const OTHER = 'b'.repeat(64)
    const promise = (heads: Heads, log: string, key: string, of = 'one origin'): Promise<LogState | undefined> => {
      const signed = { key, size: 1, time: 1 }
      return heads.change(log, heads.get(log), { tree: tree(1), origin: of, signed })
    }
    const isTaken = expect.objectContaining({ code: 'ORIGIN_TAKEN' }) as Error

    its('whichever machine promises first, even if no machine follows both', async () => {
      const { machineState } = await make()
      const [one, two] = [await machine(machineState()), await machine(machineState())]
      await promise(one.heads, LOG, KEY)
      await expect(promise(two.heads, OTHER, KEY)).rejects.toEqual(isTaken)
      expect(two.heads.get(OTHER)).toMatchObject({ seq: 0 })
      // What the other machine has signed is known here now, and stays known.
      expect(two.heads.get(LOG).signed).toMatchObject({ key: KEY })
      expect((await machine(machineState(), copyOf(two.journal))).heads.get(LOG).signed).toMatchObject({ key: KEY })
      // Without a promise the other log is followed.
      expect(await two.heads.change(OTHER, two.heads.get(OTHER), { tree: tree(1) })).toMatchObject({ seq: 1 })
      await expect(promise(two.heads, OTHER, KEY)).rejects.toEqual(isTaken)
      expect(await two.heads.change(OTHER, two.heads.get(OTHER), { tree: tree(2) })).toMatchObject({ seq: 2 })
    })

    its('even if many machines start at once with a log each', async () => {
      const { machineState } = await make()
      const all = await Promise.all(Array.from({ length: 6 }, () => machine(machineState())))
      const logs = all.map((_machine, n) => `${n}`.repeat(64))
      const results = await Promise.allSettled(all.map(({ heads }, n) => promise(heads, logs[n]!, KEY)))
      const won = results.flatMap(({ status }, n) => (status === 'fulfilled' ? logs[n]! : []))
      expect(won).toHaveLength(1)
      for (const result of results) if (result.status === 'rejected') expect(result.reason).toEqual(isTaken)
      for (const { heads } of all) expect(heads.get(won[0]!).signed).toMatchObject({ key: KEY })
    })

    its('and can continue there; other origins and other keys are free', async () => {
      const { machineState } = await make()
      const [one, two] = [await machine(machineState()), await machine(machineState())]
      await promise(one.heads, LOG, KEY)
      expect(await one.heads.change(LOG, one.heads.get(LOG), { ...one.heads.get(LOG), tree: tree(2) })).toBeDefined()
      expect(await promise(two.heads, OTHER, KEY, 'another origin')).toBeDefined()
      expect(await promise(two.heads, 'c'.repeat(64), 'another key')).toBeDefined()
    })

    its('but not by a promise that came too late', async () => {
      const { machineState } = await make()
      const [one, two] = [await machine(machineState()), await machine(machineState())]
      await promise(one.heads, LOG, KEY)
      // This machine does not know the new state, so its own is not written.
      expect(await promise(two.heads, LOG, 'another key')).toBeUndefined()
      expect(await promise(two.heads, OTHER, 'another key')).toBeDefined()
    })

    its('even if it is a second key or an auditor’s key', async () => {
      const { machineState } = await make()
      const [one, two] = [await machine(machineState()), await machine(machineState())]
      const audited = { key: 'auditor', size: 1, root: 'AAAA', time: 1 }
      const signed = { key: KEY, second: 'witness.example+11111111', size: 1, time: 1 }
      await one.heads.change(LOG, one.heads.get(LOG), { tree: tree(1), origin: 'o', signed, audited })
      const of = (change: object) =>
        two.heads.change(OTHER, two.heads.get(OTHER), { tree: tree(1), origin: 'o', ...change })
      await expect(of({ audited })).rejects.toEqual(isTaken)
      await expect(of({ signed: { ...signed, key: 'new' } })).rejects.toEqual(isTaken)
      expect(await of({ signed: { key: 'new', size: 1, time: 1 } })).toBeDefined()
    })
  })
})

test.each([
  ['made', true],
  ['not made', false],
])(
  'a write of which it is unknown whether it was %s is not confirmed, and its fate is seen later',
  async (_what, isMade) => {
    const shared = new MemoryState()
    const { heads } = await machine(shared)
    await advance(heads, 5)
    shared.fate = { result: 'unknown', isMade }
    await expect(advance(heads, 6)).rejects.toMatchObject({ code: 'STATE_UNCONFIRMED' })
    expect(heads.get(LOG).tree?.size).toBe(5)
    // The next one continues from the actual state.
    const next = await advance(heads, 7)
    expect(next === undefined).toBe(isMade)
    if (isMade) expect(heads.get(LOG).tree?.size).toBe(6)
  },
)

test('while the database is unavailable nothing changes or is confirmed, and there is no disagreement', async () => {
  const shared = new MemoryState()
  const { heads } = await machine(shared)
  await advance(heads, 5)
  const two = await machine(shared)
  shared.isAway = true
  await expect(advance(heads, 6)).rejects.toMatchObject({ code: 'STATE_UNCONFIRMED' })
  await expect(two.heads.confirm(LOG, two.heads.get(LOG))).rejects.toMatchObject({ code: 'STATE_UNCONFIRMED' })
  await expect(two.heads.refresh(LOG)).rejects.toMatchObject({ code: 'STATE_UNCONFIRMED' })
  shared.isAway = false
  expect(await advance(heads, 6)).toBeDefined()
  expect(heads.disagreement(LOG)).toBeUndefined()
})
