/**
 * Pages of a list. The list has a fixed order, and a page ends at a position in that order, not at a number of items:
 * entries that appear or disappear meanwhile cause no others to be missed or repeated. Pure.
 */
import { GossumError } from '../errors.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import { wholeNumber } from './query.js'
import { AFTER, PAGE_LIMIT } from './schema/parameters.js'

/** Selects items by the value of a parameter. */
export interface ListFilter<T> {
  readonly description: string
  readonly schema: { readonly enum: readonly string[] } | { readonly type: 'string'; readonly pattern: string }
  readonly of: (item: T) => string | boolean
}

export interface ListOrder<T> {
  /** The position of an item, which is unique in its list. */
  readonly placeOf: (item: T, index: number) => string
  readonly filters: Readonly<Record<string, ListFilter<T>>>
}

export interface ListPage<T> {
  readonly items: T[]
  /** The `after` of the next page; null at the end, and undefined if no page was requested. */
  readonly next: string | null | undefined
}

/** The requested items; without parameters, all of them. Throws REQUEST_INVALID. */
export function pageOf<T>({ placeOf, filters }: ListOrder<T>, all: readonly T[], query: URLSearchParams): ListPage<T> {
  const limit = wholeNumber(query, 'limit', PAGE_LIMIT)
  const after = afterOf(query)
  const wanted = Object.entries(filters).flatMap(([name, filter]) => {
    const value = query.get(name)
    if (value === null) return []
    if (!allows(filter, value)) throw new GossumError('REQUEST_INVALID', `${name} is ${filter.description}`)
    return (item: T) => String(filter.of(item)) === value
  })
  const left = all
    .map((item, i) => ({ item, place: placeOf(item, i) }))
    .filter(({ item, place }) => (after === undefined || place > after) && wanted.every((isSo) => isSo(item)))
    .sort((a, b) => (a.place < b.place ? -1 : 1))
  const page = left.slice(0, limit)
  const items = page.map(({ item }) => item)
  if (limit === undefined) return { items, next: undefined }
  const last = page.at(-1)
  const isEnd = last === undefined || page.length === left.length
  return { items, next: isEnd ? null : Buffer.from(utf8(last.place)).toString('base64url') }
}

/** The position of an item in a list that has an order of its own. */
export function placeAt(_item: unknown, index: number): string {
  return String(index).padStart(9, '0')
}

function allows<T>({ schema }: ListFilter<T>, value: string): boolean {
  return 'enum' in schema ? schema.enum.includes(value) : new RegExp(schema.pattern).test(value)
}

const IS_AFTER = new RegExp(AFTER.pattern)

function afterOf(query: URLSearchParams): string | undefined {
  const text = query.get('after')
  if (text === null) return undefined
  const bytes = Buffer.from(IS_AFTER.test(text) ? text : '', 'base64url')
  const place = fromUtf8(bytes)
  if (place === undefined || place === '' || bytes.toString('base64url') !== text)
    throw new GossumError('REQUEST_INVALID', 'after must be the next of a previous page')
  return place
}
