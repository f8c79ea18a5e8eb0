/**
 * The built program in a few files, for the many hundred processes that the tests start: a node spends half of its start on
 * finding and reading a thousand small ones. It is dist/ and the packages, put together and otherwise as they are. The test
 * runner makes it once, before all tests, and again when dist/ is of other sources.
 */
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
} from 'node:fs'
import { createHash } from 'node:crypto'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Plugin } from 'vite'
import { sourcesHash } from '../../scripts/sources.js'
import { built, PACKED_VARIABLE } from './built.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Below node_modules, so that what is not packed is found from there. */
const CACHE = join(ROOT, 'node_modules/.cache')
const PREFIX = 'gossum-packed-'
/** What is started by its path: the program, and what code finds beside itself. */
const ENTRIES = ['cli/main.js', 'audit/walk/worker.js']
/** What it reads and does not run. */
const ASSETS = 'dashboard/assets'

/** Packs the program for this run of the tests; not where dist/ is no build of src/, which those who need it will say. */
export default async function setup(): Promise<void> {
  if (!isBuilt() || process.env[PACKED_VARIABLE] !== undefined) return
  const packages = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex')
  const name = `${PREFIX}${sourcesHash()}-${packages.slice(0, 16)}`
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
    // What is native stays outside.
    ssr: { noExternal: true, external: ['classic-level'] },
    build: {
      ssr: true,
      target: 'node20',
      outDir: unfinished,
      minify: false,
      rolldownOptions: {
        input: Object.fromEntries(ENTRIES.map((file) => [file.replace(/\.js$/, ''), join(dist, file)])),
        // Nothing is left out, be it unused: it is to be what dist/ is.
        treeshake: false,
        output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  })
  cpSync(join(dist, ASSETS), join(unfinished, ASSETS), { recursive: true })
  // Other users start it, too.
  chmodSync(unfinished, 0o755)
  renameSync(unfinished, directory)
}

/** A module that asks where it is hears the place that it would have without packing, so that it finds its neighbours. */
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
