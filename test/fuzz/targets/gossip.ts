/** Input from peers: frames of the sync protocol and of gossipsub, names of topics, addresses. */
import { RPC } from '@chainsafe/libp2p-gossipsub/message'
import { nearnessOf, networkOfAddress, parseAddresses, readPlace, withPeer } from '../../../src/gossip/host/address.js'
import { FrameLimits } from '../../../src/gossip/host/frame-limits.js'
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  MAX_FRAME_BYTES,
  type SyncAnswer,
} from '../../../src/gossip/sync/messages.js'
import { evidenceTopic, headsTopic, MAX_MESSAGE_BYTES, parseTopic } from '../../../src/gossip/topics.js'
import { claimWitness, provenWitness } from '../../../src/gossip/sync/identity.js'
import { fromBase64, fromUtf8, toBase64, utf8 } from '../../../src/tlog/bytes.js'
import { cosigned, head, history, second, witness } from './material.js'
import { repairedAddress } from './repairs.js'
import { ofText, promise, reading, type Target } from './target.js'

/** As in src/gossip/host/host.ts, which would load all of libp2p. */
const MAX_RPC_BYTES = 16 * MAX_MESSAGE_BYTES
const CONTROL = 256
const RPC_LIMITS = {
  subscriptions: 256,
  messages: 512,
  control$: {
    ihave: CONTROL,
    ihave$: { messageIDs: 1024 },
    iwant: CONTROL,
    iwant$: { messageIDs: 1024 },
    graft: CONTROL,
    prune: CONTROL,
    prune$: { peers: 16 },
    idontwant: CONTROL,
    idontwant$: { messageIDs: 512 },
  },
}

const LOG = '0123456789abcdef'.repeat(4)
const PEER = '12D3KooWGRUVh8v3hNrk6Lg4ZwgQ2Hf9kFXx8hV2h7o9ZQZ6tFfA'
const OTHER = PEER.replace(/.$/, 'B')
const vkey = witness.verifier.vkey
const WORDS = [
  ...[
    '"type":"hello"',
    '"type":"evidence"',
    '"type":"proof"',
    '"type":"tile"',
    '"type":"signed"',
    '"type":"promise"',
    '"type":"error"',
  ],
  ...[
    '"heads":[',
    '"evidence":[',
    '"counts":[',
    '"peers":[',
    '"witness":',
    '"time":',
    '"ids":[',
    '"of":{',
    '"size":',
    '"root":',
    '"log":',
  ],
  ...[
    '"path":"tile/8/0/000"',
    '"after":',
    '"promises":[',
    '"lines":[',
    '"kept":[',
    '"files":[',
    '"data":"',
    '"next":',
    '"code":',
    LOG,
    ',',
  ],
]
const promised = { log: LOG, witness: vkey, seq: 1, time: 1, head: utf8(head(8)), signature: new Uint8Array(64) }
const hello = {
  type: 'hello',
  heads: [utf8(cosigned(head(8), witness))],
  evidence: [{ log: LOG, id: LOG.slice(0, 16) }],
  counts: [vkey],
  witness: { key: vkey, signature: new Uint8Array(64) },
  peers: [`/ip4/1.2.3.4/tcp/1/p2p/${PEER}`],
  time: 1,
} as const

