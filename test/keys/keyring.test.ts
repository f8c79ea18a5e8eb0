/** The keys of a home: made automatically only if nothing was signed yet, and never one key for two logs. */
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.js'
import { createSecondKey } from '../../src/keys/key-file.js'
import { createAuditorKey, createLogKey, keyMissing, readKeyring } from '../../src/keys/keyring.js'
import { createNode } from '../../src/node/node.js'
import { formatSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { push, PushingLog } from '../helpers/witness-client.js'

const [A, B] = ['a'.repeat(64), 'b'.repeat(64)]
const names = (home: string): string[] => readdirSync(home, { recursive: true, encoding: 'utf8' }).sort()
const thrown = (doing: Promise<unknown>) =>
  doing.then(
    () => ({ code: 'none', message: '', hint: '' }),
    (error: unknown) => error as { code: string; message: string; hint: string },
  )

describe('a home without a witness key', () => {
  test('gets one if it is empty or missing', async () => {
    const home = join(temporaryHome(), 'not', 'there')
    const made = await readKeyring(home, { name: 'w.example' })
    expect(made.first.verifier.name).toBe('w.example')
    expect(made.fresh).toBe(true)
    const again = await readKeyring(home, { name: 'other.example' })
    expect([again.first.verifier.vkey, again.fresh]).toEqual([made.first.verifier.vkey, false])
  })

  test('gets one despite files that no witness wrote', async () => {
    const home = temporaryHome()
    for (const file of ['peer.key', 'logs.json', 'notes.txt']) writeFileSync(join(home, file), '')
    // What is left by a crash during the first opening of a database.
    mkdirSync(join(home, 'db'))
    for (const file of ['LOCK', 'LOG', 'CURRENT']) writeFileSync(join(home, 'db', file), '')
    expect((await readKeyring(home, {})).fresh).toBe(true)
  })

  test.each([
    'journal',
    'journal.1',
    'guard',
    'db/000003.log',
    'db/000005.ldb',
    'witness-ml-dsa.key',
    'auditor.key',
    `keys/${A}.key`,
  ])('gets none next to %s, because a key has signed here', async (path) => {
    const home = temporaryHome()
    mkdirSync(join(home, path, '..'), { recursive: true })
    writeFileSync(join(home, path), '')
    const before = names(home)
    const error = await thrown(readKeyring(home, {}))
    expect(error.code).toBe('KEY_MISSING')
    expect(error.message).toContain(join(home, 'witness.key'))
    expect(error.message).toContain(path.startsWith('db/') ? 'db shows' : `${path} shows`)
    expect(error.hint).toMatch(/from its backup, or start a new witness in a new --home/)
    expect(names(home)).toEqual(before)
    expect(keyMissing(home).message).toBe(error.message)
  })

  test('prevents the start of a node that has signed, until the key is back', async () => {
    const home = temporaryHome()
    const log = new PushingLog(testSigner('log.example', 1))
    const config = () =>
      loadConfig(
        { home, log: [`${log.signer.verifier.vkey} -`], listen: [], http: '127.0.0.1:0', name: 'w.example' },
        { env: {} },
      )
    const node = await createNode(config())
    expect((await push(node.http, log.body(0, 5))).status).toBe(200)
    await node.stop()
    const path = join(home, 'witness.key')
    const key = readFileSync(path)
    rmSync(path)
    expect((await thrown(createNode(config()))).code).toBe('KEY_MISSING')
    expect(names(home)).not.toContain('witness.key')
    writeFileSync(path, key, { mode: 0o600 })
    const again = await createNode(config())
    expect(again.witness).toBe(node.witness)
    await again.stop()
  })

  test('is reported as unusable if it cannot be written', async () => {
    const file = join(temporaryHome(), 'file')
    writeFileSync(file, '')
    expect((await thrown(readKeyring(file, {}))).code).toBe('HOME_UNUSABLE')
  })
})

describe('a log’s own key', () => {
  async function homeOf() {
    const home = temporaryHome()
    const keyring = await readKeyring(home, { name: 'w.example' })
    return { home, keyring, path: (log: string) => join(home, 'keys', `${log}.key`) }
  }

  test('is a private file, and cosigns that log in place of the shared keys', async () => {
    const { home, keyring, path } = await homeOf()
    const second = await createSecondKey(join(home, 'witness-ml-dsa.key'), 'w.example')
    const own = await createLogKey(home, A, 'w.example/a', keyring)
    expect(own.verifier.type).toBe(SIGNATURE_TYPES.cosignature)
    expect(statSync(path(A)).mode & 0o777).toBe(0o600)
    const all = await readKeyring(home, {})
    expect(all.of(A).map(({ verifier }) => verifier.vkey)).toEqual([own.verifier.vkey])
    const shared = [keyring.first, second].map(({ verifier }) => verifier.vkey)
    expect(all.of(B).map(({ verifier }) => verifier.vkey)).toEqual(shared)
    expect(all.verifiers.map(({ vkey }) => vkey)).toEqual([...shared, own.verifier.vkey])
  })

  test.each(['a log’s own key', 'an ML-DSA key'])(
    'next to %s a witness key of the operator is not fresh',
    async (which) => {
      const { home, keyring } = await homeOf()
      if (which === 'an ML-DSA key') await createSecondKey(join(home, 'witness-ml-dsa.key'), 'w.example')
      else await createLogKey(home, A, 'w.example/a', keyring)
      rmSync(join(home, 'witness.key'))
      // The operator made a new one deliberately: then it was not made by this start.
      writeFileSync(join(home, 'witness.key'), `${formatSignerKey('w.example', 0x04, new Uint8Array(32).fill(5))}\n`, {
        mode: 0o600,
      })
      expect((await readKeyring(home, {})).fresh).toBe(false)
    },
  )

  test('is never overwritten, and shares its name with no other key of the home', async () => {
    const { home, keyring, path } = await homeOf()
    const taken = await thrown(createLogKey(home, A, 'w.example', keyring))
    expect(taken).toMatchObject({ code: 'KEY_FILE_INVALID' })
    expect(taken.message).toContain('w.example is the name')
    expect(names(home)).toEqual(['witness.key'])
    await createLogKey(home, A, 'w.example/a', keyring)
    const before = createHash('sha256')
      .update(readFileSync(path(A)))
      .digest('hex')
    expect((await thrown(createLogKey(home, A, 'w.example/other', keyring))).code).toBe('KEY_EXISTS')
    expect(
      createHash('sha256')
        .update(readFileSync(path(A)))
        .digest('hex'),
    ).toBe(before)
    const two = await readKeyring(home, {})
    expect((await thrown(createLogKey(home, B, 'w.example/a', two))).code).toBe('KEY_FILE_INVALID')
  })

  test.each<[string, (home: string, path: (log: string) => string) => void, RegExp]>([
    [
      'is copied for another log',
      (_home, path) => copyFileSync(path(A), path(B)),
      /it is also another key of this home/,
    ],
    [
      'has the secret of the witness key under another name',
      (home, path) => {
        const line = readFileSync(join(home, 'witness.key'), 'utf8').trim()
        const secret = /^PRIVATE\+KEY\+[^+]+\+[^+]+\+(.*)$/.exec(line)![1]!
        const seed = Buffer.from(secret, 'base64').subarray(1)
        writeFileSync(path(B), `${formatSignerKey('other.example', 0x04, seed)}\n`, { mode: 0o600 })
      },
      /w\.example is the name, or the secret, of another key of this home/,
    ],
    [
      'is a log key',
      (_home, path) =>
        writeFileSync(path(B), `${formatSignerKey('l.example', 0x01, new Uint8Array(32).fill(9))}\n`, { mode: 0o600 }),
      /type 0x01, not 0x04/,
    ],
    [
      'is not named after a log',
      (home, path) => copyFileSync(path(A), join(home, 'keys', 'sum.example.key')),
      /its name is not the id of a log/,
    ],
    ['can be read by others', (_home, path) => writeFileSync(path(B), 'x', { mode: 0o644 }), /others may read it/],
  ])('that %s is refused', async (_what, spoil, words) => {
    const { home, keyring, path } = await homeOf()
    await createLogKey(home, A, 'w.example/a', keyring)
    spoil(home, path)
    const error = await thrown(readKeyring(home, {}))
    expect(error.code).toBe('KEY_FILE_INVALID')
    expect(error.message).toMatch(words)
  })

  test('cannot have the name of a followed log', async () => {
    const { home, keyring } = await homeOf()
    const { vkey } = testSigner('log.example', 1).verifier
    await createLogKey(home, A, 'log.example', keyring)
    const config = loadConfig({ home, log: [`${vkey} -`], listen: [], http: '127.0.0.1:0' }, { env: {} })
    const error = await thrown(createNode(config))
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(error.message).toContain('log.example is the name of this witness')
  })
})

describe('the auditor’s key', () => {
  const homeOf = async () => {
    const home = temporaryHome()
    return { home, keyring: await readKeyring(home, { name: 'w.example' }) }
  }

  test('is a private file and a key of the home, and cosigns no log as a witness', async () => {
    const { home, keyring } = await homeOf()
    expect(keyring.auditor).toBeUndefined()
    const { verifier } = await createAuditorKey(home, 'w.example/auditor', keyring)
    expect(verifier.type).toBe(SIGNATURE_TYPES.cosignature)
    expect(statSync(join(home, 'auditor.key')).mode & 0o777).toBe(0o600)
    const all = await readKeyring(home, {})
    expect(all.auditor?.verifier.vkey).toBe(verifier.vkey)
    expect(all.of(A).map((signer) => signer.verifier.vkey)).toEqual([keyring.first.verifier.vkey])
    expect(all.witnesses.map(({ vkey }) => vkey)).toEqual([keyring.first.verifier.vkey])
    expect(all.verifiers.map(({ vkey }) => vkey)).toEqual([keyring.first.verifier.vkey, verifier.vkey])
  })

  test('is never overwritten, and has a name and a secret of its own', async () => {
    const { home, keyring } = await homeOf()
    expect((await thrown(createAuditorKey(home, 'w.example', keyring))).code).toBe('KEY_FILE_INVALID')
    await createAuditorKey(home, 'w.example/auditor', keyring)
    const before = readFileSync(join(home, 'auditor.key'))
    for (const name of ['w.example/auditor', 'w.example/other'])
      expect((await thrown(createAuditorKey(home, name, await readKeyring(home, {})))).code).toBe('KEY_EXISTS')
    // Keys read before it was made do not lead to a second one either.
    expect((await thrown(createAuditorKey(home, 'w.example/other', keyring))).code).toBe('KEY_EXISTS')
    expect(readFileSync(join(home, 'auditor.key'))).toEqual(before)
  })

  test('is refused as a copy of the witness key, and prevents a start from counting as fresh', async () => {
    const { home } = await homeOf()
    copyFileSync(join(home, 'witness.key'), join(home, 'auditor.key'))
    expect((await thrown(readKeyring(home, {}))).message).toMatch(/it is also another key of this home/)
    const secret = new Uint8Array(32).fill(5)
    const write = (file: string, name: string) =>
      writeFileSync(join(home, file), `${formatSignerKey(name, 0x04, secret)}\n`, { mode: 0o600 })
    write('auditor.key', 'w.example/auditor')
    expect((await readKeyring(home, {})).fresh).toBe(false)
    write('witness.key', 'w.example')
    expect((await thrown(readKeyring(home, {}))).message).toMatch(/is the name, or the secret, of another key/)
  })
})
