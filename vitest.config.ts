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

export default defineConfig({
  resolve: { conditions: ['gossum-source', 'node'] },
  ssr: { resolve: { conditions: ['gossum-source', 'node'] } },
  test: {
    setupFiles: ['src/lib/polyfill.ts'],
    testTimeout: 150_000,
    hookTimeout: 150_000,
    // Files that run one after another share a process: loading the same modules for each of four hundred costs more than
    // most of them. So no file mocks a module, and what a test changes in its process it changes back.
    isolate: false,
    // Twice the two processors of CI: half of the time a test of processes waits.
    maxWorkers: 4,
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/helpers/packed-program.ts'],
    sequence: { sequencer: SlowFirst },
  },
})
