/** What stops the auditor's cosignature on its way, and what is recorded and passed on when nothing does. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { Auditor, type AuditorOptions } from '../../src/witness/auditor.js'
import { testSigner } from '../helpers/heart.js'
import { showing } from '../helpers/history.js'
import { cosignedBy, startJudging } from '../helpers/judging.js'
import { history, log, NOW } from '../helpers/step-inputs.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const signer = testSigner('witness.example/auditor', 8, SIGNATURE_TYPES.cosignature)
const { vkey } = signer.verifier

/** An auditor over the heads of a pipeline that has proven these sizes. */
async function startAuditor(sizes: readonly number[], options: Partial<AuditorOptions> = {}) {
  const heart = await startJudging({ relayed: [signer.verifier] })
  for (const size of sizes) await heart.submit('poll', history.head(size))
  const [publish, standsInTheWay] = [vi.fn(), vi.fn<AuditorOptions['standsInTheWay']>()]
  const prove = vi.fn<AuditorOptions['prove']>(async (_log, of, size) => ({ prefix: await showing(history)(of, size) }))
  const auditor = new Auditor({
    key: { signer, obstacle: () => undefined },
    ...{ kept: heart, standsInTheWay, prove, isHeard: () => true, publish, now: () => NOW * 1000, ...options },
  })
  const hasLine = async (size: number): Promise<boolean> =>
    (await heart.cosigned.cosignedAt(log.id, size))!.cosignatures.has(vkey)
  return { heart, auditor, publish, prove, hasLine, standsInTheWay }
}

/** A key whose promises chosen peers keep, or do not. */
function depositing(result: 'deposited' | 'undeposited') {
  const [deposit, released] = [vi.fn(() => Promise.resolve(result)), vi.fn()]
  const deposits = { required: true, hasChosen: true, isDeposited: () => false, deposit, released }
  return { key: { signer, obstacle: () => undefined, deposits }, deposit, released }
}

describe('a cosignature', () => {
  test('is kept with its head, published, and recorded with the origin that its key is bound to', async () => {
    const { heart, auditor, publish, hasLine } = await startAuditor([5])
    expect(await auditor.cosign(log.id, 5)).toBe('cosigned')
    expect(publish.mock.calls).toEqual([[log.id, cosignedBy(history.head(5), NOW, signer)]])
    expect(await hasLine(5)).toBe(true)
    expect(heart.store.heads.get(log.id)).toMatchObject({ origin: log.origin, audited: { key: vkey, size: 5 } })
  })

  test('that nobody counts is kept, and not published', async () => {
    const { auditor, publish, hasLine } = await startAuditor([5], { isHeard: () => false })
    expect(await auditor.cosign(log.id, 5)).toBe('cosigned')
    expect([publish.mock.calls, await hasLine(5)]).toEqual([[], true])
  })

  test('that must be deposited is made once it is, and chosen peers get it', async () => {
    const { key, released } = depositing('deposited')
    const { auditor, publish } = await startAuditor([5], { key })
    expect(await auditor.cosign(log.id, 5)).toBe('cosigned')
    expect(released.mock.calls).toEqual(publish.mock.calls)
  })

  test('of a head follows what the key has signed once the log has shown that it extends it, which is asked once', async () => {
    const { auditor, prove } = await startAuditor([5, 9])
    await auditor.cosign(log.id, 5)
    expect(await auditor.cosign(log.id, 9)).toBe('cosigned')
    expect(prove.mock.calls).toEqual([[log.id, expect.objectContaining(history.tree(9)), 5]])
  })

  test('is promised again for the state that another act has changed in between', async () => {
    const { heart, auditor } = await startAuditor([5])
    const change = vi.spyOn(heart.store.heads, 'change').mockResolvedValueOnce(undefined)
    expect(await auditor.cosign(log.id, 5)).toBe('cosigned')
    expect(change).toHaveBeenCalledTimes(2)
  })
})

describe('nothing is signed', () => {
  test('if what the key has signed cannot be proven to be below it, for the reason that is given', async () => {
    const { auditor, prove, publish } = await startAuditor([5, 9])
    await auditor.cosign(log.id, 5)
    prove.mockResolvedValueOnce({ failed: 'TIMEOUT' })
    expect(await auditor.cosign(log.id, 9)).toBe('TIMEOUT')
    expect(publish).toHaveBeenCalledTimes(1)
  })

  test.each(['change', 'confirm'] as const)('while the shared state is away when it is asked to %s', async (act) => {
    const { heart, auditor, publish } = await startAuditor([5])
    vi.spyOn(heart.store.heads, act).mockRejectedValueOnce(new GossumError('STATE_UNCONFIRMED'))
    expect(await auditor.cosign(log.id, 5)).toBe('STATE_UNCONFIRMED')
    expect(publish).not.toHaveBeenCalled()
    expect(await auditor.cosign(log.id, 5)).toBe('cosigned')
  })

  test('and the failure is thrown if it is our own', async () => {
    const { heart, auditor } = await startAuditor([5])
    vi.spyOn(heart.store.heads, 'confirm').mockRejectedValueOnce(new Error('a bug'))
    await expect(auditor.cosign(log.id, 5)).rejects.toThrow('a bug')
  })

  test('if the log was convicted while peers were waited for', async () => {
    const { key, deposit } = depositing('deposited')
    const { auditor, publish, standsInTheWay } = await startAuditor([5], { key })
    deposit.mockImplementationOnce(() => {
      standsInTheWay.mockReturnValueOnce('LOG_FROZEN')
      return Promise.resolve('deposited')
    })
    expect(await auditor.cosign(log.id, 5)).toBe('LOG_FROZEN')
    expect(publish).not.toHaveBeenCalled()
  })
})
