/** The pipeline of a node over any store, following its logs through the vantage points of a test. */
import { MemoryLevel } from 'memory-level'
import { GossumError, type ErrorCode } from '../../src/errors.js'
import { Alarm } from '../../src/evidence/alarm.js'
import type { Database } from '../../src/store/disk.js'
import { isFrozen, type FirstUse } from '../../src/store/heads.js'
import type { JournalFile } from '../../src/store/journal-file.js'
import { Store } from '../../src/store/store.js'
import { logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { verifyCosignature, type Cosignature } from '../../src/tlog/cosignature.js'
import {
  isBy,
  makeSignerKey,
  parseNote,
  SIGNATURE_TYPES,
  type SignatureType,
  type Signer,
  type SignerKey,
  type VerifierKey,
} from '../../src/tlog/note.js'
import type { AuditorKey } from '../../src/witness/auditor.js'
import type { CosignedHead } from '../../src/witness/cosigned-head.js'
import { CosignedHeads } from '../../src/witness/cosigned.js'
import type { Quorum } from '../../src/witness/quorum.js'
import { isVouchedFor } from '../../src/witness/vouching.js'
import type { TakePush } from '../../src/witness/push-budget.js'
import type { Candidate } from '../../src/witness/head.js'
import type { Outcome } from '../../src/witness/outcome.js'
import type { HeadSource } from '../../src/witness/source.js'
import { SignatureCache } from '../../src/witness/signature-cache.js'
import { takenBy } from '../../src/witness/origin.js'
import { Witness, type WitnessOptions } from '../../src/witness/witness.js'
import type { PrefixFromPeers, ShowPrefix } from '../../src/witness/prover.js'
import { Suspects, type Suspect } from '../../src/witness/suspects.js'
import { MemoryJournal } from './volatile-disk.js'

/** The file of a journal in memory: it outlives a pipeline, so that the next one can start from it. */
export { MemoryJournal as MemoryGuard }

/** The keys that testSigner has made. They hold no state, and making one costs as much as several signatures. */
const signers = new Map<string, SignerKey>()

/** A key made of one repeated byte, so that it is always the same. */
export function testSigner(name: string, byte: number, type: SignatureType = SIGNATURE_TYPES.ed25519): SignerKey {
  const which = `${byte} ${type} ${name}`
  const signer = signers.get(which) ?? makeSignerKey(name, type, new Uint8Array(32).fill(byte))
  signers.set(which, signer)
  return signer
}

export const testWitness = testSigner('witness.example', 7, SIGNATURE_TYPES.cosignature)

export interface LogAndVantage {
  readonly logKey: VerifierKey
  /** Where the pipeline gets proofs from; if absent, the log is only pushed. */
  readonly prefix?: ShowPrefix
  /** That of every checksum database if absent. */
  readonly origin?: string
}

export interface HeartOptions extends LogAndVantage {
  /** Logs in addition to the first. */
  readonly others?: readonly LogAndVantage[]
  readonly signer?: Signer
  /** An additional ML-DSA-44 key. */
  readonly second?: Signer
  /** No key at all: a quorum vouches for first heads, and nothing is signed. */
  readonly observer?: true
  /** How many of the counted keys make a quorum; all if absent. */
  readonly need?: number
  /** Keys for single logs, replacing the others, by log id. */
  readonly ofLogs?: ReadonlyMap<string, SignerKey>
  readonly counted?: readonly VerifierKey[]
  /** The key of the auditor; it must be among the counted or the relayed keys. */
  readonly auditor?: AuditorKey
  /** Milliseconds between two heads of a burst; none if absent. */
  readonly pauseMs?: number
  /** Keys that neighbours count. */
  readonly relayed?: readonly VerifierKey[]
  /** Witness keys of neighbours. */
  readonly neighbours?: readonly VerifierKey[]
  /** Resolves when the node has polled the first head itself; immediately if absent. */
  readonly looked?: (log: string) => Promise<unknown>
  /** The quota for pushes of a log; unlimited if absent. */
  readonly takePush?: TakePush
  /** Peers that can provide proofs. */
  readonly prefixFromPeers?: PrefixFromPeers
  /** The rollback guard; if absent, one that blocks nothing. */
  readonly rollback?: { readonly maySign: boolean; sawUnknown(time: number): void }
  /** Other obstacles to a signature, and the depositaries. */
  readonly barrier?: Partial<WitnessOptions['barrier']>
  readonly db?: Database
  /** The file of the journal, in memory if absent. */
  readonly guard?: JournalFile
  /** A store that is already open, replacing `db` and `guard`. */
  readonly store?: Store
  readonly now?: () => number
  /** Called with each publication before it is kept in `published`. */
  readonly onPublish?: (note: Uint8Array, log: string) => void
}

/** The store that was last opened over each database. */
const opened = new WeakMap<Database, Store>()

/** A store in memory. An earlier one over the same database first writes what is pending, as on an orderly shutdown. */
async function openStore(db: Database, file: JournalFile): Promise<Store> {
  await opened.get(db)?.flush()
  const store = await Store.over(db, file)
  opened.set(db, store)
  return store
}

/** The log id of a key with the origin of every checksum database. */
export function sumdbId(key: VerifierKey): string {
  return logId(key.name, SUMDB_ORIGIN)
}

/** A pipeline, and everything that it published. */
export interface Heart {
  readonly log: string
  readonly store: Store
  readonly witness: Witness
  readonly cosigned: CosignedHeads
  readonly suspects: Suspects
  readonly alarm: Alarm
  readonly published: Uint8Array[]
  readonly evidence: { id: string; file: Uint8Array }[]
  readonly outcomes: Outcome[]
  /** The outcomes, to be awaited. */
  readonly feed: Feed<Outcome>
  readonly quorums: CosignedHead[]
  readonly suspectAlarms: Suspect[]
  readonly errors: unknown[]
  /** Times of cosignatures by our key that this pipeline did not make. */
  readonly unknown: number[]
  readonly firstUses: FirstUse[]
  submit(source: HeadSource, note: Uint8Array, peer?: string, log?: string): Promise<Outcome>
  /** Ends background work and closes the store. */
  stop(): Promise<void>
}

export async function startHeart(options: HeartOptions): Promise<Heart> {
  const { signer = testWitness, now = Date.now } = options
  const logs = [options, ...(options.others ?? [])].map(({ logKey: key, prefix, origin = SUMDB_ORIGIN }) => {
    return { id: logId(key.name, origin), key, origin, ...(prefix && { prefix }) }
  })
  const log = logs[0]!.id
  const counted = options.counted ?? [signer, ...(options.ofLogs?.values() ?? [])].map(({ verifier }) => verifier)
  const store =
    options.store ?? (await openStore(options.db ?? new MemoryLevel(), options.guard ?? new MemoryJournal()))
  const feed = new Feed<Outcome>()
  const left = {
    feed,
    outcomes: feed.seen,
    published: [] as Uint8Array[],
    evidence: [] as { id: string; file: Uint8Array }[],
    quorums: [] as CosignedHead[],
    suspectAlarms: [] as Suspect[],
    errors: [] as unknown[],
    unknown: [] as number[],
    firstUses: [] as FirstUse[],
  }
  const known = new SignatureCache()
  const suspects = await Suspects.load(store.suspects)
  const quorum: Quorum = {
    keys: counted,
    satisfiedBy: (signedBy) =>
      counted.filter((key) => signedBy.has(key.vkey)).length >= (options.need ?? counted.length),
    convicted: () => store.convictions.convicted(),
  }
  const cosigned = new CosignedHeads(
    store,
    quorum,
    (_log, head) => left.quorums.push(head),
    () => options.relayed ?? [],
  )
  const alarm = await Alarm.start({
    trust: {
      keys: new Map(logs.map(({ id, key }) => [id, key])),
      witnesses: () => counted,
      relayed: () => options.relayed ?? [],
    },
    shelf: store.evidence,
    convictions: store.convictions,
    node: {
      freeze: (id, hold, news) => store.heads.hold(id, hold, news === 'grown'),
      isFrozen: (id) => isFrozen(store.heads.get(id)),
      isOurs: async (id, head) => (await cosigned.holds(id, head)) || undefined,
      areOneHistory: () => Promise.resolve(false),
      reconsider: async () => {
        for (const { id } of logs) await cosigned.reconsider(id)
      },
    },
    tell: ({ id }, file) => left.evidence.push({ id, file }),
    onError: (error) => left.errors.push(error),
    clock: { now, monotonic: now },
  })
  const keysOf = (id: string): readonly Signer[] => {
    if (options.observer) return []
    const own = options.ofLogs?.get(id)
    return own !== undefined ? [own] : options.second === undefined ? [signer] : [signer, options.second]
  }
  const taken = (id: string): ErrorCode | undefined => {
    if (options.observer) return 'NO_WITNESS'
    const setting = logs.find((one) => one.id === id)
    if (setting === undefined || options.ofLogs?.has(id) === true) return undefined
    const states = new Map(store.heads.logs().map((one) => [one, store.heads.get(one)]))
    const [first, ...more] = keysOf(id).map(({ verifier }) => verifier.vkey)
    return takenBy(setting, [first!, ...more], logs, states) === undefined ? undefined : 'ORIGIN_TAKEN'
  }
  const rollback = options.rollback ?? { maySign: true, sawUnknown: (time: number) => left.unknown.push(time) }
  const witness = new Witness({
    logs,
    kept: { store, cosigned, suspects },
    keys: {
      own: { of: (id) => keysOf(id) },
      auditor: options.auditor,
      counted,
      relayed: () => options.relayed ?? [],
      neighbours: () => options.neighbours ?? [],
      isHeard: (vkey) => [...counted, ...(options.relayed ?? [])].some((key) => key.vkey === vkey),
      known,
    },
    barrier: {
      obstacle: (id) => (rollback.maySign ? taken(id) : 'GUARD_WAITING'),
      sawUnknown: (time) => rollback.sawUnknown(time),
      isHeld: (id) => alarm.holds(id),
      ...options.barrier,
    },
    ask: {
      prefixFromPeers: options.prefixFromPeers ?? (() => Promise.reject(new GossumError('PEER_UNHELPFUL'))),
      ...(options.looked && { looked: options.looked }),
      ...(options.takePush && { takePush: options.takePush }),
      ...(options.observer && { isVouched: (head) => isVouchedFor(head, { quorum, suspects, known }) }),
    },
    told: {
      alarm: (evidence) => alarm.raise(evidence),
      publish: (id, note) => {
        options.onPublish?.(note, id)
        left.published.push(note)
      },
      onOutcome: (outcome) => feed.push(outcome),
      onFirstUse: (_log, first) => left.firstUses.push(first),
      onSuspectDropped: () => undefined,
      onSuspectAlarm: (suspect) => left.suspectAlarms.push(suspect),
      onError: (error) => left.errors.push(error),
    },
    time: { now, monotonic: now, pauseMs: options.pauseMs ?? 0 },
  })
  await witness.resume()
  const submit = (source: HeadSource, note: Uint8Array, peer?: string, id = log): Promise<Outcome> => {
    const candidate: Candidate = { source, note, log: id, receivedAt: now(), ...(peer !== undefined && { peer }) }
    return witness.submit(candidate)
  }
  const stop = async (): Promise<void> => {
    await witness.stop()
    await store.close()
  }
  return { log, store, witness, cosigned, suspects, alarm, ...left, submit, stop }
}

/** The cosignature of a witness in a note, verified. Throws if there is none. */
export function cosignatureIn(message: Uint8Array, key: VerifierKey = testWitness.verifier): Cosignature {
  const note = parseNote(message)
  const line = note.signatures.find((signature) => isBy(signature, key))
  if (line === undefined) throw new Error(`no line by ${key.name}`)
  return verifyCosignature(note.text, line, key)
}

/** Events in order; a test awaits what it needs instead of sleeping. */
export class Feed<T> {
  readonly seen: T[] = []
  readonly #waiting = new Set<() => void>()

  push(value: T): void {
    this.seen.push(value)
    for (const wake of this.#waiting) wake()
  }

  /** The first value from position `from` on that is accepted, as soon as it exists. */
  next(accept: (value: T) => boolean, from = 0): Promise<T> {
    return new Promise((resolve) => {
      const wake = (): void => {
        const at = this.seen.findIndex((value, i) => i >= from && accept(value))
        if (at === -1) return
        this.#waiting.delete(wake)
        resolve(this.seen[at]!)
      }
      this.#waiting.add(wake)
      wake()
    })
  }
}
