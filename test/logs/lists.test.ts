/** Log lists over real HTTP and from files: what they add, what they cannot change, and hostile ones. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { parseLogSetting, SUM_GOLANG_ORG } from '../../src/config/config.js'
import { changeBook, readBook, withLog } from '../../src/logs/followed-logs.js'
import { LogLists, type ListNews, type LogListsParts } from '../../src/logs/lists.js'
import type { LogSetting } from '../../src/logs/log-setting.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'

const vkey = (name: string, seed = 1): string => testSigner(name, seed).verifier.vkey
const entry = (key: string, { origin, qpd = 24 }: { origin?: string; qpd?: number } = {}): string =>
  `vkey ${key}\n${origin === undefined ? '' : `origin ${origin}\n`}qpd ${qpd}\ncontact nobody\n`
const listOf = (...entries: string[]): string => `logs/v0\n\n${entries.join('\n')}`

/** Serves one list, with the behaviour that a test sets. */
class ListServer {
  url = ''
  answer: (response: ServerResponse) => void = (response) => response.end('')

  static async start(text = listOf()): Promise<ListServer> {
    const list = new ListServer()
    list.show(text)
    const server = createServer((request, response) => {
      if (request.url === '/lists/log-list.1') list.answer(response)
      else response.writeHead(404).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    list.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/lists/log-list.1`
    return list
  }

  show(text: string): void {
    this.answer = (response) => response.end(text)
  }
}

let home: string
let news: ListNews[]
beforeEach(() => {
  home = temporaryHome()
  news = []
})

function lists(sources: string[], parts: Partial<LogListsParts> = {}): LogLists {
  const logs = [parseLogSetting(`${SUM_GOLANG_ORG} https://sum.golang.org`)]
  const made = new LogLists({
    home,
    sources,
    witnesses: ['witness.example'],
    logs,
    onNews: (one) => news.push(one),
    ...parts,
  })
  onTestFinished(() => made.stop())
  return made
}

function shown(logs: readonly LogSetting[]) {
  return logs.map(({ key, origin, url, disabled, perDay }) => [key.name, origin, url, disabled, perDay])
}

const golang = ['sum.golang.org', SUMDB_ORIGIN, 'https://sum.golang.org', false, null]

describe('a list', () => {
  test('adds logs that push, with its quota, and they stay when they are removed from it', async () => {
    const list = await ListServer.start(listOf(entry(vkey('a.example')), entry(vkey('b'), { origin: 'of b', qpd: 7 })))
    const two = [
      ['a.example', 'a.example', null, false, 24],
      ['b', 'of b', null, false, 7],
    ]
    expect(shown(await lists([list.url]).read())).toEqual([golang, ...two])
    const format = 'c2sp.org/tlog-list'
    expect(news).toMatchObject([
      { list: list.url, format, added: [{}, {}], refused: [], error: null, atNextStart: false },
    ])
    expect(shown(readBook(home))).toEqual(two)

    list.show(listOf(entry(vkey('c.example'))))
    const three = [...two, ['c.example', 'c.example', null, false, 24]]
    expect(shown(await lists([list.url]).read())).toEqual([golang, ...three])
    list.show(listOf())
    expect(shown(await lists([list.url]).read())).toEqual([golang, ...three])
    expect(news.map(({ added }) => added.length)).toEqual([2, 1])
    expect(shown(readBook(home))).toEqual(three)
  })

  test('may be a file, and one of several; the first that names a log sets its quota', async () => {
    const file = join(home, 'list')
    writeFileSync(file, listOf(entry(vkey('a.example'), { qpd: 3 })))
    const list = await ListServer.start(listOf(entry(vkey('a.example'), { qpd: 9 }), entry(vkey('b.example'))))
    const logs = await lists([file, list.url]).read()
    expect(logs.map(({ key, list: from, perDay }) => [key.name, from, perDay])).toEqual([
      ['sum.golang.org', null, null],
      ['a.example', file, 3],
      ['b.example', list.url, 24],
    ])
    // The number may be changed by the list that added the log.
    writeFileSync(file, listOf(entry(vkey('a.example'), { qpd: 5 })))
    expect((await lists([list.url, file]).read()).map(({ perDay }) => perDay)).toEqual([null, 5, 24])
  })

  test('cannot change a key, not even under another name, and the rest of it is accepted', async () => {
    const list = await ListServer.start(listOf(entry(vkey('a.example')), entry(vkey('b.example'))))
    await lists([list.url]).read()
    list.show(
      listOf(
        entry(vkey('a.example', 2)),
        entry(vkey('other.example', 3), { origin: 'b.example' }),
        entry(vkey('sum.golang.org', 4), { origin: SUMDB_ORIGIN }),
        entry(vkey('c.example')),
      ),
    )
    news = []
    const logs = await lists([list.url]).read()
    expect(logs.map(({ key }) => key.vkey)).toEqual([
      SUM_GOLANG_ORG,
      vkey('a.example'),
      vkey('b.example'),
      vkey('c.example'),
    ])
    expect(news[0]!.added.map(({ key }) => key.name)).toEqual(['c.example'])
    expect(news[0]!.refused.map(({ name, code }) => [name, code])).toEqual([
      ['a.example', 'LOG_KEY_CHANGED'],
      ['other.example', 'LOG_KEY_CHANGED'],
      ['sum.golang.org', 'LOG_KEY_CHANGED'],
    ])
  })

  test('may name another checksum database, which is another log', async () => {
    const list = await ListServer.start(listOf(entry(vkey('sum.example'), { origin: SUMDB_ORIGIN })))
    expect(shown(await lists([list.url]).read())).toEqual([golang, ['sum.example', SUMDB_ORIGIN, null, false, 24]])
    expect(news[0]!.refused).toEqual([])
  })

  test.each([
    ['by the name of its key', entry(vkey('witness.example'))],
    ['by its origin', entry(vkey('x'), { origin: 'witness.example' })],
  ])('cannot name this witness as a log, %s', async (_how, one) => {
    const list = await ListServer.start(listOf(one))
    expect(shown(await lists([list.url]).read())).toEqual([golang])
    expect(news[0]!.refused.map(({ code }) => code)).toEqual(['CONFIG_INVALID'])
  })

  test('with two logs of one origin is refused, with the line, but may have several checksum databases', async () => {
    const two = listOf(entry(vkey('a.example')), entry(vkey('b.example', 2), { origin: 'a.example' }))
    const list = await ListServer.start(two)
    expect(shown(await lists([list.url]).read())).toEqual([golang])
    expect(news[0]).toMatchObject({ format: null, added: [], error: expect.stringContaining('line 7: ') as string })

    list.show(
      listOf(entry(vkey('s1.example'), { origin: SUMDB_ORIGIN }), entry(vkey('s2.example'), { origin: SUMDB_ORIGIN })),
    )
    const names = (await lists([list.url]).read()).map(({ key }) => key.name)
    expect(names).toEqual(['sum.golang.org', 's1.example', 's2.example'])
  })

  test('that is a logs/v0 and no tlog-list is accepted, and called so', async () => {
    const list = await ListServer.start(listOf(entry(vkey('a.example'))).replaceAll('\n', '\r\n'))
    expect(await lists([list.url]).read()).toHaveLength(2)
    expect(news).toMatchObject([{ format: 'logs/v0', added: [{}], error: null }])
  })

  test('does not enable what the operator disabled, nor remove an address that was set', async () => {
    const list = await ListServer.start(listOf(entry(vkey('a.example')), entry(vkey('b.example'))))
    await lists([list.url]).read()
    await changeBook(home, (book) => {
      const given = parseLogSetting(`${vkey('a.example')} https://a.example a.example`)
      return withLog(withLog(book, given), { ...parseLogSetting(`${vkey('b.example')} -`), disabled: true })
    })
    expect(shown(await lists([list.url]).read())).toEqual([
      golang,
      ['a.example', 'a.example', 'https://a.example', false, 24],
      ['b.example', 'b.example', null, true, 24],
    ])
  })

  test('has no effect on a log of the operator', async () => {
    const list = await ListServer.start(listOf(entry(vkey('mine.example'), { qpd: 1 })))
    const logs = [parseLogSetting(`${vkey('mine.example')} https://mine.example mine.example`)]
    expect(shown(await lists([list.url], { logs }).read())).toEqual([
      ['mine.example', 'mine.example', 'https://mine.example', false, null],
    ])
    expect([news, readBook(home)]).toEqual([[], []])
  })
})

describe('a hostile list', () => {
  const known = [golang, ['a.example', 'a.example', null, false, 24]]
  const rude: [string, (response: ServerResponse) => void, string | RegExp][] = [
    [
      'is half a list',
      (response) => response.end(listOf(entry(vkey('b.example')), 'vkey bananas')),
      /not a log list: line 7/,
    ],
    ['is HTML', (response) => response.end('<html>'), /not a log list/],
    ['is no text', (response) => response.end(Buffer.from([0xff])), /not UTF-8/],
    ['is a redirect', (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), /status 302/],
    ['is gone', (response) => response.writeHead(410).end(), /status 410/],
    ['never ends', (response) => void response.write(Buffer.alloc(5 * 1024 * 1024, '#')), /more than 4194304 bytes/],
    ['never arrives', () => undefined, /no answer in 5000 ms/],
  ]
  test.each(rude)('that %s adds nothing, and removes nothing', async (_what, answer, why) => {
    const list = await ListServer.start(listOf(entry(vkey('a.example'))))
    expect(shown(await lists([list.url]).read())).toEqual(known)
    list.answer = answer
    news = []
    expect(shown(await lists([list.url]).read())).toEqual(known)
    expect(news).toMatchObject([{ added: [], refused: [], error: expect.stringMatching(why) as string }])
  })

  test('with thousands of logs leaves room for the operator’s', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `${i}.example`)
    const list = await ListServer.start(listOf(...names.map((name) => entry(vkey('key'), { origin: name }))))
    const logs = await lists([list.url]).read()
    expect(logs).toHaveLength(1 + 32)
    expect(news[0]!.refused).toHaveLength(268)
    // Also when they are read again.
    expect(await lists([list.url]).read()).toHaveLength(1 + 32)
  })

  test('cannot be a file of another type', async () => {
    mkdirSync(join(home, 'folder'))
    for (const path of ['folder', 'nothing', '/dev/zero']) {
      expect(shown(await lists([path.startsWith('/') ? path : join(home, path)]).read())).toEqual([golang])
      expect(news.pop()!.error).toMatch(/the file cannot be read/)
    }
  })

  test('does not prevent another one from being read', async () => {
    const good = await ListServer.start(listOf(entry(vkey('a.example'))))
    const reader = lists(['/nonexistent', good.url])
    const logs = await reader.read()
    expect(reader.failing).toEqual([
      { list: '/nonexistent', error: expect.stringContaining('cannot be read') as string },
    ])
    expect(shown(logs)).toEqual(known)
    expect(news.map(({ error }) => error === null)).toEqual([false, true])
  })
})

test('lists are read again regularly, and new logs are followed from the next start', async () => {
  const list = await ListServer.start()
  let tell: (one: ListNews) => void
  const told = new Promise<ListNews>((resolve) => (tell = resolve))
  const reading = lists([list.url], { everyMs: 20, onNews: (one) => tell(one) })
  expect(shown(await reading.read())).toEqual([golang])
  reading.start()
  list.show(listOf(entry(vkey('a.example'))))
  expect(await told).toMatchObject({ added: [{ origin: 'a.example' }], atNextStart: true })
  await reading.stop()
  expect(shown(readBook(home))).toEqual([['a.example', 'a.example', null, false, 24]])
})
