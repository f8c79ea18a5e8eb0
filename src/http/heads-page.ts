/** A page of the heads of a log, limited in number and in length, with the position of the next page. */
import { wholeNumber } from './query.js'
import { jsonText, type Reply } from './reply.js'
import type { ApiRequest } from './router.js'
import { BELOW, LIMIT } from './schema/parameters.js'
import type { HeadView } from '../status/shapes.js'

/** How many heads are read at once, and the number of characters at which a page ends. */
const AT_ONCE = 32
const MAX_CHARACTERS = 1024 * 1024

interface History {
  /** Heads smaller than `below`, newest first. */
  heads(log: string, limit: number, below?: number): Promise<HeadView[]>
}

/** A page may end early because of its length: `next`, not the number of heads, says whether there are older ones. */
export async function headsPage(node: History, log: string, { query }: Pick<ApiRequest, 'query'>): Promise<Reply> {
  const limit = wholeNumber(query, 'limit', LIMIT) ?? LIMIT.default
  let below = wholeNumber(query, 'below', BELOW)
  const page: string[] = []
  let characters = 0
  let isEnd = false
  while (!isEnd && page.length < limit && characters < MAX_CHARACTERS) {
    const wanted = Math.min(AT_ONCE, limit - page.length)
    const some = await node.heads(log, wanted, below)
    for (const head of some) {
      page.push(JSON.stringify(head))
      characters += page.at(-1)!.length
    }
    isEnd = some.length < wanted
    below = some.at(-1)?.size ?? below
  }
  return jsonText(`{"heads":[${page.join(',')}],"next":${isEnd ? 'null' : String(below)}}\n`)
}
