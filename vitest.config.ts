import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Where whole processes and networks are waited for: begun last, one such file would be waited for alone. */
const SLOW_FIRST = [/\/test\/(e2e|attacks)\//, /\/test\/(fire|cli|gossip|stories)\//]

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
  ...[
    'alerts',
    'audit',
    'cli',
    'config',
    'dashboard',
    'errors',
    'evidence',
    'exchange',
    'fuzz',
    'gossip',
    'http',
    'keys',
  ],
  ...['lib', 'logs', 'metrics', 'mirror', 'module', 'node', 'outgoing', 'postgres', 'proxy', 'publish', 'simulate'],
  ...['status', 'store', 'stories', 'sumdb', 'tlog', 'watch', 'witness'],
].map((folder) => `test/${folder}/**/*.test.ts`)

/** Packs the program that tests start as a process. */
const globalSetup = ['test/helpers/packed-program.ts']

export default defineConfig({
  resolve: { conditions: ['gossum-source', 'node'] },
  ssr: { resolve: { conditions: ['gossum-source', 'node'] } },
  test: {
    setupFiles: ['src/lib/polyfill.ts'],
    testTimeout: 150_000,
    hookTimeout: 150_000,
    // Twice the two processors of CI: half of the time a test of processes waits.
    maxWorkers: 4,
    sequence: { sequencer: SlowFirst },
    projects: [
      { extends: true, test: { name: 'shared', include: SHARED, isolate: false, globalSetup } },
      {
        extends: true,
        test: {
          name: 'own',
          include: ['test/**/*.test.ts'],
          exclude: SHARED,
          globalSetup,
        },
      },
    ],
  },
})
