/**
 * Keeps what was reported about suspects and watched modules, for the feeds: nothing else does, and a restart would
 * lose it.
 */
import type { ToldNews, ToldStore } from '../store/told-store.js'
import type { NodeEvent } from './events.js'
import type { News } from './news.js'

/** Reads what was kept before, then keeps new reports. */
export async function keepTold(news: News, told: ToldStore): Promise<void> {
  await told.load()
  news.on('told', (event) => {
    const kept = keptOf(event)
    if (kept !== undefined) told.add(kept).catch(news.onError)
  })
}

function keptOf(event: NodeEvent): ToldNews | undefined {
  switch (event.event) {
    case 'suspect':
      return { ...{ event: 'suspect', at: event.at, log: event.log, id: event.id }, size: event.size, code: event.code }
    case 'watch':
    case 'unauthorised': {
      const { event: kind, at, log, id, module, version } = event
      return { event: kind, at, log, id: String(id), module: `${module}@${version}` }
    }
    default:
      return undefined
  }
}
