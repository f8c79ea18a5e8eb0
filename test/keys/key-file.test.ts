import { chmod, chown, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createWitnessKey,
  loadOrCreateLogKey,
  loadOrCreateWitnessKey,
  loadWitnessVerifier,
} from '../../src/keys/key-file.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { formatSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'

let home: string
let path: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'gossum-keys-'))
  path = join(home, 'deep', 'er', 'witness.key')
})
afterEach(() => rm(home, { recursive: true }))

describe('the witness key', () => {
  it('is made once, private, and is found again', async () => {
    const made = await loadOrCreateWitnessKey(path, 'w.example/1')
    expect(made.created).toBe(true)
    expect(made.signer.verifier).toMatchObject({ name: 'w.example/1', type: SIGNATURE_TYPES.cosignature })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(home, 'deep'))).mode & 0o777).toBe(0o700)
    expect(await readdir(join(home, 'deep', 'er'))).toEqual(['witness.key'])

    const again = await loadOrCreateWitnessKey(path, 'another')
    expect(again.created).toBe(false)
    expect(again.signer.verifier.vkey).toBe(made.signer.verifier.vkey)
    const message = utf8('hello')
    expect(made.signer.verifier.verify(message, await again.signer.sign(message))).toBe(true)
  })

  it('has a unique name if none is given', async () => {
    const [a, b] = [await createWitnessKey(join(home, 'a')), await createWitnessKey(join(home, 'b'))]
    expect(a.verifier.name).toMatch(/^gossum-[0-9a-f]{8}$/)
    expect(a.verifier.name).not.toBe(b.verifier.name)
  })

  it('is never overwritten, even if many callers make it at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateWitnessKey(path)))
    expect(new Set(all.map(({ signer }) => signer.verifier.vkey)).size).toBe(1)
    expect(all.filter(({ created }) => created)).toHaveLength(1)
    const before = await readFile(path)
    await expect(createWitnessKey(path, 'w')).rejects.toMatchObject({ code: 'KEY_EXISTS' })
    expect(await readFile(path)).toEqual(before)
    expect(await readdir(join(home, 'deep', 'er'))).toEqual(['witness.key'])
  })

  it('is not made by loading it', async () => {
    expect(await loadWitnessVerifier(path)).toBeUndefined()
    expect(await readdir(home)).toEqual([])
  })

  it.each([0o644, 0o604, 0o602, 0o700 | 0o001])('is refused with the mode %o', async (mode) => {
    await loadOrCreateWitnessKey(path)
    await chmod(path, mode)
    await expect(loadOrCreateWitnessKey(path)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' })
  })

  it.skipIf(process.getuid?.() !== 0).each([0o640, 0o660])(
    'is refused with the mode %o of a group that has other members',
    async (mode) => {
      await loadOrCreateWitnessKey(path)
      await chown(path, 0, 1)
      await chmod(path, mode)
      await expect(loadOrCreateWitnessKey(path)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' })
    },
  )

  it.each(['', '\n', 'hello\n', 'PRIVATE+KEY+w+00000000+AAAA\n', `PRIVATE+KEY+${'x'.repeat(2000)}`])(
    'is refused if its file contains %j, and stays unchanged',
    async (text) => {
      const file = join(home, 'witness.key')
      await writeFile(file, text, { mode: 0o600 })
      await expect(loadOrCreateWitnessKey(file)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' })
      expect(await readFile(file, 'utf8')).toBe(text)
    },
  )

  it('is refused if it is a log key or a directory, without the secret in an error', async () => {
    const file = join(home, 'witness.key')
    const secret = formatSignerKey('w', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))
    await writeFile(file, `${secret}\n`, { mode: 0o600 })
    const error = await loadOrCreateWitnessKey(file).catch((thrown: unknown) => thrown as Error & { code: string })
    expect(error).toMatchObject({ code: 'KEY_FILE_INVALID' })
    expect(JSON.stringify([(error as Error).message, (error as Error).stack])).not.toContain(secret.slice(-20))
    await expect(loadOrCreateWitnessKey(home)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' })
  })

  it('is not made at a link to nowhere', async () => {
    const file = join(home, 'witness.key')
    await symlink(join(home, 'nowhere'), file)
    await expect(loadOrCreateWitnessKey(file)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' })
    expect(await readdir(home)).toEqual(['witness.key'])
  })

  it('cannot have an impossible name', async () => {
    await expect(loadOrCreateWitnessKey(path, 'a+b')).rejects.toMatchObject({ code: 'KEY_MALFORMED' })
    await expect(loadOrCreateWitnessKey(path, 'a b')).rejects.toMatchObject({ code: 'KEY_MALFORMED' })
    expect(await readdir(home)).toEqual([])
  })
})

describe('the log key', () => {
  it('has the type of a log, and is refused as a witness key', async () => {
    const { signer } = await loadOrCreateLogKey(path, 'log.example')
    expect(signer.verifier).toMatchObject({ name: 'log.example', type: SIGNATURE_TYPES.ed25519 })
    await expect(loadOrCreateWitnessKey(path)).rejects.toMatchObject({ code: 'KEY_FILE_INVALID' })
  })
})
