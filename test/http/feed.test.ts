/**
 * The feeds: Atom as RFC 4287 requires, read by a strict parser, whatever logs and modules are called; and the JSON
 * Feed.
 */
import { describe, expect, test } from 'vitest'
import { feedRoutes } from '../../src/http/feed-door.js'
import { feedOf } from '../../src/status/feed-entries.js'
import type { EvidenceView, LogView } from '../../src/status/shapes.js'
import type { ToldNews } from '../../src/store/told-store.js'
import { formatNote, signNote } from '../../src/tlog/note.js'
import { madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { ViewsLog } from '../fakes/views-log.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { EVIDENCE, fakeNode, LOG, LOG_ID } from '../helpers/node-view.js'
import { askRoutes } from '../helpers/routes.js'
import { objections } from '../helpers/schemas.js'
import { parseXml, type Element } from '../helpers/xml.js'

const ATOM = 'http://www.w3.org/2005/Atom'
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/
const ID = /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

function named(of: Element, name: string): Element[] {
  return of.children.filter((child) => child.name === name && child.uri === ATOM)
}

/** The text of a child that must exist exactly once. */
function one(of: Element, name: string): string {
  const found = named(of, name)
  expect(found, name).toHaveLength(1)
  return found[0]!.text
}

interface Read {
  readonly feed: Element
  readonly entries: { readonly id: string; readonly title: string; readonly updated: string; readonly text: string }[]
}

/** Checks Atom against the requirements of RFC 4287, section 4.1, on a feed and its entries. */
function readAtom(text: string): Read {
  const feed = parseXml(text)
  expect([feed.name, feed.uri]).toEqual(['feed', ATOM])
  expect(one(feed, 'id')).toMatch(ID)
  expect(one(feed, 'title')).not.toBe('')
  expect(one(feed, 'updated')).toMatch(TIME)
  expect(one(named(feed, 'author')[0]!, 'name')).not.toBe('')
  expect(named(feed, 'link').filter(({ attributes }) => attributes['rel'] === 'self')).toHaveLength(1)
  const known = ['id', 'title', 'updated', 'author', 'link', 'entry']
  expect(feed.children.filter(({ name }) => !known.includes(name))).toEqual([])
  const entries = named(feed, 'entry').map((entry) => {
    const [id, updated] = [one(entry, 'id'), one(entry, 'updated')]
    expect(id).toMatch(ID)
    expect(updated).toMatch(TIME)
    expect(named(entry, 'category')[0]!.attributes['term']).not.toBe('')
    expect(named(entry, 'content')[0]!.attributes['type']).toBe('text')
    // No text became an element.
    for (const { name, children } of entry.children) expect([name, children]).toEqual([name, []])
    return { id, updated, title: one(entry, 'title'), text: one(entry, 'content') }
  })
  expect(new Set([one(feed, 'id'), ...entries.map(({ id }) => id)]).size).toBe(entries.length + 1)
  return { feed, entries }
}

const AT = '2026-03-04T05:06:07.000Z'
const SUSPECT: ToldNews = { event: 'suspect', at: AT, log: LOG_ID, id: 'ab', size: null, code: 'SIZE_IMPOSSIBLE' }
const VERSION: ToldNews = { event: 'unauthorised', at: AT, log: LOG_ID, id: '7', module: 'a.example/m@v1.0.0' }

function routes(told: readonly ToldNews[] = [], evidence: EvidenceView[] = EVIDENCE, logs: LogView[] = [LOG]) {
  const usual = fakeNode()
  const node = fakeNode({
    evidence: () => Promise.resolve(evidence),
    status: async () => ({ ...(await usual.status()), logs }),
  })
  return feedRoutes(node, () => told)
}

describe('the feeds', () => {
  test('list evidence, suspects and versions as text, newest first, with their proofs', async () => {
    const told = [{ ...VERSION, event: 'watch' as const, at: '2026-01-01T00:00:00.000Z' }, SUSPECT]
    const answer = await askRoutes(routes(told), '/feed.atom')
    expect(answer.headers).toMatchObject({
      'content-type': 'application/atom+xml; charset=utf-8',
      'cache-control': 'public, max-age=60, stale-while-revalidate=240, stale-if-error=86400',
    })
    const { feed, entries } = readAtom(answer.body)
    expect(one(feed, 'updated')).toBe(AT)
    expect(one(feed, 'title')).toBe(`Reports by the witness ${one(named(feed, 'author')[0]!, 'name')}`)
    expect(entries.map(({ title }) => title)).toEqual([
      'SUSPECT: sum.golang.org signed a head of a size that no tree has that nothing explains',
      'SPLIT VIEW: sum.golang.org signed two histories',
      'New version: a.example/m@v1.0.0',
    ])
    expect(entries[1]!.text).toContain('sum.golang.org signed two histories: sizes 5 and 6.\n')
    const links = named(feed, 'entry').flatMap((entry) => named(entry, 'link'))
    expect(links.map(({ attributes }) => attributes['href'])).toEqual([
      'api/v1/suspects/ab',
      'api/v1/evidence/0123456789abcdef',
    ])

    const json = await askRoutes(routes(told), '/feed.json')
    expect(objections('get', '/feed.json', json)).toEqual([])
    const { items } = JSON.parse(json.body) as { items: { id: string; title: string; content_text: string }[] }
    expect(items.map(({ id, title, content_text: text }) => ({ id, title, text }))).toEqual(
      entries.map(({ id, title, text }) => ({ id, title, text })),
    )
  })

  test('of a node without news are valid, and stay the same', async () => {
    const [first, second] = [
      await askRoutes(routes([], []), '/feed.atom'),
      await askRoutes(routes([], []), '/feed.atom'),
    ]
    expect(readAtom(first.body).entries).toEqual([])
    expect(second).toEqual(first)
  })

  test('answer a matching ETag with 304 until there is a new entry', async () => {
    for (const path of ['/feed.atom', '/feed.json']) {
      const { headers } = await askRoutes(routes([SUSPECT]), path)
      const known = { headers: { 'if-none-match': headers['etag']! } }
      expect((await askRoutes(routes([SUSPECT]), path, known)).status).toBe(304)
      const changed = await askRoutes(routes([SUSPECT, VERSION]), path, known)
      expect(changed.status).toBe(200)
      expect(changed.headers['etag']).not.toBe(headers['etag'])
    }
  })

  test('have at most the newest hundred entries', async () => {
    const told = Array.from({ length: 100 }, (_, id) => ({
      ...VERSION,
      id: String(id),
      at: new Date(1.8e12 + id).toISOString(),
    }))
    const { entries } = readAtom((await askRoutes(routes(told), '/feed.atom')).body)
    expect(entries).toHaveLength(100)
    expect(entries.map(({ updated }) => updated)).toEqual(told.map(({ at }) => at).reverse())
  })

  test.each([
    '</title><script>alert(1)</script>',
    ']]>&amp;&#0;&bogus;',
    '\u0000\u001b[31m\u202e\ufffe\ud800',
    '\'"<!--',
    'x'.repeat(10_000),
  ])('stay valid, without control characters, for any log or module name: %j', async (name) => {
    const logs = [{ ...LOG, name }]
    const evidence = [
      { ...EVIDENCE[0]!, module: name, type: 'gossum/bad-record/v1' },
      { ...EVIDENCE[0]!, id: 'cd', type: name },
    ]
    const told = [
      { ...SUSPECT, code: name },
      { ...VERSION, module: name },
    ]
    const { entries } = readAtom((await askRoutes(routes(told, evidence, logs), '/feed.atom')).body)
    expect(entries).toHaveLength(4)
    const json = await askRoutes(routes(told, evidence, logs), '/feed.json')
    expect(objections('get', '/feed.json', json)).toEqual([])
    expect(json.body).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e\ufffe]/)
  })

  test('have ids that are stable, and different for each witness', async () => {
    const status = await fakeNode().status()
    const of = (witness: string) =>
      feedOf({ status: { ...status, witness }, evidence: EVIDENCE, told: [SUSPECT, VERSION] })
    const ids = (witness: string): string[] => [of(witness).id, ...of(witness).entries.map(({ id }) => id)]
    expect(ids('a+1+k')).toEqual(ids('a+1+k'))
    expect(ids('a+1+k').filter((id) => ids('b+1+k').includes(id))).toEqual([])
  })
})

