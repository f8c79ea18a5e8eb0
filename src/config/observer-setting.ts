/**
 * `--observer`: what a node without a witness key needs, and what it cannot have. It relies on the cosignatures of
 * others, so a policy must say whose; a setting about its own key was meant for another node. Pure.
 */
import { quorumThreshold, type Policy } from '../tlog/policy.js'
import type { PlaceSetting } from './places.js'
import { invalid } from './setting.js'

/** The settings with which it is checked. */
interface Observing {
  readonly observer: boolean
  readonly policy: Policy | undefined
  readonly name: string | undefined
  readonly contact: string | undefined
  readonly deposit: object | undefined
  readonly state: object | undefined
  readonly bastion: object | string | undefined
}

/** Settings that only a witness has: its key, what is remembered of it, and how logs reach it. */
const OF_A_WITNESS = ['name', 'contact', 'deposit', 'state', 'bastion'] as const

/** Throws CONFIG_INVALID. `isPolicyRead` is false if the caller does not need the policy. */
export function requireObserver(said: Observing, places: readonly PlaceSetting[], isPolicyRead: boolean): void {
  if (!said.observer) return
  const meant = OF_A_WITNESS.find((setting) => said[setting] !== undefined)
  if (meant !== undefined) throw invalid(meant, 'an observer has no witness key, which this setting needs')
  if (places.some(({ kind }) => kind === 'feed'))
    throw invalid('feed', 'an observer has no cosignature of its own to push')
  if (!isPolicyRead) return
  if (said.policy === undefined)
    throw invalid('observer', 'a policy must say whose cosignatures count: --policy FILE, or --policy public')
  if (quorumThreshold(said.policy) === 0)
    throw invalid('observer', 'a policy that needs no cosignature would believe any peer')
}
