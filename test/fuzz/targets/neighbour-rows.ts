/** What a home keeps about others: promises and heads of witnesses, and peers. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { Acquaintances, chosenFrom } from '../../../src/gossip/membership/peer-store.js'
import { peerStoreOf } from '../../../src/node/peers.js'
import { PromiseShelf } from '../../../src/store/kept-promises.js'
import { SeenLines } from '../../../src/store/seen-lines.js'
import { SignedBy } from '../../../src/store/signed-by.js'
import type { Store } from '../../../src/store/store.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { formatHash, sha256 } from '../../../src/tlog/hash.js'
import { cosigned, head, witness } from './material.js'
import { all, isSize, isText, oddRows, row } from './row.js'
import { tableOf } from './scratch.js'
import { promise, type Target } from './target.js'

const LOG = 'ab'.repeat(32)
const ROOT = formatHash(sha256(utf8('root')))
const DAY = '2026-11-29T12:00:00.000Z'
const VKEY = witness.verifier.vkey

const made = { seq: 3, time: 1_700_000_000, size: 8, root: 'cd'.repeat(32), head: head(8), signature: 'AAAA' }
const promised = {
  ...made,
  ...{ bearer: 'counted', since: 1_700_000_000_000, heardAt: 1_700_000_000_001 },
}

const keptPromise = row('promises kept for others', promised, ['"chosen"', '"stranger"'], async (text) => {
  const table = tableOf([[`${VKEY} ${LOG}`, text]])
  const shelf = await PromiseShelf.load(table, () => 1_800_000_000_000)
  const kept = await shelf.read(VKEY, LOG)
  await shelf.put({ ...made, witness: VKEY, log: LOG, size: 9 }, 'stranger')
  if (kept === undefined) {
    promise(shelf.get(VKEY, LOG)?.size === 9, 'what cannot be read stands in nobody’s way')
    return false
  }
  promise(all(isSize, kept.seq, kept.time, kept.size), 'numbers')
  promise(all(isText, kept.root, kept.head, kept.signature), 'texts')
  return true
})

const signedBy = row(
  'largest heads of witnesses',
  { size: 8, time: 1_700_000_000, heardAt: 1_700_000_000_000, note: cosigned(head(8), witness) },
  [],
  async (text) => {
    const signers = new SignedBy(
      tableOf([[`${LOG}!${VKEY}`, text]]),
      () => 1_800_000_000_000,
      () => 0,
    )
    await signers.load(LOG)
    const last = signers.get(LOG, VKEY)
    const note = await signers.note(LOG, VKEY)
    if (last === undefined) return false
    promise(all(isSize, last.size, last.time) && Number.isFinite(last.heardAt), 'numbers')
    promise(isText(note) && isText(last.root), 'a note')
    return true
  },
)

const seenLine = row(
  'heads that are not on our history',
  { size: 8, time: 1_700_000_000, root: ROOT, since: 1_700_000_000_000, note: cosigned(head(8), witness) },
  [],
  async (text) => {
    const seen = new SeenLines(tableOf([[`${LOG} ${VKEY} ${ROOT}`, text]]))
    await seen.load(LOG)
    const heads = seen.get(LOG, VKEY)
    await seen.notes(LOG, VKEY)
    promise(
      heads.every(({ size, time, root }) => all(isSize, size, time) && isText(root)),
      'sizes, times and roots',
    )
    return heads.length > 0
  },
)

const PEER = '12D3KooWGRUVh8v3hNrk6Lg4ZwgQ2Hf9kFXx8hV2h7o9ZQZ6tFfA'
const own = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

const PEER_ROW = {
  address: `/ip4/1.2.3.4/tcp/1/p2p/${PEER}`,
  lastSeen: DAY,
  dialled: true,
  proven: true,
  via: '1.2.3',
  metAt: DAY,
}

const book = row(
  'peers that are remembered',
  PEER_ROW,
  [
    '"address":',
    '"lastSeen":',
    '"dialled":',
    '"proven":',
    '"via":',
    '"metAt":',
    'true',
    `/dns4/a.example/tcp/1/p2p/${PEER}`,
  ],
  async (text) => {
    const store = peerStoreOf({ peers: tableOf([['book', text]]) } as unknown as Store)
    promise(chosenFrom(await store.load()).length <= 5, 'a few are chosen')
    const errors: unknown[] = []
    const known = new Acquaintances(
      store,
      () => false,
      (error) => errors.push(error),
    )
    await known.load(own)
    await known.save()
    promise(errors.length === 0, `it is read and written: ${String(errors[0])}`)
    for (const { via, lastSeen, metAt } of known.all())
      promise((via === undefined || isText(via)) && Number.isFinite(lastSeen) && Number.isFinite(metAt), 'a peer')
    return known.size > 0
  },
)

/** A list of them. */
const peerBook: Target = { ...book, seeds: [...oddRows(PEER_ROW).map((peer) => `[${peer}]`), 'null', '{}', '7'] }

export const NEIGHBOUR_ROWS: Readonly<Record<string, Target>> = {
  'kept-promise': keptPromise,
  'signed-by': signedBy,
  'seen-line': seenLine,
  'peer-book': peerBook,
}
