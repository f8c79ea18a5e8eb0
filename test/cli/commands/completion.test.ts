/** The completion scripts in the real shells: what the tab key offers. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ERRORS } from '../../../src/errors.js'
import { gossum, jsonError } from '../../helpers/cli.js'
import { required } from '../../helpers/go.js'
import { hasShell, openShell, SHELLS, type CompletingShell } from '../../helpers/shells.js'

interface Page {
  readonly words: readonly string[]
  readonly flags: readonly string[]
  readonly commands: readonly string[]
}

/** The options and commands in the help of a command and of all its subcommands. */
async function pagesOf(words: readonly string[] = []): Promise<Page[]> {
  const { stdout } = await gossum([...words, '--help'])
  const flags = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, flag]) => flag!)
  const listed = stdout.split('\nCommands:\n')[1]?.split('\n\n')[0] ?? ''
  const commands = [...listed.matchAll(/^ {2}(\S+)/gm)].map(([, name]) => name!)
  const pages: Page[] = [{ words, flags, commands }]
  // One after another, so that one process runs them all.
  for (const name of commands) if (name !== 'help') pages.push(...(await pagesOf([...words, name])))
  return pages
}

/** What the help of their commands describes in prose. */
const APART = [
  ['audit', 'merge'],
  ['demo', 'log'],
] as const

/** The pages of all commands. */
let pages: readonly Page[]
beforeAll(async () => {
  pages = await pagesOf()
  for (const words of APART) pages = [...pages, ...(await pagesOf(words))]
})

describe.each(SHELLS)('%s', (name) => {
  const isThere = hasShell(name)
  const inShell = test.skipIf(!isThere && !required)
  const root = mkdtempSync(join(tmpdir(), 'gossum-shell-'))
  let shell: CompletingShell

  beforeAll(async () => {
    if (!isThere && required) throw new Error(`${name}, or the terminal for it, is not installed`)
    if (!isThere) return
    const { code, stdout } = await gossum(['completion', name])
    expect(code).toBe(0)
    writeFileSync(join(root, 'script'), stdout)
    mkdirSync(join(root, 'files', 'a dir'), { recursive: true })
    for (const file of ['two words.txt', 'a:b.txt']) writeFileSync(join(root, 'files', file), '')
    shell = await openShell(name, root)
  })

  afterAll(async () => {
    if (isThere) await shell.close()
    rmSync(root, { recursive: true, force: true })
  })

  inShell('has every command and flag that the help has, and no other', async () => {
    expect(pages.length).toBeGreaterThan(40)
    for (const { words, flags, commands } of pages) {
      const line = ['gossum', ...words, ''].join(' ')
      expect((await shell.completed(`${line}--`)).sort(), line).toEqual([...flags].sort())
      const more = APART.filter(([first]) => words.length === 1 && words[0] === first).map(([, second]) => second)
      if (commands.length + more.length > 0)
        expect((await shell.completed(line)).sort(), line).toEqual([...commands, ...more].sort())
    }
  })

  inShell.each([
    ['gossum exp', ['explain']],
    ['gossum run --po', ['--policy', '--poll']],
    ['gossum run --log-format ', ['json', 'text']],
    ['gossum run --log-format=j', ['--log-format=json']],
    ['gossum log-level d', ['debug']],
    ['gossum completion z', ['zsh']],
    ['gossum help check go', ['go.sum']],
    ['gossum help ex', ['exit-codes', 'explain']],
    ['gossum evidence help im', ['import']],
    // A value that looks like a command is not one.
    ['gossum --home log run --log-f', ['--log-format']],
    ['gossum run --log http://127.0.0.1:1 --log-f', ['--log-format']],
    // There are no completions for these.
    ['gossum run --name ', []],
    ['gossum nonsense --log-f', []],
    // Paths: files and folders where files are expected, only folders where folders are.
    ['gossum verify two', ['two words.txt']],
    ['gossum verify ', ['a dir', 'a:b.txt', 'two words.txt']],
    ['gossum run --policy two', ['two words.txt']],
    ['gossum run --policy=two', ['--policy=two words.txt']],
    ['gossum run --home ', ['a dir']],
    ['gossum check modcache ', ['a dir']],
  ])('completes %j', async (line, expected) => {
    expect((await shell.completed(line)).sort()).toEqual(expected)
  })

  inShell('completes a name with a colon in it', async () => {
    // fish also starts a new name after a colon.
    expect(await shell.completed('gossum verify a:')).toContain('a:b.txt')
  })

  inShell('has every error code', async () => {
    expect((await shell.completed('gossum explain ')).sort()).toEqual(Object.keys(ERRORS).sort())
  })
})

test('an unknown shell is refused with the names of the known ones', async () => {
  const result = await gossum(['completion', 'tcsh', '--json'])
  expect(result.code).toBe(2)
  expect(jsonError(result).code).toBe('USAGE')
  expect(result.stderr).toContain('bash, zsh, fish')
})

test('JSON output contains the same script', async () => {
  const { stdout } = await gossum(['completion', 'fish', '--json'])
  const script = (await gossum(['completion', 'fish'])).stdout
  expect(JSON.parse(stdout)).toEqual({ shell: 'fish', script })
})
