/** The heart of a node over a database in memory, following one log through whatever vantage the test gives it. */
import { MemoryLevel } from 'memory-level'
import { Alarm } from '../../src/evidence/alarm.js'
import type { Guard, GuardEntry } from '../../src/store/guard.js'
import type { Database } from '../../src/store/heads.js'
import { Store } from '../../src/store/store.js'
import { logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { makeSignerKey, SIGNATURE_TYPES, type SignerKey, type VerifierKey } from '../../src/tlog/note.js'
import { CosignedHeads, type CosignedHead } from '../../src/witness/cosigned.js'
import type { Candidate, Door, Outcome } from '../../src/witness/decide.js'
import { Pipeline, type FollowedLog } from '../../src/witness/pipeline.js'
import { Suspects, type Suspect } from '../../src/witness/suspects.js'

/** A guard that keeps its entries in memory. */
export class MemoryGuard implements Guard {
  readonly entries = new Map<string, GuardEntry>()
  append(entry: GuardEntry): Promise<void> {
    this.entries.set(entry.log, entry)
    return Promise.resolve()
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** A key made of one repeated byte, so that tests are the same every time. */
export function testSigner(name: string, byte: number, type: 1 | 4 = SIGNATURE_TYPES.ed25519): SignerKey {
  return makeSignerKey(name, type, new Uint8Array(32).fill(byte))
}

export const testWitness = testSigner('witness.example', 7, SIGNATURE_TYPES.cosignature)

export interface HeartOptions {
  readonly logKey: VerifierKey
  /** Where the heart sees the log from. */
  readonly prefix: FollowedLog['prefix']
  readonly signer?: SignerKey
  readonly counted?: readonly VerifierKey[]
  readonly db?: Database
  readonly guard?: Guard
  readonly now?: () => number
}

/** Everything that left the heart, and the heart itself. */
export interface Heart {
  readonly log: string
  readonly store: Store
  readonly pipeline: Pipeline
  readonly cosigned: CosignedHeads
  readonly suspects: Suspects
  readonly alarm: Alarm
  readonly published: Uint8Array[]
  readonly evidence: { id: string; file: Uint8Array }[]
  readonly outcomes: Outcome[]
  readonly quorums: CosignedHead[]
  readonly suspectAlarms: Suspect[]
  readonly errors: unknown[]
  submit(door: Door, note: Uint8Array, peer?: string): Promise<Outcome>
}

export async function startHeart(options: HeartOptions): Promise<Heart> {
  const { logKey, prefix, signer = testWitness, now = Date.now } = options
  const log = logId(logKey.name, SUMDB_ORIGIN)
  const counted = options.counted ?? [signer.verifier]
  const store = await Store.over(options.db ?? (new MemoryLevel() as Database), options.guard ?? new MemoryGuard())
  const left = {
    published: [] as Uint8Array[],
    evidence: [] as { id: string; file: Uint8Array }[],
    outcomes: [] as Outcome[],
    quorums: [] as CosignedHead[],
    suspectAlarms: [] as Suspect[],
    errors: [] as unknown[],
  }
  const suspects = await Suspects.load(store.suspects)
  const cosigned = new CosignedHeads(
    store,
    { keys: counted, satisfiedBy: (signedBy) => counted.every((key) => signedBy.has(key.vkey)) },
    (_log, head) => left.quorums.push(head),
  )
  const alarm = await Alarm.start({
    keys: new Map([[log, logKey]]),
    shelf: store.evidence,
    freeze: (id, hold) => store.heads.hold(id, hold),
    tell: ({ id }, file) => left.evidence.push({ id, file }),
    now,
  })
  const pipeline = new Pipeline({
    logs: [{ id: log, key: logKey, origin: SUMDB_ORIGIN, prefix }],
    store,
    cosigned,
    suspects,
    signer,
    counted,
    alarm: (evidence) => alarm.raise(evidence),
    publish: (_log, note) => left.published.push(note),
    onOutcome: (outcome) => left.outcomes.push(outcome),
    onSuspectAlarm: (suspect) => left.suspectAlarms.push(suspect),
    onError: (error) => left.errors.push(error),
    now,
  })
  await pipeline.resume()
  const submit = (door: Door, note: Uint8Array, peer?: string): Promise<Outcome> => {
    const candidate: Candidate = { door, note, log, receivedAt: now(), ...(peer !== undefined && { peer }) }
    return pipeline.submit(candidate)
  }
  return { log, store, pipeline, cosigned, suspects, alarm, ...left, submit }
}
