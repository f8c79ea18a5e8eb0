/**
 * The peer key: the libp2p identity of a node, an Ed25519 key in its own file. Unlike the witness key it is
 * replaceable: a node with a new one is merely a stranger to its peers.
 */
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { keyFileInvalid, readPrivateFile, writeNewPrivateFile } from '../../keys/private-file.js'

/**
 * Reads the peer key, or makes one if there is no file. Throws KEY_FILE_INVALID when the file is not a peer key or is
 * readable by others: a key that may have leaked is refused rather than used.
 */
export async function loadOrCreatePeerKey(path: string): Promise<PrivateKey> {
  const existing = await load(path)
  if (existing !== undefined) return existing
  const made = await generateKeyPair('Ed25519')
  if (await writeNewPrivateFile(path, privateKeyToProtobuf(made))) return made
  // Another process created it a moment ago.
  const theirs = await load(path)
  if (theirs === undefined) throw keyFileInvalid(path, 'it vanished while it was being created')
  return theirs
}

async function load(path: string): Promise<PrivateKey | undefined> {
  const bytes = await readPrivateFile(path)
  if (bytes === undefined) return undefined
  let key: PrivateKey
  try {
    key = privateKeyFromProtobuf(bytes)
  } catch (error) {
    throw keyFileInvalid(path, 'not a peer key', error)
  }
  if (key.type !== 'Ed25519') throw keyFileInvalid(path, `a peer key is Ed25519, not ${key.type}`)
  return key
}

/** The peer id of a peer key. */
export function peerIdOf(key: PrivateKey): string {
  return peerIdFromPrivateKey(key).toString()
}
