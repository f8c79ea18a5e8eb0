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

const ALL = 'test/**/*.test.ts'
/**
 * Files that run one after another share a process: loading the same modules for each of four hundred costs more than
 * most of them. So no file mocks a module, and what a test changes in its process it changes back. Each of these has its
 * own: libp2p leaves timers behind, which others would take for theirs when they control the time.
 */
const OWN = ['attacks', 'fire', 'gossip'].map((folder) => `test/${folder}/**/*.test.ts`)
/** Once, whichever project comes first. */
const PACKED = ['test/helpers/packed-program.ts']

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
      { extends: true, test: { name: 'shared', include: [ALL], exclude: OWN, isolate: false, globalSetup: PACKED } },
      { extends: true, test: { name: 'own', include: OWN, globalSetup: PACKED } },
    ],
  },
})
