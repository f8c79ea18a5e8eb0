/** Ascending, disjoint ranges of records: those that an index has. Pure. */

/** Records [from, to). */
export interface RecordRange {
  readonly from: number
  readonly to: number
}

/** The ranges plus one more, joined where they touch. */
export function withRange(ranges: readonly RecordRange[], { from, to }: RecordRange): RecordRange[] {
  const apart = ranges.filter((range) => range.to < from || range.from > to)
  const joined = ranges.filter((range) => range.to >= from && range.from <= to)
  const whole = {
    from: Math.min(from, ...joined.map((range) => range.from)),
    to: Math.max(to, ...joined.map((range) => range.to)),
  }
  return [...apart, whole].sort((a, b) => a.from - b.from)
}

/** The parts of a range that are in none of the ranges. */
export function gapsIn(ranges: readonly RecordRange[], { from, to }: RecordRange): RecordRange[] {
  const gaps: RecordRange[] = []
  let at = from
  for (const range of ranges) {
    if (range.to <= at) continue
    if (range.from >= to) break
    if (range.from > at) gaps.push({ from: at, to: range.from })
    at = range.to
  }
  if (at < to) gaps.push({ from: at, to })
  return gaps
}

/** Parses ranges; undefined if the text is malformed. */
export function parseRanges(text: string): RecordRange[] | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (!Array.isArray(value)) return undefined
    const ranges = value.map((pair: unknown) => {
      const [from, to] = Array.isArray(pair) ? (pair as unknown[]) : []
      return { from: Number(from), to: Number(to) }
    })
    const isSound = ranges.every(
      ({ from, to }, i) =>
        Number.isSafeInteger(from) && Number.isSafeInteger(to) && from < to && from > (ranges[i - 1]?.to ?? -1),
    )
    return isSound ? ranges : undefined
  } catch {
    return undefined
  }
}

export function formatRanges(ranges: readonly RecordRange[]): string {
  return JSON.stringify(ranges.map(({ from, to }) => [from, to]))
}
