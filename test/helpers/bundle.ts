/**
 * A script of the tests as one file, for tests that start it dozens of times: with tsx each start reads and rewrites a
 * hundred sources, which costs three times as much as the script itself.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/**
 * The path of the bundle, which exists as long as this process: several files of tests may use it. Packages are not
 * bundled, and resolve from its folder.
 */
export async function bundled(script: URL): Promise<string> {
  const modules = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url))
  mkdirSync(modules, { recursive: true })
  const directory = mkdtempSync(join(modules, 'gossum-test-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const name = basename(script.pathname).replace(/\.ts$/, '.mjs')
  const conditions = ['gossum-source', 'node']
  await build({
    configFile: false,
    logLevel: 'warn',
    ssr: { resolve: { conditions } },
    build: {
      ssr: fileURLToPath(script),
      outDir: directory,
      minify: false,
      rolldownOptions: { output: { entryFileNames: name } },
    },
  })
  return join(directory, name)
}
