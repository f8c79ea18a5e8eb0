/** Which key may cosign what, with keys of a real home: one key, one log per origin, and the messages otherwise. */
import { beforeEach, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.js'
import { createSecondKey, SECOND_FILE } from '../../src/keys/key-file.js'
import { createAuditorKey, createLogKey, readKeyring, type WitnessKeyring } from '../../src/keys/keyring.js'
import { Binding } from '../../src/node/binding.js'
import { join } from 'node:path'
import type { SignedState } from '../../src/witness/origin.js'
import { sumdbId, testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'

const [one, two] = [testSigner('one.example', 1).verifier, testSigner('two.example', 2).verifier]
const ids = { one: sumdbId(one), two: sumdbId(two) }
const { logs } = loadConfig(
  { home: '/nonexistent', log: [one, two].map(({ vkey }) => `${vkey} http://log.example`) },
  { env: {} },
)

let home: string
let keyring: WitnessKeyring
let states: Map<string, SignedState>
beforeEach(async () => {
  home = temporaryHome()
  keyring = await readKeyring(home, { name: 'w.example' })
  states = new Map()
})
const binding = (): Binding => new Binding({ keyring, logs, states: () => states, appeared: () => states.size })
const sign = (log: string, key = keyring.first.verifier.vkey): unknown =>
  states.set(log, { signed: { key, size: 5, time: 1 } })

describe('one key', () => {
  test('cosigns the first log of an origin, or the one that it has cosigned, from then on', () => {
    const bound = binding()
    expect(bound.obstacle(ids.one)).toBeUndefined()
    expect(bound.obstacle(ids.two)).toMatchObject({ code: 'ORIGIN_TAKEN', detail: 'one.example' })
    expect(bound.text(ids.two)).toMatch(
      /^this key already cosigns another log.*: one\.example; .*gossum key new --for LOG/,
    )
    sign(ids.two)
    expect(bound.obstacle(ids.two)).toBeUndefined()
    expect(bound.obstacle(ids.one)).toMatchObject({ detail: 'two.example' })
    expect(bound.text(ids.two)).toBeUndefined()
  })

  test('stays with a log that is no longer followed', () => {
    const gone = 'f'.repeat(64)
    states.set(gone, { origin: logs[0]!.origin, signed: { key: keyring.first.verifier.vkey, size: 5, time: 1 } })
    expect(binding().obstacle(ids.one)?.detail).toBe('the log ffffffffffff (no longer followed)')
  })

  test('and its additional ML-DSA key are bound to the same log', async () => {
    await createSecondKey(join(home, SECOND_FILE), 'w.example')
    keyring = await readKeyring(home, {})
    sign(ids.two)
    expect(binding().obstacle(ids.two)).toBeUndefined()
    expect(binding().obstacle(ids.one)?.code).toBe('ORIGIN_TAKEN')
  })
})

describe('a log’s own key', () => {
  test('cosigns its log, and leaves the shared one where it is', async () => {
    const own = await createLogKey(home, ids.two, 'w.example/two', keyring)
    keyring = await readKeyring(home, {})
    for (const log of [ids.one, ids.two]) expect(binding().obstacle(log)).toBeUndefined()
    sign(ids.one)
    sign(ids.two, own.verifier.vkey)
    for (const log of [ids.one, ids.two]) expect(binding().obstacle(log)).toBeUndefined()
    expect(() => binding().requireKept()).not.toThrow()
  })

  test('is refused for a log that the shared key has cosigned', async () => {
    await createLogKey(home, ids.one, 'w.example/one', keyring)
    keyring = await readKeyring(home, {})
    expect(() => binding().requireKept(), 'nothing was signed yet').not.toThrow()
    sign(ids.one)
    expect(() => binding().requireKept()).toThrow(
      expect.objectContaining({ code: 'ORIGIN_TAKEN', hint: expect.stringContaining(`keys/${ids.one}.key`) as string }),
    )
    // And the shared key stays bound to that log.
    expect(binding().obstacle(ids.two)).toMatchObject({ code: 'ORIGIN_TAKEN', detail: 'one.example' })
  })
})

describe('the auditor’s key', () => {
  test('is bound to one log per origin like any other, whatever keys the logs have', async () => {
    expect(binding().obstacleOfAuditor(ids.two), 'there is none').toBeUndefined()
    const { verifier } = await createAuditorKey(home, 'w.example/auditor', keyring)
    await createLogKey(home, ids.two, 'w.example/two', await readKeyring(home, {}))
    keyring = await readKeyring(home, {})
    const bound = binding()
    expect(bound.obstacle(ids.two)).toBeUndefined()
    expect(bound.obstacleOfAuditor(ids.one)).toBeUndefined()
    expect(bound.obstacleOfAuditor(ids.two)).toMatchObject({ code: 'ORIGIN_TAKEN', detail: 'one.example' })
    // It has cosigned the other one, under an earlier order of the settings: it stays there.
    states.set(ids.two, { audited: { key: verifier.vkey, size: 5, root: '', time: 1 } })
    expect(bound.obstacleOfAuditor(ids.two)).toBeUndefined()
    expect(bound.obstacleOfAuditor(ids.one)).toMatchObject({ detail: 'two.example' })
    expect(bound.obstacle(ids.one), 'the witness is another key').toBeUndefined()
  })
})
