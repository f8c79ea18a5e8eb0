/** The operator's decisions are remembered, or the mirror does not start. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Allowances } from '../../src/mirror/allowances.js'
import { temporaryHome } from '../helpers/home.js'

const M = { path: 'example.com/Mod', version: 'v1.0.0' }
const NAME = `${'a'.repeat(64)}.zip`

describe('what the operator has allowed and pinned', () => {
  it('is stored in two small files, and survives reopening', async () => {
    const dir = temporaryHome()
    const allowances = await Allowances.open(dir)
    await Promise.all([allowances.allow(M), allowances.allowExisting(1_700_000_000_000), allowances.pin(M, [NAME])])
    expect(readFileSync(join(dir, 'allowed'), 'utf8')).toBe('existing 1700000000000\nexample.com/Mod v1.0.0\n')
    expect(readFileSync(join(dir, 'pins'), 'utf8')).toBe(`example.com/Mod v1.0.0 ${NAME}\n`)
    const again = await Allowances.open(dir)
    expect(again).toMatchObject({
      allowed: ['example.com/Mod@v1.0.0'],
      pinned: ['example.com/Mod@v1.0.0'],
      existingUntil: 1_700_000_000_000,
    })
    expect(again.isAllowed(M)).toBe(true)
    expect(again.isAllowed({ ...M, version: 'v1.0.1' })).toBe(false)
    expect([...again.pinnedNames]).toEqual([NAME])
    await again.unpin(M)
    expect(await Allowances.open(dir)).toMatchObject({ pinned: [], allowed: ['example.com/Mod@v1.0.0'] })
  })

  it.each([
    ['allowed', 'example.com/Mod'],
    ['allowed', 'existing soon'],
    ['allowed', 'example.com/Mod v1.0.0 more'],
    ['allowed', '../x v1.0.0'],
    ['pins', 'example.com/Mod v1.0.0 ../../../etc/passwd'],
    ['pins', 'example.com/Mod latest'],
  ])('is an error if %s contains %j', async (file, line) => {
    const dir = temporaryHome()
    writeFileSync(join(dir, file), `${line}\n`)
    await expect(Allowances.open(dir)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
  })
})
