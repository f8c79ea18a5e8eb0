/** The tests that a mutant of one folder is tried against: stryker.config.js. */
import config from '../../vitest.config.js'

const folder = process.env.MUTANTS ?? 'tlog'

/** Tests of a folder that stand elsewhere, because they are stories or hold several parts: quick ones alone. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  evidence: ['node/our-history'],
  tlog: ['fuzz/go-reads', 'sumdb/module', 'vectors-published'],
  witness: ['stories/{clock,mixed-policies,rollback,spelled-forks,suspect,two-keys,two-logs}'],
}

const include = [`${folder}/**/*`, ...(ELSEWHERE[folder] ?? [])].map((tests) => `test/${tests}.test.ts`)
const setupFiles = [config.test!.setupFiles!, 'scripts/mutants/setup.ts'].flat()
export default { ...config, test: { ...config.test, projects: undefined, include, setupFiles } }
