/** A whole node and a peer written from docs/protocol.md alone: they understand each other, and find the same fork. */
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ViewsLog } from '../fakes/views-log.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import {
  badRecord,
  convictsByRecords,
  cosignatureLine,
  cosignedAt,
  evidenceIdOf,
  identityText,
  isConsistent,
  isSignedBy,
  logIdOf,
  makeSigner,
  messageIdOf,
  noteLine,
  promiseText,
  readCheckpoint,
  readKey,
  readNote,
  sha256,
  splitView,
  WITNESS_KEY,
  writeNote,
  type RecordsFile,
} from './second-implementation/formats.js'
import { SecondPeer, type Holdings } from './second-implementation/peer.js'

const FOLDER = new URL('second-implementation/', import.meta.url)

test('the second implementation imports nothing from the first', () => {
  for (const name of readdirSync(FOLDER)) {
    const text = readFileSync(new URL(name, FOLDER), 'utf8')
    const specifiers = [...text.matchAll(/from '([^']+)'/g)].map(([, specifier]) => specifier!)
    for (const specifier of specifiers.filter((each) => each.startsWith('.')))
      expect(specifier).toMatch(/^\.\/\w+\.js$/)
  }
})

test('the second implementation reproduces the published vectors of the mesh, byte for byte', () => {
  const mesh = JSON.parse(readFileSync(new URL('../vectors/published/mesh.json', import.meta.url), 'utf8')) as Vectors
  const witness = makeSigner('vectors.example/witness', WITNESS_KEY, Buffer.alloc(32, 3))
  expect(witness.key.vkey).toBe(mesh.witness.vkey)
  for (const { name, origin, id } of mesh.logIds) expect(logIdOf(name, origin)).toBe(id)
  for (const { topic, data, id } of mesh.messages)
    expect(messageIdOf(topic, Buffer.from(data)).toString('hex')).toBe(id)
  const { identity, promise, evidence, frames } = mesh
  expect(identityText(identity.peerId, identity.vkey)).toBe(identity.text)
  expect(witness.sign(identity.text).toString('base64')).toBe(identity.signature)
  expect(promiseText(promise.log, promise.witness, promise.seq, promise.time, promise.head)).toBe(promise.text)
  expect(witness.sign(promise.text).toString('base64')).toBe(promise.signature)
  const file = splitView(mesh.log.vkey, evidence.heads)
  expect(file.toString()).toBe(evidence.file)
  expect(evidenceIdOf(file)).toBe(evidence.id)
  const cosigned = readNote(mesh.messages[0]!.data)
  const time = cosignedAt(cosigned, witness.key)!
  expect(cosignatureLine(cosigned.text, time, witness)).toBe(cosigned.lines[1]!.line)
  for (const { json, frame } of frames) {
    const length = Buffer.byteLength(json)
    const prefix = length < 128 ? [length] : [(length % 128) + 128, Math.floor(length / 128)]
    expect(Buffer.concat([Buffer.of(...prefix), Buffer.from(json)]).toString('base64')).toBe(frame)
  }
})

test('the second implementation convicts by the same two records as the published vectors, and writes the same file', () => {
  const path = new URL('../vectors/published/evidence.json', import.meta.url)
  const { log, cases } = JSON.parse(readFileSync(path, 'utf8')) as {
    log: { vkey: string }
    cases: { what: string; file: string; convicts: string | null }[]
  }
  const files = cases.map((one) => ({ ...one, parsed: JSON.parse(one.file) as RecordsFile }))
  const ofRecords = files.filter(({ parsed }) => parsed.type === 'gossum/bad-record/v1')
  expect(ofRecords.length).toBeGreaterThan(5)
  for (const { what, file, convicts, parsed } of ofRecords) {
    expect(convictsByRecords(parsed, readKey(log.vkey)), what).toBe(convicts === 'log')
    expect(badRecord(parsed).toString(), what).toBe(file)
  }
})

interface Vectors {
  readonly log: { readonly vkey: string }
  readonly witness: { readonly vkey: string }
  readonly logIds: readonly { readonly name: string; readonly origin: string; readonly id: string }[]
  readonly messages: readonly { readonly topic: string; readonly data: string; readonly id: string }[]
  readonly identity: {
    readonly peerId: string
    readonly vkey: string
    readonly text: string
    readonly signature: string
  }
  readonly promise: {
    readonly log: string
    readonly witness: string
    readonly seq: number
    readonly time: number
    readonly head: string
    readonly text: string
    readonly signature: string
  }
  readonly evidence: { readonly heads: readonly string[]; readonly file: string; readonly id: string }
  readonly frames: readonly { readonly json: string; readonly frame: string }[]
}

