/** HOME/logs.json: its valid contents, and that nothing in it gets lost. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig, parseLogSetting, SUM_GOLANG_ORG } from '../../src/config/config.js'
import { changeBook, readBook, withLog } from '../../src/logs/followed-logs.js'
import { codeOf } from '../helpers/codes.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'

const { vkey } = testSigner('log.example/one', 1).verifier
const changedKey = testSigner('log.example/one', 2).verifier.vkey
const log = parseLogSetting(`${vkey} https://log.example one`)

function code(expected: string): Error {
  return expect.objectContaining({ code: expected }) as Error
}

function add(home: string, text: string): Promise<unknown> {
  return changeBook(home, (logs) => withLog(logs, parseLogSetting(text)))
}

function bookOf(home: string): string {
  return readFileSync(join(home, 'logs.json'), 'utf8')
}

describe('the book', () => {
  test('returns what was put in, and is readable for its owner only', async () => {
    const home = join(temporaryHome(), 'not', 'there')
    expect(readBook(home)).toEqual([])
    await changeBook(home, () => [log, { ...parseLogSetting(`${vkey} - an origin: "with" ümlauts`), disabled: true }])
    expect(readBook(home).map(({ key, ...rest }) => ({ ...rest, key: undefined, vkey: key.vkey }))).toEqual([
      { ...log, key: undefined, vkey },
      expect.objectContaining({ vkey, origin: 'an origin: "with" ümlauts', url: null, disabled: true }),
    ])
    expect(statSync(join(home, 'logs.json')).mode & 0o777).toBe(0o600)
    expect(readdirSync(home)).toEqual(['logs.json'])
  })

  test('loses no log when many are added at once', async () => {
    const home = temporaryHome()
    const names = Array.from({ length: 20 }, (_, i) => `origin ${i}`)
    await Promise.all(names.map((name) => add(home, `${vkey} - ${name}`)))
    expect(
      readBook(home)
        .map(({ origin }) => origin)
        .sort(),
    ).toEqual(names.sort())
  })

  test('is unchanged after a failed change, and accepts the next one', async () => {
    const home = temporaryHome()
    await add(home, `${vkey} - one`)
    const before = bookOf(home)
    const fail = (): never => {
      throw new TypeError('a bug')
    }
    await expect(changeBook(home, fail)).rejects.toThrow(code('FILE_UNWRITABLE'))
    await expect(add(home, `${changedKey} - one`)).rejects.toThrow(code('LOG_KEY_CHANGED'))
    expect(bookOf(home)).toBe(before)
    await add(home, `${vkey} - two`)
    expect(readBook(home)).toHaveLength(2)
    expect(readdirSync(home)).toEqual(['logs.json'])
  })

  test('waits for another writer, and reports one that never ends', async () => {
    const home = temporaryHome()
    await add(home, `${vkey} - one`)
    writeFileSync(join(home, 'logs.json.new'), 'half a bo')
    await expect(add(home, `${vkey} - two`)).rejects.toThrow(/another gossum is writing it/)
    // A half-written file counts as none.
    expect(readBook(home)).toHaveLength(1)
  })

  const entry = { vkey, origin: 'one', url: 'https://log.example', disabled: false }
  const book = (...logs: unknown[]): string => JSON.stringify({ logs })
  test.each([
    ['nothing', ''],
    ['no JSON', '{"logs":['],
    ['no list', '{"logs":{}}'],
    ['a list alone', JSON.stringify([entry])],
    ['more than logs', JSON.stringify({ logs: [entry], more: 1 })],
    ['null', 'null'],
    ['a log that is null', book(null)],
    ['a field too many', book({ ...entry, note: 'mine' })],
    ['a field too few', book({ vkey, origin: 'one', url: null })],
    ['disabled as a text', book({ ...entry, disabled: 'false' })],
    ['a malformed key', book({ ...entry, vkey: 'bananas' })],
    ['two words for a key', book({ ...entry, vkey: `${vkey} -` })],
    ['a witness key', book({ ...entry, vkey: testWitness.verifier.vkey })],
    ['a URL of another scheme', book({ ...entry, url: 'ftp://log.example' })],
    ['a URL with more after it', book({ ...entry, url: 'https://log.example two' })],
    ['an origin of two lines', book({ ...entry, origin: 'one\ntwo' })],
    ['no origin', book({ ...entry, origin: '' })],
    ['an origin with blanks at its end', book({ ...entry, origin: 'one ' })],
    ['one log twice', book(entry, { ...entry, url: null })],
    ['one log under two keys', book(entry, { ...entry, vkey: changedKey })],
    ['a list without its quota', book({ ...entry, list: '/a/list' })],
    ['a quota without its list', book({ ...entry, perDay: 3 })],
    ['a fractional quota', book({ ...entry, list: '/a/list', perDay: 0.5 })],
    ['bytes that are no text', Buffer.from([0x7b, 0xff])],
    ['more than a megabyte', book(entry) + ' '.repeat(1024 * 1024)],
  ])('with %s is refused, and not repaired', async (_what, text) => {
    const home = temporaryHome()
    writeFileSync(join(home, 'logs.json'), text)
    expect(codeOf(() => readBook(home))).toBe('CONFIG_INVALID')
    expect(codeOf(() => loadConfig({ home }, { env: {} }))).toBe('CONFIG_INVALID')
    await expect(add(home, `${vkey} -`)).rejects.toThrow(code('CONFIG_INVALID'))
    expect(readFileSync(join(home, 'logs.json')).equals(Buffer.from(text))).toBe(true)
  })
})

describe('the configuration', () => {
  const logsOf = (home: string, ...set: string[]) =>
    loadConfig({ home, ...(set.length > 0 && { log: set }) }, { env: {} }).logs.map(
      ({ key, url, upstream, disabled }) => [key.name, url, upstream, disabled],
    )
  const golang = 'https://sum.golang.org'

  test('has the logs of the book after its own', async () => {
    const home = temporaryHome()
    await add(home, `${vkey} https://log.example one`)
    const added = ['log.example/one', 'https://log.example', 'https://log.example', false]
    expect(logsOf(home)).toEqual([['sum.golang.org', golang, golang, false], added])
    expect(logsOf(home, `${vkey} - two`)).toEqual([['log.example/one', null, null, false], added])
  })

  test('follows a log at the address of the setting, or else of the book, or else its usual one', async () => {
    const home = temporaryHome()
    await add(home, `${SUM_GOLANG_ORG} https://mirror.example`)
    expect(logsOf(home).map(([, url]) => url)).toEqual(['https://mirror.example'])
    expect(logsOf(home, `${SUM_GOLANG_ORG} https://mine.example`).map(([, url]) => url)).toEqual([
      'https://mine.example',
    ])
  })

  test('cannot enable what the book disables, nor change a key', async () => {
    const home = temporaryHome()
    await changeBook(home, () => [{ ...log, disabled: true }])
    expect(logsOf(home, `${vkey} https://log.example one`).map(([, , , disabled]) => disabled)).toEqual([true])
    expect(codeOf(() => logsOf(home, `${changedKey} https://log.example one`))).toBe('LOG_KEY_CHANGED')
  })

  test('follows at most 64 logs, and keeps any number', async () => {
    const home = temporaryHome()
    const logs = Array.from({ length: 70 }, (_, i) => ({ ...parseLogSetting(`${vkey} - ${i}`), disabled: i >= 63 }))
    await changeBook(home, () => logs)
    expect(logsOf(home)).toHaveLength(71)
    await changeBook(home, () => logs.map((one, i) => ({ ...one, disabled: i >= 64 })))
    expect(codeOf(() => logsOf(home))).toBe('CONFIG_INVALID')
  })
})
