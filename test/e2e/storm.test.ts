/**
 * Kill -9 for a third of the nodes, repeatedly, while the log grows and another one lies. Whatever was interrupted: no
 * witness ever signs two inconsistent heads, no evidence is lost, and the quorum recovers.
 *
 * The choice of victims is seeded (STORM_SEED); STORM_SECONDS=60 makes it the storm of a full minute.
 */
import { expect, onTestFinished, test } from 'vitest'
import { headsTopic } from '../../src/gossip/topics.js'
import type { EvidenceView, HeadView, LogView } from '../../src/status/shapes.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { verifiedCosignatures } from '../../src/tlog/cosignature.js'
import { formatHash } from '../../src/tlog/hash.js'
import { parseNote, verifyNote } from '../../src/tlog/note.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { ViewsLog, type History } from '../fakes/views-log.js'
import { Fleet } from '../helpers/fleet.js'
import { isEvidence, isQuorum, type FleetNode } from '../helpers/fleet-node.js'
import { startListener } from '../helpers/listener.js'
import { seeded } from '../helpers/tree.js'

const SECONDS = Number(process.env['STORM_SECONDS'] ?? 20)
const SEED = Number(process.env['STORM_SEED'] ?? 1)
const NODES = 9
const POLL_SECONDS = 0.3
/** Milliseconds: between two waves of killing, between two heads of the log, and between two faces of the liar. */
const WAVE_MS = 1_500
const GROW_MS = 400
const FACE_MS = 700

/** Every head ever seen with a witness's cosignature: what each witness signed, by log and witness. */
class Ledger {
  readonly #signed = new Map<string, Map<number, Set<string>>>()
  readonly #fleet: Fleet
  readonly #logs: readonly ViewsLog[]

  constructor(fleet: Fleet, logs: readonly ViewsLog[]) {
    this.#fleet = fleet
    this.#logs = logs
  }