/** Byte strings in messages as text, so that messages can be compared. */
function plain(message: unknown): string {
  return JSON.stringify(message, (_key, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
  )
}

const request: Target = {
  about: 'requests of the sync protocol',
  most: MAX_FRAME_BYTES,
  words: WORDS,
  seeds: [
    encodeRequest(hello),
    encodeRequest({ type: 'evidence', ids: [LOG.slice(0, 16)] }),
    encodeRequest({ type: 'proof', log: LOG, of: history.tree(8), size: 3 }),
    encodeRequest({ type: 'tile', log: LOG, path: 'tile/8/0/000' }),
    encodeRequest({ type: 'signed', witness: vkey, after: LOG }),
    encodeRequest({ type: 'promise', promises: [promised, undefined], lines: [utf8(head(8))] }),
  ],
  check: (bytes) => {
    const read = decodeRequest(bytes)
    if (read.type === 'error') return false
    const written = encodeRequest(read)
    promise(read.type === 'promise' || written.length <= MAX_FRAME_BYTES, 'what was read fits into a frame')
    const again = decodeRequest(written)
    // Items that do not fit in a hello are left out, and a promise that cannot be written counts as missing.
    if (read.type !== 'hello' && written.length <= MAX_FRAME_BYTES)
      promise(plain(again) === plain(read), 'a request is read as it was written')
    else promise(again.type === read.type || written.length > MAX_FRAME_BYTES, 'of one type')
    return true
  },
}

const answer: Target = {
  about: 'answers of the sync protocol',
  most: MAX_FRAME_BYTES,
  words: WORDS,
  seeds: [
    encodeAnswer(hello),
    encodeAnswer({ type: 'evidence', files: [utf8('{}')] }),
    encodeAnswer({ type: 'proof', root: new Uint8Array(32), proof: [new Uint8Array(32)] }),
    encodeAnswer({ type: 'tile', data: new Uint8Array(64) }),
    encodeAnswer({ type: 'signed', heads: [utf8(head(8))], promises: [promised], next: LOG }),
    encodeAnswer({ type: 'promise', kept: [true, false] }),
    encodeAnswer({ type: 'error', code: 'busy' }),
  ],
  check: (bytes) => {
    const read: SyncAnswer | undefined = decodeAnswer(bytes)
    if (read === undefined) return false
    const written = encodeAnswer(read)
    promise(written.length <= MAX_FRAME_BYTES || read.type === 'hello', 'what was read fits into a frame')
    const again = decodeAnswer(written)
    promise(again?.type === read.type, 'of one type')
    const isWhole = ['proof', 'tile', 'promise', 'error'].includes(read.type)
    if (isWhole) promise(plain(again) === plain(read), 'an answer is read as it was written')
    return true
  },
}

const topic: Target = {
  about: 'names of topics',
  most: 256,
  words: ['/gossum/', 'heads', 'evidence', '/1/', LOG],
  seeds: [headsTopic(LOG), evidenceTopic(LOG)],
  check: ofText((text) => {
    const read = parseTopic(text)
    if (read === undefined) return false
    promise((read.kind === 'heads' ? headsTopic : evidenceTopic)(read.log) === text, 'a topic has one name')
    return true
  }),
}

const address: Target = {
  about: 'addresses of peers',
  most: 1024,
  words: [
    '/ip4/',
    '/ip6/',
    '/dns4/',
    '/dnsaddr/',
    '/tcp/',
    '/p2p/',
    PEER,
    '127.0.0.1',
    '::ffff:10.0.0.1',
    '64:ff9b::1',
    '/udp/1/quic-v1',
    '%eth0',
    '65536',
  ],
  seeds: [
    ...hello.peers,
    `/ip6/2001:db8::1/tcp/443/p2p/${PEER}`,
    `/dns4/a.example/tcp/1/p2p/${PEER}`,
    '/ip4/0.0.0.0/tcp/0',
  ],
  repair: repairedAddress(PEER),
  check: ofText((text) => {
    reading(() => parseAddresses({ listen: [text], bootstrap: [text], announce: [text] }), 'CONFIG_INVALID')
    const place = readPlace(text)
    if (place === undefined) return false
    nearnessOf(place.address)
    promise(networkOfAddress(place.address) !== '', 'it is of a network')
    const again = readPlace(withPeer(place.address, place.peer))
    promise(again?.address.toString() === place.address.toString(), 'a place is read as it is written')
    return true
  }),
}

/** Whether a stream that delivers these pieces keeps its connection. */
function survives(pieces: readonly Uint8Array[]): boolean {
  let offences = 0
  let handle: ((stream: unknown, connection: unknown) => void) | undefined
  const registrar = { handle: (_protocol: string, handler: typeof handle) => (handle = handler) }
  const limits = new FrameLimits(MAX_RPC_BYTES, () => offences++)
  const components = { registrar } as unknown as Parameters<FrameLimits['over']>[0]
  void limits.over(components).registrar.handle('/x', () => undefined)
  const stream = new EventTarget()
  handle!(stream, { remotePeer: PEER, status: 'closed' })
  for (const data of pieces) stream.dispatchEvent(Object.assign(new Event('message'), { data }))
  promise(offences <= 1, 'one offence')
  return offences === 0
}

/**
 * The same rule, implemented differently: a length of at most four bytes and within the bound, then that many bytes.
 */
function isFramed(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length;) {
    const prefix = bytes.subarray(at, at + 4)
    const end = prefix.findIndex((byte) => byte < 128)
    const digits = end === -1 ? [...prefix] : [...prefix.subarray(0, end + 1)]
    const length = digits.reduceRight((sum, byte) => sum * 128 + (byte & 127), 0)
    if (length > MAX_RPC_BYTES || (end === -1 && prefix.length === 4)) return false
    if (end === -1) return true
    at += end + 1 + length
  }
  return true
}

