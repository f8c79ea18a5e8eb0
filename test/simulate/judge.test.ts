/** The pipeline of a simulated node is the production one without its disk: given the same heads, both do the same. */
import { describe, expect, test } from 'vitest'
import { Dice } from '../../scripts/simulate/dice.js'
import { CosignedTable } from '../../scripts/simulate/held-heads.js'
import { Judge } from '../../scripts/simulate/judge.js'
import { SimulatedLog, type View } from '../../scripts/simulate/log.js'
import { policyOf, witnessKeys } from '../../scripts/simulate/population.js'
import { Reader } from '../../scripts/simulate/reader.js'
import { VirtualTime } from '../../scripts/simulate/virtual-time.js'
import { GossumError } from '../../src/errors.js'
import { endOfTurn } from '../../src/lib/timed.js'
import { cosign } from '../../src/tlog/cosignature.js'
import type { Tree } from '../../src/tlog/merkle.js'
import { formatNote, parseNote } from '../../src/tlog/note.js'
import { PAUSE_MS } from '../../src/witness/advance-throttle.js'
import type { Prefix } from '../../src/witness/decide.js'
import type { Candidate } from '../../src/witness/head.js'
import type { Outcome } from '../../src/witness/outcome.js'
import { SignatureCache } from '../../src/witness/signature-cache.js'
import { withLines } from '../../src/witness/signing.js'
import { startHeart } from '../helpers/heart.js'

const SIGNERS = witnessKeys()
const STEPS = 60

/** Heads of both histories of a log, plain or with lines of witnesses, in random order. */
function candidates(dice: Dice, log: SimulatedLog, time: VirtualTime): () => Omit<Candidate, 'receivedAt'> {
  const lie = log.truth.fork(false)
  const shown: Uint8Array[] = [log.truth.head()]
  // Each witness cosigns a head once: the test is too short for renewals.
  const signedAt = Math.floor(time.now() / 1000)
  const shownBy = new Map<Uint8Array, View>()
  log.lie = lie
  return () => {
    const view = dice.share() < 0.9 ? log.truth : lie
    if (dice.share() < 0.3) view.grow()
    const source = dice.pick(['poll', 'gossip', 'gossip', 'gossip', 'sync'] as const)
    // No lies at first: there must be a history to contradict.
    const isNew = dice.share() < 0.4
    const head = source === 'poll' ? log.truth.head() : isNew ? view.head() : dice.pick(shown)
    if (isNew) shown.push(head)
    if (isNew && source !== 'poll') shownBy.set(head, view)
    const note = parseNote(head)
    // No witness cosigns both histories: in production it would be convicted, and no scenario has that.
    const honest = shownBy.get(head) === lie ? SIGNERS.slice(4) : SIGNERS.slice(1, 4)
    const by = dice.shuffled(honest).slice(0, dice.below(3))
    const lines = by.map((signer) => cosign(note.text, signedAt, signer))
    const bytes = source === 'poll' ? head : formatNote(withLines(note, lines))
    return { source, note: bytes, log: log.identity.id, ...(source !== 'poll' && { peer: 'peer' }) }
  }
}

/** The parts of an outcome that have to be equal. */
function told({ kind, code, news, counted, size, evidence }: Outcome) {
  return { kind, code, news, counted, size, evidence }
}

async function compare(seed: number): Promise<string[]> {
  const dice = new Dice(seed)
  const time = new VirtualTime()
  const known = new SignatureCache()
  const log = new SimulatedLog(known)
  const quorum = policyOf(SIGNERS)
  const next = candidates(dice, log, time)
  // Some proofs are never given, however often they are requested.
  const prefix = (view: View | undefined) => (of: Tree, size: number) =>
    ((of.size + size) / 20) % 5 === 0 ? undefined : view?.prefix(of, size)
  const orRefused = (found: Prefix | undefined): Promise<Prefix> =>
    found === undefined ? Promise.reject(new GossumError('TILE_INVALID')) : Promise.resolve(found)
  const heart = await startHeart({
    logKey: log.identity.key,
    prefix: (of, size) => orRefused(prefix(log.truth)(of, size)),
    prefixFromPeers: (_peer, _log, of, size) => orRefused(prefix(log.lie)(of, size)),
    signer: SIGNERS[0]!,
    counted: quorum.keys,
    now: time.now,
    pauseMs: PAUSE_MS,
  })
  const published: Uint8Array[] = []
  const judge = new Judge({
    world: {
      time,
      log,
      reader: new Reader(log.identity, quorum.keys, known),
      table: new CosignedTable(quorum),
      quorum,
    },
    signer: SIGNERS[0],
    relayed: () => [],
    prove: (of, size, _peer, answered) => {
      const found = prefix(log.truth)(of, size) ?? prefix(log.lie)(of, size)
      answered(found === undefined ? { failed: 'TILE_INVALID' } : { prefix: found })
    },
    fromLog: prefix(log.truth),
    deposit: (deposited) => deposited(),
    told: { publishHead: (note) => published.push(note), publishEvidence: () => undefined, onQuorum: () => undefined },
  })
  const kinds: string[] = []
  try {
    for (let i = 0; i < STEPS; i++) {
      const candidate = { ...next(), receivedAt: time.now() }
      const real = await heart.witness.submit(candidate)
      await heart.witness.idle()
      const simulated = await new Promise<Outcome>((resolve) => judge.submit(candidate, resolve))
      await endOfTurn()
      const where = `seed ${seed}, step ${i}: ${candidate.source}`
      expect(told(simulated), where).toEqual(told(real))
      expect(published.map(String), where).toEqual(heart.published.map(String))
      expect(judge.state, where).toEqual(heart.store.heads.get(heart.log))
      expect(judge.held.current?.note, where).toEqual(heart.cosigned.current(heart.log)?.note)
      expect(judge.evidence(), where).toEqual(heart.alarm.ids().map(({ id }) => id))
      kinds.push(real.kind)
      // No head waits for its turn here: that is the same code in both.
      await time.runUntil(time.ms + PAUSE_MS)
    }
  } finally {
    judge.stop()
    await heart.stop()
  }
  return kinds
}

describe('a simulated node and a production one', () => {
  test('decide, write, publish and convict alike', async () => {
    const kinds = new Set<string>()
    for (let seed = 1; seed <= 8; seed++) for (const kind of await compare(seed)) kinds.add(kind)
    expect([...kinds].sort()).toEqual(expect.arrayContaining(['advanced', 'conflict', 'known', 'past', 'pending']))
  })
})
