/**
 * The data of the pictures, which the API also serves as JSON. Pure. The drawing code imports only types from here:
 * typebox costs a tenth of a second and 20 MB.
 */
import Type from 'typebox'

const { Array: List, Boolean: Flag, Enum, Integer, Number: Num, Object: Shape, String: Text } = Type

const count = (description: string) => Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description })
const millis = (description: string) => Num({ description: `milliseconds since 1970: ${description}` })

export const SignedPoint = Shape({ size: count('records'), time: millis("by the witness's own word") })
/** A head that a witness was seen to sign. */
export type SignedPoint = Type.Static<typeof SignedPoint>

export const Strand = Shape({
  name: Text({ description: 'key name of a witness; of the other history what it is' }),
  of: Enum(['witness', 'other history']),
  own: Flag(),
  counted: Flag(),
  points: List(SignedPoint, { description: 'heads of the history that is held here, the oldest first' }),
  strayed: List(SignedPoint, { description: 'heads of another history, which evidence shows' }),
})
export type Strand = Type.Static<typeof Strand>

export const RopeFacts = Shape({ now: millis('when this was so'), strands: List(Strand) })
export type RopeFacts = Type.Static<typeof RopeFacts>

/** How recently something was heard of. */
export const FRESHNESS = ['fresh', 'late', 'silent', 'convicted'] as const
export type Freshness = (typeof FRESHNESS)[number]

export const RingMember = Shape({
  name: Text(),
  kind: Enum(['witness', 'peer']),
  own: Flag(),
  freshness: Enum([...FRESHNESS]),
  text: Text({ description: 'what was heard of it' }),
})
export type RingMember = Type.Static<typeof RingMember>

export const MountainFacts = Shape({
  size: count('records in the newest proven head'),
  audited: count('records that the audit of this node has read, from the first one on'),
})
export type MountainFacts = Type.Static<typeof MountainFacts>

export const OutcomeFacts = Shape({
  door: Enum(['poll', 'push', 'gossip', 'sync']),
  outcome: Enum(['advanced', 'known', 'past', 'pending', 'refused', 'conflict']),
  ago: Integer({ minimum: 0, maximum: 59, description: 'minutes since that minute; 0 for the one that has begun' }),
  count: count('heads'),
})
/** Heads with one outcome that arrived through one door in one minute. */
export type OutcomeFacts = Type.Static<typeof OutcomeFacts>

export const LogPictures = Shape({
  belief: Enum(['agreed', 'thin', 'split']),
  verdict: Text({ description: 'what a person should believe now, as a sentence' }),
  rope: RopeFacts,
  ring: List(RingMember),
  mountains: MountainFacts,
  outcomes: List(OutcomeFacts, {
    description: 'what became of the heads that came in the last hour; what is not here is 0',
  }),
})
export type LogPictures = Type.Static<typeof LogPictures>
