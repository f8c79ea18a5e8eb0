import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isElsewhere, markElsewhere, unmarkElsewhere } from '../../src/store/elsewhere.js'
import { temporaryHome } from '../helpers/home.js'

test('a home says that its state is elsewhere from its mark on until that is removed, each as often as asked', async () => {
  const home = temporaryHome()
  expect(isElsewhere(home)).toBe(false)
  for (let round = 0; round < 2; round++) {
    for (let again = 0; again < 2; again++) await markElsewhere(home)
    expect(isElsewhere(home)).toBe(true)
    for (let again = 0; again < 2; again++) await unmarkElsewhere(home)
    expect(isElsewhere(home)).toBe(false)
  }
  expect(readdirSync(home)).toEqual([])
})

test('whoever opens the mark learns what to read before it is removed', async () => {
  const home = temporaryHome()
  await markElsewhere(home)
  const [mark, ...others] = readdirSync(home)
  expect(others).toEqual([])
  expect(readFileSync(join(home, mark!), 'utf8')).toContain('See docs/two-machines.md before you remove this file.\n')
})

test('a mark that cannot be written is an error: the home would sign alone', async () => {
  await expect(markElsewhere(join(temporaryHome(), 'missing'))).rejects.toMatchObject({ code: 'ENOENT' })
})
