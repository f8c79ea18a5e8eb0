/** A full disk: nothing is signed or published that is not on it, and everything goes on once there is space. */
import { join } from 'node:path'
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { Store } from '../../src/store/store.js'
import type { SignerKey } from '../../src/tlog/note.js'
import { cosignatureIn, MemoryGuard, startHeart, testSigner, testWitness } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'
import { breakWrites } from '../helpers/broken-disk.js'
import { smallDisk } from '../helpers/home.js'
import type { Fault, Place } from '../helpers/volatile-disk.js'

const logSigner = testSigner('log.example', 1)
const history = new History(logSigner)
const noSpace = (): Error => Object.assign(new Error('No space left on device'), { code: 'ENOSPC' })
const failed = expect.objectContaining({ code: 'STORE_WRITE_FAILED' }) as Error

/** A witness key that counts its signatures. */
function countingSigner(): SignerKey & { count: number } {
  const signer = {
    count: 0,
    verifier: testWitness.verifier,
    sign: (message: Uint8Array) => {
      signer.count++
      return testWitness.sign(message)
    },
  }
  return signer
}

describe('a write that fails', () => {
  /** A pipeline that follows to size 5, whose database fails every write from the n-th on while `full`. */
  async function heartWith() {
    const db = new MemoryLevel()
    const guard = new MemoryGuard()
    const signer = countingSigner()
    const disk = { full: false }
    breakWrites(db, () => (disk.full ? noSpace() : undefined))
    const heart = await startHeart({ logKey: logSigner.verifier, prefix: showing(history), db, guard, signer })
    await heart.submit('poll', history.head(5))
    return { db, guard, disk, heart, signer }
  }

  test.each<[Place, Fault]>([
    ['append', 'ENOSPC'],
    ['append', 'EIO'],
    ['append', 'short'],
    ['datasync', 'EIO'],
  ])('of the state, at %s with %s: nothing is signed or published, then it continues', async (at, fault) => {
    const { heart, guard, signer } = await heartWith()
    const before = { state: heart.store.heads.get(heart.log), published: heart.published.length, signed: signer.count }
    guard.fault = (place) => (place === at ? fault : undefined)
    await expect(heart.submit('poll', history.head(9))).rejects.toEqual(failed)
    expect(heart.store.heads.get(heart.log)).toBe(before.state)
    expect(heart.published).toHaveLength(before.published)
    expect(signer.count).toBe(before.signed)
    expect(heart.cosigned.current(heart.log)?.size).toBe(5)
    guard.fault = () => undefined
    expect((await heart.submit('poll', history.head(9))).kind).toBe('advanced')
    expect(cosignatureIn(heart.published.at(-1)!).time).toBeGreaterThan(0)
  })

  test('of the database alone holds back no cosignature, which can be read, and is written once there is space', async () => {
    const { db, guard, heart, disk } = await heartWith()
    disk.full = true
    expect((await heart.submit('poll', history.head(9))).kind).toBe('advanced')
    expect(heart.published).toHaveLength(2)
    const kept = await heart.store.history.get(heart.log, 9)
    expect(kept).toBeDefined()
    await heart.store.flush()
    disk.full = false
    await heart.store.flush()
    const again = await Store.over(db, guard)
    expect(await again.history.get(heart.log, 9)).toBe(kept)
  })

  test('of a suspect: it is not taken for known when it arrives again', async () => {
    const { heart, disk } = await heartWith()
    const fork = history.fork(3, 'b').head(8)
    disk.full = true
    await expect(heart.submit('gossip', fork, 'p')).rejects.toEqual(failed)
    disk.full = false
    expect(await heart.submit('gossip', fork, 'p')).toMatchObject({ kind: 'pending', news: true })
  })

  test('of evidence: it is reported and holds the log at once', async () => {
    const { heart, disk } = await heartWith()
    const fork = history.fork(3, 'b').head(5)
    await heart.store.flush()
    disk.full = true
    expect(await heart.submit('gossip', fork, 'p')).toMatchObject({ kind: 'conflict' })
    expect(heart.evidence).toHaveLength(1)
    expect(heart.alarm.holds(heart.log)).toBe(true)
    disk.full = false
    await heart.alarm.stop()
    expect(heart.alarm.holds(heart.log)).toBe(false)
    expect(await heart.submit('poll', history.head(9))).toMatchObject({ code: 'LOG_FROZEN' })
    expect(await heart.store.evidence.get(heart.evidence[0]!.id)).toBeDefined()
    expect(heart.evidence).toHaveLength(1)
  })
})

describe('a real file system of 400 KiB', () => {
  test('fills up and is freed again; nothing acknowledged is lost at the next start', async ({ skip }) => {
    const disk = smallDisk(400)
    if (disk === undefined) {
      if (process.env['REQUIRE_PEERS'] === '1') throw new Error('no small file system can be mounted here')
      return skip('mounting a small file system needs root on Linux')
    }
    const home = join(disk.path, 'home')
    const signer = countingSigner()
    const options = { logKey: logSigner.verifier, prefix: showing(history), signer }
    let heart = await startHeart({ ...options, store: await Store.open(home) })
    let size = 1
    for (; size <= 20; size++) await heart.submit('poll', history.head(size))

    disk.fill()
    let failures = 0
    for (; failures === 0; size++) {
      const before = { state: heart.store.heads.get(heart.log), published: heart.published.length }
      try {
        await heart.submit('poll', history.head(size))
      } catch (error) {
        failures++
        expect(error).toEqual(failed)
        expect(heart.published).toHaveLength(before.published)
        // The state may be on disk without its cosignature: then it was promised and not published.
        expect([before.state.tree?.size, size]).toContain(heart.store.heads.get(heart.log).tree?.size)
      }
    }
    for (let i = 0; i < 10; i++) await expect(heart.submit('poll', history.head(size + i))).rejects.toEqual(failed)

    disk.free()
    for (let i = 0; i < 10; i++, size++) {
      const outcome = await heart.submit('poll', history.head(size))
      expect(outcome.kind).toBe('advanced')
    }
    const last = heart.cosigned.current(heart.log)!
    expect(last.size).toBe(size - 1)
    await heart.stop()

    heart = await startHeart({ ...options, store: await Store.open(home) })
    expect(heart.store.heads.disagreement(heart.log)).toBeUndefined()
    expect(heart.cosigned.current(heart.log)).toEqual(last)
    expect((await heart.submit('poll', history.head(size))).kind).toBe('advanced')
    await heart.stop()
  })
})
