/** The tests that a mutant of one folder is tried against: see stryker.config.js. */
import config from './vitest.config.js'

const include = [`test/${process.env.MUTANTS ?? 'tlog'}/**/*.test.ts`]
export default { ...config, test: { ...config.test, include } }
