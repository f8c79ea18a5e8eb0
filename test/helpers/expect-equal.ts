import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'

/** As expect(...).toEqual(...), which costs many times what it compares: for tens of thousands of comparisons. */
export function expectEqual(actual: unknown, expected: unknown, where?: string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, where).toEqual(expected)
}
