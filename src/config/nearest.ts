/** Finds the known name that a misspelled one was meant to be. Pure. */

/** The most edits between two names, absolute and as a share of the length. */
const MOST = { edits: 2, share: 0.34 }

/** The known name nearest to this one, if it is near enough; case and separators are ignored. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = plainOf(name)
  const ranked = known
    .map((candidate) => ({ candidate, away: edits(plain, plainOf(candidate)) }))
    .filter(({ away }) => away <= MOST.edits && away <= plain.length * MOST.share)
  return ranked.sort((a, b) => a.away - b.away)[0]?.candidate
}

function plainOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** The number of letters to insert, delete, change or swap with the next. */
function edits(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const swaps = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(
        rows[i - 1]![j]! + 1,
        row[j - 1]! + 1,
        rows[i - 1]![j - 1]! + Number(a[i - 1] !== b[j - 1]),
        swaps ? rows[i - 2]![j - 2]! + 1 : Infinity,
      )
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
