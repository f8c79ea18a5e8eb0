// npm run fuzz -- [TARGET ...] [--seconds T] [--inputs N] [--seed S] [--keep] [--list] [--input FILE]: see docs/fuzzing.md.
// Bundles the fuzzer (bundle.js) and runs it. FUZZ_BUNDLE: a folder that keeps the bundle for the runs that follow; the
// sources must not change in between.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Inside node_modules, so that imports of packages resolve. */
const OUT = join(ROOT, `node_modules/.fuzz-${process.pid}`)
const { FUZZ_BUNDLE: kept } = process.env

process.chdir(ROOT)
try {
  if (kept !== undefined && existsSync(kept)) cpSync(kept, OUT, { recursive: true })
  else {
    // Loaded only for this: it brings the TypeScript compiler.
    const { bundle } = await import('./bundle.js')
    await bundle(OUT)
    if (kept !== undefined) cpSync(OUT, kept, { recursive: true })
  }
  const branches = readFileSync(join(OUT, 'branches'), 'utf8')
  // The channel closes when this process ends, in whatever way, and the fuzzer ends with the channel.
  const fuzzer = spawn(process.execPath, ['--enable-source-maps', join(OUT, 'main.mjs'), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, FUZZ_BRANCHES: branches, FUZZ_SCRATCH: join(OUT, 'scratch') },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => fuzzer.kill(signal))
  const [code, signal] = await once(fuzzer, 'exit')
  process.exitCode = code ?? 128 + constants.signals[signal]
} finally {
  rmSync(OUT, { recursive: true, force: true })
}
