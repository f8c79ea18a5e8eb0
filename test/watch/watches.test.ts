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
    ['of a module that is watched', lines('v1.0.0'), 'own.example/m@v1.0.0'],
    ['of a module below one', lines('v1.0.0', 'two.example/a/b'), 'two.example/a/b@v1.0.0'],
    ['of another', lines('v1.0.0', 'own.example.other/m'), undefined],
    ['that is no lines', 'nothing\n', undefined],
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

describe('the lists together', () => {
  const standing = async (...texts: readonly (string | undefined)[]): Promise<string> => {
    const watches = await lists(...texts)
    return watches.standing(watches.watched(lines('v1.0.0'))!)
  }

  test('all must have it', async () => {
    expect(await standing(lines('v1.0.0'), lines('v1.0.0'))).toBe('authorised')
    expect(await standing(lines('v1.0.0'), lines('v0.1.0'))).toBe('unauthorised')
  })

  test('one that has it not counts though another cannot be read; one that has it does not', async () => {
    expect(await standing(undefined, lines('v0.1.0'))).toBe('unauthorised')
    expect(await standing(undefined, lines('v1.0.0'))).toBe('unread')
  })

  test('none that was named says nothing', async () => {
    const watches = new Watches([parseWatch('own.example', 'watch')], () => 0)
    expect(await watches.standing(watches.watched(lines('v1.0.0'))!)).toBe('unlisted')
    expect(new Watches([], () => 0).isEmpty).toBe(true)
  })

  test('one that cannot be read is named, until it can', async () => {
    const watches = await lists(undefined)
    await watches.standing(watches.watched(lines('v1.0.0'))!)
    expect(watches.failing).toMatchObject([{ error: expect.stringContaining('ENOENT') as string }])
  })
})

describe('one list', () => {
  test('is read again when it has grown old, and not before; at once after a failure', async () => {
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

  test('at a URL is asked for once, however many want it, and its login is shown to nobody', async () => {
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
