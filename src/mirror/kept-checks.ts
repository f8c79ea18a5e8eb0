/**
 * What is kept, by name: each name says what must be in the file, so that a disk need not be believed. Zips and go.mod
 * files have their hash for a name. Answers, for which there is no hash in the log, have that of the question, and begin
 * with their own.
 */
import { hash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { errorText, GossumError } from '../errors.js'
import { goModHash } from '../module/dirhash.js'
import { MAX_GO_MOD_BYTES } from '../module/go-mod-text.js'
import { hashZip } from '../module/module-zip.js'
import { fromUtf8 } from '../tlog/bytes.js'
import type { MirrorKind } from './mirror-parts.js'

/** The largest answer that is kept, in bytes: a list of versions. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024
/** 64 hexadecimal digits, and what they are the hash of. */
const NAME = /^([0-9a-f]{64})\.(zip|mod|answer)$/
const HASH1 = /^h1:([A-Za-z0-9+/]{43}=)$/

/** Whether a file of this name may be among what is kept. */
export function isKeptName(name: string): boolean {
  return NAME.test(name)
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
export function encodeAnswer(question: string, body: Uint8Array): Uint8Array {
  const rest = Buffer.concat([Buffer.from(`${question}\n`), body])
  return Buffer.concat([Buffer.from(`${hash('sha256', rest)}\n`), rest])
}

/** The question and what was answered; undefined for a damaged one. */
export function decodeAnswer(bytes: Uint8Array): { readonly question: string; readonly body: Uint8Array } | undefined {
  const rest = bytes.subarray(65)
  const cut = rest.indexOf(0x0a)
  if (cut === -1 || fromUtf8(bytes.subarray(0, 65)) !== `${hash('sha256', rest)}\n`) return undefined
  return { question: fromUtf8(rest.subarray(0, cut)) ?? '', body: rest.subarray(cut + 1) }
}

/** Why a file is not what its name says; undefined for a good one. Throws FILE_UNREADABLE for what cannot be read. */
export async function flawOf(file: string, name: string): Promise<string | undefined> {
  const [, expected, ending] = NAME.exec(name) ?? []
  if (ending === undefined) return 'no name of a file that is kept'
  try {
    const found =
      ending === 'zip' ? keptName((await hashZip(file, '')).hash, 'zip') : nameOf(await readSmall(file), ending)
    return found === name ? undefined : `its hash is ${found?.slice(0, 64) ?? 'none'}, where its name says ${expected!}`
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    // A sector that went bad is damage as any other: the next answer of an upstream takes its place.
    const isDamage =
      error.code === 'MODULE_ZIP_INVALID' || (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EIO'
    if (isDamage) return error.detail
    throw error
  }
}

function nameOf(bytes: Uint8Array, ending: string): string | undefined {
  if (ending === 'mod') return keptName(goModHash(bytes), 'mod')
  const answer = decodeAnswer(bytes)
  return answer && answerName(answer.question)
}

async function readSmall(file: string): Promise<Uint8Array> {
  try {
    const most = Math.max(MAX_GO_MOD_BYTES, MAX_ANSWER_BYTES)
    const { size } = await stat(file)
    // What is larger was never put there.
    return size > most ? new Uint8Array() : await readFile(file)
  } catch (error) {
    throw new GossumError('FILE_UNREADABLE', errorText(error), error)
  }
}
