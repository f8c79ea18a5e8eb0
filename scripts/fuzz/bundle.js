// Bundles the fuzzer and the parsers without the wrappers that a loader adds to every function, which halve the speed.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { instrument } from './instrument.js'

/** Bundles into a folder, from the root of the repository. */
export async function bundle(out) {
  const { plugin, branches } = instrument(/[\\/]src[\\/].*\.ts$/)
  await build({
    entryPoints: {
      main: 'scripts/fuzz/main.ts',
      thread: 'scripts/fuzz/thread.ts',
      targets: 'test/fuzz/targets/index.ts',
    },
    outdir: out,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.20',
    conditions: ['gossum-source'],
    sourcemap: 'inline',
    logLevel: 'warning',
    plugins: [plugin],
  })
  writeFileSync(join(out, 'branches'), String(branches()))
}
