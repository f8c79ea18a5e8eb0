/**
 * Checks lookups: whether each answer is the record of the requested module version, proven under the head that came
 * with it, and has no lines about it outside the record (CVE-2026-42501, CVE-2026-56864).
 *
 * A lookup of something unknown to a log makes the log fetch and append it. So a probe looks up only what the log is
 * known to have.
 */
import { GossumError } from '../errors.js'
import { isAccepted } from '../errors/attempt.js'
import type { SplitView } from '../evidence/evidence.js'
import { requireRecord, type SumdbClient } from '../sumdb/client.js'
import type { WaitOptions } from '../sumdb/fetcher.js'
import { escapeModule, MAX_LOOKUP_BYTES, parseLookup, type LookupAnswer, type ModuleVersion } from '../sumdb/module.js'
import { goSumLines, parseRecord } from '../tlog/record.js'
import { equalBytes, fromUtf8 } from '../tlog/bytes.js'
import type { VerifierKey } from '../tlog/note.js'
import { findingOfAll, gather, type ProbeFinding, type Vantage } from './probe-session.js'
import { compareHeads, headsIn, readSignedHead, type SignedHead } from './signed-heads.js'
import type { SampledRecord } from './probe-tiles.js'

/** A module version that the log is known to have. */
export interface KnownModule extends ModuleVersion {
  /** Its record, if it was found in the tree. */
  readonly found?: SampledRecord
}

/** Old and well-known module versions, which sum.golang.org has had since its first year. */
export const FAMOUS_MODULES: readonly ModuleVersion[] = [
  { path: 'golang.org/x/text', version: 'v0.3.0' },
  { path: 'github.com/BurntSushi/toml', version: 'v0.3.1' },
  { path: 'github.com/pkg/errors', version: 'v0.8.1' },
  { path: 'gopkg.in/yaml.v2', version: 'v2.2.2' },
  { path: 'github.com/davecgh/go-spew', version: 'v1.1.0' },
  { path: 'github.com/stretchr/objx', version: 'v0.1.0' },
  { path: 'github.com/pmezard/go-difflib', version: 'v1.0.0' },
]

/** The module version of a proven record, according to its first line; undefined if it cannot be looked up. */
export function moduleOf(found: SampledRecord): KnownModule | undefined {
  const [path, version] = (fromUtf8(found.record) ?? '').split('\n', 1)[0]!.split(' ')
  const known = { path: path ?? '', version: (version ?? '').replace(/\/go\.mod$/, ''), found }
  return isAccepted(() => escapeModule(known.path, known.version)) ? known : undefined
}

/** Looks these module versions up. */
export async function checkLookups(
  vantage: Vantage,
  newest: SignedHead,
  modules: readonly KnownModule[],
  options: WaitOptions,
): Promise<ProbeFinding> {
  if (modules.length === 0) {
    return { verdict: 'unknown', detail: 'no module version is known that could be asked for without harm' }
  }
  const problems: ProbeFinding[] = []
  const proven = await gather(
    modules,
    problems,
    options,
    async (module, waiting) => {
      const path = `lookup/${escapeModule(module.path, module.version)}`
      const answer = await vantage.fetcher.get(path, MAX_LOOKUP_BYTES, waiting)
      const evidence = await judgeLookup(vantage, newest, module, answer, waiting)
      if (evidence === undefined) return true
      const detail = `${nameOf(module)}: the log signed two histories: the newest head here, and that of the answer`
      problems.push({ verdict: 'failed', detail, evidence })
      return false
    },
    nameOf,
  )
  const asked = `${proven.filter(Boolean).length} of ${modules.length} answers`
  return findingOfAll(problems, `${asked} are the record that was asked for, proven under a head of the same history`)
}

function nameOf({ path, version }: ModuleVersion): string {
  return `${path}@${version}`
}

/**
 * Judges an answer to a lookup. Returns evidence if the head that came with it contradicts the newest one. Throws the
 * codes of notes and checkpoints, RECORD_INVALID, TILE_INVALID, and errors of fetching tiles.
 */
export async function judgeLookup(
  { client, key }: Vantage,
  newest: SignedHead,
  module: KnownModule,
  answer: Uint8Array,
  options: WaitOptions,
): Promise<SplitView | undefined> {
  const { path, version, found } = module
  let read: LookupAnswer & { readonly given: SignedHead }
  try {
    const parts = parseLookup(answer)
    read = { ...parts, given: readSignedHead(parts.note, key) }
  } catch (error) {
    return await judgeRefused(error, headsIn(answer, key), [newest, client], key, options)
  }
  const { id, record, note, given } = read
  // Checked first: two histories outweigh everything else that may be wrong.
  const evidence = await compareHeads(key, [given, newest], [client], options)
  if (evidence !== undefined) return evidence
  // A client that searches the whole answer for lines would find unproven ones (CVE-2026-56864).
  if (linesAbout(fromUtf8(note)!, module).length > 0) {
    throw new GossumError('RECORD_INVALID', `lines about ${path} ${version} are outside the record`)
  }
  if (id >= given.head.size) throw new GossumError('RECORD_INVALID', `record ${id} in a tree of ${given.head.size}`)
  const [leaf] = await client.leafHashes(given.head, [id], options)
  requireRecord(record, id, given.head, leaf!)
  const lines = goSumLines(record, path, version)
  if (lines.length !== parseRecord(record).split('\n').length - 1) {
    throw new GossumError('RECORD_INVALID', `record ${id} also has lines about others`)
  }
  if (found !== undefined && (id !== found.id || !equalBytes(record, found.record))) {
    throw new GossumError('RECORD_INVALID', `it is record ${id}, but the tree has it in record ${found.id}`)
  }
  if (!given.isCanonical) throw new GossumError('NOT_CANONICAL')
  return undefined
}

/**
 * Heads in an answer that cannot be parsed: returns evidence if one of them contradicts the newest, otherwise throws
 * the error.
 */
async function judgeRefused(
  error: unknown,
  heads: readonly SignedHead[],
  [newest, client]: readonly [SignedHead, SumdbClient],
  key: VerifierKey,
  options: WaitOptions,
): Promise<SplitView | undefined> {
  for (const head of heads) {
    try {
      const evidence = await compareHeads(key, [head, newest], [client], options)
      if (evidence !== undefined) return evidence
    } catch (failure) {
      options.signal?.throwIfAborted()
      if (!(failure instanceof GossumError)) throw failure
    }
  }
  throw error
}

/** The lines of a text that a careless client would take for go.sum lines of the module version. */
function linesAbout(text: string, { path, version }: ModuleVersion): string[] {
  const prefixes = [`${path} ${version} `, `${path} ${version}/go.mod `]
  return text.split('\n').filter((line) => prefixes.some((prefix) => line.startsWith(prefix)))
}
