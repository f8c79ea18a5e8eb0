/** The README's example works as described, and the packages in `overrides` reach users of the package. */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { temporaryHome } from './helpers/home.js'
import { readLines, vectorUrl } from './helpers/vectors.js'

const ROOT = new URL('..', import.meta.url).pathname
const run = promisify(execFile)

describe('the example of the library', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const [, example = ''] = /^```ts\n(.*?)^```$/ms.exec(readme) ?? []
  const { note, size } = readLines(vectorUrl('sumdb-heads.jsonl'))[0] as {
    readonly note: string
    readonly size: number
  }

  /** Runs it with `gossum` as this package, in a directory with this head. */
  function runExample(head: string): Promise<{ readonly stdout: string }> {
    const directory = temporaryHome()
    writeFileSync(join(directory, 'head.txt'), head)
    // Imports are resolved before the directory changes.
    const code = `process.chdir(${JSON.stringify(directory)})\n${example}`
    return run(process.execPath, ['--input-type=module', '--eval', code], { cwd: ROOT })
  }

  test('names the log that signed a head', async () => {
    const { stdout } = await runExample(note)
    expect(stdout).toBe(`go.sum database tree: ${size} records, signed by sum.golang.org\n`)
  })

  test('throws if the head was changed', async () => {
    await expect(runExample(note.replace(`\n${size}\n`, `\n${size + 1}\n`))).rejects.toThrow('does not verify')
  })
})

test('overrides do not reach an installed package, so the packages they name are bundled', () => {
  const { overrides, bundleDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly overrides: object
    readonly bundleDependencies: readonly string[]
  }
  for (const name of Object.keys(overrides)) expect(bundleDependencies).toContain(name)
})
