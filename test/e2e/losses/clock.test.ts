/**
 * A clock that was wrong, with whole nodes: its effects are reported until somebody acts, the guide's instructions
 * work, it hides nothing, and with a clock that cannot be right nothing is signed.
 */
import { renameSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { StatusView } from '../../../src/status/shapes.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { verifiedCosignatures } from '../../../src/tlog/cosignature.js'
import { parseNote, parseVerifierKey } from '../../../src/tlog/note.js'
import { RELEASED } from '../../../src/version.js'
import { madeUpRecords, memoryLog } from '../../fakes/lying-log.js'
import { gossum } from '../../helpers/cli.js'
import { testClock } from '../../helpers/clock.js'
import { testSigner } from '../../helpers/heart.js'
import { temporaryHome } from '../../helpers/home.js'
import { RunningNode } from '../../helpers/node.js'
import { askWitness, push, PushingLog } from '../../helpers/witness-client.js'

const [SECOND, DAY] = [1000, 86_400_000]
const YEARS = 10 * 365 * DAY
const log = new PushingLog(testSigner('log.example/pushes', 1))
const LOG = ['--log', `${log.signer.verifier.vkey} -`]

async function pushed(node: RunningNode, from: number, to: number): Promise<number> {
  return (await push(node.ready.http, log.body(from, to))).status
}

/** The times of the cosignatures of the newest head, by these keys. */
async function times(node: RunningNode, ...vkeys: string[]): Promise<number[]> {
  const { body } = await askWitness(node.ready.http, `/${node.ready.logs[0]!.id}/checkpoint`)
  const keys = vkeys.map((vkey) => parseVerifierKey(vkey))
  return [...verifiedCosignatures(parseNote(utf8(body)), keys).values()].map(({ time }) => time)
}

async function conditions(node: RunningNode): Promise<string[]> {
  return ((await node.json('/api/v1/status')) as StatusView).clock.map(({ name }) => name)
}

async function metric(node: RunningNode, name: string): Promise<number> {
  const text = await (await fetch(`${node.ready.http}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(name) && !each.startsWith('#'))
  return Number(line?.split(' ').at(-1))
}

/** What /readyz reports about the clock: [+] or [-], and why. */
async function clockCheck(node: RunningNode): Promise<string> {
  const text = await (await fetch(`${node.ready.http}/readyz?verbose`)).text()
  const lines = text.split('\n').filter((line) => /^\[.\] (clock|promise) /.test(line))
  const failing = lines.filter((line) => line.startsWith('[-]'))
  return failing.length > 0 ? failing.join(' ') : (lines[0] ?? text)
}

const now = (): number => Math.floor(Date.now() / 1000)

describe('one start ten years ahead, then the right time', () => {
  test.each([
    ['and one key', []],
    ['and an ML-DSA-44 key beside it', ['--ml-dsa']],
  ])(
    '%s: everything says so until the key is another one, and the new one signs at the right time',
    async (_what, more) => {
      const home = temporaryHome()
      await gossum(['key', 'new', '--name', 'witness.example', ...more], { home })
      const clock = testClock(YEARS)
      const wrong = await RunningNode.start(home, LOG, clock.env)
      expect(await pushed(wrong, 0, 5)).toBe(200)
      expect((await times(wrong, wrong.ready.witness))[0]).toBeGreaterThan(now() + YEARS / 1000 - 600)
      await wrong.stop()

      for (let size = 5; size < 7; size++) {
        const right = await RunningNode.start(home, LOG)
        const told = await right.event((event) => event.event === 'clock')
        expect(told).toMatchObject({ name: 'promise ahead', holds: true })
        expect(await pushed(right, size, size + 1)).toBe(200)
        // It may not go back, so it stays wrong, and that is reported.
        expect((await times(right, right.ready.witness))[0]).toBeGreaterThan(now() + YEARS / 1000 - 600)
        expect(await conditions(right)).toEqual(['promise ahead'])
        expect(await clockCheck(right)).toMatch(/^\[-\].*3649 days ahead.*docs\/operating\.md/)
        expect((await fetch(`${right.ready.http}/readyz`)).status).toBe(503)
        expect(await metric(right, 'gossum_clock_condition{name="promise ahead"')).toBe(1)
        expect(await metric(right, 'gossum_clock_promise_ahead_seconds')).toBeGreaterThan(YEARS / 1000 - 600)
        const status = await gossum(['status', '--node', right.ready.http])
        expect([status.code, status.stdout]).toEqual([4, expect.stringContaining('3649 days ahead')])
        await right.stop()
      }

      // "A new key", step by step.
      for (const file of ['witness.key', ...(more.length > 0 ? ['witness-ml-dsa.key'] : [])])
        renameSync(join(home, file), join(temporaryHome(), file))
      const made = await gossum(['key', 'new', '--name', 'witness.example/2', ...more, '--json'], { home })
      expect(made.code, made.stderr).toBe(0)
      const { witness: fresh, mlDsa } = JSON.parse(made.stdout) as { witness: string; mlDsa?: string }
      const mended = await RunningNode.start(home, LOG)
      expect(mended.ready.witness).toBe(fresh)
      const before = now()
      expect(await pushed(mended, 7, 8)).toBe(200)
      const keys = [fresh, ...(mlDsa === undefined ? [] : [mlDsa])]
      const signed = await times(mended, ...keys)
      expect(signed).toHaveLength(keys.length)
      for (const time of signed) expect([before, before + 1, before + 2, before + 3]).toContain(time)
      expect(await conditions(mended)).toEqual([])
      expect(await clockCheck(mended)).toMatch(/^\[\+\]/)
      expect(await metric(mended, 'gossum_clock_promise_ahead_seconds')).toBe(0)
      // It still knows the history: what the old key signed is not contradicted.
      expect((await push(mended.ready.http, new PushingLog(log.signer, { salt: 'b' }).body(8, 8))).status).toBe(422)
    },
    60_000,
  )
})

test('of two keys with one name, the one that stays signs no earlier time when the other one is replaced', async () => {
  const home = temporaryHome()
  const made = await gossum(['key', 'new', '--name', 'witness.example', '--ml-dsa', '--json'], { home })
  const { mlDsa } = JSON.parse(made.stdout) as { mlDsa: string }
  const ahead = await RunningNode.start(home, LOG, testClock(DAY).env)
  expect(await pushed(ahead, 0, 5)).toBe(200)
  const [before] = await times(ahead, mlDsa)
  await ahead.stop()
  renameSync(join(home, 'witness.key'), join(temporaryHome(), 'witness.key'))
  expect((await gossum(['key', 'new', '--name', 'witness.example'], { home })).code).toBe(0)
  const node = await RunningNode.start(home, LOG)
  expect(await pushed(node, 5, 6)).toBe(200)
  for (const time of await times(node, mlDsa, node.ready.witness)) expect(time).toBeGreaterThanOrEqual(before!)
  expect(await conditions(node)).toContain('promise ahead')
})

test('three days ahead for a moment: ages still increase, on the monotonic clock', async () => {
  const served = await memoryLog(testSigner('sum.example', 1), madeUpRecords(0, 5))
  const listening = await served.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => listening.close())
  const { vkey } = testSigner('sum.example', 1).verifier
  const clock = testClock(3 * DAY)
  const node = await RunningNode.start(
    temporaryHome(),
    ['--log', `${vkey} ${listening.url}`, '--poll', '0.2'],
    clock.env,
  )
  const advanced = await node.event((event) => event.event === 'outcome' && event.outcome === 'advanced')
  expect(Date.parse(advanced.at)).toBeGreaterThan(Date.now() + 2 * DAY)
  await listening.close()
  const name = 'gossum_head_age_seconds'
  const age = await metric(node, name)
  clock.set(0, node)
  // The head was signed with that clock, three days in the future. Its age counts from when it was seen.
  while (!((await metric(node, name)) > age + 1)) await delay(100)
  expect(await conditions(node)).toContain('promise ahead')
  expect(await clockCheck(node)).toMatch(/^\[-\]/)
}, 20_000)

test('with a clock before the release of this version nothing is signed, which is reported, until the clock is set', async () => {
  const served = await memoryLog(testSigner('sum.example', 1), madeUpRecords(0, 5))
  const listening = await served.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => listening.close())
  const { vkey } = testSigner('sum.example', 1).verifier
  const before = Date.parse(RELEASED) - Date.now() - 60 * SECOND
  const clock = testClock(before)
  const args = [...LOG, '--log', `${vkey} ${listening.url}`, '--poll', '0.2']
  const node = await RunningNode.start(temporaryHome(), args, clock.env)
  const seen = await node.event((event) => event.event === 'outcome' && event.size === 5)
  expect(seen).toMatchObject({ outcome: 'refused', code: 'CLOCK_WRONG' })
  expect(await push(node.ready.http, log.body(0, 5))).toMatchObject({
    status: 503,
    body: expect.stringContaining('clock') as string,
  })
  expect(await conditions(node)).toContain('clock before release')
  expect(await clockCheck(node)).toContain(RELEASED)
  for (const { id } of node.ready.logs)
    expect((await askWitness(node.ready.http, `/${id}/checkpoint`)).status).toBe(404)
  clock.set(0, node)
  await node.event((event) => event.event === 'outcome' && event.outcome === 'advanced' && event.size === 5)
  expect(await pushed(node, 0, 5)).toBe(200)
  expect(await conditions(node)).not.toContain('clock before release')
})