const claimed = await claimWitness({ witness: vkey, sign: (message) => witness.sign(message) }, PEER)

/** A key, and the signature in base64. */
const claim: Target = {
  about: 'claims to be a witness',
  most: 4096,
  words: [vkey, '\n', second.verifier.vkey, toBase64(claimed.signature), '=', '+', 'A'],
  seeds: [`${vkey}\n${toBase64(claimed.signature)}`, `${second.verifier.vkey}\n${toBase64(claimed.signature)}`],
  repair: (bytes) => utf8(`${fromUtf8(bytes)?.split('\n')[0] ?? ''}\n${toBase64(claimed.signature)}`),
  check: ofText((text) => {
    const [key = '', signature = ''] = text.split('\n')
    const claim = { key, signature: fromBase64(signature) ?? new Uint8Array() }
    const proven = provenWitness(claim, PEER)
    promise(proven === undefined || (proven.vkey === vkey && key === vkey), 'nobody else has signed')
    promise(provenWitness(claim, OTHER) === undefined, 'and not for another peer')
    return proven !== undefined
  }),
}

const frames: Target = {
  about: 'lengths of the frames of gossipsub',
  // How many frames a peer may send at once also depends on time, and is tested elsewhere.
  most: 4096,
  words: ['\x80', '\x80\x80\x80\x01', '\0', '\x01a'],
  seeds: ['\x03abc\x02de', Uint8Array.of(0x80, 0x80, 0x40), new Uint8Array(100)],
  check: (bytes) => {
    const isWhole = survives([bytes])
    // However the network splits it.
    const third = Math.ceil(bytes.length / 3)
    const pieces = [bytes.subarray(0, third), bytes.subarray(third, third + 1), bytes.subarray(third + 1)]
    promise(survives(pieces) === isWhole, 'the same in pieces')
    promise(isFramed(bytes) === isWhole, 'the same by a second reading')
    return isWhole
  },
}

const rpc: Target = {
  about: 'frames of gossipsub',
  most: MAX_RPC_BYTES,
  words: ['\x0a\x02\x08\x01', '\x12\x03\x12\x01a', '\x1a\x02\x0a\0', headsTopic(LOG), '\x0a\x40'],
  seeds: [
    RPC.encode({
      subscriptions: [{ subscribe: true, topic: headsTopic(LOG) }],
      messages: [{ topic: headsTopic(LOG), data: utf8(head(8)) }],
      control: {
        ihave: [{ topicID: headsTopic(LOG), messageIDs: [new Uint8Array(32)] }],
        iwant: [{ messageIDs: [new Uint8Array(32)] }],
        graft: [{ topicID: headsTopic(LOG) }],
        prune: [{ topicID: headsTopic(LOG), peers: [{ peerID: new Uint8Array(38) }], backoff: 60 }],
        idontwant: [{ messageIDs: [new Uint8Array(32)] }],
      },
    }),
  ],
  check: (bytes) => {
    let read: RPC
    try {
      read = RPC.decode(bytes, { limits: RPC_LIMITS })
    } catch (error) {
      // Gossipsub treats any error as a broken frame, and drops it. Nested groups overflow the stack of its decoder,
      // which throws an Error.
      promise(error instanceof Error, String(error))
      return false
    }
    promise(read.subscriptions.length <= RPC_LIMITS.subscriptions, 'no more subscriptions than it may have')
    promise(read.messages.length <= RPC_LIMITS.messages, 'no more messages than it may have')
    for (const { topic: name } of read.messages) parseTopic(name)
    return read.messages.some(({ data }) => data !== undefined && data.length <= MAX_MESSAGE_BYTES)
  },
}

export const GOSSIP: Readonly<Record<string, Target>> = {
  'sync-request': request,
  'sync-answer': answer,
  topic,
  address,
  claim,
  frames,
  rpc,
}
