/** Compares a head with what others see of the same log: whether it is as recent, and of the same history. */
import { GossumError } from '../errors.js'
import type { SumdbClient } from '../sumdb/client.js'
import type { FetcherOptions, WaitOptions } from '../sumdb/fetcher.js'
import type { VerifierKey } from '../tlog/note.js'
import { findingOf, findingOfAll, Vantage, type ProbeFinding } from './probe-session.js'
import { findDoor } from './door.js'
import { compareHeads, headsIn, readSignedHead, type SignedHead } from './signed-heads.js'

/** Another source of the log's heads. */
export interface Reference {
  /** Its name in sentences: "the node at http://127.0.0.1:46787". */
  readonly name: string
  /** The URL of its tiles, and of its newest head if `head` is absent. */
  readonly url: string
  /** Its newest head, unverified, or why it shows none. */
  readonly head?: Uint8Array | GossumError
}

/** The result of asking a reference. */
export interface Sighting {
  readonly name: string
  /** A verified head; or why there is none. */
  readonly seen: SignedHead | ProbeFinding
  readonly client?: SumdbClient
}

/** The default limit for the lag of a fresh head: records, and a fraction of the log. */
const USUAL_LAG = { records: 10_000, part: 0.01 }

/** Asks a reference for its newest head. */
export async function askReference(
  reference: Reference,
  key: VerifierKey,
  fetching: Omit<FetcherOptions, 'url'>,
  options: WaitOptions,
): Promise<Sighting> {
  const { name, url } = reference
  try {
    if (reference.head instanceof GossumError) throw reference.head
    if (reference.head !== undefined) {
      return { name, seen: readShown(reference.head, key), client: new Vantage(url, key, fetching).client }
    }
    const { open, finding } = await findDoor(url, key, fetching, options)
    if (open === undefined) return { name, seen: { ...finding, detail: `${name}: ${finding.detail}` } }
    if (open.latest instanceof GossumError) throw open.latest
    return { name, seen: readShown(open.latest, key), client: open.vantage.client }
  } catch (error) {
    return { name, seen: findingOf(error, name) }
  }
}

/** The head in an answer, whatever surrounds it. Throws as readHead does if there is none. */
function readShown(bytes: Uint8Array, key: VerifierKey): SignedHead {
  const [cut] = headsIn(bytes, key)
  try {
    return readSignedHead(bytes, key)
  } catch (error) {
    if (cut !== undefined) return cut
    throw error
  }
}

interface Seen extends Sighting {
  readonly seen: SignedHead
}

function hasHead(sighting: Sighting): sighting is Seen {
  return 'head' in sighting.seen
}

/** Said if no other source could be asked, or after the result if some could not. */
function missing(sightings: readonly Sighting[]): string {
  const reasons = sightings.flatMap(({ seen }) => ('head' in seen ? [] : seen.detail))
  return reasons.length === 0 ? 'nobody else was asked' : reasons.join('; ')
}

/** Whether the head is about as large as the largest that others see. */
export function checkFresh(size: number, sightings: readonly Sighting[], maxLag: number | undefined): ProbeFinding {
  const largest = sightings.filter(hasHead).sort((a, b) => b.seen.head.size - a.seen.head.size)[0]
  if (largest === undefined) return { verdict: 'unknown', detail: missing(sightings) }
  const theirs = largest.seen.head.size
  const lag = theirs - size
  const most = maxLag ?? Math.min(USUAL_LAG.records, Math.ceil(theirs * USUAL_LAG.part))
  const than = `than that of ${largest.name} (${theirs})`
  if (lag > most) return { verdict: 'failed', detail: `its head (${size}) is ${lag} records older ${than}` }
  if (lag > 0) return { verdict: 'ok', detail: `its head is ${lag} records older ${than}, and may be up to ${most}` }
  return { verdict: 'ok', detail: `its head is not older ${than}` }
}

/** Whether the head belongs to the history that others see. */
export async function checkHistory(
  vantage: Vantage,
  newest: SignedHead,
  sightings: readonly Sighting[],
  options: WaitOptions,
): Promise<ProbeFinding> {
  const problems: ProbeFinding[] = sightings.flatMap(({ seen }) =>
    'head' in seen ? [] : { ...seen, verdict: 'unknown' },
  )
  const agreeing: string[] = []
  for (const { name, seen, client } of sightings.filter(hasHead)) {
    const sizes = `sizes ${newest.head.size} and ${seen.head.size}`
    try {
      const clients = [vantage.client, ...(client === undefined ? [] : [client])]
      const evidence = await compareHeads(vantage.key, [newest, seen], clients, options)
      if (evidence === undefined) agreeing.push(`${name} (${sizes})`)
      else
        problems.push({
          verdict: 'failed',
          detail: `the log signed two histories: here and at ${name}, ${sizes}`,
          evidence,
        })
    } catch (error) {
      problems.push(findingOf(error, `${name} (${sizes})`))
    }
  }
  if (agreeing.length === 0 && problems.every(({ verdict }) => verdict === 'unknown')) {
    return {
      verdict: 'unknown',
      detail: problems.length === 0 ? missing([]) : problems.map(({ detail }) => detail).join('; '),
    }
  }
  return findingOfAll(problems, `one history with ${agreeing.join(' and ')}`)
}
