/** Malformed paths: a server should refuse them; if it answers, the answer must be as correct as any other. */
import { GossumError } from '../errors.js'
import { refusedStatus, type WaitOptions } from '../sumdb/fetcher.js'
import { MAX_LOOKUP_BYTES } from '../sumdb/module.js'
import { equalBytes } from '../tlog/bytes.js'
import { HASH_SIZE } from '../tlog/hash.js'
import { TILE_HEIGHT } from '../tlog/tile.js'
import { findingOf, findingOfAll, type ProbeFinding, type Vantage } from './probe-session.js'
import type { SignedHead } from './signed-heads.js'
import { judgeLookup, type KnownModule } from './probe-lookups.js'

/** The first tile, in forms that no client may use. */
const TILE_PATHS = ['tile/8/0/000.p/0', 'tile/8/0/000.p/256', 'tile/8/0/0', 'tile/8/0/x000/000']
const WIDTH = 2 ** TILE_HEIGHT

/** Requests the first tile, and a module version with upper-case letters if one is known, in malformed ways. */
export async function checkSyntax(
  vantage: Vantage,
  newest: SignedHead,
  modules: readonly KnownModule[],
  options: WaitOptions,
): Promise<ProbeFinding> {
  const problems: ProbeFinding[] = []
  let refused = 0
  let answered = 0
  /** Makes a request, to which a refusal is the right answer. */
  const ask = async (path: string, judge: (answer: Uint8Array) => Promise<void>): Promise<void> => {
    try {
      await judge(await vantage.fetcher.get(path, MAX_LOOKUP_BYTES, options))
      answered++
    } catch (error) {
      // The server of golang.org/x/mod/sumdb refuses some malformed paths with status 500.
      if (refusedStatus(error) !== undefined) refused++
      else problems.push(findingOf(error, path))
    }
  }
  if (newest.head.size > 0)
    for (const path of TILE_PATHS) await ask(path, (body) => judgeTile(vantage, newest, body, options))
  // The log has it under exactly this name, so a server that ignores the malformed escaping has nothing to fetch.
  const shouting = modules.find(({ path }) => /[A-Z]/.test(path))
  if (shouting !== undefined) {
    await ask(`lookup/${shouting.path}@${shouting.version}`, async (answer) => {
      const evidence = await judgeLookup(vantage, newest, shouting, answer, options)
      if (evidence === undefined) return
      const detail = `${shouting.path}@${shouting.version}: the log signed two histories: the newest head here, and that of the answer`
      problems.push({ verdict: 'failed', detail, evidence })
    })
  }
  const lenient = answered === 0 ? '' : `; ${answered} were answered correctly`
  return findingOfAll(
    problems,
    `${refused} of ${refused + answered + problems.length} malformed paths were refused${lenient}`,
  )
}

/** Throws TILE_INVALID unless these hashes are the beginning of the first tile. */
async function judgeTile(
  { client }: Vantage,
  { head }: SignedHead,
  body: Uint8Array,
  options: WaitOptions,
): Promise<void> {
  const tile = { height: TILE_HEIGHT, level: 0, index: 0, width: Math.min(head.size, WIDTH) }
  const data = await client.tile(head, tile, options)
  const common = Math.min(body.length, data.length)
  const isWhole = body.length % HASH_SIZE === 0 && body.length <= WIDTH * HASH_SIZE
  if (!isWhole || !equalBytes(body.subarray(0, common), data.subarray(0, common))) {
    throw new GossumError('TILE_INVALID', 'what it answers does not match the head')
  }
}
