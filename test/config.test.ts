/** Which logs a setting names, and how it says what is wrong with it. */
import { describe, expect, test } from 'vitest'
import { loadConfig, SUM_GOLANG_ORG } from '../src/config.js'
import { logId, SUMDB_ORIGIN } from '../src/tlog/checkpoint.js'
import { testSigner, testWitness } from './helpers/heart.js'

const { vkey } = testSigner('log.example/one', 1).verifier
const logs = (...log: string[]) =>
  loadConfig({ home: '/nonexistent', log }, { env: {} }).logs.map(({ id, key, url, origin }) => ({
    id,
    name: key.name,
    url,
    origin,
  }))
const failure = (text: string): string => {
  try {
    logs(text)
  } catch (error) {
    return (error as Error).message
  }
  return 'accepted'
}

describe('a log', () => {
  test.each([
    [
      'VKEY URL is a checksum database',
      `${SUM_GOLANG_ORG} https://sum.golang.org/`,
      'sum.golang.org',
      'https://sum.golang.org',
      SUMDB_ORIGIN,
    ],
    ['VKEY - is pushed, and names itself in its key', `${vkey} -`, 'log.example/one', null, 'log.example/one'],
    [
      'a third field is its origin',
      `${vkey} https://log.example other.example`,
      'log.example/one',
      'https://log.example',
      'other.example',
    ],
    [
      'to the end, blanks in it and all',
      `  ${vkey}   -   go.sum database tree  `,
      'log.example/one',
      null,
      SUMDB_ORIGIN,
    ],
  ])('%s', (_what, text, name, url, origin) => {
    expect(logs(text)).toEqual([{ id: logId(name, origin), name, url, origin }])
  })

  test('of one key and two origins is two logs; twice the same is a mistake', () => {
    expect(logs(`${vkey} - a.example`, `${vkey} - b.example`)).toHaveLength(2)
    expect(() => logs(`${vkey} -`, `${vkey} http://log.example log.example/one`)).toThrow(/two logs with the key name/)
  })

  test.each([
    [vkey, /"VKEY URL" or "VKEY URL ORIGIN" expected/],
    ['', /"VKEY URL"/],
    [`${testWitness.verifier.vkey} -`, /is a witness key/],
    [`${vkey} ftp://log.example`, /not an http or https URL, nor "-"/],
    [`${vkey} --`, /not an http or https URL/],
    [`${vkey} - two\nlines`, /is no line of a checkpoint/],
  ])('%j is refused in words', (text, words) => {
    expect(failure(text)).toMatch(words)
  })
})
