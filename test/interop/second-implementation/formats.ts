/**
 * The formats of docs/protocol.md, written from that page alone: nothing here may come from src, or it would only agree
 * with itself. It is not hardened against hostile input.
 */
import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'

export function sha256(...parts: readonly (string | Uint8Array)[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

// ---- keys ------------------------------------------------------------------------------------------------------

export const LOG_KEY = 0x01
export const WITNESS_KEY = 0x04

export interface Key {
  readonly vkey: string
  readonly name: string
  /** Four bytes. */
  readonly id: Buffer
  readonly publicKey: KeyObject
}

const SPKI = Buffer.from('302a300506032b6570032100', 'hex')
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

function keyOf(name: string, type: number, raw: Buffer): Key {
  const typed = Buffer.concat([Buffer.of(type), raw])
  const id = sha256(`${name}\n`, typed).subarray(0, 4)
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' })
  return { vkey: `${name}+${id.toString('hex')}+${typed.toString('base64')}`, name, id, publicKey }
}

export function readKey(vkey: string): Key {
  const [name, , ...rest] = vkey.split('+') as [string, string, ...string[]]
  const typed = Buffer.from(rest.join('+'), 'base64')
  return keyOf(name, typed[0]!, typed.subarray(1))
}

export interface Signer {
  readonly key: Key
  sign(message: string | Buffer): Buffer
}

export function makeSigner(name: string, type: number, seed: Buffer): Signer {
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
  const raw = createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(SPKI.length)
  return { key: keyOf(name, type, raw), sign: (message) => sign(null, Buffer.from(message), secret) }
}

// ---- notes -----------------------------------------------------------------------------------------------------

export interface Line {
  readonly name: string
  /** Four bytes. */
  readonly id: Buffer
  readonly signature: Buffer
  /** As in the note. */
  readonly line: string
}

export interface Note {
  /** With the line feed at its end. */
  readonly text: string
  readonly lines: readonly Line[]
}

export function readNote(note: string): Note {
  const end = note.lastIndexOf('\n\n')
  const lines = note
    .slice(end + 2)
    .split('\n')
    .slice(0, -1)
  return {
    text: note.slice(0, end + 1),
    lines: lines.map((line) => {
      const [, name, base64] = line.split(' ') as [string, string, string]
      const bytes = Buffer.from(base64, 'base64')
      return { name, id: bytes.subarray(0, 4), signature: bytes.subarray(4), line }
    }),
  }
}

export function noteLine({ name, id }: Key, signature: Buffer): string {
  return `\u2014 ${name} ${Buffer.concat([id, signature]).toString('base64')}`
}

/** A note with these lines. */
export function writeNote(text: string, ...lines: readonly string[]): string {
  return `${text}\n${lines.map((line) => `${line}\n`).join('')}`
}

export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
}

export function readCheckpoint(text: string): Checkpoint {
  const [origin, size, root] = text.split('\n') as [string, string, string]
  return { origin, size: Number(size), root: Buffer.from(root, 'base64') }
}

export function isSignedBy({ text, lines }: Note, key: Key): boolean {
  return lines.some(
    ({ name, id, signature }) =>
      name === key.name && id.equals(key.id) && verify(null, Buffer.from(text), key.publicKey, signature),
  )
}

/** The time of the cosignature by a witness, if there is one that verifies. */
export function cosignedAt({ text, lines }: Note, key: Key): number | undefined {
  for (const { name, id, signature } of lines) {
    if (name !== key.name || !id.equals(key.id)) continue
    const time = Number(signature.readBigUInt64BE(0))
    if (verify(null, Buffer.from(cosignatureText(text, time)), key.publicKey, signature.subarray(8))) return time
  }
  return undefined
}

function cosignatureText(text: string, time: number): string {
  return `cosignature/v1\ntime ${time}\n${text}`
}

export function cosignatureLine(text: string, time: number, witness: Signer): string {
  const seconds = Buffer.alloc(8)
  seconds.writeBigUInt64BE(BigInt(time))
  return noteLine(witness.key, Buffer.concat([seconds, witness.sign(cosignatureText(text, time))]))
}

// ---- of the mesh -----------------------------------------------------------------------------------------------

export function logIdOf(name: string, origin: string): string {
  return sha256(`${name}\n${origin}`).toString('hex')
}

export function messageIdOf(topic: string, data: Uint8Array): Buffer {
  return sha256(topic, Buffer.of(0), data)
}

export function identityText(peerId: string, vkey: string): string {
  return `gossum/identity/v1\n${peerId}\n${vkey}\n`
}

export function promiseText(log: string, witness: string, seq: number, time: number, head: string): string {
  return `gossum/promise/v1\n${log}\n${witness}\n${seq} ${time}\n${head}`
}

/** Two heads of one size: notes with the log's line alone. */
export function splitView(log: string, heads: readonly string[]): Buffer {
  const value = { type: 'gossum/split-view/v1', log, heads: [...heads].sort() }
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`)
}

/** A file of two records, as described in docs/protocol.md. */
export interface RecordsFile {
  readonly type: string
  readonly log: string
  readonly head: string
  readonly records: readonly [RecordInFile, RecordInFile]
}

interface RecordInFile {
  readonly id: number
  readonly text: string
  readonly proof: readonly string[]
}

/** Two records that differ, in canonical spelling. */
export function badRecord({ log, head, records }: Omit<RecordsFile, 'type'>): Buffer {
  const value = {
    type: 'gossum/bad-record/v1',
    log,
    head,
    records: records.map(({ id, text, proof }) => ({ id, text, proof })),
  }
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`)
}

