// Builds the program of the page at `/` from src/browser/ and its imports: one file, without Node's modules. The build
// makes it, so that a node's operator needs no build step.
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = new URL('../', import.meta.url)

await build({
  absWorkingDir: fileURLToPath(ROOT),
  entryPoints: ['src/browser/page-program.ts'],
  outfile: 'dist/dashboard/assets/page.js',
  bundle: true,
  format: 'iife',
  target: 'es2022',
  platform: 'browser',
  conditions: ['gossum-source', 'browser'],
  minify: true,
  // Licences require their notices to be kept with the code.
  legalComments: 'eof',
  logLevel: 'warning',
})
