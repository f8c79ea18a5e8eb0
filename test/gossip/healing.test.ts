/** What gossip loses, sync repairs. */
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/tlog/bytes.js'
import type { Candidate } from '../../src/witness/head.js'
import type { Outcome } from '../../src/witness/outcome.js'
import { LOG, MemoryHandlers, publishWhenHeard, startNode, until, type TestNode } from './helpers.js'

/** Loses every gossiped head, and passes none on. Evidence is not gossiped here at all. */
class DeafHandlers extends MemoryHandlers {
  static lost = 0

  override submit(candidate: Candidate): Promise<Outcome> {
    if (candidate.source !== 'gossip') return super.submit(candidate)
    DeafHandlers.lost++
    return Promise.resolve({ kind: 'refused', news: false, code: 'LOG_UNKNOWN' })
  }
}

describe('a mesh whose gossip is lost', () => {
  it('still agrees, because sync rounds bring heads and evidence to every node', async () => {
    const timing = { roundMs: 150, settledMs: 300 }
    const first = await startNode({ handlers: new DeafHandlers(), ...timing })
    // A chain: the ends do not know each other at first.
    const nodes: TestNode[] = [first]
    for (let i = 1; i < 8; i++) {
      nodes.push(await startNode({ handlers: new DeafHandlers(), bootstrap: [nodes[i - 1]!.address], ...timing }))
    }
    await until(() => nodes.every(({ mesh }) => mesh.syncPeers() > 0), 'connected')
    const last = nodes.at(-1)!
    await first.handlers.submit({ source: 'poll', note: utf8('seen at one end'), receivedAt: 0 })
    await last.handlers.submit({ source: 'poll', note: utf8('seen at the other'), receivedAt: 0 })
    await last.handlers.submitEvidence(LOG, utf8('{"type":"convicts"}'))
    await publishWhenHeard(first, 'lost')
    for (const { handlers } of nodes) {
      await handlers.receives('seen at one end')
      await handlers.receives('seen at the other')
      await handlers.when(() => handlers.files.size === 1)
    }
    await until(() => DeafHandlers.lost > 0, 'gossip was lost')
    for (const { handlers } of nodes) expect(handlers.candidates.every(({ source }) => source !== 'gossip')).toBe(true)
    for (const { errors } of nodes) expect(errors).toEqual([])
  })
})
