/**
 * What is kept, by name: each name says what must be in the file, so that a disk need not be believed. Zips and go.mod
 * files have the hash of the record for a name. Answers, for which there is no hash in the log, have that of the question,
 * and begin with their own. The hash of a record says nothing of how a zip is packed, so that its file's name has the
 * SHA-256 of all its bytes, too: there is no bit in it that may flip.
 */
import { createHash, hash } from 'node:crypto'
import { open, readFile, stat } from 'node:fs/promises'
import { errorText, GossumError } from '../errors.js'
import { goModHash } from '../module/dirhash.js'
import { MAX_GO_MOD_BYTES } from '../module/go-mod-text.js'
import { hashZip } from '../module/module-zip.js'
import { fromUtf8 } from '../tlog/bytes.js'
import type { MirrorKind } from './mirror-parts.js'

/** The largest file that is no zip, in bytes: a go.mod. Lists of versions are smaller. */
const MAX_SMALL_BYTES = MAX_GO_MOD_BYTES
/** Bytes of a zip that are read at a time. */
const PIECE_BYTES = 256 * 1024
/** 64 hexadecimal digits, and what they are the hash of. */
const NAME = /^[0-9a-f]{64}\.(?:zip|mod|answer)$/
/** The same as files have it: of a zip with the hash of its bytes in between. */
const FILE_NAME = /^([0-9a-f]{64})\.(?:([0-9a-f]{64})\.(?=zip$))?(zip|mod|answer)$/
const HASH1 = /^h1:([A-Za-z0-9+/]{43}=)$/

/** Whether something may be kept under this name. */
export function isKeptName(name: string): boolean {
  return NAME.test(name)
}

/** The name that a file of this name is kept under; undefined for one that is none of ours. */
export function nameInFileName(fileName: string): string | undefined {
  const [, digits, bytes, ending] = FILE_NAME.exec(fileName) ?? []
  return digits === undefined || (ending === 'zip' && bytes === undefined) ? undefined : `${digits}.${ending!}`
}

/** What the file is called that is kept under a name, and that was written to a path. */
export async function fileNameFor(name: string, path: string): Promise<string> {
  return name.endsWith('.zip') ? name.replace(/zip$/, `${await hashOfBytes(path)}.zip`) : name
}

/** The name of a zip or go.mod of this hash; undefined for what is no `h1:` and 32 bytes in base64. */
export function keptName(hash1: string, kind: MirrorKind): string | undefined {
  const base64 = HASH1.exec(hash1)?.[1]
  if (base64 === undefined) return undefined
  const bytes = Buffer.from(base64, 'base64')
  return bytes.toString('base64') === base64 ? `${bytes.toString('hex')}.${kind}` : undefined
}

/** The name of the answer to a question, which is one line. */
export function answerName(question: string): string {
  return `${hash('sha256', question)}.answer`
}

/** An answer as it is kept. */
export function encodeKeptAnswer(question: string, body: Uint8Array): Uint8Array {
  const rest = Buffer.concat([Buffer.from(`${question}\n`), body])
  return Buffer.concat([Buffer.from(`${hash('sha256', rest)}\n`), rest])
}

/** The question and what was answered; undefined for a damaged one. */
export function decodeKeptAnswer(
  bytes: Uint8Array,
): { readonly question: string; readonly body: Uint8Array } | undefined {
  const rest = bytes.subarray(65)
  const cut = rest.indexOf(0x0a)
  if (cut === -1 || fromUtf8(bytes.subarray(0, 65)) !== `${hash('sha256', rest)}\n`) return undefined
  return { question: fromUtf8(rest.subarray(0, cut)) ?? '', body: rest.subarray(cut + 1) }
}

/** Why a file is not what its name says; undefined for a good one. Throws FILE_UNREADABLE for what cannot be read. */
export async function flawOf(path: string, fileName: string): Promise<string | undefined> {
  const [, expected, bytes, ending] = FILE_NAME.exec(fileName) ?? []
  try {
    if (ending === 'zip' && bytes !== (await hashOfBytes(path))) return 'the hash of its bytes is not that in its name'
    const found = ending === 'zip' ? keptName((await hashZip(path, '')).hash, 'zip') : await nameOf(path, ending)
    if (found !== undefined && found === nameInFileName(fileName)) return undefined
    return `its hash is ${found?.slice(0, 64) ?? 'none'}, where its name says ${expected ?? 'nothing'}`
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    // A sector that went bad is damage as any other: the next answer of an upstream takes its place.
    const { code } = (error.cause ?? {}) as NodeJS.ErrnoException
    if (error.code === 'MODULE_ZIP_INVALID' || code === 'EIO') return error.detail
    throw error
  }
}

async function nameOf(path: string, ending: string | undefined): Promise<string | undefined> {
  const bytes = await readSmall(path)
  if (ending === 'mod') return keptName(goModHash(bytes), 'mod')
  const answer = decodeKeptAnswer(bytes)
  return answer && answerName(answer.question)
}

async function hashOfBytes(path: string): Promise<string> {
  const sum = createHash('sha256')
  // One piece of memory for all, for zips may have hundreds of megabytes.
  const piece = Buffer.allocUnsafe(PIECE_BYTES)
  try {
    const handle = await open(path, 'r')
    try {
      for (;;) {
        const { bytesRead } = await handle.read(piece, 0, piece.length, null)
        if (bytesRead === 0) break
        sum.update(piece.subarray(0, bytesRead))
      }
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw unreadable(error)
  }
  return sum.digest('hex')
}

async function readSmall(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    // What is larger was never put there.
    return size > MAX_SMALL_BYTES ? new Uint8Array() : await readFile(path)
  } catch (error) {
    throw unreadable(error)
  }
}

function unreadable(error: unknown): GossumError {
  return new GossumError('FILE_UNREADABLE', errorText(error), error)
}
