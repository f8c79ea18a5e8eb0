/**
 * Names of stored files: each name determines the content, so that the disk need not be trusted. The name of a zip or
 * go.mod is the hash in the record. The log has no hash of answers: their name is the hash of the question, and they
 * begin with their own hash. Since the hash in a record does not depend on how a zip is packed, the file name of a zip
 * also has the SHA-256 of all its bytes, so that not a single bit can change unnoticed.
 */
import { createHash, hash } from 'node:crypto'
import { open, readFile, stat } from 'node:fs/promises'
import { errorText, GossumError } from '../errors.js'
import { goModHash } from '../module/dirhash.js'
import { MAX_GO_MOD_BYTES } from '../module/go-mod-text.js'
import { hashZip } from '../module/module-zip.js'
import { fromUtf8 } from '../tlog/bytes.js'
import type { MirrorKind } from './mirror-parts.js'

/** The largest file other than a zip, in bytes: a go.mod. Lists of versions are smaller. */
const MAX_SMALL_BYTES = MAX_GO_MOD_BYTES
/** Bytes of a zip read at a time. */
const PIECE_BYTES = 256 * 1024
/** 64 hexadecimal digits, and what they are the hash of. */
const NAME = /^[0-9a-f]{64}\.(?:zip|mod|answer)$/
/** The same for files: in the name of a zip, the hash of its bytes comes in between. */
const FILE_NAME = /^([0-9a-f]{64})\.(?:([0-9a-f]{64})\.(?=zip$))?(zip|mod|answer)$/
const HASH1 = /^h1:([A-Za-z0-9+/]{43}=)$/

/** Whether something may be stored under this name. */
export function isKeptName(name: string): boolean {
  return NAME.test(name)
}

/** The name under which a file is stored; undefined if the file is not one of ours. */
export function nameInFileName(fileName: string): string | undefined {
  const [, digits, bytes, ending] = FILE_NAME.exec(fileName) ?? []
  return digits === undefined || (ending === 'zip' && bytes === undefined) ? undefined : `${digits}.${ending!}`
}

/** The file name for content that is stored under a name, and that was written to a path. */
export async function fileNameFor(name: string, path: string): Promise<string> {
  return name.endsWith('.zip') ? name.replace(/zip$/, `${await hashOfBytes(path)}.zip`) : name
}

/** The name of a zip or go.mod with this hash; undefined if it is not `h1:` and 32 bytes in base64. */
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

/** An answer in its stored form. */
export function encodeKeptAnswer(question: string, body: Uint8Array): Uint8Array {
  const rest = Buffer.concat([Buffer.from(`${question}\n`), body])
  return Buffer.concat([Buffer.from(`${hash('sha256', rest)}\n`), rest])
}

/** The question and the answer; undefined if it is damaged. */
export function decodeKeptAnswer(
  bytes: Uint8Array,
): { readonly question: string; readonly body: Uint8Array } | undefined {
  const rest = bytes.subarray(65)
  const cut = rest.indexOf(0x0a)
  if (cut === -1 || fromUtf8(bytes.subarray(0, 65)) !== `${hash('sha256', rest)}\n`) return undefined
  return { question: fromUtf8(rest.subarray(0, cut)) ?? '', body: rest.subarray(cut + 1) }
}

/** Why a file does not match its name; undefined if it does. Throws FILE_UNREADABLE if it cannot be read. */
export async function flawOf(path: string, fileName: string): Promise<string | undefined> {
  const [, expected, bytes, ending] = FILE_NAME.exec(fileName) ?? []
  try {
    if (ending === 'zip' && bytes !== (await hashOfBytes(path)))
      return 'the hash of its bytes is not the one in its name'
    const found = ending === 'zip' ? keptName((await hashZip(path, '')).hash, 'zip') : await nameOf(path, ending)
    if (found !== undefined && found === nameInFileName(fileName)) return undefined
    return `its hash is ${found?.slice(0, 64) ?? 'none'}, but its name has ${expected ?? 'nothing'}`
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    // A bad sector is damage like any other: the next answer of an upstream replaces the file.
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
  // One buffer for all, since zips may have hundreds of megabytes.
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
    // Larger files were never put there.
    return size > MAX_SMALL_BYTES ? new Uint8Array() : await readFile(path)
  } catch (error) {
    throw unreadable(error)
  }
}

function unreadable(error: unknown): GossumError {
  return new GossumError('FILE_UNREADABLE', errorText(error), error)
}
