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
      failingSince: orNull(time(), 'when it stopped giving usable answers; null while it gives them'),
      reason: orNull(Text(), 'why'),
    }),
    { description: 'in the order in which they are asked' },
  ),
  kept: Shape({
    files: count('stored files'),
    bytes: size('their total size'),
    maxBytes: size('the most that may be stored'),
    damaged: count('damaged files that were set aside'),
  }),
  cooldown: orNull(Num({ minimum: 0 }), 'in seconds; null if there is none'),
  existingAllowed: Flag({
    description: "whether versions that the log had before this node's first quorum head are exempt",
  }),
  allowed: moduleVersions('versions that the operator let through the cooldown, as path@version'),
  pinned: moduleVersions('versions that are kept even if they are not requested, as path@version'),
  hidden: List(
    Shape({
      path: Text(),
      versions: List(Text(), { description: 'the newest first, at most 20' }),
      count: count('all of them'),
    }),
    { description: 'versions that are in the log but missing in the upstream lists that were requested' },
  ),
  refused: List(
    Shape({
      at: time('when it was last refused'),
      path: Text(),
      version: Text(),
      kind: Enum(['mod', 'zip']),
      class: Text({ description: 'the classification, as in gossum check module' }),
      upstream: Text(),
      expected: orNull(Text(), 'the hash that the log has; null when it has no record'),
      got: orNull(Text(), 'the hash of what was served; null if it cannot be hashed'),
      reason: Text(),
    }),
    { description: 'what upstreams served and the mirror refused, the newest first, at most 100' },
  ),
})
export type MirrorStatusView = Type.Static<typeof MirrorStatusView>

/** The result of an operator's command about a module, or about all that there were. */
export const MirrorAnswer = Shape({
  module: orNull(Text(), 'path@version; null for all existing versions'),
  existing: Flag({ description: 'whether it applied to all existing versions' }),
})
export type MirrorAnswer = Type.Static<typeof MirrorAnswer>
