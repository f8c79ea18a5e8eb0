/** The tests that are run against the mutants of one folder: stryker.config.js. */
import config from '../../vitest.config.js'

const folder = process.env.MUTANTS ?? 'tlog'

/** Tests of a folder that are elsewhere, because they are stories or cover several parts: only quick ones. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  evidence: ['node/our-history'],
  tlog: ['fuzz/go-reads', 'sumdb/module', 'vectors-published'],
  witness: ['stories/{clock,mixed-policies,rollback,spelled-forks,suspect,two-keys,two-logs}'],
}

const include = [`${folder}/**/*`, ...(ELSEWHERE[folder] ?? [])].map((tests) => `test/${tests}.test.ts`)
const setupFiles = [config.test!.setupFiles!, 'scripts/mutants/setup.ts'].flat()
// Stryker runs them in threads, which refuse options of a process.
export default { ...config, test: { ...config.test, projects: undefined, include, setupFiles, execArgv: [] } }
