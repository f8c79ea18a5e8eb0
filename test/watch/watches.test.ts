/** Which versions are watched, and the combination of several lists. */
import { createServer } from 'node:http'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parseWatch } from '../../src/config/watch-setting.js'
import { listen, urlOf } from '../../src/lib/listen.js'
import { ReleaseList } from '../../src/watch/release-list.js'
import { Watches } from '../../src/watch/watches.js'
import { scratchFolder } from '../helpers/home.js'

const hash = `h1:${Buffer.alloc(32, 1).toString('base64')}`
const lines = (version: string, module = 'own.example/m'): string => `${module} ${version} ${hash}\n`

async function lists(...texts: readonly (string | undefined)[]): Promise<Watches> {
  const dir = scratchFolder().dir
  const settings = texts.map(async (text, i) => {
    const file = join(dir, `list${i}`)
    if (text !== undefined) await writeFile(file, text)
    return parseWatch(`own.example authorised=${file}`, 'watch')
  })
  return new Watches(await Promise.all(settings), () => 0)
}

describe('a record', () => {
  const watches = new Watches([parseWatch('own.example/*', 'watch'), parseWatch('two.example', 'watch')], () => 0)

  test.each([
    ['of a watched module', lines('v1.0.0'), 'own.example/m@v1.0.0'],
    ['of a module below a watched one', lines('v1.0.0', 'two.example/a/b'), 'two.example/a/b@v1.0.0'],
    ['of another module', lines('v1.0.0', 'own.example.other/m'), undefined],
    ['without valid lines', 'nothing\n', undefined],
    ['that is empty', '', undefined],
  ])('%s', (_what, record, expected) => {
    const version = watches.watched(record)
    expect(version && `${version.module}@${version.version}`).toBe(expected)
  })

  test('ignores lines about other versions than its own', () => {
    const version = watches.watched(lines('v1.0.0') + lines('v6.6.6'))
    expect(version?.lines.map((line) => line.version)).toEqual(['v1.0.0'])
  })
})

describe('several lists', () => {
  const standing = async (...texts: readonly (string | undefined)[]): Promise<string> => {
    const watches = await lists(...texts)
    return watches.standing(watches.watched(lines('v1.0.0'))!)
  }

  test('must all have the version', async () => {
    expect(await standing(lines('v1.0.0'), lines('v1.0.0'))).toBe('authorised')
    expect(await standing(lines('v1.0.0'), lines('v0.1.0'))).toBe('unauthorised')
  })

  test('make it unauthorised if one lacks it, and undecided if only another is unreadable', async () => {
    expect(await standing(undefined, lines('v0.1.0'))).toBe('unauthorised')
    expect(await standing(undefined, lines('v1.0.0'))).toBe('unread')
  })

  test('leave a version unlisted if none is configured', async () => {
    const watches = new Watches([parseWatch('own.example', 'watch')], () => 0)
    expect(await watches.standing(watches.watched(lines('v1.0.0'))!)).toBe('unlisted')
    expect(new Watches([], () => 0).isEmpty).toBe(true)
  })

  test('have an unreadable one reported until it can be read', async () => {
    const watches = await lists(lines('v1.0.0'), undefined)
    const standing = (): Promise<string> => watches.standing(watches.watched(lines('v1.0.0'))!)
    expect(await standing()).toBe('unread')
    const [failing, ...more] = watches.failing
    expect(more).toEqual([])
    expect(failing).toMatchObject({ list: expect.stringMatching(/list1$/) as string })
    expect(failing!.error).toContain('ENOENT')
    await writeFile(failing!.list, lines('v1.0.0'))
    expect(await standing()).toBe('authorised')
    expect(watches.failing).toEqual([])
  })
})

describe('one list', () => {
  test('is read again only after a time, or at once after a failure', async () => {
    const file = join(scratchFolder().dir, 'list')
    let now = 0
    const list = new ReleaseList(file, undefined, () => now)
    await expect(list.read()).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
    expect(list.failing?.list).toBe(file)
    await writeFile(file, lines('v1.0.0'))
    expect((await list.read()).size).toBe(1)
    expect(list.failing).toBeUndefined()
    await writeFile(file, lines('v1.0.0') + lines('v1.1.0'))
    now += 29_999
    expect((await list.read()).size).toBe(1)
    now += 1
    expect((await list.read()).size).toBe(2)
    await rm(file)
    now += 30_000
    await expect(list.read()).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
  })

  test('at a URL is requested once for simultaneous callers, and its login is not shown', async () => {
    let asked = 0
    const server = createServer((_request, response) => {
      asked++
      if (asked === 1) response.end(lines('v1.0.0'))
      else response.writeHead(404).end('gone')
    })
    onTestFinished(() => void server.close())
    await listen(server, { host: '127.0.0.1', port: 0 })
    let now = 0
    const list = new ReleaseList(`${urlOf(server).replace('://', '://user:secret@')}/releases`, undefined, () => now)
    const read = await Promise.all([list.read(), list.read(), list.read()])
    expect([asked, ...read.map(({ size }) => size)]).toEqual([1, 1, 1, 1])
    now += 30_000
    await expect(list.read()).rejects.toThrow('404')
    expect(JSON.stringify(list.failing)).not.toContain('secret')
  })
})
