/** Rows of a home's database, and of one shared by several machines: any content is read, or counts as missing. */
import { atomText, jsonFeed } from '../../../src/http/feed-text.js'
import { stateRowOf } from '../../../src/postgres/tables.js'
import { feedOf } from '../../../src/status/feed-entries.js'
import { Convictions } from '../../../src/store/convictions.js'
import { Covered } from '../../../src/store/covered.js'
import { EvidenceStore } from '../../../src/store/evidence-store.js'
import { encodeState, NOTHING } from '../../../src/store/log-state.js'
import { LookupStore } from '../../../src/store/lookup-store.js'
import { following, stateRow, type SharedState } from '../../../src/store/shared-state.js'
import { ToldStore } from '../../../src/store/told-store.js'
import { TwoGenerationCache } from '../../../src/store/two-generation-cache.js'
import { WatchStore } from '../../../src/store/watch-store.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { Suspects } from '../../../src/witness/suspects.js'
import { GO_SUM, head, witness } from './material.js'
import { all, isSize, isText, row } from './row.js'
import { tableOf } from './scratch.js'
import { ofText, promise, readingLater, type Target } from './target.js'

const LOG = 'ab'.repeat(32)
const ID = '0123456789abcdef'
const DAY = '2026-11-29T12:00:00.000Z'
const VKEY = witness.verifier.vkey

const openVersion = row(
  'versions that nobody has authorised',
  { record: GO_SUM, isAlarmed: true },
  ['false'],
  async (text) => {
    const watches = new WatchStore(
      tableOf([
        [`open ${LOG} 5`, text],
        [`position ${LOG}`, text],
      ]),
    )
    await watches.load()
    const at = await watches.position(LOG)
    promise(at === undefined || isSize(at), 'a position is a number of records')
    for (const { id, record, isAlarmed } of watches.open)
      promise(id === 5 && isText(record) && typeof isAlarmed === 'boolean', 'a version')
    return watches.open.length > 0
  },
)

const NEWS = { event: 'suspect', at: DAY, log: LOG, id: ID, size: 8, code: 'TIMEOUT', module: 'a.b/c@v1.0.0' }

const toldNews = row(
  'news that were told',
  NEWS,
  ['"watch"', '"unauthorised"', '"2026-11-29"', '"\\u0000"'],
  async (text) => {
    const store = new ToldStore(tableOf([['000000000000007', text]]))
    await store.load()
    const status = { witness: VKEY, peerId: null, startedAt: DAY, logs: [] }
    const feed = feedOf({ status, evidence: [], told: store.list })
    promise(
      feed.entries.every(({ kind }) => all(isText, kind) && ['suspect', 'watch', 'unauthorised'].includes(kind)),
      'what feeds tell of',
    )
    atomText(feed)
    jsonFeed(feed)
    await store.add({ ...NEWS, event: 'suspect' })
    return store.list.length > 1
  },
)

const suspect = row(
  'suspects',
  {
    id: ID,
    log: LOG,
    size: 8,
    note: head(8),
    firstSeen: DAY,
    door: 'gossip',
    peer: 'p',
    code: 'TIMEOUT',
    alarmed: false,
  },
  ['"INTERNAL"', '"push"', head(12).replaceAll('\n', '\\n')],
  async (text) => {
    const suspects = await readingLater(() => Suspects.load(tableOf([[`${LOG}!${ID}`, text]])), 'STORE_DAMAGED')
    if (suspects === undefined) return false
    for (const one of suspects.list(LOG)) {
      suspects.headOf(one)
      promise(all(isText, one.id, one.note, one.firstSeen, one.code), 'texts')
      promise(one.size === null || isSize(one.size), 'a size')
    }
    return suspects.list(LOG).length > 0
  },
)

const EVIDENCE = {
  ...{ id: ID, type: 'gossum/bad-record/v1', log: LOG, witness: VKEY, sizes: [8, 8], module: 'a.b/c@v1' },
  ...{ records: [0, 1], seenAt: DAY, text: '{}' },
}

const evidenceRow = row('evidence that is kept', EVIDENCE, [], async (text) => {
  const store = new EvidenceStore(
    tableOf([
      [ID, text],
      ['second', JSON.stringify(EVIDENCE)],
    ]),
  )
  const kept = await readingLater(() => store.list(), 'STORE_DAMAGED')
  const summaries = await readingLater(() => store.summaries(), 'STORE_DAMAGED')
  promise((kept === undefined) === (summaries === undefined), 'read twice alike')
  if (kept === undefined) return false
  for (const one of kept) {
    promise(all(isText, one.id, one.type, one.log, one.seenAt, one.text), 'texts')
    promise(Array.isArray(one.sizes) && all(isSize, ...one.sizes, ...(one.records ?? [])), 'numbers')
  }
  return true
})

