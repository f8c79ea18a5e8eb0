/** Parameters of queries. Pure. */
import { GossumError } from '../errors.js'

/** A number in the query, in canonical form. Throws REQUEST_INVALID if its schema does not allow it. */
export function wholeNumber(
  query: URLSearchParams,
  name: string,
  { minimum, maximum }: { readonly minimum: number; readonly maximum: number },
): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const value = Number(text)
  if (!/^[1-9][0-9]{0,15}$/.test(text) || value < minimum || value > maximum) {
    throw new GossumError('REQUEST_INVALID', `${name} is a whole number from ${minimum} to ${maximum}`)
  }
  return value
}
