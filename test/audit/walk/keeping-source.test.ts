/** A kept log can be audited: what was audited over a network is audited again from the folder. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { KeepingSource } from '../../../src/audit/walk/keeping-source.js'
import { LogFolder } from '../../../src/sumdb/log-source.js'
import { auditOf, makeLog, madeRecords } from '../../helpers/audits.js'
import { temporaryHome } from '../../helpers/home.js'

/** All files below a folder. */
function filesOf(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map((file) => join(file.parentPath, file.name)).sort()
  return Object.fromEntries(paths.map((path) => [path.slice(dir.length), readFileSync(path, 'base64')]))
}

describe('a keeping source', () => {
  it('copies the log file by file, and an audit of the copy gives the same result', async () => {
    const log = makeLog(madeRecords(66_000))
    const kept = join(temporaryHome(), 'kept')
    const source = new KeepingSource(new LogFolder(log.dir), kept)
    const first = await auditOf(log, { source })
    await source.keep('latest', log.note)
    expect(filesOf(kept)).toEqual(filesOf(log.dir))
    expect(await auditOf({ dir: kept, note: log.note })).toEqual(first)
  })

  it('keeps wrong tiles unchanged', async () => {
    const log = makeLog(madeRecords(600))
    const file = join(log.dir, 'tile/8/data/001')
    writeFileSync(file, readFileSync(file).reverse())
    const kept = join(temporaryHome(), 'kept')
    const report = await auditOf(log, { source: new KeepingSource(new LogFolder(log.dir), kept) })
    expect(report.list.map(({ tile }) => tile)).toEqual(['tile/8/data/001'])
    expect(readFileSync(join(kept, 'tile/8/data/001'))).toEqual(readFileSync(file))
    expect((await auditOf({ dir: kept, note: log.note })).list).toEqual(report.list)
  })

  it('allows concurrent writers of one file, and readers always get a complete version', async () => {
    const kept = join(temporaryHome(), 'kept')
    const source = new KeepingSource(new LogFolder('/nowhere'), kept)
    const all = Array.from({ length: 40 }, (_, i) => new Uint8Array(50_000).fill(i))
    await source.keep('tile/8/0/000', all[0]!)
    let isDone = false
    const keeping = Promise.all(all.map((data) => source.keep('tile/8/0/000', data))).finally(() => (isDone = true))
    do {
      const data = readFileSync(join(kept, 'tile/8/0/000'))
      expect(data.equals(Buffer.alloc(50_000, data[0]))).toBe(true)
      await setImmediate()
    } while (!isDone)
    await keeping
    expect(readdirSync(join(kept, 'tile/8/0'))).toEqual(['000'])
  })

  it('keeps nothing for missing files', async () => {
    const kept = join(temporaryHome(), 'kept')
    const source = new KeepingSource(new LogFolder('/nowhere'), kept)
    await expect(source.get('latest', 10)).rejects.toMatchObject({ status: 404 })
    expect(() => readdirSync(kept)).toThrow('ENOENT')
  })

  it('ends the audit with a local error if it cannot write', async () => {
    const log = makeLog(madeRecords(600))
    const kept = join(temporaryHome(), 'kept')
    writeFileSync(kept, 'a file')
    const audit = auditOf(log, { source: new KeepingSource(new LogFolder(log.dir), kept) })
    await expect(audit).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' })
  })
})
