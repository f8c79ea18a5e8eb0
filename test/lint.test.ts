/**
 * Rules of our own that a file may lose unnoticed: if two settings of one rule match it, the later one replaces the
 * earlier.
 */
import { ESLint } from 'eslint'
import { expect, test } from 'vitest'

interface Restricted {
  rules: { 'no-restricted-syntax': [number, ...{ selector: string }[]] }
}

async function selectorsFor(file: string): Promise<string[]> {
  const config = (await new ESLint().calculateConfigForFile(file)) as Restricted
  return config.rules['no-restricted-syntax'].slice(1).map((rule) => (rule as { selector: string }).selector)
}

test.each(['src/lib/timed.ts', 'src/http/bastion/bastion.ts', 'src/cli/main.ts', 'test/lint.test.ts'])(
  'no composite of signals is a time limit in %s',
  async (file) => {
    expect(await selectorsFor(file)).toContainEqual(expect.stringContaining("property.name='any'"))
  },
)

test('no duration in src is measured with a clock that can be set', async () => {
  expect(await selectorsFor('src/gossip/mesh.ts')).toContainEqual(expect.stringContaining("'now'"))
})
