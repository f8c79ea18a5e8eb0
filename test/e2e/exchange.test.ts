/** Heads pushed to witnesses outside the mesh: the real litewitness, and our own program. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { StatusView } from '../../src/status/shapes.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, parseVerifierKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { LyingLog, madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { FakeDistributor, publish } from '../fakes/distributor.js'
import { FakePlace, isCosignedBy } from '../fakes/place.js'
import { gossum } from '../helpers/cli.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { findLitewitness, startLitewitness } from '../helpers/litewitness.js'
import { RunningNode } from '../helpers/node.js'
import { startOurs } from '../helpers/interop.js'

const litewitness = findLitewitness()
const signer = testSigner('log.example', 1)
const known = { origin: SUMDB_ORIGIN, vkey: signer.verifier.vkey }

test.runIf(process.env['REQUIRE_PEERS'] === '1')('litewitness is here, as REQUIRE_PEERS asks', () => {
  expect(litewitness).toBeDefined()
})

/** A node that feeds this witness, with a policy that needs both of them. */
async function feeding(witness: { url: string; key: { vkey: string } }): Promise<{ node: RunningNode; log: LyingLog }> {
  const log = await LyingLog.start(await memoryLog(signer, madeUpRecords(0, 10)))
  onTestFinished(() => log.close())
  const home = temporaryHome()
  const made = await gossum(['key', 'new', '--json', '--home', home, '--name', 'us.example'])
  const own = (JSON.parse(made.stdout) as { witness: string }).witness
  const policy = join(home, 'policy')
  writeFileSync(policy, `witness us ${own}\nwitness them ${witness.key.vkey}\ngroup both all us them\nquorum both\n`)
  const node = await RunningNode.start(home, [
    ...['--log', `${signer.verifier.vkey} ${log.url}`, '--poll', '0.2', '--policy', policy, '--guard-wait', '0'],
    ...['--feed', `${witness.key.vkey} ${witness.url}`],
  ])
  return { node, log }
}