/** Whether the two records convict the log. */
export function convictsByRecords({ head, records }: RecordsFile, key: Key): boolean {
  const note = readNote(head)
  const { origin, size, root } = readCheckpoint(note.text)
  const [one, other] = records
  if (!isSignedBy(note, key) || note.lines.length !== 1 || origin !== 'go.sum database tree' || one.id >= other.id)
    return false
  if (!records.every(({ id, text, proof }) => isIncluded(id, sha256(Buffer.of(0), text), size, root, proof)))
    return false
  const [a, b] = [statements(one.text), statements(other.text)]
  const differs = (of: typeof a, from: typeof a): boolean =>
    of.some(({ about, line }) => from.some((its) => its.about === about) && from.every((its) => its.line !== line))
  return differs(a, b) || differs(b, a)
}

/** The subject of each line, with the algorithm. */
function statements(text: string): { readonly about: string; readonly line: string }[] {
  return text.split('\n').flatMap((line) => {
    const [path, version, ...hash] = line.split(' ')
    const algorithm = /^([^:]+):/.exec(hash.join(' '))?.[1]
    return algorithm === undefined ? [] : [{ about: `${path} ${version} ${algorithm}`, line }]
  })
}

/** Checks an inclusion proof (RFC 9162, 2.1.3.2). */
function isIncluded(index: number, leaf: Buffer, size: number, root: Buffer, proof: readonly string[]): boolean {
  if (index >= size) return false
  let [fn, sn, hash] = [index, size - 1, leaf]
  for (const base64 of proof) {
    const sibling = Buffer.from(base64, 'base64')
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      hash = sha256(Buffer.of(1), sibling, hash)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
    } else hash = sha256(Buffer.of(1), hash, sibling)
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && hash.equals(root)
}

export function evidenceIdOf(file: Uint8Array): string {
  return sha256(file).toString('hex').slice(0, 16)
}

/** Checks a consistency proof (RFC 6962, 2.1.2; RFC 9162, 2.1.4.2) from (m, rootM) to (n, rootN), 0 < m < n. */
export function isConsistent(m: number, rootM: Buffer, n: number, rootN: Buffer, proof: readonly Buffer[]): boolean {
  const node = (left: Buffer, right: Buffer): Buffer => sha256(Buffer.of(1), left, right)
  const isPowerOfTwo = Number.isInteger(Math.log2(m))
  const path = isPowerOfTwo ? [rootM, ...proof] : [...proof]
  let [fn, sn] = [m - 1, n - 1]
  while (fn % 2 === 1) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
  const [first, ...rest] = path
  if (first === undefined) return false
  let [fr, sr] = [first, first]
  for (const hash of rest) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      fr = node(hash, fr)
      sr = node(hash, sr)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
    } else sr = node(sr, hash)
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && fr.equals(rootM) && sr.equals(rootN)
}
