/** Input from clients: bodies of the witness protocol, headers, queries. */
import type { IncomingHttpHeaders } from 'node:http'
import { partOf } from '../../../src/http/byte-range.js'
import { conditional, etagOf } from '../../../src/http/answer.js'
import type { EventsView, KeptEvent } from '../../../src/http/event-stream.js'
import { eventsRoute } from '../../../src/http/events-door.js'
import { ClientAddresses } from '../../../src/http/client-address.js'
import { pageOf, placeAt, type ListOrder } from '../../../src/http/list-page.js'
import { matchPath, type Route } from '../../../src/http/router.js'
import { MAX_BODY_BYTES, parseAddCheckpoint } from '../../../src/http/witness/add-checkpoint-body.js'
import { parseSignSubtree } from '../../../src/http/witness/sign-subtree-body.js'
import { concatBytes, utf8 } from '../../../src/tlog/bytes.js'
import { formatHash } from '../../../src/tlog/hash.js'
import { isSubtree } from '../../../src/tlog/subtree.js'
import { cosigned, head, history, witness } from './material.js'
import { ofText, promise, reading, readingLater, same, sameJson, type Target } from './target.js'

const { proof } = history.prefix(history.tree(12), 7)!
const lines = proof.map((hash) => `${formatHash(hash)}\n`).join('')
const HASH = formatHash(new Uint8Array(32))

const addCheckpoint: Target = {
  about: 'bodies of add-checkpoint',
  most: MAX_BODY_BYTES,
  words: ['old 0\n', 'old ', '\n\n', `${HASH}\n`, head(8), 'old 9223372036854775807\n'],
  seeds: [`old 0\n\n${head(8)}`, `old 7\n${lines}\n${head(12)}`],
  check: (bytes) => {
    const read = reading(() => parseAddCheckpoint(bytes), 'REQUEST_INVALID')
    if (read === undefined) return false
    const { oldSize, hashes } = read.proof
    promise(hashes.length <= 63 && hashes.every(({ length }) => length === 32), 'hashes of a proof')
    // A number beyond all tree sizes is not kept; apart from that, the body is what would be written for it.
    if (oldSize === Infinity) return true
    const written = utf8(`old ${oldSize}\n${hashes.map((hash) => `${formatHash(hash)}\n`).join('')}\n`)
    const again = parseAddCheckpoint(concatBytes(written, read.note))
    sameJson([again.proof, again.origin], [read.proof, read.origin], 'a body is read as it was written')
    same(again.note, read.note, 'with its note')
    return true
  },
}

const signSubtree: Target = {
  about: 'bodies of sign-subtree',
  most: MAX_BODY_BYTES,
  words: ['subtree 0 8\n', 'subtree ', '\n\n', `${HASH}\n`, head(8), ' 9007199254740992\n'],
  seeds: [`subtree 0 4\n${HASH}\n\n${cosigned(head(8), witness)}`, `subtree 4 6\n${HASH}\n${lines}\n${head(12)}`],
  check: (bytes) => {
    const read = reading(() => parseSignSubtree(bytes), 'REQUEST_INVALID')
    if (read === undefined) return false
    const { start, end, hash } = read.subtree
    promise(isSubtree(start, end) && Number.isSafeInteger(end) && start <= end && hash.length === 32, 'a subtree')
    return true
  },
}

/** A header, a newline, and If-Range. */
const range: Target = {
  about: 'Range headers',
  most: 256,
  words: ['bytes=', '0-', '-5', '0-0', ',', '\n"a"', '99', '9007199254740991'],
  seeds: ['bytes=0-9', 'bytes=5-', 'bytes=-3', 'bytes=0-1,2-3', 'bytes=1-2\n"a"'],
  check: ofText((text) => {
    const [header = '', of] = text.split('\n')
    const headers: IncomingHttpHeaders = { range: header, ...(of !== undefined && { 'if-range': of }) }
    let isPart = false
    for (const size of [0, 1, 10, 2 ** 40]) {
      const part = partOf(headers, '"a"', size)
      if (part === undefined || part === 'unsatisfiable') continue
      const { start, length } = part
      const isInside = Number.isSafeInteger(start) && start >= 0 && length > 0 && start + length <= size
      promise(isInside, `${start} ${length} of ${size}`)
      isPart = true
    }
    return isPart
  }),
}

const ITEMS = Array.from({ length: 7 }, (_, i) => ({ log: 'ab'.repeat(32), acked: i % 2 === 0 }))
const ORDER: ListOrder<(typeof ITEMS)[number]> = {
  placeOf: placeAt,
  filters: { acked: { description: 'true or false', schema: { enum: ['true', 'false'] }, of: ({ acked }) => acked } },
}

const query: Target = {
  about: 'queries of lists',
  most: 4096,
  words: ['limit=', 'after=', 'acked=true', '&', '1', '%00', 'MDAwMDAwMDAw', '=', '+', '%ff'],
  seeds: ['limit=3', 'limit=2&after=MDAwMDAwMDAx', 'acked=true', ''],
  check: ofText((text) => {
    const asked = new URLSearchParams(text)
    const page = reading(() => pageOf(ORDER, ITEMS, asked), 'REQUEST_INVALID')
    if (page === undefined) return false
    const { next } = page
    promise(page.items.length <= ITEMS.length, 'no item twice')
    if (typeof next !== 'string') return true
    // Page by page to the end, which must be reached.
    const seen = new Set(page.items)
    for (let after: string | null | undefined = next, left = ITEMS.length + 1; typeof after === 'string'; left--) {
      promise(left > 0, 'the pages end')
      asked.set('after', after)
      const more = pageOf(ORDER, ITEMS, asked)
      for (const item of more.items) {
        promise(!seen.has(item), 'an item is on one page')
        seen.add(item)
      }
      after = more.next
    }
    return true
  }),
}

