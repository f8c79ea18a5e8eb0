/** Which witness cosigned what, which count, and which are convicted: the part of the view about witnesses. */
import type { Config } from '../config/config.js'
import type { Alarm } from '../evidence/alarm.js'
import type { Store } from '../store/store.js'
import type { VerifierKey } from '../tlog/note.js'
import type { CosignedHead } from '../witness/cosigned-head.js'
import type { CosignedHeads } from '../witness/cosigned.js'
import type { CosignatureView, EvidenceView, WitnessView } from './shapes.js'

export interface WitnessParts {
  readonly config: Config
  readonly store: Store
  readonly cosigned: CosignedHeads
  readonly alarm: Alarm
  /** This node's own; undefined for an observer. */
  readonly witness: VerifierKey | undefined
  /** Its ML-DSA-44 key, if it has one. */
  readonly second?: VerifierKey | undefined
  /** The key of its auditor, if it has one. */
  readonly auditor?: VerifierKey | undefined
  /** The keys of this node that cosign a log, the first one first. */
  readonly keysOf: (log: string) => readonly VerifierKey[]
}

/** All keys of this node, the first one first. */
export function ownKeys({ config, witness, second, auditor, keysOf }: WitnessParts): VerifierKey[] {
  const all = [witness, second, ...config.logs.flatMap(({ id }) => keysOf(id)), auditor].filter(
    (key) => key !== undefined,
  )
  return [...new Map(all.map((key) => [key.vkey, key])).values()]
}

/** Whether the policy names a key; without a policy only the first key of each log counts. */
function isNamed({ config: { policy, logs }, witness, keysOf }: WitnessParts, vkey: string): boolean {
  if (policy !== undefined) return policy.witnesses.some(({ key }) => key?.vkey === vkey)
  return vkey === witness?.vkey || logs.some(({ id }) => keysOf(id)[0]?.vkey === vkey)
}

/** The cosignatures of a head: by whom, when, and whether they count. */
export function cosignatureViews(parts: WitnessParts, head: CosignedHead): CosignatureView[] {
  const convicted = parts.store.convictions.convicted()
  return [...head.cosignatures].map(([key, { signature, time }]) => ({
    name: signature.name,
    key,
    time: iso(time),
    counted: isNamed(parts, key) && !convicted.has(key),
  }))
}

/** Keys of the policy's witnesses in its order, after this node's own if the policy does not name them. */
export function witnessKeys(parts: WitnessParts): string[] {
  const named = (parts.config.policy?.witnesses ?? []).map(({ vkey }) => vkey)
  return [...ownKeys(parts).flatMap(({ vkey }) => (named.includes(vkey) ? [] : vkey)), ...named]
}

/** Name and id of a verifier key: they identify it in a note, and are short even if the key is not. */
export function identityOf(vkey: string): string {
  return vkey.split('+', 2).join('+')
}

/** Names of convicted and not acknowledged keys: our own, and those of others that count here. */
export function convictedNames(parts: WitnessParts): { own: string[]; others: string[] } {
  const convicted = [...parts.store.convictions.convicted()]
  if (convicted.length === 0) return { own: [], others: [] }
  const own = new Set(ownKeys(parts).map(({ vkey }) => vkey))
  const names = (vkeys: readonly string[]): string[] => vkeys.map((vkey) => vkey.split('+', 1)[0]!)
  return {
    own: names(convicted.filter((vkey) => own.has(vkey))),
    others: names(convicted.filter((vkey) => !own.has(vkey) && isNamed(parts, vkey))),
  }
}

/** The witnesses of the policy in its order, after this node's own if the policy does not name it. */
export function witnessViews(parts: WitnessParts): WitnessView[] {
  const { store, cosigned } = parts
  const own = ownKeys(parts).map(({ vkey }) => vkey)
  const convictions = store.convictions.list().filter(({ acked }) => !acked)
  return witnessKeys(parts).map((key) => {
    const last = cosigned.signers.lastSeen(key)
    const convicted = convictions.find((conviction) => conviction.witness === key)?.id ?? null
    return {
      name: key.split('+', 1)[0]!,
      key,
      counted: isNamed(parts, key) && convicted === null,
      own: own.includes(key),
      last: last === undefined ? null : { ...last, time: iso(last.time) },
      convicted,
    }
  })
}

/** All evidence, oldest first; acknowledged if the log that it froze, or the conviction of the witness, was. */
export async function evidenceViews({ store, alarm }: WitnessParts): Promise<EvidenceView[]> {
  return (await alarm.list()).map(({ id, type, log, witness, sizes, module, records, seenAt }) => {
    const acked =
      witness === undefined
        ? store.heads.get(log).holds.some((hold) => hold.id === id && hold.acked)
        : store.convictions.get(id)?.acked === true
    return {
      id,
      type,
      log,
      witness: witness ?? null,
      sizes: [...sizes],
      ...(module !== undefined && { module }),
      ...(records && { records: [...records] }),
      seenAt,
      acked,
    }
  })
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
