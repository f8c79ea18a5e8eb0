/** Schemas of fields that occur in many answers. Pure. */
import Type, { type TSchema } from 'typebox'

const { Integer, Null, String: Text, Union } = Type

export function orNull<T extends TSchema>(schema: T, description?: string) {
  return Union([schema, Null()], description === undefined ? {} : { description })
}
export function time(description?: string) {
  return Text({ format: 'date-time', ...(description !== undefined && { description }) })
}
export function size(description?: string) {
  return Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    ...(description !== undefined && { description }),
  })
}
export function count(description: string) {
  return Integer({ minimum: 0, description })
}
