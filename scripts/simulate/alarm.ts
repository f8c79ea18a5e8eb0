/** The production alarm over shelves in memory: it verifies, compares, keeps and passes on as in production. */
import { Alarm } from '../../src/evidence/alarm.js'
import type { AlarmedNode } from '../../src/evidence/keeper.js'
import type { KeptEvidence } from '../../src/evidence/kept.js'
import type { VerifierKey } from '../../src/tlog/note.js'
import type { LogIdentity } from '../../src/witness/head.js'
import type { VirtualTime } from './virtual-time.js'

export interface AlarmInMemory {
  readonly time: VirtualTime
  readonly log: LogIdentity
  readonly witnesses: readonly VerifierKey[]
  readonly node: Omit<AlarmedNode, 'reconsider'>
  /** Called for new evidence, which has to be passed on. */
  readonly tell: (file: Uint8Array, id: string) => void
}

/** Starts an alarm without evidence. */
export function alarmInMemory({ time, log, witnesses, node, tell }: AlarmInMemory): Promise<Alarm> {
  const kept = new Map<string, KeptEvidence>()
  const { now, setTimer } = time
  return Alarm.start({
    trust: { keys: new Map([[log.id, log.key]]), witnesses: () => witnesses, relayed: () => [] },
    shelf: {
      get: (id) => Promise.resolve(kept.get(id)),
      put: (evidence) => Promise.resolve(void kept.set(evidence.id, evidence)),
      del: (id) => Promise.resolve(void kept.delete(id)),
      list: () => Promise.resolve([...kept.values()]),
      summaries: () => Promise.resolve([...kept.values()]),
    },
    convictions: {
      convicted: () => NOBODY,
      get: () => undefined,
      list: () => [],
      note: () => undefined,
      put: () => Promise.resolve(),
      del: () => Promise.resolve(),
    },
    node: { ...node, reconsider: () => Promise.resolve() },
    tell: ({ id }, file) => tell(file, id),
    onError: (error) => {
      throw error
    },
    clock: { now, monotonic: () => time.ms, setTimer },
  })
}

const NOBODY: ReadonlySet<string> = new Set()
