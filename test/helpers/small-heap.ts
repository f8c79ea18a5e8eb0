/** The heap of a node under attack, as flags of Node. The packed program has code that was made under them. */

/**
 * Megabytes of heap that a victim has, a third of which it needs before an attack: a victim made to hold more would
 * abort. Resident memory alone does not distinguish held memory from uncollected garbage.
 */
const HEAP_MB = 96
/** The part of it for young objects, in megabytes; by default sixteen, which any load fills. */
const YOUNG_MB = 1

export const SMALL_HEAP = `--max-semi-space-size=${YOUNG_MB} --max-old-space-size=${HEAP_MB}`
