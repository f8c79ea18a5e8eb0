/**
 * A distributor of transparency-dev, in memory: strict about what it accepts, and it serves what it was given. It has
 * one log, and the witnesses that it knows.
 */
import { toHex, utf8, fromUtf8 } from '../../src/tlog/bytes.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { verifyCosignature } from '../../src/tlog/cosignature.js'
import { formatHash, sha256 } from '../../src/tlog/hash.js'
import {
  formatNote,
  isBy,
  isCanonicalNote,
  parseNote,
  verifyNote,
  type Note,
  type Signature,
  type VerifierKey,
} from '../../src/tlog/note.js'
import type { Asked, Reply } from './place.js'

interface Held {
  readonly note: Note
  readonly size: number
}

export class FakeDistributor {
  readonly #id: string
  readonly #log: VerifierKey
  readonly #witnesses: readonly VerifierKey[]
  /** The latest head of each witness, by its key name. */
  readonly #latest = new Map<string, Held>()

  constructor(origin: string, log: VerifierKey, witnesses: readonly VerifierKey[]) {
    this.#id = toHex(sha256(utf8(`o:${origin}`)))
    this.#log = log
    this.#witnesses = witnesses
  }

  readonly answer = ({ method, path, body }: Pick<Asked, 'method' | 'path' | 'body'>): Reply => {
    const [, version, logs, id, ...rest] = path.slice(1).split('/')
    if (version !== 'v0' || logs !== 'logs') return { status: 404, body: 'no such page' }
    if (id !== this.#id) return { status: 400, body: 'unknown log' }
    const [first, name, last] = rest
    if (rest.length === 1) return this.#checkpoint(/^checkpoint\.(\d+)$/.exec(first!)?.[1] ?? '')
    if (rest.length !== 3 || first !== 'byWitness' || last !== 'checkpoint') return { status: 404 }
    return method === 'PUT' ? this.#put(decodeURIComponent(name!), body) : this.#byWitness(decodeURIComponent(name!))
  }

  #put(name: string, body: Uint8Array): Reply {
    const bad = (why: string): Reply => ({ status: 400, body: why })
    const key = this.#witnesses.find((known) => known.name === name)
    if (key === undefined) return bad('unknown witness')
    let held: Held
    let lines: Signature[]
    try {
      const note = parseNote(body)
      lines = [verifyNote(note, this.#log)]
      const own = note.signatures.find((signature) => isBy(signature, key))
      if (own === undefined) return bad('not cosigned')
      verifyCosignature(note.text, own, key)
      lines.push(own)
      // Stricter than the distributor: our node sends nothing that it would have to drop.
      if (!isCanonicalNote(body, note) || note.signatures.length !== 2) return bad('not two lines')
      held = { note: { text: note.text, signatures: lines }, size: parseCheckpoint(note.text).size }
    } catch {
      return bad('invalid')
    }
    const before = this.#latest.get(name)
    if (before !== undefined && before.size > held.size) return bad('smaller')
    if (before?.size === held.size && before.note.text !== held.note.text) return { status: 500, body: 'inconsistent' }
    this.#latest.set(name, held)
    return { status: 200 }
  }

  #byWitness(name: string): Reply {
    const held = this.#latest.get(name)
    return held === undefined ? { status: 404 } : { status: 200, body: formatNote(held.note) }
  }

  /** The largest head that this many witnesses have cosigned, with their lines. */
  #checkpoint(digits: string): Reply {
    const count = Number(digits)
    if (!/^[1-9]\d*$/.test(digits) || count > 100) return { status: 400, body: 'bad N' }
    const byText = new Map<string, Held[]>()
    for (const held of this.#latest.values()) byText.set(held.note.text, [...(byText.get(held.note.text) ?? []), held])
    const enough = [...byText.values()].filter((same) => same.length >= count)
    const [best] = enough.sort(([a], [b]) => b!.size - a!.size)
    if (best === undefined) return { status: 404, body: 'no such checkpoint' }
    const { text, signatures } = best[0]!.note
    return {
      status: 200,
      body: formatNote({ text, signatures: [signatures[0]!, ...best.map(({ note }) => note.signatures[1]!)] }),
    }
  }

  /** The heads held, by key name: size and root. */
  get held(): Record<string, string> {
    return Object.fromEntries(
      [...this.#latest].map(([name, { note }]) => {
        const { size, root } = parseCheckpoint(note.text)
        return [name, `${size} ${formatHash(root)}`]
      }),
    )
  }
}

/** Submits the head of a witness. */
export function publish(distributor: FakeDistributor, origin: string, note: Uint8Array): Reply {
  const name = parseNote(note).signatures[1]!.name
  const id = toHex(sha256(utf8(`o:${origin}`)))
  const path = `/distributor/v0/logs/${id}/byWitness/${encodeURIComponent(name)}/checkpoint`
  return distributor.answer({ method: 'PUT', path, body: note })
}

/** The body of an answer as text. */
export function bodyOf({ body }: Reply): string {
  return typeof body === 'string' ? body : (fromUtf8(body ?? new Uint8Array()) ?? '')
}
