/** The schemas of answers about the module mirror; status/shapes.ts has all others. Pure. */
import Type from 'typebox'
import { count, orNull, size, time } from './field-shapes.js'

const { Array: List, Boolean: Flag, Enum, Number: Num, Object: Shape, String: Text } = Type

const moduleVersions = (description: string) => List(Text(), { description })

/** The state of the module mirror. */
export const MirrorStatusView = Shape({
  upstreams: List(
    Shape({
      url: Text({ description: 'without a login' }),
      failingSince: orNull(time(), 'since when it has given no usable answer; null while it does'),
      reason: orNull(Text(), 'why'),
    }),
    { description: 'in the order in which they are asked' },
  ),
  kept: Shape({
    files: count('files that are kept'),
    bytes: size('of all of them'),
    maxBytes: size('that may be kept'),
    damaged: count('files that were found damaged and set aside'),
  }),
  cooldown: orNull(Num({ minimum: 0 }), 'seconds; null without one'),
  existingAllowed: Flag({
    description: "whether what the log had before this node's first quorum head has no cooldown",
  }),
  allowed: moduleVersions('versions that the operator let through the cooldown, as path@version'),
  pinned: moduleVersions('versions that are kept however long nobody asks for them, as path@version'),
  hidden: List(
    Shape({
      path: Text(),
      versions: List(Text(), { description: 'the newest first, at most 20' }),
      count: count('all of them'),
    }),
    { description: 'versions that the log has and that upstream lists lack, of the lists that were asked for' },
  ),
  refused: List(
    Shape({
      at: time('when it was refused last'),
      path: Text(),
      version: Text(),
      kind: Enum(['mod', 'zip']),
      class: Text({ description: 'as gossum check module calls it' }),
      upstream: Text(),
      expected: orNull(Text(), 'the hash that the log has; null when it has no record'),
      got: orNull(Text(), 'the hash of what came; null for what cannot be hashed'),
      reason: Text(),
    }),
    { description: 'what upstreams gave and nobody was given, the newest first, at most 100' },
  ),
})
export type MirrorStatusView = Type.Static<typeof MirrorStatusView>

/** The result of an operator's command about a module, or about all that there were. */
export const MirrorAnswer = Shape({
  module: orNull(Text(), 'path@version; null for all that was there'),
  existing: Flag({ description: 'whether it was about all that was there' }),
})
export type MirrorAnswer = Type.Static<typeof MirrorAnswer>
