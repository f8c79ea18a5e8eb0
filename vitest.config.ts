import { readdirSync, readFileSync } from 'node:fs'
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

/** Tests of the parts that need no mesh, some of which control the time. */
const PARTS = folders(
  ...['config', 'errors', 'evidence', 'fuzz', 'keys', 'lib', 'logs', 'metrics', 'module', 'outgoing', 'proxy'],
  ...['status', 'store', 'sumdb', 'tlog', 'watch', 'witness'],
)
/** What floods libp2p, runs a node at a time of its own, or controls the time of a mesh. */
const OWN = [...folders('attacks', 'fire'), ...testsIn('gossip').filter(controlsTime)]

function folders(...names: string[]): string[] {
  return names.map((name) => `test/${name}/**/*.test.ts`)
}

function testsIn(folder: string): string[] {
  const paths = readdirSync(`test/${folder}`, { recursive: true, encoding: 'utf8' })
  return paths.filter((path) => path.endsWith('.test.ts')).map((path) => `test/${folder}/${path}`)
}

function controlsTime(file: string): boolean {
  return readFileSync(file, 'utf8').includes('useFakeTimers')
}

/** Once, whichever project comes first. */
const globalSetup = ['test/helpers/memory-folder.ts', 'test/helpers/packed-program.ts']

export default defineConfig({
  resolve: { conditions: ['gossum-source', 'node'] },
  ssr: { resolve: { conditions: ['gossum-source', 'node'] } },
  test: {
    setupFiles: ['src/lib/polyfill.ts'],
    testTimeout: 150_000,
    hookTimeout: 150_000,
    // By default a second, which is no sign of anything on a busy machine.
    expect: { poll: { timeout: 60_000 } },
    // Twice the two processors of CI: half of the time a test of processes waits. With five, a run took longer.
    maxWorkers: 4,
    // What a property makes in thousands of runs is mostly garbage: collecting it costs less in larger pieces.
    execArgv: ['--max-semi-space-size=32'],
    sequence: { sequencer: SlowFirst },
    // What a test controls is the time. The turns of the event loop stay real: another file's last write may need one.
    fakeTimers: { toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] },
    // Files of the first two share processes, each only with its like: loading the same modules for each of four hundred
    // costs more than most of them. So no file mocks a module, and what a test changes in its process it changes back. A
    // mesh leaves timers behind, which a test that controls the time would take for its own.
    projects: [
      { extends: true, test: { name: 'parts', include: PARTS, isolate: false, globalSetup } },
      {
        extends: true,
        test: {
          name: 'nodes',
          include: ['test/**/*.test.ts'],
          exclude: [...PARTS, ...OWN],
          isolate: false,
          globalSetup,
        },
      },
      { extends: true, test: { name: 'own', include: OWN, globalSetup } },
    ],
  },
})
