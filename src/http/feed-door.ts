/** News for people, for programs that read feeds: /feed.atom and /feed.json. */
import { printableJson } from '../lib/printable.js'
import { feedOf, type FeedFacts, type NewsFeed } from '../status/feed-entries.js'
import type { NodeView } from '../status/node-view.js'
import { utf8 } from '../tlog/bytes.js'
import { atomText, jsonFeed } from './feed-text.js'
import { NO_STORE, SLOW_CACHING } from './caching.js'
import type { Reply } from './reply.js'
import type { Route } from './router.js'

/** `told` returns alerts that are recorded nowhere else. */
export function feedRoutes(node: Pick<NodeView, 'status' | 'evidence'>, told: () => FeedFacts['told']): Route[] {
  const read = async (): Promise<NewsFeed> =>
    feedOf({ status: await node.status(), evidence: await node.evidence(), told: told() })
  const route = (path: string, type: string, write: (feed: NewsFeed) => string): Route => ({
    ...{ method: 'GET', path, isCostly: true, caching: SLOW_CACHING },
    handle: async (): Promise<Reply> => ({
      status: 200,
      headers: { 'content-type': `${type}; charset=utf-8`, 'cache-control': NO_STORE },
      body: utf8(write(await read())),
    }),
  })
  return [
    route('/feed.atom', 'application/atom+xml', atomText),
    route('/feed.json', 'application/feed+json', (feed) => `${printableJson(JSON.stringify(jsonFeed(feed)))}\n`),
  ]
}
