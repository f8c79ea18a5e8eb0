/** Times of RFC 3339, compared with the results of Go's time package. */
import { expect, test } from 'vitest'
import { compareMoments, formatMoment, parseMoment } from '../../src/lib/rfc3339.js'

test('times are read to the nanosecond, in any time zone', () => {
  const moments: [text: string, seconds: number, nanos: number][] = [
    ['1970-01-01T00:00:00Z', 0, 0],
    ['2019-04-10T19:08:52.997264Z', 1_554_923_332, 997_264_000],
    ['2019-04-10T12:08:52.997264-07:00', 1_554_923_332, 997_264_000],
    ['2019-04-10T21:08:52.000000001+02:00', 1_554_923_332, 1],
    ['2019-04-10T19:08:52.0000000019Z', 1_554_923_332, 1],
    ['2024-02-29T23:59:59.999999999Z', 1_709_251_199, 999_999_999],
    ['0001-01-01T00:00:00Z', -62_135_596_800, 0],
    ['9999-12-31T23:59:59Z', 253_402_300_799, 0],
  ]
  for (const [text, seconds, nanos] of moments) expect(parseMoment(text), text).toEqual({ seconds, nanos })
})

test('an invalid time is refused', () => {
  const texts = [
    '',
    'now',
    '2019-04-10',
    '2019-04-10T19:08:52',
    '2019-04-10 19:08:52Z',
    '2019-02-29T00:00:00Z',
    '2019-13-01T00:00:00Z',
    '2019-00-01T00:00:00Z',
    '2019-04-00T00:00:00Z',
    '2019-04-10T24:00:00Z',
    '2019-04-10T23:60:00Z',
    '2019-04-10T23:59:60Z',
    '2019-04-10T23:59:59.Z',
    '2019-04-10T23:59:59+24:00',
    '2019-04-10T23:59:59Z ',
    '12019-04-10T23:59:59Z',
    `2019-04-10T23:59:59.${'1'.repeat(1000)}Z`,
  ]
  for (const text of texts) expect(parseMoment(text), text).toBeUndefined()
})

test('a moment is written as by Go, and is the same when it is read again', () => {
  for (const [text, same] of [
    ['2019-04-10T19:08:52.997264Z', '2019-04-10T19:08:52.997264Z'],
    ['2019-04-10T12:08:52.500000000-07:00', '2019-04-10T19:08:52.5Z'],
    ['2019-04-10T19:08:52.000000001Z', '2019-04-10T19:08:52.000000001Z'],
    ['2019-04-10T19:08:52.000Z', '2019-04-10T19:08:52Z'],
    ['0012-04-10T19:08:52Z', '0012-04-10T19:08:52Z'],
  ] as const)
    expect(formatMoment(parseMoment(text)!)).toBe(same)
})

test('moments are ordered', () => {
  const sorted = ['2019-04-10T19:08:52Z', '2019-04-10T19:08:52.000000001Z', '2019-04-10T19:08:53Z'].map((text) =>
    parseMoment(text)!,
  )
  expect(sorted.toReversed().sort(compareMoments)).toEqual(sorted)
  expect(compareMoments(sorted[0]!, sorted[0]!)).toBe(0)
})
