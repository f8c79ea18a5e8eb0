/** A head waits for its proof, and a crowd of peers keeps sending it with different junk lines. */
import { randomBytes } from 'node:crypto'
import { expect, it, onTestFinished } from 'vitest'
import { headsTopic } from '../../src/gossip/topics.js'
import { concatBytes, uint64 } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, type Signature, type SignerKey } from '../../src/tlog/note.js'
import type { Candidate } from '../../src/witness/head.js'
import type { Outcome } from '../../src/witness/outcome.js'
import { startHeart, testSigner, testWitness, type Heart } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'
import { LOG, MemoryHandlers, startNode, until } from './helpers.js'
import { messageFrame, openGossip, startStranger } from './stranger.js'

const signer = testSigner('sum.example', 1)
const history = new History(signer)
const witnesses = Array.from({ length: 16 }, (_, i) => testSigner(`witness-${i}.example`, 20 + i, 4))
const VARIANTS = 512

/** Passes heads to a pipeline. */
class HeartHandlers extends MemoryHandlers {
  readonly #heart: Heart

  constructor(heart: Heart) {
    super()
    this.#heart = heart
  }

  override submit(candidate: Candidate): Promise<Outcome> {
    this.candidates.push(candidate)
    return this.#heart.witness.submit(candidate)
  }
}

function withLine(head: Uint8Array, line: Signature): Uint8Array {
  const { text, signatures } = parseNote(head)
  return formatNote({ text, signatures: [...signatures, line] })
}

function junk(head: Uint8Array): Uint8Array {
  const bytes = concatBytes(uint64(1_700_000_000), randomBytes(64))
  return withLine(head, { name: 'junk.example', keyId: '00c0ffee', bytes })
}

function cosigned(head: Uint8Array, by: SignerKey): Uint8Array {
  return withLine(head, cosign(parseNote(head).text, 1_700_000_000, by).signature)
}

it.each([4, 8])('%d peers with 512 variants each cannot displace a cosignature from an honest peer', async (crowd) => {
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  const heart = await startHeart({
    logKey: signer.verifier,
    counted: [testWitness.verifier, ...witnesses.map(({ verifier }) => verifier)],
    prefix: (of, size) => released.then(() => showing(history)(of, size)),
  })
  onTestFinished(() => heart.stop())
  expect(heart.log).toBe(LOG)
  await heart.submit('poll', history.head(10))
  const handlers = new HeartHandlers(heart)
  const node = await startNode({ handlers })
  const judged = (): number => handlers.candidates.length + node.drops.length
  const topic = headsTopic(LOG)

  for (let i = 0; i < crowd; i++) {
    const gossip = await openGossip(await startStranger(), node)
    await gossip.write(messageFrame(topic, ...Array.from({ length: VARIANTS }, () => junk(history.head(20)))))
  }
  await until(() => judged() === crowd * VARIANTS, 'the crowd is there')
  const honest = await openGossip(await startStranger(), node)
  await honest.write(messageFrame(topic, ...witnesses.map((by) => cosigned(history.head(20), by))))
  await until(() => judged() === crowd * VARIANTS + witnesses.length, 'the honest peer was heard')
  expect(heart.cosigned.current(LOG)?.size).toBe(10)

  release()
  await heart.witness.idle()
  expect(heart.cosigned.quorum(LOG), 'all cosigned it').toMatchObject({ size: 20 })
  expect(heart.errors).toEqual([])
})
