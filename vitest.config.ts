import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Where whole processes and networks are waited for: begun last, one such file would be waited for alone. */
const SLOW_FIRST = [/\/test\/(e2e|attacks|deploy)\//, /\/test\/(fire|cli|gossip|stories)\//]

/** A fresh clone has no times of an earlier run to order by, and would go by the size of the files. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = SLOW_FIRST.findIndex((folders) => folders.test(moduleId))
      return at === -1 ? SLOW_FIRST.length : at
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

/**
 * Folders whose files share a process: they touch nothing but what they made, and loading the same modules for each of a
 * hundred files costs more than most of them. A file that mocks a module or changes the process for good needs its own.
 */
const SHARED = [
  ...['config', 'errors', 'evidence', 'fuzz', 'keys', 'lib', 'logs', 'metrics', 'module', 'outgoing', 'proxy'],
  ...['status', 'store', 'sumdb', 'tlog', 'watch', 'witness'],
].map((folder) => `test/${folder}/**/*.test.ts`)

export default defineConfig({
  resolve: { conditions: ['gossum-source', 'node'] },
  ssr: { resolve: { conditions: ['gossum-source', 'node'] } },
  test: {
    setupFiles: ['src/lib/polyfill.ts'],
    testTimeout: 150_000,
    hookTimeout: 150_000,
    // One more than the two processors of CI: half of the time a test of processes waits.
    maxWorkers: 3,
    sequence: { sequencer: SlowFirst },
    projects: [
      { extends: true, test: { name: 'shared', include: SHARED, isolate: false } },
      {
        extends: true,
        test: {
          name: 'own',
          include: ['test/**/*.test.ts'],
          exclude: SHARED,
          globalSetup: ['test/helpers/packed-program.ts'],
        },
      },
    ],
  },
})
