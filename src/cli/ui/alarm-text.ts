/** Text for alerts and their receivers. Pure. */
import { span } from '../../lib/words.js'
import type { AlarmListView, AlarmTestView, ReceiverView } from '../../status/alarm-shapes.js'

type Paint = (style: 'red' | 'green' | 'yellow' | 'dim', text: string) => string

/** The result of a test alert at each receiver, followed by the output of any hook that failed. */
export function alarmTestLines(results: AlarmTestView['results'], paint: Paint): string[] {
  if (results.length === 0) return ['no receivers: there is neither a hook nor a webhook']
  const width = Math.max(...results.map(({ name }) => name.length))
  return results.flatMap(({ name, kind, ok, ms, said, output }) => [
    `${ok ? paint('green', 'ok    ') : paint('red', 'failed')}  ${kind.padEnd(7)}  ${name.padEnd(width)}  ${said}, ${ms} ms`,
    ...(ok || output === '' ? [] : output.split('\n').map((line) => `        ${line}`)),
  ])
}

/** The firing alerts, and the state of each receiver. `now` in milliseconds since 1970. */
export function alarmListLines({ firing, receivers }: AlarmListView, now: number, paint: Paint): string[] {
  const ago = (time: string): string => span(Math.max(0, now - Date.parse(time)) / 1000)
  const width = Math.max(0, ...receivers.map(({ name }) => name.length))
  return [
    ...(firing.length === 0 ? [paint('green', 'no alert is firing')] : []),
    ...firing.map(({ name, severity, sentence, since }) =>
      [paint(severity === 'doubtful' ? 'yellow' : 'red', name), sentence, `for ${ago(since)}`].join('  '),
    ),
    '',
    ...(receivers.length === 0 ? ['no receivers: there is neither a hook nor a webhook'] : []),
    ...receivers.map((receiver) => receiverLine({ ...receiver, name: receiver.name.padEnd(width) }, ago, paint)),
  ]
}

function receiverLine(
  { name, kind, waiting, oldest, lastTaken, error }: ReceiverView,
  ago: (time: string) => string,
  paint: Paint,
): string {
  const last = lastTaken === null ? 'nothing delivered since the start' : `last delivery ${ago(lastTaken)} ago`
  const queue = waiting === 0 || oldest === null ? '' : `, ${waiting} waiting, the oldest for ${ago(oldest)}`
  const trouble = error === null ? '' : `: ${paint('red', error)}`
  return `${kind.padEnd(7)}  ${name}  ${last}${queue}${trouble}`
}
