/**
 * Lists by pages: no item is missed or repeated, whatever is added and removed between two pages; and 304 for unchanged
 * lists.
 */
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { pageOf, type ListOrder } from '../../src/http/list-page.js'
import { HttpServer } from '../../src/http/server.js'
import type { EvidenceView, ListedSuspect, LogView, PeerView, WitnessView } from '../../src/status/shapes.js'
import { EVIDENCE, fakeNode, LOG, LOG_ID, WITNESSES } from '../helpers/node-view.js'
import { objections } from '../helpers/schemas.js'

const AT = '2026-01-02T00:00:00.000Z'
const OTHER_ID = 'cd'.repeat(32)
const PEER = fakeNode().peers()[0]!
const SUSPECT: ListedSuspect = {
  ...{ log: LOG_ID, id: 'ab', size: 7, root: LOG.root!, firstSeen: AT, door: 'push', peer: null },
  ...{ code: 'LOG_UNREACHABLE', alarmed: false, acked: false },
}

/** What the node has. */
interface Held {
  logs: LogView[]
  peers: PeerView[]
  witnesses: WitnessView[]
  evidence: EvidenceView[]
  suspects: ListedSuspect[]
}

async function serve(): Promise<{ held: Held; ask: (path: string, known?: string) => Promise<Answer> }> {
  const held: Held = {
    logs: [LOG, { ...LOG, id: OTHER_ID, frozen: true }, { ...LOG, id: 'ef'.repeat(32), disabled: true }],
    peers: [1, 2, 3].map((n) => ({
      ...PEER,
      peerId: `peer ${n}`,
      since: `2026-01-0${n}T00:00:00.000Z`,
      chosen: n === 2,
    })),
    witnesses: ['z', 'a', 'm'].map((name) => ({ ...WITNESSES[0]!, name, own: name === 'z', counted: name !== 'm' })),
    evidence: [1, 2, 3].map((n) => ({ ...EVIDENCE[0]!, id: `e${n}`, seenAt: AT, acked: n === 2 })),
    suspects: [1, 2, 3].map((n) => ({ ...SUSPECT, id: `f${n}`, log: n === 3 ? OTHER_ID : LOG_ID, alarmed: n === 1 })),
  }
  const usual = fakeNode()
  const node = fakeNode({
    status: async () => ({ ...(await usual.status()), logs: held.logs }),
    ...{ peers: () => held.peers, witnesses: () => held.witnesses, suspects: () => held.suspects },
    evidence: () => Promise.resolve(held.evidence),
  })
  const server = await HttpServer.start({ host: '127.0.0.1', port: 0, node })
  onTestFinished(() => server.stop())
  const ask = async (path: string, known?: string): Promise<Answer> => {
    const answer = await fetch(`${server.url}${path}`, {
      headers: known === undefined ? {} : { 'if-none-match': known },
    })
    const text = await answer.text()
    return {
      status: answer.status,
      etag: answer.headers.get('etag')!,
      cache: answer.headers.get('cache-control')!,
      text,
    }
  }
  return { held, ask }
}

interface Answer {
  readonly status: number
  readonly etag: string
  readonly cache: string
  readonly text: string
}

const NAMES = ['logs', 'peers', 'witnesses', 'evidence', 'suspects'] as const

function read({ text }: Answer, name: (typeof NAMES)[number]): { items: object[]; next: string | null | undefined } {
  const { next, ...rest } = JSON.parse(text) as { next?: string | null }
  expect(Object.keys(rest)).toEqual([name])
  return { items: (rest as Record<string, object[]>)[name]!, next }
}

