import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importWitnessKey } from '../../src/keys/import.js'
import { loadOrCreateWitnessKey, loadWitnessVerifier } from '../../src/keys/key-file.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { formatSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { gossum, jsonError } from '../helpers/cli.js'
import { temporaryHome } from '../helpers/home.js'
import { HAS_OPENSSH, newSshKey } from '../helpers/openssh.js'

/** A key that golang.org/x/mod/sumdb/note made for its own tests (test/vectors/notes.json has its notes). */
const GO_SKEY = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz'
const WITNESS_SKEY = formatSignerKey('w.example/1', SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(7))

function keyFile(text: string, mode = 0o600): string {
  const path = join(temporaryHome(), 'key')
  writeFileSync(path, text, { mode })
  return path
}

function newPath(): string {
  return join(temporaryHome(), 'home', 'witness.key')
}

describe('an imported witness key', () => {
  it('from a witness key file stays the same, with its name', async () => {
    const path = newPath()
    const { verifier, wasLogKey } = await importWitnessKey(path, keyFile(`${WITNESS_SKEY}\n`))
    expect(verifier.name).toBe('w.example/1')
    expect(wasLogKey).toBeUndefined()
    expect(readFileSync(path, 'utf8')).toBe(`${WITNESS_SKEY}\n`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect((await loadWitnessVerifier(path))?.vkey).toBe(verifier.vkey)
    await expect(importWitnessKey(newPath(), keyFile(WITNESS_SKEY), 'another')).rejects.toMatchObject({ code: 'USAGE' })
    await importWitnessKey(newPath(), keyFile(WITNESS_SKEY), 'w.example/1')
  })

  it("from Go's signer key of a log is another key with the same secret, under its name or a new one", async () => {
    for (const name of [undefined, 'w.example/2']) {
      const path = newPath()
      const { verifier, wasLogKey } = await importWitnessKey(path, keyFile(`${GO_SKEY}\n`), name)
      expect(wasLogKey).toMatchObject({ name: 'PeterNeumann', keyId: 'c74f20a3', type: 0x01 })
      expect(verifier).toMatchObject({ name: name ?? 'PeterNeumann', type: 0x04 })
      expect(verifier.keyId).not.toBe('c74f20a3')
      expect(verifier.publicKey).toEqual(wasLogKey!.publicKey)
      const { signer } = await loadOrCreateWitnessKey(path)
      expect(wasLogKey!.verify(utf8('hello'), await signer.sign(utf8('hello')))).toBe(true)
    }
  })

  it.runIf(HAS_OPENSSH)('from an OpenSSH key is the key of its .pub file, and needs a name', async () => {
    const key = newSshKey('-C', 'somebody with a long comment, as people have them: '.repeat(30))
    await expect(importWitnessKey(newPath(), key.path)).rejects.toMatchObject({ code: 'USAGE' })
    const path = newPath()
    const { verifier } = await importWitnessKey(path, key.path, 'w.example/3')
    expect(verifier).toMatchObject({ name: 'w.example/3', type: 0x04, publicKey: key.publicKey })
    const { signer } = await loadOrCreateWitnessKey(path)
    expect(verifier.verify(utf8('hello'), await signer.sign(utf8('hello')))).toBe(true)
  })

  it('replaces no key', async () => {
    const path = newPath()
    await importWitnessKey(path, keyFile(WITNESS_SKEY))
    await expect(importWitnessKey(path, keyFile(GO_SKEY))).rejects.toMatchObject({ code: 'KEY_EXISTS' })
    expect(readFileSync(path, 'utf8')).toBe(`${WITNESS_SKEY}\n`)
  })

  it.each([
    ['that others can read', () => keyFile(WITNESS_SKEY, 0o644), 'KEY_FILE_INVALID'],
    ['that is no key', () => keyFile('hello\n'), 'KEY_FILE_INVALID'],
    ['that is empty', () => keyFile(''), 'KEY_FILE_INVALID'],
    [
      'of a verifier key',
      () => keyFile('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'),
      'KEY_FILE_INVALID',
    ],
    ['with another id', () => keyFile(GO_SKEY.replace('c74f20a3', 'c74f20a4')), 'KEY_FILE_INVALID'],
    [
      'of an ML-DSA-44 key',
      () => keyFile(formatSignerKey('w', SIGNATURE_TYPES.mlDsa, new Uint8Array(32))),
      'KEY_FILE_INVALID',
    ],
    ['with a second line', () => keyFile(`${GO_SKEY}\n${WITNESS_SKEY}\n`), 'KEY_FILE_INVALID'],
    ['that is too large', () => keyFile(`${WITNESS_SKEY}${'\n'.repeat(20_000)}`), 'KEY_FILE_INVALID'],
    ['that is a directory', () => temporaryHome(), 'KEY_FILE_INVALID'],
    ['that is missing', () => join(temporaryHome(), 'none'), 'FILE_UNREADABLE'],
  ])('from a file %s is refused, and none is made', async (_what, file, code) => {
    const path = newPath()
    const from = file()
    const error = (await importWitnessKey(path, from, undefined).catch((thrown: unknown) => thrown)) as Error
    expect(error).toMatchObject({ code })
    expect(error.message).toContain(from)
    expect(error.message).not.toContain(GO_SKEY.slice(-30))
    expect(await loadWitnessVerifier(path)).toBeUndefined()
  })

  it.each(['a+b', 'a b', ''])('cannot have the name %j', async (name) => {
    const path = newPath()
    await expect(importWitnessKey(path, keyFile(GO_SKEY), name)).rejects.toMatchObject({ code: 'KEY_MALFORMED' })
    expect(await loadWitnessVerifier(path)).toBeUndefined()
  })
})

describe('gossum key import', () => {
  it('reports what a log key becomes, and makes both keys', async () => {
    const from = keyFile(`${GO_SKEY}\n`)
    const home = join(temporaryHome(), 'home')
    const made = await gossum(['key', 'import', from, '--name', 'w.example/1', '--json'], { home })
    expect(made.code, made.stderr).toBe(0)
    const keys = JSON.parse(made.stdout) as { witness: string; peerId: string }
    expect(keys.witness).toMatch(/^w\.example\/1\+[0-9a-f]{8}\+B/)
    expect(keys.peerId).toMatch(/^12D3KooW/)
    expect(made.stderr).toContain('that was the key of a log, PeterNeumann+c74f20a3')
    expect(made.stdout + made.stderr).not.toContain(GO_SKEY.slice(-30))
    expect((await gossum(['key', 'show', '--json'], { home })).stdout).toBe(made.stdout)

    const again = await gossum(['key', 'import', from, '--json'], { home })
    expect(again.code).toBe(1)
    expect(jsonError(again).code).toBe('KEY_EXISTS')
  })

  it.runIf(HAS_OPENSSH)('suggests ssh-agent for a key with a passphrase', async () => {
    const key = newSshKey('-N', 'a passphrase', '-a', '1')
    const home = temporaryHome()
    const refused = await gossum(['key', 'import', key.path, '--name', 'w', '--json'], { home })
    expect(refused.code).toBe(1)
    expect(jsonError(refused)).toMatchObject({
      code: 'KEY_FILE_INVALID',
      message: expect.stringContaining('encrypted') as string,
      hint: expect.stringContaining('ssh-agent') as string,
    })
  })
})