async function reachesQuorums(witness: { url: string; key: { vkey: string; name: string } }): Promise<void> {
  const { node, log } = await feeding(witness)
  for (const size of [10, 300, 301, 1000]) {
    await log.history.append(madeUpRecords(0, size))
    await node.event((event) => event.event === 'quorum' && event.size === size)
  }
  expect(await node.event((event) => event.event === 'exchange')).toMatchObject({
    place: witness.key.name,
    kind: 'feed',
    url: witness.url,
    reachable: true,
    error: null,
  })
  // The head that this node shows has a valid line of the witness.
  const id = node.ready.logs[0]!.id
  const head = (await node.json(`/api/v1/logs/${id}/head`)) as { note: string; size: number }
  expect(head.size).toBe(1000)
  expect(isCosignedBy(head.note, parseVerifierKey(witness.key.vkey))).toBe(true)
  const status = (await node.json('/api/v1/status')) as StatusView
  expect(status.exchange).toEqual([
    expect.objectContaining({
      name: witness.key.name,
      url: witness.url,
      kind: 'feed',
      error: null,
      says: [expect.objectContaining({ log: id, verdict: 'taken', size: 1000 })],
    }),
  ])
  const { stdout } = await gossum(['status', '--node', node.ready.http])
  expect(stdout).toMatch(/^ exchange +\S+ \(feed\) +answered \d+ s ago, taken log\.example size 1,000$/m)
  const metrics = await (await fetch(`${node.ready.http}/metrics`)).text()
  expect(metrics).toMatch(/gossum_exchange_requests_total\{place="[^"]+",outcome="ok"\} \d+/)
  expect(await node.stop()).toBe(0)
}

test.skipIf(litewitness === undefined)(
  'the real litewitness cosigns what our node proves, up to the quorum',
  async () => {
    const witness = await startLitewitness(litewitness!, [known])
    onTestFinished(() => witness.stop())
    await reachesQuorums(witness)
  },
)

test.skipIf(litewitness === undefined)('a litewitness that does not know the log is reported once', async () => {
  const witness = await startLitewitness(litewitness!, [{ ...known, origin: 'other.example' }])
  onTestFinished(() => witness.stop())
  const { node } = await feeding(witness)
  expect(await node.event((event) => event.event === 'exchange' && event.verdict !== null)).toMatchObject({
    verdict: 'unknown-log',
    reachable: true,
  })
})

test('our own program is a witness with the same protocol', async () => {
  const witness = await startOurs(temporaryHome(), [known])
  onTestFinished(() => witness.stop())
  await reachesQuorums(witness)
})

test('a distributor makes a quorum of witnesses who are in no mesh; a monitor that says "inconsistent" is alarmed about', async () => {
  const strangers = [1, 2].map((n) => testSigner(`w${n}.example`, 30 + n, SIGNATURE_TYPES.cosignature))
  const keys = strangers.map(({ verifier }) => verifier)
  const log = await LyingLog.start(await memoryLog(signer, madeUpRecords(0, 10)))
  onTestFinished(() => log.close())
  const head = parseNote((await log.history.handle('/latest')).body)
  const home = temporaryHome()
  const made = await gossum(['key', 'new', '--json', '--home', home, '--name', 'us.example'])
  const own = parseVerifierKey((JSON.parse(made.stdout) as { witness: string }).witness)
  const distributor = new FakeDistributor(SUMDB_ORIGIN, signer.verifier, [own, ...keys])
  for (const stranger of strangers) {
    const line = cosign(head.text, 1_800_000_000, stranger).signature
    publish(distributor, SUMDB_ORIGIN, formatNote({ ...head, signatures: [...head.signatures, line] }))
  }
  const theirs = await FakePlace.start(distributor.answer)
  const monitor = await FakePlace.start(({ method }) =>
    method === 'POST' ? { status: 200, body: 'inconsistent: uh oh\n' } : { status: 404 },
  )
  const policy = join(home, 'policy')
  writeFileSync(policy, `witness w1 ${keys[0]!.vkey}\nwitness w2 ${keys[1]!.vkey}\ngroup both all w1 w2\nquorum both\n`)
  const node = await RunningNode.start(home, [
    ...['--log', `${signer.verifier.vkey} ${log.url}`, '--poll', '0.2', '--policy', policy, '--guard-wait', '0'],
    ...['--distributor', theirs.url, '--source-spotter', monitor.url],
  ])
  await node.event((event) => event.event === 'quorum' && event.size === 10)
  expect(await node.event((event) => event.event === 'exchange' && event.verdict === 'inconsistent')).toMatchObject({
    kind: 'source-spotter',
    size: 10,
    root: head.text.split('\n')[2],
    detail: 'inconsistent: uh oh',
  })
  await node.event((event) => event.event === 'exchange' && event.kind === 'distributor' && event.verdict === 'taken')
  expect(Object.keys(distributor.held).sort()).toEqual(['us.example', 'w1.example', 'w2.example'])
  const { stdout, code } = await gossum(['status', '--node', node.ready.http])
  expect(code).toBe(4)
  expect(stdout).toMatch(/\(distributor\) +answered/)
  expect(stdout).toMatch(/\(source-spotter\) +answered .* inconsistent log\.example size 10/)
  // It is only an opinion: nothing is frozen.
  expect(((await node.json('/api/v1/status')) as StatusView).logs[0]).toMatchObject({ frozen: false, size: 10 })
  expect(await node.stop()).toBe(0)
})

test('an invalid feed is refused at start, with a message', async () => {
  const start = (...args: string[]) => gossum(['run', '--json', '--home', temporaryHome(), ...args])
  const log = await start('--feed', `${signer.verifier.vkey} http://127.0.0.1:9`)
  expect(log.code).toBe(2)
  expect(log.stderr).toContain('is a log key, not a witness key')
  expect((await start('--feed', 'ftp://x')).stderr).toContain('feed: ')
  expect((await start('--feed', 'http://127.0.0.1:9', '--feed', 'http://127.0.0.1:9/')).stderr).toContain(
    'listed twice',
  )
})
