/** What peers state about themselves: which witness they are, whose cosignatures they count, their newest heads. */
import { lpStream } from '@libp2p/utils'
import { randomBytes } from 'node:crypto'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { claimWitness, provenWitness, type Identity } from '../../../src/gossip/sync/identity.js'
import { SYNC_PROTOCOL, type Hello } from '../../../src/gossip/sync/messages.js'
import { MAX_RELAYED, MAX_RELAYED_LINE_BYTES, Neighbours } from '../../../src/gossip/membership/neighbours.js'
import { toBase64, utf8 } from '../../../src/tlog/bytes.js'
import { formatCheckpoint, logId } from '../../../src/tlog/checkpoint.js'
import { sha256 } from '../../../src/tlog/hash.js'
import { formatNote, makeSignerKey, parseVerifierKey, SIGNATURE_TYPES, signNote } from '../../../src/tlog/note.js'
import { LOG, newIdentity, startNode, stopNode, until, type TestNode } from '../helpers.js'
import { connect, openSync, startStranger } from '../stranger.js'

function witnessesOf(node: TestNode): (string | null)[] {
  return node.mesh.peers().map(({ witness }) => witness)
}

/** A claim in the form of a hello. */
async function claimJson(identity: Identity, peer: string): Promise<object> {
  const { key, signature } = await claimWitness(identity, peer)
  return { key, signature: toBase64(signature) }
}

describe('the witness of a peer', () => {
  it('is shown on both sides once it is proven, and forgotten with the connection', async () => {
    const [left, right] = [newIdentity('left'), newIdentity('right')]
    const a = await startNode({ identity: left })
    const b = await startNode({ identity: right, bootstrap: [a.address] })
    await until(() => witnessesOf(a)[0] === right.witness, 'a knows b')
    await until(() => witnessesOf(b)[0] === left.witness, 'b knows a')
    await stopNode(b)
    await until(() => a.mesh.peers().length === 0, 'b has left')
    // The same peer key without its witness: an earlier proof does not count.
    const stranger = await startStranger()
    await connect(stranger, a)
    await until(() => a.mesh.peers().length === 1, 'a stranger')
    expect(witnessesOf(a)).toEqual([null])
  })

  it.each([
    ['signed for another peer', (identity: Identity) => claimJson(identity, 'another peer')],
    [
      'under another key',
      async (identity: Identity, peer: string) => ({
        ...(await claimJson(identity, peer)),
        key: newIdentity('b').witness,
      }),
    ],
    [
      'without a key that can be read',
      async (identity: Identity, peer: string) => ({ ...(await claimJson(identity, peer)), key: 'x' }),
    ],
  ])('is not shown for a claim %s', async (_, claim) => {
    const node = await startNode()
    const stranger = await startStranger()
    const { ask } = await openSync(await connect(stranger, node))
    await ask({
      type: 'hello',
      heads: ['heard'],
      witness: await claim(newIdentity('liar'), stranger.peerId.toString()),
    })
    await node.handlers.receives('heard')
    expect(witnessesOf(node)).toEqual([null])
    // Only the peer id is wrong: the same peer's honest claim is accepted.
    const honest = newIdentity('honest')
    await ask({ type: 'hello', heads: ['again'], witness: await claimJson(honest, stranger.peerId.toString()) })
    await node.handlers.receives('again')
    expect(witnessesOf(node)).toEqual([honest.witness])
  })

  it('cannot be claimed by another peer that copies its hello', async () => {
    const victim = await startNode({ identity: newIdentity('victim') })
    const node = await startNode()
    const thief = await startStranger()
    const theirs = (await (await openSync(await connect(thief, victim))).ask({ type: 'hello' })) as { witness: object }
    expect(theirs.witness).toMatchObject({ key: expect.stringMatching(/^victim\+/) as string })
    const { ask } = await openSync(await connect(thief, node))
    await ask({ type: 'hello', heads: ['heard'], witness: theirs.witness })
    await node.handlers.receives('heard')
    expect(witnessesOf(node)).toEqual([null])
  })

  it.each([
    ['without a signature of 64 bytes', { key: 'x', signature: 'AAAA' }],
    ['by a key of a kind that claims nothing yet', { key: 'x', signature: 'A'.repeat(3228) }],
  ])('is as if it were not there %s, and the rest of the hello counts', async (_, witness) => {
    const node = await startNode()
    const { ask } = await openSync(await connect(await startStranger(), node))
    expect(await ask({ type: 'hello', heads: ['beside it'], witness })).toMatchObject({ type: 'hello' })
    await node.handlers.receives('beside it')
    expect(witnessesOf(node)).toEqual([null])
  })

  it('may be our own: then two nodes share a key, and this is reported', async () => {
    const identity = newIdentity('twin')
    const told: string[] = []
    const a = await startNode({ identity, onTwin: (peer) => told.push(peer) })
    const b = await startNode({ identity, bootstrap: [a.address] })
    await until(() => told.length > 0, 'told')
    await a.mesh.syncWith(b.mesh.peerId)
    expect(told).toEqual([b.mesh.peerId])
  })

  it('is a key of a witness in its one spelling', async () => {
    const log = makeSignerKey('log', SIGNATURE_TYPES.ed25519, new Uint8Array(randomBytes(32)))
    expect(
      provenWitness(await claimWitness({ witness: log.verifier.vkey, sign: log.sign }, 'peer'), 'peer'),
    ).toBeUndefined()
    // A key whose id has a letter: digits alone have no other case.
    const identity = Array.from({ length: 20 }, () => newIdentity('witness')).find(({ key }) =>
      /[a-f]/.test(key.keyId),
    )!
    expect(provenWitness(await claimWitness(identity, 'peer'), 'peer')?.vkey).toBe(identity.witness)
    const shouted = identity.witness.replace(/\+[0-9a-f]{8}\+/, (id) => id.toUpperCase())
    expect(provenWitness(await claimWitness({ ...identity, witness: shouted }, 'peer'), 'peer')).toBeUndefined()
  })
})

