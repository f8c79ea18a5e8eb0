/** The schemas of answers about alerts and their receivers; status/shapes.ts has all others. Pure. */
import Type from 'typebox'
import { SEVERITIES, type Severity } from './condition-names.js'
import { count, orNull, time } from './field-shapes.js'
import { LOG_ID } from './ids.js'

const { Array: List, Boolean: Flag, Enum, Number: Num, Object: Shape, String: Text } = Type

const kind = Enum(['hook', 'webhook'])
const name = () =>
  Text({ description: 'the file of a hook, the host of a webhook: the rest of its URL may be a secret' })

/** A receiver of alerts, and the state of its deliveries. Public. */
export const ReceiverView = Shape({
  name: name(),
  kind,
  waiting: count('alerts that it has not accepted yet'),
  oldest: orNull(time(), 'when the oldest of them was created'),
  lastTaken: orNull(time(), 'when it last accepted one, since the start'),
  error: orNull(Text(), 'why it did not accept the last one, or cannot accept any'),
})
export type ReceiverView = Type.Static<typeof ReceiverView>

export const AlarmView = Shape({
  receivers: List(ReceiverView, { description: 'webhooks as configured, then hooks by name' }),
})
export type AlarmView = Type.Static<typeof AlarmView>

/** A condition that was reported and still holds. For the operator alone. */
export const FiringView = Shape({
  name: Text({ description: 'the name of the condition' }),
  severity: Enum(Object.keys(SEVERITIES) as Severity[]),
  log: orNull(Text({ pattern: LOG_ID.pattern }), 'null when it is about the node'),
  sentence: Text(),
  since: time('when it began to hold'),
})
export type FiringView = Type.Static<typeof FiringView>

export const AlarmListView = Shape({
  firing: List(FiringView, { description: 'the oldest first' }),
  receivers: List(ReceiverView),
})
export type AlarmListView = Type.Static<typeof AlarmListView>

/** How the receivers handled a test alert. For the operator alone. */
export const AlarmTestView = Shape({
  results: List(
    Shape({
      name: name(),
      kind,
      ok: Flag({ description: 'whether it accepted the test alert' }),
      ms: Num({ minimum: 0, description: 'how many milliseconds that took' }),
      said: Text({ description: 'the status it returned, or why it did not accept it' }),
      output: Text({ description: 'the end of what a hook printed, or the beginning of what a webhook answered' }),
    }),
  ),
})
export type AlarmTestView = Type.Static<typeof AlarmTestView>
