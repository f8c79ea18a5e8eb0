/** The tests that a mutant of one folder is tried against: see stryker.config.js. */
import config from './vitest.config.js'

export default { ...config, test: { ...config.test, include: [`test/${process.env.MUTANTS ?? 'tlog'}/**/*.test.ts`] } }
