/** The tests that a mutant of one folder is tried against: stryker.config.js. */
import config from '../../vitest.config.js'

const include = [`test/${process.env.MUTANTS ?? 'tlog'}/**/*.test.ts`]
const setupFiles = [config.test!.setupFiles!, 'scripts/mutants/setup.ts'].flat()
export default { ...config, test: { ...config.test, include, setupFiles } }
