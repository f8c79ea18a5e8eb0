/**
 * One folder's mutants and that folder's own tests (scripts/mutants/run.js): what another folder's tests would find by
 * accident does not count.
 */
const folder = process.env.MUTANTS ?? 'tlog'

/**
 * Tests with child processes, system calls and damaged disks: they take minutes per mutant, and the processes do not
 * run it.
 */
const LEFT_OUT = ['store/damage', 'store/system-calls', 'store/volatile-disk', 'tlog/browser', 'tlog/genuine']

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  mutate: [`src/${folder}/**/*.ts`],
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'scripts/mutants/vitest.config.ts', related: false },
  coverageAnalysis: 'perTest',
  ignoreStatic: true,
  mutator: { excludedMutations: ['StringLiteral'] },
  ignorePatterns: ['/build', '/dist', '/docs', '/reports', ...LEFT_OUT.map((file) => `/test/${file}.test.ts`)],
  concurrency: Number(process.env.MUTANTS_CONCURRENCY ?? 2),
  // A mutant that a busy machine makes slow is not noticed by that.
  timeoutMS: 10_000,
  tempDirName: '.stryker',
  reporters: ['json', 'clear-text', 'progress-append-only'],
  jsonReporter: { fileName: `reports/mutants-${folder}.json` },
  clearTextReporter: { reportTests: false, logTests: false, allowColor: false, reportScoreTable: true },
}
