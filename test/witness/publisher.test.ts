/** What the pipeline sends to the mesh, at which pace, and what it keeps to itself. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { cosign, type Cosignature } from '../../src/tlog/cosignature.js'
import { MAX_NOTE_BYTES, parseNote, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import type { SizedHead } from '../../src/witness/head.js'
import { Publisher, type PublisherOptions } from '../../src/witness/publisher.js'
import { linesOf } from '../helpers/cosigned-heads.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { neighbour, other } from '../helpers/judging.js'
import { headOf, history, log, NOW } from '../helpers/step-inputs.js'

const own = testWitness.verifier
/** Our second key. */
const large = testSigner('large.example', 8, SIGNATURE_TYPES.mlDsa)

/** A message to the mesh: the size of the head, then who cosigned it. */
type Sent = [size: number, ...by: string[]]

function start(options: Partial<PublisherOptions> = {}) {
  const sent: Sent[] = []
  const sentOf = new Map<string, number[]>()
  const publisher = new Publisher({
    counted: [own, other.verifier],
    isHeard: (vkey) => vkey === own.vkey,
    publish: (id, message) => {
      const { text, signatures } = parseNote(message)
      const { size } = parseCheckpoint(text)
      sent.push([size, ...signatures.slice(1).map(({ name }) => name)])
      sentOf.set(id, [...(sentOf.get(id) ?? []), size])
    },
    ...options,
  })
  return { publisher, sent, sentOf }
}

const line = (size: number, signer: SignerKey): Cosignature => cosign(history.text(size), NOW, signer)
const by = (size: number, ...signers: readonly SignerKey[]) => linesOf(size, NOW, ...signers)

/** A head of the history with the lines that it arrived with. */
function head(size: number, ...signers: readonly SignerKey[]): SizedHead {
  return { ...headOf(history.head(size)), cosignatures: by(size, ...signers) }
}

/** The same head of another log. */
function elsewhere(of: SizedHead): SizedHead {
  return { ...of, log: { ...log, id: 'another' } }
}

/** A head of which the message to the mesh has this many bytes. */
function padded(bytes: number): SizedHead {
  const text = history.text(5)
  const bare = history.sign(`${text}\n`).length
  return headOf(history.sign(`${text}${'x'.repeat(bytes - bare)}\n`))
}

function cosigned(publisher: Publisher, size: number): void {
  publisher.advanced('poll', head(size), [own], [line(size, testWitness)])
}

describe('a head that we cosigned', () => {
  test('is sent with the lines that it came with, and our new one in place of one that it had', () => {
    const { publisher, sent } = start()
    publisher.advanced('poll', head(5, testWitness, other), [own], [line(5, testWitness)])
    expect(sent).toEqual([[5, 'second.example', 'witness.example']])
  })

  test('is sent without our line if nobody counts it', () => {
    const { publisher, sent } = start({ isHeard: () => false })
    publisher.advanced('poll', head(5, other), [own], [line(5, testWitness)])
    expect(sent).toEqual([[5, 'second.example']])
  })

  test('is followed by the line of our second key, alone', () => {
    const { publisher, sent } = start()
    publisher.advanced('poll', head(5), [own, large.verifier], [line(5, testWitness), line(5, large)])
    expect(sent).toEqual([
      [5, 'witness.example'],
      [5, 'large.example'],
    ])
  })

  test('and that gossip forwards itself is sent only with our line, or not at all', () => {
    const { publisher, sent } = start()
    publisher.advanced('gossip', head(5, other), [own], [line(5, testWitness)])
    publisher.advanced('gossip', head(6, other), [own], [])
    publisher.advanced('gossip', { ...head(7, other), clean: false }, [own], [])
    expect(sent).toEqual([
      [5, 'witness.example'],
      [7, 'second.example'],
    ])
  })
})

