import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadOrCreatePeerKey } from '../../../src/gossip/host/peer-key.js'

describe('the peer key', () => {
  let folder: string
  let path: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gossum-peer-key-'))
    path = join(folder, 'peer.key')
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('is made once, for its owner only, and stays the same', async () => {
    const first = await loadOrCreatePeerKey(path)
    expect(first.type).toBe('Ed25519')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['peer.key'])
    expect(new Uint8Array(await readFile(path))).toEqual(new Uint8Array(privateKeyToProtobuf(first)))
    const again = await loadOrCreatePeerKey(path)
    expect(again.equals(first)).toBe(true)
  })

  it('tolerates what a crash left next to it', async () => {
    await writeFile(`${path}.0a1b2c3d.tmp`, 'half a key')
    const made = await loadOrCreatePeerKey(path)
    expect((await loadOrCreatePeerKey(path)).equals(made)).toBe(true)
  })

  it.each([0o604, 0o644])('is refused when others may use it: mode %o', async (mode) => {
    await loadOrCreatePeerKey(path)
    await chmod(path, mode)
    await expect(loadOrCreatePeerKey(path)).rejects.toMatchObject({
      code: 'KEY_FILE_INVALID',
      detail: expect.stringContaining(mode.toString(8)) as string,
    })
  })

  it('is refused when it is none, and never replaced', async () => {
    for (const bytes of ['', 'not a key', 'x'.repeat(2000)]) {
      await writeFile(path, bytes, { mode: 0o600 })
      await expect(loadOrCreatePeerKey(path)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' })
      expect(await readFile(path, 'utf8')).toBe(bytes)
    }
  })

  it('is refused when it is of another kind', async () => {
    await writeFile(path, privateKeyToProtobuf(await generateKeyPair('secp256k1')), { mode: 0o600 })
    await expect(loadOrCreatePeerKey(path)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' })
  })

  it('is refused when it is a folder, or cannot be written', async () => {
    await mkdir(path)
    await expect(loadOrCreatePeerKey(path)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' })
    await writeFile(join(folder, 'file'), '')
    await expect(loadOrCreatePeerKey(join(folder, 'file', 'key'))).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' })
  })
})
