/** Checks answers against the schemas of the API: nothing may be missing, and nothing additional. */
import { Errors } from 'typebox/schema'
import type { Operation } from '../../src/http/schema/operation.js'
import { OPERATIONS } from '../../src/http/schema/operations.js'
import { Problem } from '../../src/status/shapes.js'

export interface SeenAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** The parts of an answer that the description of its operation does not allow; empty if it is as described. */
export function objections(method: 'get' | 'post', path: string, { status, headers, body }: SeenAnswer): string[] {
  const operation = OPERATIONS.find((each) => each.method === method && each.path === path)
  if (operation === undefined) return [`${method} ${path} is not described`]
  const type = String(headers['content-type']).split(';', 1)[0]!
  const schema = contentOf(operation, status)[type]
  if (schema === undefined) return [`${status} as ${type} is not described`]
  if (!type.endsWith('json')) return []
  const [isValid, errors] = Errors(exact(schema), JSON.parse(body))
  return isValid ? [] : errors.map(({ instancePath, message }) => `${instancePath} ${message}`)
}

function contentOf({ answers, errors }: Operation, status: number): Readonly<Record<string, object>> {
  if (answers[status] !== undefined) return answers[status].content
  return errors === 'problem' ? { 'application/problem+json': Problem } : { 'text/plain': {} }
}

/** The same schema without additional fields. Clients must accept those; our tests do not. */
function exact(schema: object): object {
  return JSON.parse(JSON.stringify(schema), (_key, value: unknown) => {
    const isShape = typeof value === 'object' && value !== null && 'properties' in value && 'required' in value
    return isShape && Object.keys(value.properties as object).length > 0
      ? { ...value, additionalProperties: false }
      : value
  }) as object
}