const route = (path: string): Route => ({ method: 'GET', path, handle: () => Promise.reject(new Error(path)) })
const ROUTES = ['/', '/api/v1/logs/{id}/head', '/sumdb/{name}/lookup/{module}', '/tile/*'].map(route)

const urlPath: Target = {
  about: 'paths of requests',
  most: 4096,
  words: ['/api/v1/logs/', '/head', '/sumdb/', '/lookup/', '%2f', '%2e%2e', '%', '%ff', '..', '//', '/tile/'],
  seeds: ['/', '/api/v1/logs/abc/head', '/sumdb/sum.golang.org/lookup/a@v1.0.0', '/tile/8/0/000'],
  check: ofText((path) => reading(() => matchPath(ROUTES, path), 'NOT_FOUND', 'REQUEST_INVALID') !== undefined),
}

const addresses = new ClientAddresses(['10.0.0.0/8', '::1', 'fd00::/8'])

const forwarded: Target = {
  about: 'X-Forwarded-For headers',
  most: 4096,
  words: ['1.2.3.4', '10.0.0.1', ', ', '[::1]:80', '::ffff:10.0.0.1', 'unknown', ':443', 'fd00::1', '%eth0'],
  seeds: ['1.2.3.4', '1.2.3.4, 10.0.0.2', '[2001:db8::1]:443', 'unknown, ::1'],
  check: ofText((text) => {
    const client = addresses.of('10.0.0.1', { 'x-forwarded-for': text })
    promise(client !== undefined && client.length <= 64, 'somebody asks')
    promise(addresses.of('9.9.9.9', { 'x-forwarded-for': text }) === '9.9.9.9', 'nobody but a proxy is believed')
    return client !== '10.0.0.1'
  }),
}

const BOOT = '0123abcd'
const KEPT: readonly KeptEvent[] = Array.from({ length: 9 }, (_, i) => ({
  name: 'head',
  log: undefined,
  text: `{"n":${i}}`,
}))
/** Nine events, of which the first four are gone. */
const events: EventsView = {
  ...{ boot: BOOT, newest: 9, oldest: 5, get: (number) => KEPT[number - 1], onAdded: () => () => undefined },
}

/** The query of an events client, and the header in which a browser sends its last event id. */
const eventId: Target = {
  about: 'places among events',
  most: 4096,
  words: [
    'after=',
    'event=head',
    'event=',
    'log=',
    '&',
    '\n',
    `${BOOT}-7`,
    `${BOOT}-`,
    '00000000-1',
    '-0',
    '999999999999999',
  ],
  seeds: [`\n${BOOT}-7`, `after=${BOOT}-5\n`, 'event=head\n', '\n', `\n00000000-3`],
  check: ofText(async (text) => {
    const [query = '', id] = text.split('\n')
    const changes: string[] = []
    const door = {
      events,
      names: ['head'],
      follows: () => false,
      now: () => 0,
      onReader: (how: string) => changes.push(how),
    }
    const headers: IncomingHttpHeaders = id === undefined ? {} : { 'last-event-id': id }
    const asked = { ...ASKED, headers, query: new URLSearchParams(query) }
    const answer = await readingLater(
      async () => eventsRoute(door).handle(asked),
      ...(['REQUEST_INVALID', 'LOG_UNKNOWN'] as const),
    )
    if (answer === undefined) {
      promise(changes.length === 0, 'who is refused takes no place')
      return false
    }
    promise(changes.join() === 'comes', 'a reader has come')
    answer.sent!.close()
    promise(changes.join() === 'comes,gone', 'and gone')
    return true
  }),
}

const ASKED = { params: {}, body: new Uint8Array(), remoteAddress: '9.9.9.9', signal: new AbortController().signal }
const BODY = utf8('body')
const TAG = etagOf(BODY)

/** If-None-Match, If-Range and Range, one per line. */
const conditions: Target = {
  about: 'headers that ask for what is new',
  most: 4096,
  words: ['*', TAG, `W/${TAG}`, ', ', '"a"', '\n', 'bytes=0-1', '"', 'W/'],
  seeds: [TAG, `"a", W/${TAG}`, '*', 'W/*', '*, "a"', '"a"', `"b"\n${TAG}\nbytes=0-1`],
  check: ofText((text) => {
    const [known = '', range, bytes] = text.split('\n')
    const headers: IncomingHttpHeaders = {
      'if-none-match': known,
      ...(range !== undefined && { 'if-range': range }),
      range: bytes,
    }
    const reply = conditional({ method: 'GET', headers }, { status: 200, headers: {}, body: BODY })
    const isKnown = reply.status === 304
    promise(reply.headers['etag'] === TAG && reply.body.length === (isKnown ? 0 : BODY.length), 'a body, or none')
    if (isKnown) promise(known.includes(TAG) || known.trim() === '*', 'who has it is told so, and nobody else')
    return isKnown
  }),
}

export const HTTP: Readonly<Record<string, Target>> = {
  'add-checkpoint': addCheckpoint,
  'sign-subtree': signSubtree,
  range,
  query,
  'url-path': urlPath,
  forwarded,
  'event-id': eventId,
  conditions,
}