describe('where a peer stands', () => {
  it('is shown for the first log it names that we follow', async () => {
    const node = await startNode()
    const { ask } = await openSync(await connect(await startStranger(), node))
    const head = (name: string, size: number): string => {
      const log = makeSignerKey(name, SIGNATURE_TYPES.ed25519, new Uint8Array(randomBytes(32)))
      const text = formatCheckpoint({ origin: 'go.sum database tree', size, root: sha256(utf8('root')) })
      return Buffer.from(formatNote({ text, signatures: [signNote(text, log)] })).toString()
    }
    await ask({
      type: 'hello',
      heads: ['no note', head('elsewhere', 7), head('sum.example', 42), head('sum.example', 9)],
    })
    const [peer] = node.mesh.peers()
    expect(peer!.head).toMatchObject({ log: LOG, size: 42 })
    expect(Math.abs(Date.parse(peer!.head!.at) - Date.now())).toBeLessThan(60_000)
    await ask({ type: 'hello' })
    expect(node.mesh.peers()[0]!.head).toBeNull()
    expect(logId('sum.example', 'go.sum database tree')).toBe(LOG)
  })
})

describe('the keys that neighbours count', () => {
  const hello = (...counts: string[]): Hello => ({ type: 'hello', heads: [], evidence: [], counts, peers: [] })
  const keys = (count: number, name: string): string[] =>
    Array.from({ length: count }, (_, i) => newIdentity(`${name}-${i}`).witness)

  function watched(
    ours: string[] = [],
    reserved: string[] = [],
  ): { neighbours: Neighbours; changes: () => number; names: () => string[] } {
    let changes = 0
    const neighbours = new Neighbours({
      logs: new Set([LOG]),
      counts: new Set(ours),
      reserved: new Set(reserved),
      witness: undefined,
      onChange: () => changes++,
      onTwin: () => undefined,
    })
    return { neighbours, changes: () => changes, names: () => neighbours.relayed().map(({ vkey }) => vkey) }
  }

  /** Time stands still, and passes on command: keys are counted once a second. */
  function standstill(): { readonly pass: (ms: number) => Promise<unknown> } {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    return { pass: (ms) => vi.advanceTimersByTimeAsync(ms) }
  }

  it('are listed without ours and without duplicates, alternating between neighbours', async () => {
    const { pass } = standstill()
    const [a, b, c, own] = keys(4, 'key') as [string, string, string, string]
    const { neighbours, changes, names } = watched([own])
    neighbours.heard('one', hello(a, own))
    expect(names()).toEqual([a])
    neighbours.heard('two', hello(b, c, own))
    neighbours.heard('three', hello(c))
    // Counted again at most once a second.
    await pass(999)
    expect([changes(), names()]).toEqual([1, [a]])
    await pass(1)
    expect(changes()).toBe(2)
    expect(names(), 'of the second first what the third counts, too').toEqual([a, c, b])
    neighbours.gone('two')
    await pass(1000)
    expect(changes()).toBe(3)
    expect(new Set(names())).toEqual(new Set([a, c]))
    neighbours.stop()
  })

  it('do not change if a hello repeats them or has invalid keys', async () => {
    const { pass } = standstill()
    const [a] = keys(1, 'key') as [string]
    const { neighbours, changes, names } = watched()
    neighbours.heard('one', hello(a, 'garbage', `${a}x`))
    neighbours.heard('one', hello(a, 'garbage', `${a}x`))
    neighbours.heard('two', hello(a))
    neighbours.gone('two')
    const log = makeSignerKey('log', SIGNATURE_TYPES.ed25519, new Uint8Array(randomBytes(32))).verifier.vkey
    neighbours.heard('three', hello(log))
    await pass(60_000)
    expect([changes(), names()]).toEqual([1, [a]])
    neighbours.stop()
  })

  it('are limited, and no crowd displaces those of a single neighbour', async () => {
    const { pass } = standstill()
    const { neighbours, names } = watched()
    const honest = keys(5, 'honest')
    const crowd = keys(91 * 4, 'crowd')
    // A crowd of strangers that all count the same keys comes first, and is larger.
    for (let i = 0; i < 40; i++) {
      const from = (i % 4) * 91
      neighbours.heard(`stranger ${i}`, hello(...crowd.slice(from, from + 91)))
    }
    neighbours.heard('friend', hello(...honest))
    await pass(60_000)
    expect(names()).toHaveLength(MAX_RELAYED)
    expect(names()).toEqual(expect.arrayContaining(honest))
    neighbours.stop()
  })

  it('alternate: the single key of one neighbour precedes the second key of all others', async () => {
    const { pass } = standstill()
    const { neighbours, names } = watched()
    const crowd = keys(91 * 2, 'crowd')
    const [own] = keys(1, 'own') as [string]
    for (let i = 0; i < 40; i++)
      neighbours.heard(`stranger ${i}`, hello(...(i % 2 ? crowd.slice(91) : crowd.slice(0, 91))))
    neighbours.heard('friend', hello(own))
    await pass(60_000)
    expect(names()).toHaveLength(crowd.length + 1)
    expect(names().indexOf(own)).toBe(40)
    neighbours.stop()
  })

  it('are read although earlier neighbours send new garbage in every hello', async () => {
    const { pass } = standstill()
    const { neighbours, names } = watched()
    let made = 0
    const nonsense = (): string[] => Array.from({ length: 91 }, () => `x${made++}+0+A`)
    const [own] = keys(1, 'own') as [string]
    const crowd = Array.from({ length: 100 }, (_, i) => `stranger ${i}`)
    for (const peer of crowd) neighbours.heard(peer, hello(...nonsense()))
    neighbours.heard('friend', hello(own))
    for (let second = 0; second < 3; second++) {
      await pass(1000)
      for (const peer of crowd) neighbours.heard(peer, hello(...nonsense()))
    }
    expect(names()).toEqual([own])
    // Keys that were taken stay, whatever is read and forgotten meanwhile.
    for (let second = 0; second < 40; second++) {
      for (const peer of crowd) neighbours.heard(peer, hello(...nonsense()))
      await pass(1000)
      expect(names()).toEqual([own])
    }
    neighbours.stop()
  })

  it('are ignored if their name and id are reserved here, or if their lines would be too long', () => {
    const [ours, fine] = keys(2, 'key') as [string, string]
    const { name, keyId } = parseVerifierKey(ours)
    // Finding another key with our name and id takes some 2^32 attempts; here it is the same key.
    const { neighbours, names } = watched([], [`${name}+${keyId}`])
    const key = (length: number): string => newIdentity('x'.repeat(length)).witness
    const rest = `\u2014  ${toBase64(new Uint8Array(4 + 72))}\n`
    const longest = MAX_RELAYED_LINE_BYTES - utf8(rest).length
    const longestKey = key(longest)
    neighbours.heard('one', hello(ours, key(longest + 1), longestKey, fine))
    expect(new Set(names())).toEqual(new Set([longestKey, fine]))
    neighbours.stop()
  })

  it('and so are keys that neighbours sign with, unless this node counts them', async () => {
    const identity = newIdentity('twin')
    const { name, keyId, vkey } = identity.key
    for (const [ours, expected] of [
      [[], []],
      [[vkey], [vkey]],
    ] as const) {
      const { neighbours } = watched([...ours], [`${name}+${keyId}`])
      neighbours.heard('peer', { ...hello(), witness: await claimWitness(identity, 'peer') })
      expect(neighbours.witnesses().map((key) => key.vkey)).toEqual(expected)
      neighbours.stop()
    }
  })

  it('arrive in hellos, are reported, and are dropped with the neighbour that counted them', async () => {
    const [a, b, c] = [newIdentity('a'), newIdentity('b'), newIdentity('c')]
    let changes = 0
    // B counts nobody; C counts A's witness and its own. What A signs has to travel through B.
    const middle = await startNode({ identity: b, onNeighbours: () => changes++ })
    const left = await startNode({ identity: a, counts: [a.witness], bootstrap: [middle.address] })
    const right = await startNode({ identity: c, counts: [a.witness, c.witness], bootstrap: [middle.address] })
    const relayed = (): Set<string> => new Set(middle.mesh.relayed().map(({ vkey }) => vkey))
    await until(() => relayed().size === 2, 'both keys')
    expect(relayed()).toEqual(new Set([a.witness, c.witness]))
    expect(changes).toBeGreaterThan(0)
    expect(left.mesh.relayed().map(({ vkey }) => vkey)).not.toContain(a.witness)
    await stopNode(right)
    await until(() => relayed().size === 1, 'one has left')
    expect(relayed()).toEqual(new Set([a.witness]))
  })

  it('are read up to 91, if no longer than a key can be', async () => {
    const node = await startNode()
    const { ask } = await openSync(await connect(await startStranger(), node))
    const key = newIdentity('counted.example').witness
    const [before, behind] = [['x'.repeat(2049), 1, null, key], Array<string>(90).fill('x')]
    expect(await ask({ type: 'hello', counts: [...before, ...behind, 'x'] })).toMatchObject({ type: 'hello' })
    await until(() => node.mesh.counts(key), 'the one that can be read')
    const late = newIdentity('late.example').witness
    expect(await ask({ type: 'hello', counts: [...Array<string>(91).fill('x'), late] })).toMatchObject({
      type: 'hello',
    })
    await until(() => !node.mesh.counts(key), 'heard')
    expect(node.mesh.counts(late)).toBe(false)
  })
})

it('a node of an earlier version, which sends none of this, is still a neighbour', async () => {
  const old = await startStranger(['/ip4/127.0.0.1/tcp/0'])
  const hellos: Record<string, unknown>[] = []
  await old.handle(SYNC_PROTOCOL, async (stream) => {
    const frames = lpStream(stream)
    for (;;) {
      const request = JSON.parse(Buffer.from((await frames.read()).subarray()).toString()) as Record<string, unknown>
      const known = request.type === 'hello'
      if (known) hellos.push(request)
      const answer = known
        ? { type: 'hello', heads: ['old head'], evidence: [] }
        : { type: 'error', code: 'unknown-request' }
      await frames.write(utf8(JSON.stringify(answer)))
    }
  })
  const identity = newIdentity('new')
  const address = old.getMultiaddrs()[0]!.toString()
  const node = await startNode({ identity, counts: [identity.witness], bootstrap: [address] })
  await node.handlers.receives('old head')
  expect(hellos[0]).toMatchObject({ type: 'hello', heads: [], counts: [identity.witness] })
  expect(node.mesh.syncPeers()).toBe(1)
  expect(witnessesOf(node)).toEqual([null])
  expect(node.errors).toEqual([])
})
