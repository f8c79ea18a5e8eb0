/** The effects of steps over the stores of a pipeline, with what would leave it recorded. */
import { vi } from 'vitest'
import { Effects, type EffectsOptions, type Performed } from '../../src/witness/effects.js'
import type { Candidate, SizedHead } from '../../src/witness/head.js'
import { Publisher } from '../../src/witness/publisher.js'
import type { HeadSource } from '../../src/witness/source.js'
import type { Effect } from '../../src/witness/step-types.js'
import { VerdictCache } from '../../src/witness/verdict-cache.js'
import { testWitness, type Heart } from './heart.js'
import { other } from './judging.js'
import { log, NOW } from './step-inputs.js'

/** A head as it arrived from the peer p, or from nobody. */
export function arrived(note: Uint8Array, source: HeadSource = 'gossip', peer = 'p'): Candidate {
  return { source, note, log: log.id, peer, receivedAt: NOW * 1000 }
}

/**
 * Effects over the stores of a pipeline. Every alarm is about new evidence, unless `isNew` is false; proofs, signatures
 * and pauses are the business of others.
 */
export function effectsOver(heart: Pick<Heart, 'store' | 'cosigned' | 'suspects'>, isNew = true) {
  const told = {
    publish: vi.fn(),
    alarm: vi.fn(() => Promise.resolve({ id: 'e1', isNew })),
    onOutcome: vi.fn(),
    onFirstUse: vi.fn(),
    onSuspectAlarm: vi.fn(),
    onSuspectDropped: vi.fn(),
    onError: vi.fn(),
  }
  const counted = [testWitness.verifier, other.verifier]
  const publisher = new Publisher({ counted, isHeard: () => true, publish: told.publish })
  const effects = new Effects({
    kept: heart,
    keys: { own: { of: () => [testWitness] }, counted, relayed: () => [] },
    told,
    memory: new VerdictCache(),
    tools: { publisher } as unknown as EffectsOptions['tools'],
  })
  const perform = (candidate: Candidate, head: SizedHead, ...all: readonly Effect[]): Promise<Performed> =>
    effects.perform(candidate, head, heart.store.heads.get(log.id), all)
  return { effects, told, publisher, perform }
}