test('a restarted node lists the same suspects and evidence as before', async () => {
  const log = await ViewsLog.start('localhost.localdev/sumdb', 300, ['127.0.0.1', '127.0.0.2'])
  const args = ['--log', log.setting(), '--poll', '0.2', '--guard-wait', '0']
  const home = temporaryHome()
  let node = await RunningNode.start(home, args)
  await node.event((event) => event.event === 'outcome' && event.outcome === 'advanced')
  const submit = (head: Uint8Array): Promise<Response> =>
    fetch(`${node.ready.http}/api/v1/heads`, { method: 'POST', body: Buffer.from(head) })
  const text = `go.sum database tree\n9007199254740993\n${LOG.root!}\n`
  await submit(formatNote({ text, signatures: [signNote(text, log.signer)] }))
  await node.event((event) => event.event === 'suspect')
  const fork = await memoryLog(log.signer, madeUpRecords(0, 300, 'fork'))
  await submit(await fork.head())
  await node.event((event) => event.event === 'evidence')
  const read = async (): Promise<Read> => readAtom(await (await fetch(`${node.ready.http}/feed.atom`)).text())
  const before = await read()
  expect(before.entries.map(({ title }) => title).sort()).toEqual([
    'SPLIT VIEW: localhost.localdev/sumdb signed two histories',
    'SUSPECT: localhost.localdev/sumdb signed a head of a size that no tree has that nothing explains',
  ])
  expect(await node.stop()).toBe(0)
  node = await RunningNode.start(home, args)
  expect(await read()).toEqual(before)
  await log.close()
})
