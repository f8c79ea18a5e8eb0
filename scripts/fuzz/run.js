// npm run fuzz -- [TARGET ...] [--seconds T] [--inputs N] [--seed S] [--keep] [--list] [--input FILE]: see docs/fuzzing.md.
// Bundles the fuzzer and the parsers without the wrappers that a loader adds to every function, which halve the speed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { instrument } from './instrument.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Inside node_modules, so that imports of packages resolve. */
const OUT = join(ROOT, `node_modules/.fuzz-${process.pid}`)

process.chdir(ROOT)
const { plugin, branches } = instrument(/[\\/]src[\\/].*\.ts$/)
try {
  await build({
    entryPoints: {
      main: 'scripts/fuzz/main.ts',
      thread: 'scripts/fuzz/thread.ts',
      targets: 'test/fuzz/targets/index.ts',
    },
    outdir: OUT,
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
  // The channel closes when this process ends, in whatever way, and the fuzzer ends with the channel.
  const fuzzer = spawn(process.execPath, ['--enable-source-maps', join(OUT, 'main.mjs'), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, FUZZ_BRANCHES: String(branches()), FUZZ_SCRATCH: join(OUT, 'scratch') },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => fuzzer.kill(signal))
  const [code, signal] = await once(fuzzer, 'exit')
  process.exitCode = code ?? 128 + constants.signals[signal]
} finally {
  rmSync(OUT, { recursive: true, force: true })
}
