/**
 * The rollback guard with real processes: an older copy of a home, an empty home with an old key, two nodes with one
 * key.
 */
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { NodeEvent } from '../../src/node/events.js'
import type { StatusView } from '../../src/status/shapes.js'
import { loadOrCreateWitnessKey } from '../../src/keys/key-file.js'
import { madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { testSigner } from '../helpers/heart.js'
import { copyHome, temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'

const signer = testSigner('log.example', 1)

/** A log on loopback with this many records; from number `fork` on they depend on another salt. */
async function serve(size: number, salt = 'a', fork = 0) {
  const log = await memoryLog(signer, [...madeUpRecords(0, fork), ...madeUpRecords(fork, size, salt)])
  const listening = await log.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => listening.close())
  return { url: listening.url, append: (from: number, to: number) => log.append(madeUpRecords(from, to, salt)) }
}

function start(home: string, url: string, ...args: string[]): Promise<RunningNode> {
  return RunningNode.start(home, ['--log', `${signer.verifier.vkey} ${url}`, '--poll', '0.2', ...args])
}

const advancedTo = (size: number) => (event: NodeEvent) =>
  event.event === 'outcome' && event.outcome === 'advanced' && event.size === size
const guardIs = (state: string) => (event: NodeEvent) => event.event === 'guard' && event.state === state

async function status(node: RunningNode): Promise<StatusView> {
  return (await node.json('/api/v1/status')) as StatusView
}

/** A witness that cosigned size 30, seen by a peer that counts it. `before` is called with its home before it starts. */
async function past(before?: (home: string, url: string, bootstrap: readonly string[]) => Promise<void>) {
  const log = await serve(10)
  const home = temporaryHome()
  const { signer: key } = await loadOrCreateWitnessKey(join(home, 'witness.key'), 'witness.example')
  const policy = join(temporaryHome(), 'policy')
  writeFileSync(policy, `witness w ${key.verifier.vkey}\nquorum w\n`)
  const peer = await start(temporaryHome(), log.url, '--policy', policy)
  const bootstrap = ['--bootstrap', peer.ready.multiaddrs[0]!]
  await before?.(home, log.url, bootstrap)
  const running = await start(home, log.url, ...bootstrap)
  await log.append(10, 30)
  // The peer holds the cosignature before the witness is gone.
  await peer.event((event) => event.event === 'quorum' && event.size === 30)
  return { log, peer, bootstrap, home, witness: running.ready.witness, running }
}

test('an older copy of a home continues from the head that its key has signed, whatever the log shows', async () => {
  const older = temporaryHome()
  const { bootstrap, witness, running } = await past(async (home, url, peer) => {
    const first = await start(home, url, ...peer)
    await first.event(advancedTo(10))
    await first.stop()
    copyHome(home, older)
  })
  await running.stop()
  // The same history, but only as far as 20: signing that now would be a step back.
  const stale = await serve(20)
  const restored = await start(older, stale.url, ...bootstrap)
  expect(restored.ready.witness).toBe(witness)
  await restored.event(guardIs('waiting'))
  await restored.event(guardIs('guarded'))
  // The peer proves what the log does not show.
  await restored.event(advancedTo(30))
  const seen = await restored.event((event) => event.event === 'outcome' && event.size === 20)
  expect(seen).toMatchObject({ outcome: 'past', door: 'poll' })
  expect(await status(restored)).toMatchObject({ guard: { state: 'guarded' }, logs: [{ size: 30, floor: null }] })
})

test('an empty home with an old key does not take another history for the first one', async () => {
  const { bootstrap, home, running } = await past()
  await running.stop()
  const empty = temporaryHome()
  copyFileSync(join(home, 'witness.key'), join(empty, 'witness.key'))
  const fork = await serve(25, 'b', 5)
  const node = await start(empty, fork.url, ...bootstrap)
  const evidence = await node.event((event) => event.event === 'evidence')
  expect(evidence).toMatchObject({ type: 'gossum/split-view/v1', sizes: [25, 30] })
  const { logs } = await status(node)
  // Nothing of the other history was signed.
  expect(logs[0]).toMatchObject({ frozen: true, size: 30, firstUse: null })
})

test('two nodes with one key notice each other', async () => {
  const { log, bootstrap, home, running } = await past()
  const elsewhere = temporaryHome()
  copyFileSync(join(home, 'witness.key'), join(elsewhere, 'witness.key'))
  const twin = await start(elsewhere, log.url, ...bootstrap)
  // Whether the second one signs anything before it knows depends on timing; neither continues to sign.
  await Promise.all([running, twin].map((node) => node.event(guardIs('twin'))))
  expect((await status(running)).guard).toMatchObject({ state: 'twin' })
})

test('a node whose peers cannot be reached waits, and then reports it as an error', async () => {
  const log = await serve(10)
  const home = temporaryHome()
  const first = await start(home, log.url)
  expect(await first.event((event) => event.event === 'guard')).toMatchObject({ state: 'fresh' })
  const trusted = await first.event((event) => event.event === 'first-use')
  expect(trusted).toMatchObject({ log: first.ready.logs[0]!.id, size: 10 })
  await first.stop()

  const again = await start(home, log.url)
  expect(await again.event((event) => event.event === 'guard')).toMatchObject({ state: 'unguarded' })
  await again.stop()

  const nobody = ['--bootstrap', '/ip4/127.0.0.1/tcp/1', '--guard-wait', '1']
  const lonely = await start(home, log.url, ...nobody)
  await lonely.event(guardIs('waiting'))
  await log.append(10, 20)
  const told = await lonely.event(guardIs('unanswered'))
  expect(told).toMatchObject({ text: expect.stringContaining('none of 1 chosen peers answered within 1 s') as string })
  await lonely.event(advancedTo(20))
})
