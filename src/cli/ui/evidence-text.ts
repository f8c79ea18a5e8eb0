/** Evidence as a list, for people. Pure. */
import { moduleText, placesOf } from '../../status/evidence-words.js'
import type { EvidenceView, LogView } from '../../status/shapes.js'
import { age, nameOf, table } from './node-text.js'

export function evidenceLines(list: readonly EvidenceView[], logs: readonly LogView[], now: number): string[] {
  return table(
    list.map((item) => [
      item.id,
      item.type,
      logs.find(({ id }) => id === item.log)?.name ?? item.log,
      item.witness === null ? 'convicts the log' : `convicts the witness ${nameOf(item.witness)}`,
      item.module === undefined ? placesOf(item) : `${placesOf(item)}: ${moduleText(item.module)}`,
      `seen ${age(item.seenAt, now)}`,
      item.acked ? 'acknowledged' : 'NOT ACKNOWLEDGED',
    ]),
  )
}
