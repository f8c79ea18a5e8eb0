import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['gossum-source', 'node'] },
  ssr: { resolve: { conditions: ['gossum-source', 'node'] } },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['src/lib/polyfill.ts'],
    testTimeout: 150_000,
    hookTimeout: 150_000,
    maxWorkers: 2,
  },
})
