/**
 * Environment variables that look like ours but are not: a silently ignored setting is an error that nobody notices.
 * Pure.
 */
import { nearest } from './nearest.js'

export interface ForeignVariable {
  readonly name: string
  /** The variable that was meant, if that is evident. */
  readonly meant: string | undefined
}

/** Variables that Kubernetes adds to every container next to a service named gossum. */
const SERVICE = /^GOSSUM_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/

/** The variables whose names begin like ours but are not in `known`, in alphabetical order. */
export function foreignVariables(env: NodeJS.ProcessEnv, known: readonly string[]): ForeignVariable[] {
  const names = Object.keys(env).filter(
    (name) => /^gossum_/i.test(name) && !known.includes(name) && !SERVICE.test(name),
  )
  const bare = known.map((name) => name.slice('GOSSUM_'.length))
  return names.sort().map((name) => {
    const meant = nearest(name.slice('GOSSUM_'.length), bare)
    return { name, meant: meant === undefined ? undefined : `GOSSUM_${meant}` }
  })
}
