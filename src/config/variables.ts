/** Environment variables that look like ours and are not: a setting that is silently ignored is a fault that nobody sees. Pure. */
import { nearest } from './nearest.js'

export interface ForeignVariable {
  readonly name: string
  /** The variable that was meant, if it is plain to see. */
  readonly meant: string | undefined
}

/** What Kubernetes puts into every container beside a service that is called gossum. */
const SERVICE = /^GOSSUM_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/

/** The variables whose names begin as ours do and that are not in `known`, in the order of the alphabet. */
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
