/** `gossum key` as a process; the files are tested in keys.test.ts. */
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { logId, SUMDB_ORIGIN } from '../../../src/tlog/checkpoint.js'
import { parseVerifierKey } from '../../../src/tlog/note.js'
import { gossum, jsonError } from '../../helpers/cli.js'
import { testSigner } from '../../helpers/heart.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gossum-cli-'))
})
afterAll(() => rm(dir, { recursive: true }))

describe('gossum key', () => {
  it('creates both keys once, and shows them', async () => {
    const home = join(dir, 'home', 'node')
    const made = await gossum(['key', 'new', '--name', 'w.example/1', '--json'], { home })
    expect(made.code).toBe(0)
    const keys = JSON.parse(made.stdout) as { witness: string; peerId: string }
    expect(Object.keys(keys)).toEqual(['witness', 'peerId'])
    expect(parseVerifierKey(keys.witness)).toMatchObject({ name: 'w.example/1', type: 0x04 })
    expect(keys.peerId).toMatch(/^12D3KooW/)
    for (const name of ['witness.key', 'peer.key']) expect((await stat(join(home, name))).mode & 0o777).toBe(0o600)

    const shown = await gossum(['--home', home, 'key', 'show', '--json'])
    expect(shown).toEqual({ code: 0, stdout: made.stdout, stderr: '' })
    const human = await gossum(['key', 'show'], { home })
    expect(human.stdout).toBe(`witness  ${keys.witness}\npeer id  ${keys.peerId}\n`)
    const secret = (await readFile(join(home, 'witness.key'), 'utf8')).trim().slice(-20)
    expect(made.stdout + made.stderr + human.stdout).not.toContain(secret)

    const again = await gossum(['key', 'new', '--json'], { home })
    expect(again).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(again).code).toBe('KEY_EXISTS')
    expect((await gossum(['key', 'show', '--json'], { home })).stdout).toBe(made.stdout)

    await chmod(join(home, 'witness.key'), 0o644)
    const wide = await gossum(['key', 'show', '--json'], { home })
    expect(wide).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(wide).code).toBe('KEY_FILE_INVALID')
  })

  it('does not need the policy file, which can only be written once the keys are known', async () => {
    const config = join(dir, 'config.yaml')
    await writeFile(config, `home: ${join(dir, 'configured')}\npolicy: ${join(dir, 'missing.policy')}\n`)
    for (const what of ['new', 'show']) {
      const made = await gossum(['key', what, '--config', config, '--json'], { home: '' })
      expect(made.stdout, made.stderr).toMatch(/^\{"witness":/)
    }
    expect((await stat(join(dir, 'configured', 'witness.key'))).isFile()).toBe(true)
  })

  it('creates nothing if only asked to show', async () => {
    const home = join(dir, 'empty')
    const { code, stderr } = await gossum(['key', 'show'], { home })
    expect(code).toBe(1)
    expect(stderr).toContain('gossum key new')
    await expect(stat(home)).rejects.toThrow()
  })

  it('uses the XDG home by default', async () => {
    const xdg = join(dir, 'xdg')
    await mkdir(xdg)
    const made = await gossum(['key', 'new', '--json'], { home: '', env: { XDG_DATA_HOME: xdg } })
    expect(made.code).toBe(0)
    expect(JSON.parse(made.stdout)).toMatchObject({ witness: expect.stringMatching(/^gossum-[0-9a-f]{8}\+/) as string })
    expect((await stat(join(xdg, 'gossum', 'witness.key'))).isFile()).toBe(true)
  })

  it('creates a key for a single log, besides the key for other logs of the same origin', async () => {
    const home = join(dir, 'two-logs')
    const [one, two] = ['one.example', 'two.example'].map((name, i) => testSigner(name, i + 1).verifier)
    const logs = [one!, two!].flatMap(({ vkey }) => ['--log', `${vkey} http://log.example`])
    const make = (...args: string[]) => gossum(['key', 'new', '--json', ...args], { home })
    const id = logId('two.example', SUMDB_ORIGIN)

    expect(jsonError(await make('--for', 'two.example', ...logs)).code, 'there is no witness key').toBe('KEY_MISSING')
    const { witness, peerId } = JSON.parse((await make('--name', 'w.example')).stdout) as Record<string, string>
    expect(jsonError(await make('--for', 'two.example')).code, 'not followed').toBe('LOG_UNKNOWN')
    const alone = jsonError(await make('--for', 'one.example', ...logs.slice(0, 2)))
    expect(alone).toMatchObject({ code: 'USAGE' })
    expect(alone.message).toContain('no other log that is followed has the origin "go.sum database tree"')

    const made = await make('--for', 'two.example', ...logs)
    expect(made.code, made.stderr).toBe(0)
    const keys = JSON.parse(made.stdout) as { logs: { id: string; witness: string }[] }
    expect(keys).toMatchObject({ witness, peerId, logs: [{ id }] })
    expect(keys.logs[0]!.witness).toMatch(/^w\.example\/two\.example\+/)
    expect((await stat(join(home, 'keys', `${id}.key`))).mode & 0o777).toBe(0o600)
    expect((await gossum(['key', 'show', '--json'], { home })).stdout).toBe(made.stdout)
    expect((await gossum(['key', 'show'], { home })).stdout).toContain(
      `for log  ${id.slice(0, 12)}  w.example/two.example+`,
    )

    // The log may also be named by its id or its key; it already has one.
    for (const name of [id, two!.vkey]) expect(jsonError(await make('--for', name, ...logs)).code).toBe('KEY_EXISTS')
    const taken = jsonError(await make('--for', 'one.example', '--name', 'w.example/two.example', ...logs))
    expect(taken.code).toBe('KEY_FILE_INVALID')
    expect(jsonError(await make('--for', 'one.example', '--ml-dsa', ...logs)).code).toBe('USAGE')
  })

  it('creates an auditor key in a home with a witness key', async () => {
    const home = join(dir, 'auditor')
    const make = (...args: string[]) => gossum(['key', 'new', '--json', ...args], { home })
    expect(jsonError(await make('--auditor')).code, 'there is no witness key').toBe('KEY_MISSING')
    const { witness, peerId } = JSON.parse((await make('--name', 'w.example')).stdout) as Record<string, string>
    for (const other of [['--ml-dsa'], ['--for', 'sum.golang.org'], ['--log', 'x']])
      expect(jsonError(await make('--auditor', ...other)).message).toContain(
        `--auditor cannot be combined with ${other[0]}`,
      )
    expect(jsonError(await make('--auditor', '--name', 'w.example')).code).toBe('KEY_FILE_INVALID')

    const made = await make('--auditor')
    expect(made.code, made.stderr).toBe(0)
    const keys = JSON.parse(made.stdout) as { auditor: string }
    expect(keys).toMatchObject({ witness, peerId })
    expect(keys.auditor).toMatch(/^w\.example\/auditor\+/)
    expect((await stat(join(home, 'auditor.key'))).mode & 0o777).toBe(0o600)
    expect((await gossum(['key', 'show', '--json'], { home })).stdout).toBe(made.stdout)
    expect((await gossum(['key', 'show'], { home })).stdout).toContain('auditor  w.example/auditor+')
    expect(jsonError(await make('--auditor', '--name', 'other.example')).code).toBe('KEY_EXISTS')
  })

  it('says that the key is missing if a witness has run in the home', async () => {
    const home = join(dir, 'lost')
    await mkdir(home)
    await writeFile(join(home, 'guard'), '')
    const shown = await gossum(['key', 'show', '--json'], { home })
    expect(shown).toMatchObject({ code: 1, stdout: '' })
    const error = jsonError(shown)
    expect(error.code).toBe('KEY_MISSING')
    expect(error.message).toContain('guard shows that a witness has worked in this home')
    // It may be given another one deliberately (docs/operating.md, "A new key").
    expect((await gossum(['key', 'new', '--json'], { home })).code).toBe(0)
  })
})
