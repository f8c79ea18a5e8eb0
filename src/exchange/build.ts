/** Builds the configured places. */
import type { PlaceSetting } from '../config/places.js'
import type { VerifierKey } from '../tlog/note.js'
import { ServiceRequester, type RequestOutcome } from './service-request.js'
import { Distributor } from './distributor.js'
import { Feed } from './feed.js'
import type { ExternalService } from './service.js'
import { SourceSpotter } from './source-spotter.js'

export interface BuildOptions {
  /** The number of cosignatures that our policy needs. */
  readonly threshold: number
  /** Keys that our policy or a neighbour counts. */
  readonly witnesses: () => readonly VerifierKey[]
  readonly onRequest: (place: string, outcome: RequestOutcome) => void
}

export function buildPlaces(settings: readonly PlaceSetting[], options: BuildOptions): ExternalService[] {
  return settings.map((setting) => {
    const { name, url } = setting
    const requester = new ServiceRequester({ url, onRequest: (outcome) => options.onRequest(name, outcome) })
    switch (setting.kind) {
      case 'feed':
        return new Feed(setting, requester, options.witnesses)
      case 'distributor':
        return new Distributor(setting, requester, options.threshold)
      case 'source-spotter':
        return new SourceSpotter(setting, requester)
    }
  })
}
