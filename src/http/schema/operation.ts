/** The description of one HTTP request and its answers. Pure. */
import Type, { type TSchema } from 'typebox'

export interface Operation {
  readonly method: 'get' | 'post'
  /** With parameters in braces. */
  readonly path: string
  readonly summary: string
  readonly parameters?: readonly Parameter[]
  readonly body?: { readonly type: string; readonly maxBytes: number; readonly description: string }
  /** By status. */
  readonly answers: Readonly<Record<number, Answered>>
  /** The form of all other statuses: a problem body, or text. */
  readonly errors: 'problem' | 'text'
  /** Available only at the operator's socket. */
  readonly isForOperator?: true
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly description: string
  readonly schema: object
}

export interface Answered {
  readonly description: string
  /** The schema of a body, by its media type. */
  readonly content: Readonly<Record<string, TSchema>>
}

export const JSON_TYPE = 'application/json'
export const TEXT_TYPE = 'text/plain'

export const jsonAnswer = (description: string, schema: TSchema): Answered => ({
  description,
  content: { [JSON_TYPE]: schema },
})
export const textAnswer = (description: string, type = TEXT_TYPE): Answered => ({
  description,
  content: { [type]: Type.String() },
})
export const read = (
  path: string,
  summary: string,
  ok: Answered,
  parameters: readonly Parameter[] = [],
): Operation => ({
  ...{ method: 'get', path, summary, parameters, answers: { 200: ok }, errors: 'problem' },
})
export const fromPath = (name: string, description: string, schema: object): Parameter => ({
  ...{ name, in: 'path', description, schema },
})
