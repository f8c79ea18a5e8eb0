/**
 * The built program in a few files, for the many hundred processes that the tests start: a node spends half of its
 * start on finding and reading a thousand small ones. It is dist/ and the packages, bundled and otherwise unchanged.
 * The test runner makes it once, before all tests, and again if dist/ is built from other sources.
 *
 * Another third is compiling those files, so V8 does that once, too (packed/loader.js).
 */
import { spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Plugin } from 'vite'
import { sourcesHash } from '../../scripts/sources.js'
import { built, PACKED_VARIABLE } from './built.js'
import { SMALL_HEAP } from './small-heap.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Below node_modules, so that packages outside the bundle resolve. */
const CACHE = join(ROOT, 'node_modules/.cache')
const PREFIX = 'gossum-packed-'
/** The files that are started by path: the program, and files that code finds next to itself. */
const ENTRIES = ['cli/main.js', 'audit/walk/worker.js']
const LOADER = fileURLToPath(new URL('packed/loader.js', import.meta.url))
const RECORDER = fileURLToPath(new URL('packed/recorder.js', import.meta.url))
const HEAP = fileURLToPath(new URL('small-heap.ts', import.meta.url))
/** Files that it reads and does not run. */
const ASSETS = 'dashboard/assets'

/** Packs the program for this test run; not if dist/ is outdated, which the tests that need it will report. */
export default async function setup(): Promise<void> {
  if (!isBuilt() || process.env[PACKED_VARIABLE] !== undefined) return
  const how = createHash('sha256').update(process.version)
  const files = [join(ROOT, 'package-lock.json'), fileURLToPath(import.meta.url), LOADER, RECORDER, HEAP]
  for (const file of files) how.update(readFileSync(file))
  const name = `${PREFIX}${sourcesHash()}-${how.digest('hex').slice(0, 16)}`
  const directory = join(CACHE, name)
  if (!existsSync(directory)) {
    mkdirSync(CACHE, { recursive: true })
    for (const old of readdirSync(CACHE)) if (old.startsWith(PREFIX)) rmSync(join(CACHE, old), { recursive: true })
    await pack(directory)
  }
  process.env[PACKED_VARIABLE] = directory
}

function isBuilt(): boolean {
  try {
    built('')
    return true
  } catch {
    return false
  }
}

async function pack(directory: string): Promise<void> {
  const dist = built('')
  const unfinished = mkdtempSync(`${directory}-`)
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'warn',
    plugins: [stayingWhereItIs(dist, directory)],
    // Native code stays outside.
    ssr: { noExternal: true, external: ['classic-level'] },
    build: {
      ssr: true,
      target: 'node20',
      outDir: unfinished,
      minify: false,
      rolldownOptions: {
        input: Object.fromEntries(ENTRIES.map((file) => [file.replace(/\.js$/, ''), join(dist, file)])),
        // Nothing is left out, even if unused: the bundle has to equal dist/.
        treeshake: false,
        // A sixth of a node's start is the loader of ES modules.
        output: {
          format: 'cjs',
          entryFileNames: '[name].js',
          chunkFileNames: 'chunks/[name]-[hash].js',
          banner: ({ isEntry, fileName }) =>
            isEntry ? `require(${JSON.stringify(relative(dirname(fileName), 'loader.js'))})` : '',
        },
      },
    },
  })
  cpSync(join(dist, ASSETS), join(unfinished, ASSETS), { recursive: true })
  writeFileSync(join(unfinished, 'package.json'), JSON.stringify({ type: 'commonjs' }))
  cpSync(LOADER, join(unfinished, 'loader.js'))
  cpSync(RECORDER, join(unfinished, 'recorder.js'))
  // With the flags of each user, before and after the node sets one of its own (recorder.js).
  const users = [{}, { NODE_OPTIONS: SMALL_HEAP }]
  const states = users.flatMap((env) => [env, { ...env, RECORD_WITHOUT_FLAGS: '' }])
  await Promise.all(states.map((env) => record(unfinished, env)))
  // Other users start it, too.
  chmodSync(unfinished, 0o755)
  renameSync(unfinished, directory)
}

/** Starts and stops a node, which records the code of its files. */
async function record(directory: string, env: Readonly<Record<string, string>>): Promise<void> {
  const home = mkdtempSync(join(directory, 'home-'))
  const args = ['run', '--json', '--home', home, '--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0']
  const node = spawn(
    process.execPath,
    ['--require', join(directory, 'recorder.js'), join(directory, 'cli/main.js'), ...args],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...env, GOSSUM_MDNS: 'false' } },
  )
  node.stdout.once('data', () => node.kill('SIGTERM'))
  const [code] = (await once(node, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`the packed program ended with ${code}`)
  rmSync(home, { recursive: true })
}

/** Gives each module the location that it has in dist/, so that it finds files next to itself. */
function stayingWhereItIs(dist: string, directory: string): Plugin {
  return {
    name: 'staying-where-it-is',
    transform(code, id) {
      if (!id.startsWith(dist) || !code.includes('import.meta.url')) return undefined
      const url = pathToFileURL(join(directory, relative(dist, id))).href
      return { code: code.replaceAll('import.meta.url', JSON.stringify(url)), map: null }
    },
  }
}
