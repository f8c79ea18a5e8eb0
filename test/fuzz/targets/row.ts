/** A target for one row of JSON, and unusual values for its fields. */
import { ofText, promise, type Target } from './target.js'

export const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
export const isText = (value: unknown): boolean => typeof value === 'string'
export const all = (are: (value: unknown) => boolean, ...values: readonly unknown[]): boolean => values.every(are)

/** Values that most fields cannot have. */
const ODD: readonly unknown[] = [null, -1, 0.5, '', '__proto__', 'toString', {}, { toString: 1 }, [], [null]]

/** The row as written; then with each of its fields missing, or replaced, one at a time; and values that are no row. */
export function oddRows(value: object): string[] {
  const odd = Object.keys(value).flatMap((name) => [undefined, ...ODD].map((other) => ({ ...value, [name]: other })))
  return [value, ...odd, ...ODD, 7].map((one) => JSON.stringify(one))
}

/** A target for one row, as its store writes it. */
export function row(
  about: string,
  value: object,
  words: readonly string[],
  check: (text: string) => Promise<boolean>,
): Target {
  const fields = Object.keys(value).map((name) => `"${name}":`)
  return {
    about,
    most: 64 * 1024,
    words: [
      ...fields,
      ...words,
      '"__proto__"',
      '"toString"',
      '1e400',
      '-1',
      '0.5',
      'null',
      '[null]',
      '9007199254740993',
    ],
    seeds: oddRows(value),
    check: ofText(async (text) => {
      const is = await check(text)
      promise(Object.keys(Object.prototype).length === 0, 'what all objects have is what it was')
      return is
    }),
  }
}
