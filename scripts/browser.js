// The program of the page at `/`, out of src/browser/ and what it takes from the rest: one file, without Node's part of
// anything. Made by the build, so that whoever runs a node needs no build step of their own.
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
  // Licences ask to be kept with what they are about.
  legalComments: 'eof',
  logLevel: 'warning',
})
