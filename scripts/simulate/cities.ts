/**
 * Round trips between cities, in milliseconds: monthly means that IBM Cloud measured and published (docs of its virtual
 * private cloud, "Inter-region latency", 27 July to 25 August 2024; github.com/ibm-cloud-docs/vpc,
 * _include-segments/network-latency.md). They are between data centres; a home connection adds its own latency.
 */

export const CITIES = [
  'Dallas',
  'Toronto',
  'Washington',
  'Frankfurt',
  'London',
  'Madrid',
  'Osaka',
  'Sydney',
  'Tokyo',
  'São Paulo',
] as const

/** Within one city: the round trip between two zones of one city, from the same page. */
const WITHIN_MS = 2

/** Row by row as published, from the city of the row to that of the column. */
const ROUND_TRIPS: readonly (readonly number[])[] = [
  [WITHIN_MS, 34, 31, 123, 113, 119, 150, 186, 143, 146],
  [34, WITHIN_MS, 19, 93, 82, 108, 168, 215, 162, 129],
  [31, 19, WITHIN_MS, 91, 75, 87, 172, 214, 164, 118],
  [123, 93, 91, WITHIN_MS, 13, 29, 232, 250, 233, 198],
  [113, 83, 75, 13, WITHIN_MS, 27, 244, 261, 243, 188],
  [122, 106, 88, 29, 27, WITHIN_MS, 257, 275, 258, 209],
  [150, 169, 172, 231, 243, 257, WITHIN_MS, 122, 9, 293],
  [186, 214, 214, 249, 261, 275, 122, WITHIN_MS, 115, 328],
  [143, 162, 166, 233, 244, 256, 9, 115, WITHIN_MS, 284],
  [144, 128, 119, 196, 187, 208, 291, 328, 283, WITHIN_MS],
]

/** Cities that are shown another history in a split by region: those of Asia and Australia. */
export const EAST: readonly number[] = [6, 7, 8]

export function roundTripMs(from: number, to: number): number {
  return ROUND_TRIPS[from]![to]!
}