describe.each(NAMES)('%s', (name) => {
  const path = `/api/v1/${name}`

  test('are complete and in a stable order without parameters', async () => {
    const { held, ask } = await serve()
    const first = await ask(path)
    expect(read(first, name)).toEqual({ items: held[name], next: undefined })
    expect(await ask(path)).toEqual(first)
  })

  test('are the same page by page as all at once', async () => {
    const { held, ask } = await serve()
    const seen: object[] = []
    let next: string | null | undefined = ''
    while (next !== null) {
      const answer: Answer = await ask(`${path}?limit=1${next === '' ? '' : `&after=${next}`}`)
      expect(
        objections('get', path, { status: 200, headers: { 'content-type': 'application/json' }, body: answer.text }),
      ).toEqual([])
      const page = read(answer, name)
      expect(page.items).toHaveLength(1)
      seen.push(...page.items)
      expect(seen.length).toBeLessThanOrEqual(held[name].length)
      next = page.next
    }
    expect(seen).toEqual(held[name])
  })

  test('answer a matching ETag with 304, unless an item was changed, added or removed', async () => {
    const { held, ask } = await serve()
    for (const target of [path, `${path}?limit=2`]) {
      const { etag, cache } = await ask(target)
      expect(cache).toBe(
        path.endsWith('/peers') ? 'no-cache' : 'public, max-age=10, stale-while-revalidate=50, stale-if-error=3600',
      )
      expect(await ask(target, etag)).toMatchObject({ status: 304, etag, text: '' })
      expect(await ask(target, `"other", W/${etag}`)).toMatchObject({ status: 304 })
      const before = held[name]
      const last = before.at(-1)!
      for (const after of [
        before.slice(1),
        [...before.slice(1), last],
        [{ ...before[0]!, size: 9, score: 1, name: 'x' }, ...before.slice(1)],
      ]) {
        held[name] = after as never
        const changed = await ask(target, etag)
        expect(changed.status).toBe(200)
        expect(changed.etag).not.toBe(etag)
      }
      held[name] = before as never
      expect((await ask(target, etag)).status).toBe(304)
    }
  })

  test.each([
    'limit=0',
    'limit=1001',
    'limit=-1',
    'limit=01',
    'limit=',
    'after=',
    'after=+',
    'after=%00',
    'after=YR',
    `after=${'A'.repeat(1025)}`,
  ])('are refused for %s', async (query) => {
    const { ask } = await serve()
    const { status, text } = await ask(`${path}?${query}`)
    expect([status, JSON.parse(text)]).toMatchObject([400, { code: 'REQUEST_INVALID' }])
  })
})

test.each([
  ['logs?frozen=true', [1]],
  ['logs?frozen=false&disabled=false', [0]],
  ['peers?chosen=true', [1]],
  ['witnesses?own=true', [0]],
  ['witnesses?counted=true', [0, 1]],
  ['evidence?acked=false', [0, 2]],
  ['evidence?type=gossum/bad-record/v1', []],
  [`evidence?log=${OTHER_ID}`, []],
  [`evidence?log=${LOG_ID}&type=gossum/split-view/v1&acked=true`, [1]],
  [`suspects?log=${OTHER_ID}`, [2]],
  ['suspects?alarmed=true&acked=false', [0]],
] as const)('%s selects the matching items', async (query, which) => {
  const { held, ask } = await serve()
  const name = query.split('?', 1)[0] as (typeof NAMES)[number]
  expect(read(await ask(`/api/v1/${query}`), name).items).toEqual(which.map((at) => held[name][at]))
})

test.each([
  'logs?frozen=yes',
  'peers?chosen=',
  'evidence?type=split',
  'evidence?log=x',
  'suspects?acked=1',
  'witnesses?own=TRUE',
])('%s is refused', async (query) => {
  const { ask } = await serve()
  const { status, text } = await ask(`/api/v1/${query}`)
  expect([status, JSON.parse(text)]).toMatchObject([400, { code: 'REQUEST_INVALID' }])
})

test('paging applies to the filtered list', async () => {
  const { ask } = await serve()
  const first = read(await ask('/api/v1/evidence?acked=false&limit=1'), 'evidence')
  expect(first.items).toMatchObject([{ id: 'e1' }])
  const second = read(await ask(`/api/v1/evidence?acked=false&limit=1&after=${first.next}`), 'evidence')
  expect([second.items, second.next]).toMatchObject([[{ id: 'e3' }], null])
})

test('items that stay are listed once, whatever is added or removed between pages', () => {
  const order: ListOrder<number> = { placeOf: (item) => String(item).padStart(4, '0'), filters: {} }
  const some = fc.uniqueArray(fc.nat(999), { maxLength: 40 })
  fc.assert(
    fc.property(
      some,
      fc.array(some, { minLength: 60, maxLength: 60 }),
      fc.integer({ min: 1, max: 7 }),
      (stay, others, limit) => {
        const seen: number[] = []
        let after = '' as string | null
        for (let page = 0; after !== null; page++) {
          // In any order: a page has an order of its own.
          const all: number[] = [...new Set([...(others[page % 60] ?? []), ...stay])]
          const query: URLSearchParams = new URLSearchParams({ limit: String(limit), ...(after !== '' && { after }) })
          const { items, next }: { items: number[]; next: string | null | undefined } = pageOf(order, all, query)
          seen.push(...items)
          expect(new Set(seen).size).toBe(seen.length)
          after = next ?? null
        }
        expect(new Set(seen).size).toBe(seen.length)
        expect(seen.filter((item) => stay.includes(item))).toEqual(stay.toSorted((a, b) => a - b))
      },
    ),
  )
})