  /** Adds a cosigned head; every line is verified here. */
  note(bytes: Uint8Array): void {
    const note = parseNote(bytes)
    const log = this.#logs.find(({ signer }) => note.signatures.some(({ keyId }) => keyId === signer.verifier.keyId))
    verifyNote(note, log!.signer.verifier)
    const { size, root } = parseCheckpoint(note.text)
    for (const witness of verifiedCosignatures(note, this.#fleet.keys).keys()) this.#add(log!.id, witness, size, root)
  }

  #add(log: string, witness: string, size: number, root: Uint8Array): void {
    const key = `${log} ${witness}`
    const sizes = this.#signed.get(key) ?? new Map<number, Set<string>>()
    this.#signed.set(key, sizes.set(size, (sizes.get(size) ?? new Set()).add(formatHash(root))))
  }

  /** Sizes that a witness signed, each with its roots. */
  of(log: string, witness: string): ReadonlyMap<number, ReadonlySet<string>> {
    return this.#signed.get(`${log} ${witness}`) ?? new Map<number, ReadonlySet<string>>()
  }
}

/** Whether all heads that a witness signed are of this one tree. */
async function isOf(history: History, signed: ReadonlyMap<number, ReadonlySet<string>>): Promise<boolean> {
  for (const [size, roots] of signed) {
    if (size > history.server.size || roots.size !== 1) return false
    if (!roots.has(formatHash(await history.server.root(size)))) return false
  }
  return true
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

test(`a storm of ${SECONDS} s`, { timeout: (SECONDS + 270) * 1000 }, async () => {
  const honest = await ViewsLog.start('honest.log.example', 100)
  const liar = await ViewsLog.start('liar.log.example', 50)
  onTestFinished(() => Promise.all([honest.close(), liar.close()]).then())
  const settings = [honest.setting(), liar.setting()]
  const fleet = await Fleet.start({ nodes: NODES, poll: POLL_SECONDS, seed: SEED, logs: () => settings })
  onTestFinished(() => fleet.end())
  const ledger = new Ledger(fleet, [honest, liar])
  // Receives what the nodes publish, including those that die before anyone can query them.
  const listener = await startListener(
    fleet.nodes.map((node) => node.ready.multiaddrs[0]!),
    [honest, liar].map(({ id }) => headsTopic(id)),
    (data) => ledger.note(data),
  )
  onTestFinished(() => listener.stop())
  const readHistories = async (): Promise<void> => {
    for (const node of fleet.nodes) {
      for (const { id } of [honest, liar]) {
        const { heads } = (await node.json(`/api/v1/logs/${id}/heads?limit=1000`)) as { heads: HeadView[] }
        for (const head of heads) ledger.note(utf8(head.note))
      }
    }
  }
  await fleet.all((node) => node.when('first quorum', isQuorum(honest.id, 100)))

  const over = new AbortController()
  const growing = (async () => {
    while (!over.signal.aborted) {
      await honest.grow(1 + (honest.views[0]!.history.server.size % 7))
      await pause(GROW_MS)
    }
  })()
  const hasEvidence = async (node: FleetNode): Promise<boolean> => {
    const { evidence } = (await node.json('/api/v1/evidence')) as { evidence: EvidenceView[] }
    return evidence.some(({ log }) => log === liar.id)
  }
  const whoHas = (): Promise<boolean[]> => Promise.all(fleet.nodes.map(hasEvidence))
  // From the middle of the storm on the liar alternates between two growing trees. On a very busy machine no node may
  // live long enough to see both; then it goes on after the storm, until one has.
  const faces = [liar.views[0]!.history, await liar.views[0]!.history.branch(liar.signer, 'another')]
  const lying = (async () => {
    await pause((SECONDS * 1000) / 3)
    for (let n = 0; !over.signal.aborted || !(await whoHas()).includes(true); n++) {
      for (const face of faces) await face.grow(2)
      liar.views[0]!.history = faces[n % 2]!
      await pause(FACE_MS)
    }
  })()

  const random = seeded(SEED)
  const down = new Map<number, Promise<unknown>>()
  const strike = async (i: number): Promise<void> => {
    await fleet.nodes[i]!.kill()
    await fleet.restart(i)
    down.delete(i)
  }
  const end = Date.now() + SECONDS * 1000
  let kills = 0
  while (Date.now() < end) {
    await pause(WAVE_MS)
    const order = fleet.nodes.map((_, i) => ({ i, at: random() })).sort((a, b) => a.at - b.at)
    const struck = order.filter(({ i }) => !down.has(i)).slice(0, NODES / 3)
    for (const { i } of struck) down.set(i, strike(i))
    kills += struck.length
  }
  await Promise.all(down.values())
  over.abort()
  await Promise.all([growing, lying])

  const calmAt = Date.now()
  const size = await honest.grow(5)
  await fleet.all((node) => node.when('quorum after the storm', isQuorum(honest.id, size), 120_000))
  const back = Date.now() - calmAt
  await Promise.all(
    fleet.nodes.map(async (node) => {
      if (!(await hasEvidence(node)))
        await node.when('evidence', isEvidence(liar.id), 120_000).catch(async (error: unknown) => {
          throw new Error(`evidence is at ${(await whoHas()).join()}`, { cause: error })
        })
      const { logs } = (await node.json('/api/v1/logs')) as { logs: LogView[] }
      expect(logs.map(({ frozen }) => frozen)).toEqual([false, true])
    }),
  )
  await readHistories()

  expect(kills).toBeGreaterThanOrEqual(NODES / 3)
  let heads = 0
  for (const { vkey } of fleet.keys) {
    const [truth, lie] = [ledger.of(honest.id, vkey), ledger.of(liar.id, vkey)]
    heads += truth.size + lie.size
    expect(truth.size).toBeGreaterThan(1)
    expect(await isOf(honest.views[0]!.history, truth), `${vkey} on the honest log`).toBe(true)
    const isOneTree = (await isOf(faces[0]!, lie)) || (await isOf(faces[1]!, lie))
    expect(isOneTree, `${vkey} on the liar: sizes ${[...lie.keys()].join(' ')}`).toBe(true)
  }
  process.stdout.write(`storm: ${kills} kills, ${heads} cosigned heads checked, quorum again after ${back} ms\n`)
})
