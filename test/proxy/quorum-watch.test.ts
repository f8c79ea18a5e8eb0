import { describe, expect, test } from 'vitest'
import { QuorumWatch } from '../../src/proxy/quorum-watch.js'
import type { CosignedHead } from '../../src/witness/cosigned-head.js'

const never = new AbortController().signal

function watching(waitMs = 60_000) {
  let size: number | undefined
  let holds: string[] = []
  const quorum = () => (size === undefined ? undefined : ({ size } as CosignedHead))
  const watch = new QuorumWatch({ quorum, holds: () => holds, waitMs })
  return {
    watch,
    grow: (to: number) => {
      size = to
      watch.changed('log')
    },
    freeze: (...ids: string[]) => {
      holds = ids
      watch.changed('log')
    },
  }
}

describe('a request waiting for a quorum head', () => {
  test('gets one that covers the record, at once or as soon as there is one', async () => {
    const { watch, grow } = watching()
    const waiting = watch.covering('log', 9, never)
    grow(9)
    grow(10)
    expect((await waiting).size).toBe(10)
    expect((await watch.covering('log', 9, never)).size).toBe(10)
  })

  test('does not get one that ends at the record', async () => {
    const { watch, grow } = watching(1)
    grow(9)
    await expect(watch.covering('log', 9, never)).rejects.toMatchObject({
      code: 'QUORUM_MISSING',
      message: expect.stringContaining('record 9; the quorum head has 9 records') as string,
    })
  })

  test('fails at once if the log is frozen, with the evidence id', async () => {
    const { watch, freeze } = watching()
    const waiting = watch.covering('log', 9, never)
    freeze('0123456789abcdef')
    await expect(waiting).rejects.toMatchObject({
      code: 'LOG_FROZEN',
      message: expect.stringContaining('0123456789abcdef') as string,
    })
    await expect(watch.covering('log', 0, never)).rejects.toMatchObject({ code: 'LOG_FROZEN' })
  })

  test('fails for a frozen log, even if there is a quorum head', async () => {
    const { watch, grow, freeze } = watching()
    grow(10)
    freeze('id')
    await expect(watch.covering('log', 9, never)).rejects.toMatchObject({ code: 'LOG_FROZEN' })
    expect(() => watch.requireSound('log')).toThrow('id')
  })

  test('can be aborted', async () => {
    const { watch } = watching()
    const gone = new AbortController()
    const waiting = watch.covering('log', 9, gone.signal)
    gone.abort(new Error('gone'))
    await expect(waiting).rejects.toThrow('gone')
    await expect(watch.covering('log', 9, gone.signal)).rejects.toThrow('gone')
  })
})
