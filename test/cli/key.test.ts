/** `gossum key` as a process; the files are tested in keys.test.ts. */
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseVerifierKey } from '../../src/tlog/note.js'
import { gossum, jsonError } from '../helpers/cli.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gossum-cli-'))
})
afterAll(() => rm(dir, { recursive: true }))

describe('gossum key', () => {
  it('makes both keys once, and shows them', async () => {
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

  it('needs no policy: it may be written only when all the keys are known', async () => {
    const config = join(dir, 'config.yaml')
    await writeFile(config, `home: ${join(dir, 'configured')}\npolicy: ${join(dir, 'missing.policy')}\n`)
    for (const what of ['new', 'show']) {
      const made = await gossum(['key', what, '--config', config, '--json'], { home: '' })
      expect(made.stdout, made.stderr).toMatch(/^\{"witness":/)
    }
    expect((await stat(join(dir, 'configured', 'witness.key'))).isFile()).toBe(true)
  })

  it('makes nothing by being asked', async () => {
    const home = join(dir, 'empty')
    const { code, stderr } = await gossum(['key', 'show'], { home })
    expect(code).toBe(1)
    expect(stderr).toContain('gossum key new')
    await expect(stat(home)).rejects.toThrow()
  })

  it('finds its home by XDG when nothing else is said', async () => {
    const xdg = join(dir, 'xdg')
    await mkdir(xdg)
    const made = await gossum(['key', 'new', '--json'], { home: '', env: { XDG_DATA_HOME: xdg } })
    expect(made.code).toBe(0)
    expect(JSON.parse(made.stdout)).toMatchObject({ witness: expect.stringMatching(/^gossum-[0-9a-f]{8}\+/) as string })
    expect((await stat(join(xdg, 'gossum', 'witness.key'))).isFile()).toBe(true)
  })
})