describe('heads that a log pushes', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  function pushing(options: Partial<PublisherOptions> = {}) {
    const parts = start(options)
    const push = (size: number): void => parts.publisher.advanced('push', head(size), [own], [line(size, testWitness)])
    return { ...parts, push }
  }

  test('are sent at once if they are rare, and else the newest in each pause', () => {
    const { push, sent } = pushing({ pauseMs: 500 })
    for (const size of [5, 6, 7]) push(size)
    expect(sent).toEqual([[5, 'witness.example']])
    vi.advanceTimersByTime(499)
    expect(sent).toHaveLength(1)
    vi.advanceTimersByTime(1)
    expect(sent.slice(1)).toEqual([[7, 'witness.example']])
    push(8)
    vi.advanceTimersByTime(499)
    expect(sent).toHaveLength(2)
    vi.advanceTimersByTime(1)
    expect(sent.slice(2)).toEqual([[8, 'witness.example']])
    // A pause in which nothing came is the last.
    vi.advanceTimersByTime(500)
    expect(vi.getTimerCount()).toBe(0)
    push(9)
    expect(sent.slice(3)).toEqual([[9, 'witness.example']])
  })

  test('are sent every two seconds if nothing else is set', () => {
    const { push, sent } = pushing()
    for (const size of [5, 6]) push(size)
    vi.advanceTimersByTime(1_999)
    expect(sent).toEqual([[5, 'witness.example']])
    vi.advanceTimersByTime(1)
    expect(sent).toEqual([
      [5, 'witness.example'],
      [6, 'witness.example'],
    ])
  })

  test('are all sent, at once, if there is no pause', () => {
    const { push, sent } = pushing({ pauseMs: 0 })
    for (const size of [5, 6, 7]) push(size)
    expect(sent.map(([size]) => size)).toEqual([5, 6, 7])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('wait with all that is to be sent of them', () => {
    const { publisher, push, sent } = pushing()
    push(5)
    publisher.advanced('push', head(6), [own, large.verifier], [line(6, testWitness), line(6, large)])
    vi.advanceTimersByTime(2_000)
    expect(sent.slice(1)).toEqual([
      [6, 'witness.example'],
      [6, 'large.example'],
    ])
  })

  test('hold up no other log, and none that we asked for', () => {
    const { publisher, push, sentOf } = pushing()
    push(5)
    publisher.advanced('push', elsewhere(head(6)), [own], [line(6, testWitness)])
    cosigned(publisher, 7)
    expect(Object.fromEntries(sentOf)).toEqual({ [log.id]: [5, 7], another: [6] })
  })

  test('and wait at the end are sent then, and all later ones at once', () => {
    const { publisher, push, sentOf } = pushing()
    for (const size of [5, 6, 7]) push(size)
    publisher.advanced('push', elsewhere(head(8)), [own], [line(8, testWitness)])
    publisher.stop()
    expect(Object.fromEntries(sentOf)).toEqual({ [log.id]: [5, 7], another: [8] })
    expect(vi.getTimerCount()).toBe(0)
    for (const size of [9, 10]) push(size)
    expect(Object.fromEntries(sentOf)).toEqual({ [log.id]: [5, 7, 9, 10], another: [8] })
  })
})

describe('our renewed cosignatures of a head', () => {
  test('are sent in a note each', () => {
    const { publisher, sent } = start()
    publisher.renewed(head(5, other), [own, large.verifier], [line(5, testWitness), line(5, large)])
    expect(sent).toEqual([
      [5, 'witness.example'],
      [5, 'large.example'],
    ])
  })

  test('are sent without the first if nobody counts it', () => {
    const { publisher, sent } = start({ isHeard: () => false })
    publisher.renewed(head(5), [own, large.verifier], [line(5, testWitness), line(5, large)])
    expect(sent).toEqual([[5, 'large.example']])
  })

  test('are not sent if there are none', () => {
    const { publisher, sent } = start()
    publisher.renewed(head(5, other), [own], [])
    expect(sent).toEqual([])
  })
})

describe('new cosignatures of a head of our history', () => {
  /** A publisher after our heads of the sizes 9 to 25. */
  function advanced() {
    const parts = start()
    for (let size = 9; size <= 25; size++) cosigned(parts.publisher, size)
    parts.sent.length = 0
    const merged = (size: number, signer: SignerKey, quorumSize: number): boolean =>
      parts.publisher.merged('sync', head(size), by(size, signer), quorumSize)
    return { ...parts, merged }
  }

  test('are sent, and nothing else of the head, if they may still make a larger quorum head or complete ours', () => {
    const { merged, sent } = advanced()
    expect([merged(7, other, 6), merged(7, other, 7), merged(7, other, -1)]).toEqual([true, true, true])
    expect(sent).toEqual(Array(3).fill([7, 'second.example']))
  })

  test('are not sent if our quorum head is larger, or if only neighbours count them', () => {
    const { merged, sent } = advanced()
    expect([merged(7, other, 8), merged(7, neighbour, -1), merged(9, neighbour, -1)]).toEqual([false, false, false])
    expect(sent).toEqual([])
  })

  test('are sent if they are of one of our sixteen newest heads, whoever counts them', () => {
    const { merged, sent } = advanced()
    expect([merged(10, neighbour, 25), merged(25, neighbour, 25)]).toEqual([true, true])
    expect(sent).toEqual([
      [10, 'neighbour.example'],
      [25, 'neighbour.example'],
    ])
  })

  test('are sent, whoever counts them, if we have cosigned nothing of the log since the start', () => {
    const { publisher, sent } = start()
    expect(publisher.merged('sync', head(5), by(5, neighbour), 8)).toBe(true)
    expect(sent).toEqual([[5, 'neighbour.example']])
  })

  test('are news, and not sent, if gossip forwards the head itself', () => {
    const { publisher, sent } = start()
    expect(publisher.merged('gossip', head(5), by(5, other), -1)).toBe(true)
    expect(sent).toEqual([])
  })
})

describe('a head that a frozen log shows', () => {
  test('is sent without any cosignature, once, and a later one only if it is larger', () => {
    const { publisher, sent } = start()
    for (const size of [5, 5, 4, 6, 6, 5]) publisher.shownFrozen(head(size, other))
    expect(sent).toEqual([[5], [6]])
  })

  test('is compared with those of that log only', () => {
    const { publisher, sentOf } = start()
    publisher.shownFrozen(head(6))
    publisher.shownFrozen(elsewhere(head(5)))
    expect(Object.fromEntries(sentOf)).toEqual({ [log.id]: [6], another: [5] })
  })
})

test('a head is sent up to the size of a message, and stays here beyond it', () => {
  const { publisher, sent } = start()
  publisher.passOn('sync', padded(MAX_NOTE_BYTES + 1), padded(MAX_NOTE_BYTES + 1).logNote)
  expect(sent).toEqual([])
  publisher.passOn('sync', padded(MAX_NOTE_BYTES), padded(MAX_NOTE_BYTES).logNote)
  expect(sent).toEqual([[5]])
})
