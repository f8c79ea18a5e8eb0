/** The parts of an alarm, in memory: they record their calls, and a test can make each of them fail. */
import type { KeptConviction, KeptEvidence } from '../../src/evidence/alarm.js'
import type { AlarmedNode, KeeperParts, Trust } from '../../src/evidence/keeper.js'
import type { SetTimer } from '../../src/lib/set-timer.js'

/** Parts that a test replaces. */
export type Changes = Partial<Trust & AlarmedNode & Pick<KeeperParts, 'tell'>>

/** A clock that moves only when told; timers run in the order in which they become due. */
export class ManualClock {
  ms = Date.UTC(2026, 0, 2)
  #timers: { at: number; act: () => void }[] = []

  readonly now = (): number => this.ms
  readonly monotonic = (): number => this.ms
  readonly setTimer: SetTimer = (act, ms) => {
    const timer = { at: this.ms + ms, act }
    this.#timers.push(timer)
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer))
  }

  /** Milliseconds until each pending timer. */
  get waiting(): number[] {
    return this.#timers.map(({ at }) => at - this.ms)
  }

  /** Moves on by this much, letting everything that becomes due finish. */
  async pass(ms: number): Promise<void> {
    const end = this.ms + ms
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((other) => other !== next)
      this.ms = next.at
      next.act()
      await settled()
    }
    this.ms = end
  }
}

/** Lets everything finish that waits for no timer. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
}

export function alarmParts(changes: Changes) {
  const kept = new Map<string, KeptEvidence>()
  const acts: string[] = []
  const told: { id: string; source: string; isWritten: boolean }[] = []
  const errors: unknown[] = []
  const convictions = new Map<string, KeptConviction>()
  /** Convictions that were written, as opposed to only noted. */
  const written = new Map<string, KeptConviction>()
  const frozen = new Set<string>()
  const clock = new ManualClock()
  /** Operations that fail until a test removes them. */
  const broken = new Set<string>()
  const act = async (name: string): Promise<void> => {
    await Promise.resolve()
    if (broken.has(name)) throw new Error(`no space to ${name}`)
    acts.push(name)
  }
  const { keys = new Map(), witnesses = () => [], relayed = () => [], tell, ...node } = changes
  const all: KeeperParts = {
    trust: { keys, witnesses, relayed },
    shelf: {
      get: (id) => Promise.resolve(kept.get(id)),
      summaries: () => Promise.resolve([...kept.values()]),
      put: async (evidence) => {
        await act('keep')
        kept.set(evidence.id, evidence)
      },
      del: async (id) => {
        await act('forget')
        kept.delete(id)
      },
      list: () => Promise.resolve([...kept.values()]),
    },
    convictions: {
      convicted: () => new Set([...convictions.values()].flatMap(({ witness, acked }) => (acked ? [] : witness))),
      get: (id) => convictions.get(id),
      list: () => [...convictions.values()],
      note: (conviction) => void convictions.set(conviction.id, conviction),
      put: async (conviction) => {
        await act('convict')
        convictions.set(conviction.id, conviction)
        written.set(conviction.id, conviction)
      },
      del: async (id) => {
        await act('let go')
        convictions.delete(id)
      },
    },
    node: {
      freeze: async (log, id, news) => {
        await act(news === 'grown' ? 'note' : 'freeze')
        if (news !== 'grown') frozen.add(`${log} ${id}`)
      },
      reconsider: () => act('reconsider'),
      isFrozen: () => true,
      isOurs: () => Promise.resolve(false),
      areOneHistory: () => Promise.resolve(false),
      ...node,
    },
    tell:
      tell ??
      (({ id }, _file, source, isWritten) => {
        acts.push('tell')
        told.push({ id, source, isWritten })
      }),
    onError: (error) => errors.push(error),
    clock,
  }
  return { all, acts, broken, clock, convictions, errors, frozen, kept, told, written }
}
