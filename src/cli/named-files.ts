/** Files named on the command line: read with a size limit, where `-` is stdin, or written. */
import { createReadStream } from 'node:fs'
import { open, readFile, stat, unlink, writeFile } from 'node:fs/promises'
import { errorText, GossumError } from '../errors.js'
import { PUBLIC, PUBLIC_POLICY } from '../config/public-policy.js'
import { equalBytes, utf8 } from '../tlog/bytes.js'
import { readAtMost } from './read-at-most.js'

/** Whether a file could not be read because it does not exist. */
export function isMissingFile(error: unknown): boolean {
  const cause = error instanceof GossumError ? (error.cause as NodeJS.ErrnoException | undefined) : undefined
  return cause?.code === 'ENOENT'
}

/** The bytes of a file, or of stdin for `-`. Throws FILE_UNREADABLE, also when there are more than `most` bytes. */
export async function readFileBounded(path: string, most: number): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined
  try {
    bytes = await readAtMost(path === '-' ? process.stdin : createReadStream(path), most)
  } catch (error) {
    throw new GossumError('FILE_UNREADABLE', errorText(error), error)
  }
  if (bytes === undefined) throw new GossumError('FILE_UNREADABLE', `${path}: larger than ${most} bytes`)
  return bytes
}

/** The bytes of a policy: of a file, of stdin for `-`, or of the built-in policy for `public`. */
export async function readPolicyFile(path: string, most: number): Promise<Uint8Array> {
  return path === PUBLIC ? utf8(PUBLIC_POLICY) : readFileBounded(path, most)
}

/** Writes a file, replacing its content. Throws FILE_UNWRITABLE. */
export async function writeFileAnew(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(path, bytes)
  } catch (error) {
    throw new GossumError('FILE_UNWRITABLE', errorText(error), error)
  }
}

/**
 * Writes a file that does not exist yet or already has this content; never replaces another. Throws FILE_UNWRITABLE.
 */
export async function writeFileOnce(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const handle = await open(path, 'wx')
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } catch (error) {
      // A partial file would block a later attempt.
      await unlink(path)
      throw error
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (await holds(path, bytes)) return
    throw new GossumError('FILE_UNWRITABLE', errorText(error), error)
  }
}

async function holds(path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    const found = await stat(path)
    return found.isFile() && found.size === bytes.length && equalBytes(await readFile(path), bytes)
  } catch {
    return false
  }
}
