// Builds the program as one file, for machines without npm: build/gossum/gossum.mjs contains all of dist/ and of the
// packages. Next to it are files that cannot be inside: the native part of LevelDB, which is specific to system and
// processor, and files that are sent to browsers unchanged.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const DIST = join(ROOT, 'dist')
const OUT = join(ROOT, 'build/gossum')
const NATIVE = 'classic-level.node'
/**
 * The files that our threads and processes start with: in the bundle, the bundle itself, which finds out which one it
 * is.
 */
const BEGINNINGS = [join(DIST, 'cli/main.js'), join(DIST, 'audit/walk/worker.js')]

const ENTRY = `
import { isMainThread } from 'node:worker_threads'
if (isMainThread) await import('./cli/main.js')
else await import('./audit/walk/worker.js')
`

/** Code that looks for a file next to itself finds the bundle, or a copy next to it. */
const beside = {
  name: 'beside',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]dist[\\/].*\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      const contents = text.replaceAll(/new URL\('([^']+)', import\.meta\.url\)/g, (_all, file) => {
        const found = join(dirname(path), file)
        if (BEGINNINGS.includes(found)) return 'new URL(import.meta.url)'
        copyFileSync(found, join(OUT, basename(found)))
        return `new URL('./${basename(found)}', import.meta.url)`
      })
      return { contents, loader: 'js' }
    })
    // LevelDB finds its native part through the folder of its package.
    onLoad({ filter: /classic-level[\\/]binding\.js$/ }, ({ path }) => {
      copyFileSync(nativePart(dirname(path)), join(OUT, NATIVE))
      return { contents: `module.exports = require('./${NATIVE}')`, loader: 'js' }
    })
  },
}

/** The file that node-gyp-build would load on this machine. */
function nativePart(folder) {
  const name = `${process.platform}-${process.arch}`
  const all = join(folder, 'prebuilds')
  const fits = existsSync(all) ? readdirSync(all).find((each) => isFor(each, name)) : undefined
  const libc = process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
  const files = fits === undefined ? [] : readdirSync(join(all, fits))
  const file = files.find((each) => each.includes(libc)) ?? files.find((each) => !/musl|glibc/.test(each))
  if (file === undefined) throw new Error(`classic-level has nothing for ${name}`)
  return join(all, fits, file)
}

/** darwin-x64+arm64 is for two architectures. */
function isFor(folder, name) {
  const [system, processors] = folder.split('-')
  return processors.split('+').some((processor) => `${system}-${processor}` === name)
}

rmSync(OUT, { recursive: true, force: true })
mkdirSync(OUT, { recursive: true })
await build({
  stdin: { contents: ENTRY, resolveDir: DIST, sourcefile: 'bundle.js' },
  outfile: join(OUT, 'gossum.mjs'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.20',
  // Packages that are not ECMAScript modules use require.
  banner: {
    js: '#!/usr/bin/env node\nimport { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
  },
  external: [`./${NATIVE}`],
  plugins: [beside],
  legalComments: 'linked',
  logLevel: 'warning',
})
chmodSync(join(OUT, 'gossum.mjs'), 0o755)
copyFileSync(join(ROOT, 'LICENSE'), join(OUT, 'LICENSE'))
const { version } = createRequire(import.meta.url)('../package.json')
console.log(`build/gossum: gossum ${version} for ${process.platform}-${process.arch}`)