const CONVICTION = { id: ID, witness: VKEY, log: LOG, lies: ['ab'.repeat(32)], acked: false }

const conviction = row('convictions of witnesses', CONVICTION, ['true'], async (text) => {
  const convictions = await readingLater(() => Convictions.load(tableOf([[ID, text]])), 'STORE_DAMAGED')
  if (convictions === undefined) return false
  for (const { id, witness: whose, log, lies, acked } of convictions.list())
    promise(all(isText, id, whose, log, ...lies) && typeof acked === 'boolean', 'a conviction')
  return true
})

const lookupRow: Target = {
  about: 'lookups that are kept',
  most: 64 * 1024,
  words: ['\n', '0', '-1', '1e9', '9007199254740993', GO_SUM],
  seeds: [`5\n${GO_SUM}`, '0\nx\n', '=\nx\n', '-1\nx\n', '1e3\nx\n'],
  check: ofText(async (text) => {
    const store = new LookupStore(new TwoGenerationCache(tableOf([]), tableOf([[`${LOG}/m`, text]]), 10))
    const kept = await store.of(LOG).get('m')
    promise(kept === undefined || isSize(kept.id), 'the number of a record')
    return kept !== undefined
  }),
}

/** One line per row: its table, size or time, and value. */
const covered: Target = {
  about: 'when records were covered',
  most: 4096,
  words: ['sizes ', 'times ', '0000000000000008 ', '1700000000', '\n', '-1', 'NaN', '1e400'],
  seeds: [
    'sizes 0000000000000008 1700000000\ntimes 0000001700000000 8\n',
    'sizes 0000000000000008 1700000000\nsizes 0000000000000012 1700000060\ntimes 0000001700000000 8\ntimes 0000001700000060 12\n',
  ],
  check: ofText(async (text) => {
    const lines = text.split('\n').map((line) => line.split(' '))
    const [sizes, times] = ['sizes', 'times'].map((name) =>
      tableOf(lines.flatMap(([table, key, value = '']) => (table === name ? [[`${LOG}!${key}`, value] as const] : []))),
    )
    const store = new Covered(sizes!, times!)
    const read = await readingLater(
      async () => [await store.ends(LOG), await store.of(LOG, 5), await store.since(LOG, 1_700_000_030)] as const,
      'STORE_DAMAGED',
    )
    if (read === undefined) return false
    const [ends, covering, since] = read
    const numbers = [
      ends?.first.size,
      ends?.first.time,
      ends?.last.size,
      ends?.last.time,
      covering?.size,
      covering?.time,
      covering?.from,
      since,
    ]
    promise(
      numbers.every((number) => number === undefined || isSize(number)),
      'sizes and times',
    )
    await readingLater(() => store.add(LOG, { size: 20, time: 1_800_000_000 }), 'STORE_DAMAGED')
    return ends !== undefined
  }),
}

const MINE = stateRow(3, encodeState({ ...NOTHING, seq: 3 }))
const THEIRS = stateRow(4, encodeState({ ...NOTHING, seq: 4 }))
const shared = { wentThrough: () => Promise.resolve(true) } as unknown as SharedState

/** Gives a row the hash and the number of the state in it. */
function rehashed(bytes: Uint8Array): Uint8Array {
  try {
    const read = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>
    const state = typeof read['state'] === 'string' ? read['state'] : ''
    const [, seq] = /"seq":(\d+)/.exec(state) ?? []
    return utf8(JSON.stringify({ ...read, seq: seq ?? read['seq'], hash: stateRow(0, state).hash }))
  } catch {
    return bytes
  }
}

const sharedRow: Target = {
  ...row(
    'rows of the shared state',
    { log: LOG, seq: '4', hash: THEIRS.hash, state: THEIRS.text },
    ['"{}"', '\\"seq\\":4', '\\"holds\\":[]', '\\"tree\\":', '5'],
    async (text) => {
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch {
        return false
      }
      if (typeof value !== 'object' || value === null) return false
      // The rows as the library returns them, whatever the types of its columns.
      const read = stateRowOf(value as Parameters<typeof stateRowOf>[0])
      const alone = await following(shared, LOG, undefined, read)
      const after = await following(shared, LOG, MINE, read)
      if (typeof alone === 'string') promise(typeof after === 'string', 'what cannot be read follows nothing')
      else
        promise(isSize(alone.seq) && stateRow(alone.seq, read.text).hash === read.hash, 'the state that its hash is of')
      return typeof after !== 'string'
    },
  ),
  repair: rehashed,
}

export const ROWS: Readonly<Record<string, Target>> = {
  'open-version': openVersion,
  'told-news': toldNews,
  suspect,
  'evidence-row': evidenceRow,
  conviction,
  'lookup-row': lookupRow,
  covered,
  'shared-row': sharedRow,
}
