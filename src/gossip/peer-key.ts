/**
 * The peer key: the libp2p identity of a node, an Ed25519 key in a file of its own. It is replaceable, unlike the
 * witness key; a node with a new one is only a stranger to its peers.
 */
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { GossumError } from '../errors.js'

/** The largest key file that is read, in bytes; an Ed25519 key takes 68. */
const MAX_KEY_FILE_BYTES = 1024
/** Permission bits of group and others: a private key has none. */
const SHARED_MODE = 0o077

/**
 * Reads the peer key, or makes one when there is no file. Throws KEY_FILE_INVALID when the file is not a peer key
 * or others may read it: a key that leaked is refused rather than used.
 */
export async function loadOrCreatePeerKey(path: string): Promise<PrivateKey> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return createPeerKey(path)
    throw new GossumError('KEY_FILE_INVALID', path, error)
  }
  try {
    return await readPeerKey(path, file)
  } finally {
    await file.close()
  }
}

async function readPeerKey(path: string, file: FileHandle): Promise<PrivateKey> {
  const stat = await file.stat()
  if (!stat.isFile() || stat.size > MAX_KEY_FILE_BYTES)
    throw new GossumError('KEY_FILE_INVALID', `${path}: not a peer key`)
  // Windows has no such bits.
  if (process.platform !== 'win32' && (stat.mode & SHARED_MODE) !== 0) {
    throw new GossumError('KEY_FILE_INVALID', `${path}: its mode is ${(stat.mode & 0o777).toString(8)}`)
  }
  let key: PrivateKey
  try {
    key = privateKeyFromProtobuf(await file.readFile())
  } catch (error) {
    throw new GossumError('KEY_FILE_INVALID', `${path}: not a peer key`, error)
  }
  if (key.type !== 'Ed25519')
    throw new GossumError('KEY_FILE_INVALID', `${path}: a peer key is Ed25519, not ${key.type}`)
  return key
}

/** A crash leaves either no key file or a whole one: written beside it, flushed, then renamed into place. */
async function createPeerKey(path: string): Promise<PrivateKey> {
  const key = await generateKeyPair('Ed25519')
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await rm(temporary, { force: true })
    await writeFlushed(temporary, privateKeyToProtobuf(key))
    await rename(temporary, path)
    await flushDirectory(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw new GossumError('KEY_FILE_INVALID', `cannot write ${path}`, error)
  }
  return key
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function flushDirectory(path: string): Promise<void> {
  // Windows cannot open a directory; its rename is as durable as it gets.
  if (process.platform === 'win32') return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
