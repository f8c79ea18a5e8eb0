/** Which logs a setting names, and its error messages. */
import { describe, expect, test } from 'vitest'
import { loadConfig, SUM_GOLANG_ORG, type Settings } from '../../src/config/config.js'
import { logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { SIGNATURE_TYPES, type SignatureType } from '../../src/tlog/note.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { scratchFolder } from '../helpers/home.js'

const { file } = scratchFolder()

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

test('a contact is one printable line, from every source of settings', () => {
  const contact = (flag?: string, env?: string): string | undefined =>
    loadConfig({ home: '/nonexistent', contact: flag }, { env: env === undefined ? {} : { GOSSUM_CONTACT: env } })
      .contact
  expect(contact()).toBeUndefined()
  expect(contact(undefined, 'from the environment')).toBe('from the environment')
  expect(contact(' me, by café ', 'x')).toBe('me, by café')
  for (const odd of [' ', 'two\nlines', 'hidden \u001b[8m', 'turned \u202e', 'x'.repeat(201)])
    expect(() => contact(odd), odd).toThrow(/contact: one line of 1 to 200 characters/)
})

describe('a log', () => {
  test.each([
    [
      'VKEY URL is a checksum database',
      `${SUM_GOLANG_ORG} https://sum.golang.org/`,
      'sum.golang.org',
      'https://sum.golang.org',
      SUMDB_ORIGIN,
    ],
    ['VKEY - is pushed, and its key name is its origin', `${vkey} -`, 'log.example/one', null, 'log.example/one'],
    [
      'a third field is its origin',
      `${vkey} https://log.example other.example`,
      'log.example/one',
      'https://log.example',
      'other.example',
    ],
    [
      'may have an origin with blanks, up to the end of the line',
      `  ${vkey}   -   go.sum database tree  `,
      'log.example/one',
      null,
      SUMDB_ORIGIN,
    ],
  ])('%s', (_what, text, name, url, origin) => {
    expect(logs(text)).toEqual([{ id: logId(name, origin), name, url, origin }])
  })

  test('of one key and two origins is two logs; the same one twice is refused', () => {
    expect(logs(`${vkey} - a.example`, `${vkey} - b.example`)).toHaveLength(2)
    expect(() => logs(`${vkey} -`, `${vkey} http://log.example log.example/one`)).toThrow(/two logs with the key name/)
  })

  test.each([
    [vkey, /"VKEY URL" or "VKEY URL ORIGIN" expected/],
    ['', /"VKEY URL"/],
    [`${testWitness.verifier.vkey} -`, /is a witness key/],
    [`${vkey} ftp://log.example`, /not an http or https URL, nor "-"/],
    [`${vkey} --`, /not an http or https URL/],
    [`${vkey} - two\nlines`, /is not a line of a checkpoint/],
  ])('%j is refused with an explanation', (text, words) => {
    expect(failure(text)).toMatch(words)
  })
})

describe('a place outside the mesh', () => {
  const witness = testWitness.verifier
  const places = (settings: Settings, env: NodeJS.ProcessEnv = {}) =>
    loadConfig({ home: '/nonexistent', ...settings }, { env }).places.map(({ kind, name, url, key }) => {
      return [kind, name, url, key?.vkey]
    })

  test('is a URL, for a feed with or without a key before it', () => {
    const feed = ['https://w.example/sub/', `${witness.vkey} http://w.example:8080`]
    expect(places({ feed, distributor: ['https://d.example'], sourceSpotter: ['https://gossip.example/'] })).toEqual([
      ['feed', 'w.example/sub', 'https://w.example/sub', undefined],
      ['feed', 'witness.example', 'http://w.example:8080', witness.vkey],
      ['distributor', 'd.example', 'https://d.example', undefined],
      ['source-spotter', 'gossip.example', 'https://gossip.example', undefined],
    ])
  })

  test('may have a post-quantum key', () => {
    const { vkey: mlDsa } = testSigner('pq.example', 5, SIGNATURE_TYPES.mlDsa).verifier
    expect(places({ feed: [`${mlDsa} http://w.example`] })).toEqual([['feed', 'pq.example', 'http://w.example', mlDsa]])
  })

  test('may come from the environment or the file', () => {
    const env = { GOSSUM_FEED: 'http://a.example;http://b.example', GOSSUM_SOURCE_SPOTTER: 'http://s.example' }
    expect(places({}, env).map(([, name]) => name)).toEqual(['a.example', 'b.example', 's.example'])
    const path = file('places.yaml', 'feed: http://f.example\nsource-spotter:\n  - http://s.example\n')
    const config = loadConfig({ home: '/nonexistent' }, { env: {}, file: path })
    expect(config.places.map(({ name }) => name)).toEqual(['f.example', 's.example'])
  })

  test.each<[Settings, RegExp]>([
    [{ feed: ['ftp://w.example'] }, /feed: .* is not an http or https URL/],
    [{ feed: [`${vkey} http://w.example`] }, /is a log key, not a witness key/],
    [{ feed: ['nonsense http://w.example'] }, /the key is malformed/],
    [{ feed: ['a b c'] }, /"URL" or "VKEY URL" expected/],
    [{ feed: ['http://w.example', 'http://w.example/'] }, /is listed twice/],
    [{ feed: [`${witness.vkey} http://a.example`, `${witness.vkey} http://b.example`] }, /is listed twice/],
    [{ distributor: [`${witness.vkey} http://w.example`] }, /distributor: one URL expected/],
    [{ sourceSpotter: [''] }, /source-spotter: /],
  ])('%j is refused with an explanation', (settings, words) => {
    expect(() => places(settings)).toThrow(words)
  })
})

test('a policy may count as many witnesses as fit on a head, whatever the length of their lines', () => {
  const policyOf = (count: number, type: SignatureType): string => {
    const keys = Array.from({ length: count }, (_, i) => testSigner(`w${i}.example`, i, type))
    const lines = keys.map(({ verifier }, i) => `witness w${i} ${verifier.vkey}\n`)
    return file('policy', `${lines.join('')}quorum none\n`)
  }
  const load = (path: string) => loadConfig({ policy: path }, { env: {} })
  expect(load(policyOf(90, 0x04)).policy?.witnesses).toHaveLength(90)
  expect(load(policyOf(10, 0x06)).policy?.witnesses).toHaveLength(10)
  expect(() => load(policyOf(11, 0x06))).toThrow(/its cosignatures take \d+ bytes/)
})

test('the home cannot be in a published folder', () => {
  const load = (publish: string) => loadConfig({ home: '/srv/gossum/home', publish }, { env: {} }).publish
  for (const folder of ['/srv/gossum/home', '/srv/gossum', '/srv/gossum/home/../', '/'])
    expect(() => load(folder), folder).toThrow(/publish: the home is in this folder/)
  expect(() => load(' ')).toThrow(/publish: the path of a folder expected/)
  for (const folder of ['/srv/gossum/public', '/srv/gossum/hom', '/srv/gossum/home/public', '/srv/gossum/..home'])
    expect(load(folder)).toBe(folder)
})

describe('deposits', () => {
  const peer = (n: number): string => `/ip4/127.0.0.1/tcp/${n}`
  const load = (settings: Settings, env: NodeJS.ProcessEnv = {}, path?: string) => {
    const { deposit, depositWait } = loadConfig(
      { home: '/nonexistent', ...settings },
      { env, ...(path && { file: path }) },
    )
    return { ...deposit, depositWait }
  }

  test('are kept by a majority, and not required, by default', () => {
    expect(load({})).toEqual({ keep: undefined, required: false, depositWait: 2 })
  })

  test.each([
    ['1', { keep: 1, required: false }],
    ['required', { keep: undefined, required: true }],
    ['2,required', { keep: 2, required: true }],
  ])('%j is accepted from a flag, the environment or the file', (deposit, expected) => {
    const bootstrap = [peer(1), peer(2), peer(3)]
    expect(load({ deposit, bootstrap, depositWait: 0.5 })).toEqual({ ...expected, depositWait: 0.5 })
    const env = { GOSSUM_DEPOSIT: deposit, GOSSUM_DEPOSIT_WAIT: '7' }
    expect(load({ bootstrap }, env)).toEqual({ ...expected, depositWait: 7 })
    const path = file('deposit.yaml', `deposit: ${deposit}\ndeposit-wait: 9\n`)
    expect(load({ bootstrap }, {}, path)).toEqual({ ...expected, depositWait: 9 })
  })

  test.each<[Settings, RegExp]>([
    [{ deposit: '0' }, /deposit: "K", "required" or "K,required" expected/],
    [{ deposit: '-1' }, /deposit: "K"/],
    [{ deposit: '1.5' }, /deposit: "K"/],
    [{ deposit: 'all' }, /deposit: "K"/],
    [{ deposit: 'required,2' }, /deposit: "K"/],
    [{ deposit: '2,' }, /deposit: "K"/],
    [{ deposit: '' }, /deposit: "K"/],
    [{ deposit: '3', bootstrap: [peer(1), peer(2)] }, /3 peers must keep each promise, but bootstrap has 2/],
    [{ deposit: '65' }, /65 peers must keep each promise, but there can be 64/],
    [{ deposit: 'required', listen: [] }, /there are no peers: nothing could be signed/],
    [{ depositWait: 61 }, /deposit-wait: seconds from 0 to 60 expected/],
    [{ depositWait: NaN }, /deposit-wait: seconds from 0 to 60 expected/],
  ])('%j is refused with an explanation', (settings, words) => {
    expect(() => load(settings)).toThrow(words)
  })
})