test('a node and the second implementation cosign and prove a head, keep a promise, and convict a fork', async () => {
  const views = await ViewsLog.start('second.log.example', 300)
  onTestFinished(() => views.close())
  const logVkey = views.signer.verifier.vkey
  const witness = makeSigner('second.example', WITNESS_KEY, randomBytes(32))
  const home = temporaryHome()
  const policy = join(home, 'policy')
  writeFileSync(policy, `witness second ${witness.key.vkey}\nquorum second\n`)
  const node = await RunningNode.start(home, ['--log', views.setting(), '--policy', policy, '--poll', '1'])
  const first = readKey(node.ready.witness)
  const logKey = readKey(logVkey)

  // The log id, and its topics.
  const log = logIdOf(logKey.name, 'go.sum database tree')
  expect(log).toBe(node.ready.logs[0]!.id)
  const [heads, evidence] = ['heads', 'evidence'].map((kind) => `/gossum/${kind}/1/${log}`) as [string, string]
  const holdings: Holdings = { witness, counts: [first.vkey, witness.key.vkey], heads: [] }
  const peer = await SecondPeer.start(holdings, [heads, evidence])
  onTestFinished(() => peer.stop())
  await peer.connect(node.ready.multiaddrs[0]!)

  // Its newest head, signed by the log and cosigned by the node.
  const shown = await until(async () => {
    const answer = await peer.ask(peer.hello())
    expect([answer['type'], typeof answer['time']]).toEqual(['hello', 'number'])
    return (answer['heads'] as string[])[0]
  })
  const head = readNote(shown)
  const checkpoint = readCheckpoint(head.text)
  expect(checkpoint).toMatchObject({ origin: 'go.sum database tree', size: 300 })
  expect(isSignedBy(head, logKey)).toBe(true)
  expect(cosignedAt(head, first)).toBeGreaterThan(1_700_000_000)

  // Its identity: the claim in its hello is checked against the connection.
  const peers = await until(async () => {
    const { peers } = (await get(node, '/api/v1/peers')) as { peers: { peerId: string; witness: string | null }[] }
    return peers.some((each) => each.witness !== null) ? peers : undefined
  })
  expect(peers).toMatchObject([{ peerId: peer.host.peerId.toString(), witness: witness.key.vkey }])

  // A proof of 200 in 300, and a tile.
  const of = { size: checkpoint.size, root: checkpoint.root.toString('base64') }
  const proof = await peer.ask({ type: 'proof', log, of, size: 200 })
  const hashes = (proof['proof'] as string[]).map((hash) => Buffer.from(hash, 'base64'))
  const rootOf200 = Buffer.from(proof['root'] as string, 'base64')
  expect(isConsistent(200, rootOf200, 300, checkpoint.root, hashes)).toBe(true)
  expect(isConsistent(200, sha256('another'), 300, checkpoint.root, hashes)).toBe(false)
  const tile = await peer.ask({ type: 'tile', log, path: 'tile/8/0/000' })
  if (tile['type'] === 'tile') expect(Buffer.from(tile['data'] as string, 'base64')).toHaveLength(8192)
  else expect(tile).toEqual({ type: 'error', code: 'unknown' })
  expect(await peer.ask({ type: 'from the future' })).toEqual({ type: 'error', code: 'unknown-request' })

  // A promise, and a cosignature on the mesh that makes the node's quorum.
  const time = Math.floor(Date.now() / 1000)
  const bare = writeNote(head.text, head.lines.find(({ name }) => name === logKey.name)!.line)
  const signature = witness.sign(promiseText(log, witness.key.vkey, 1, time, bare)).toString('base64')
  const promise = { log, witness: witness.key.vkey, seq: 1, time, head: bare, signature }
  const broken = { ...promise, time: time + 1 }
  expect(await peer.ask({ type: 'promise', promises: [promise, broken, null], lines: null })).toEqual({
    type: 'promise',
    kept: [true, false, false],
  })
  expect(await peer.ask({ type: 'signed', witness: witness.key.vkey })).toMatchObject({ promises: [promise] })
  const cosigned = writeNote(head.text, readNote(bare).lines[0]!.line, cosignatureLine(head.text, time, witness))
  await until(async () => ((await peer.publish(heads, cosigned)) > 0 ? true : undefined))
  await until(async () => {
    const { logs } = (await get(node, '/api/v1/logs')) as { logs: { quorum: { size: number } | null }[] }
    return logs[0]!.quorum?.size === 300 ? true : undefined
  })

  // The node's next head arrives by gossip.
  await views.grow(5)
  await until(() =>
    Promise.resolve(peer.heard.get(heads)?.some((note) => readCheckpoint(note).size === 305) || undefined),
  )

  // A fork that the log signed: both have the same evidence file, with the same id.
  const text = `go.sum database tree\n300\n${sha256('another tree').toString('base64')}\n`
  const logLine = noteLine(logKey, Buffer.from(views.signer.sign(Buffer.from(text))))
  const file = splitView(logVkey, [bare, writeNote(text, logLine)])
  await peer.publish(evidence, file)
  const id = evidenceIdOf(file)
  await until(async () => {
    const answer = await peer.ask({ type: 'evidence', ids: [id] })
    return (answer['files'] as string[])[0] === file.toString() ? true : undefined
  })
  const { logs } = (await get(node, '/api/v1/logs')) as { logs: { frozen: boolean }[] }
  expect(logs[0]!.frozen).toBe(true)
  expect(await (await fetch(`${node.ready.http}/api/v1/evidence/${id}`)).text()).toBe(file.toString())
}, 120_000)

async function get(node: RunningNode, path: string): Promise<unknown> {
  return (await fetch(`${node.ready.http}${path}`)).json()
}

/** Repeats a query until it returns a value. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + 60_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`not within a minute: ${look.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
