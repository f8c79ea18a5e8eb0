/**
 * The auditor of a node, with real logs, processes and keys: it has read what it cosigns, and never contradicts itself.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { StatusView } from '../../src/status/shapes.js'
import type { SumdbServer } from '../../src/sumdb/log-server.js'
import { parseVerifierKey, parseNote } from '../../src/tlog/note.js'
import { verifiedCosignatures } from '../../src/tlog/cosignature.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { gossum } from '../helpers/cli.js'
import { testSigner } from '../helpers/heart.js'
import { copyHome, temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'

const signer = testSigner('log.example', 1)

/** A log that listens until the test ends, and its setting for a node. */
async function logOf(size: number): Promise<{ log: SumdbServer; args: string[] }> {
  const log = await memoryLog(signer, madeUpRecords(0, size))
  const listening = await log.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => listening.close())
  return { log, args: ['--log', `${signer.verifier.vkey} ${listening.url}`, '--poll', '0.2'] }
}

/** A home with keys for its witness and its auditor. */
async function homeOf(name: string): Promise<{ home: string; witness: string; auditor: string }> {
  const home = temporaryHome()
  await gossum(['key', 'new', '--name', name, '--json'], { home })
  const { stdout } = await gossum(['key', 'new', '--auditor', '--json'], { home })
  return { home, ...(JSON.parse(stdout) as { witness: string; auditor: string }) }
}

function policyOf(text: string): string {
  const path = join(temporaryHome(), 'policy')
  writeFileSync(path, text)
  return path
}

const audited = (size: number) => (event: { event: string; size?: unknown }) =>
  event.event === 'audited' && event.size === size
const quorum = (size: number) => (event: { event: string; size?: unknown }) =>
  event.event === 'quorum' && event.size === size

/** The line of the auditor on the newest head that a node shows. */
async function lineIn(node: RunningNode): Promise<string | undefined> {
  const { note } = (await node.json(`/api/v1/logs/${node.ready.logs[0]!.id}/head`)) as { note: string }
  return note.split('\n').find((line) => line.startsWith('— w.example/auditor '))
}

async function auditOf(node: RunningNode): Promise<StatusView['logs'][number]['audit']> {
  return ((await node.json('/api/v1/status')) as StatusView).logs[0]!.audit
}

test('a policy of a witness and its auditor is satisfied only after the whole log was read, and follows the log', async () => {
  const { log, args } = await logOf(600)
  const { home, witness, auditor } = await homeOf('w.example')
  const policy = policyOf(`witness w ${witness}\nwitness a ${auditor}\ngroup both all w a\nquorum both\n`)
  const without = await RunningNode.start(home, [...args, '--policy', policy])
  await without.event((event) => event.event === 'outcome' && event.outcome === 'advanced')
  expect(await auditOf(without)).toBeNull()
  expect(without.all(quorum(600))).toEqual([])
  await without.stop()

  const node = await RunningNode.start(home, [...args, '--policy', policy, '--audit', '--audit-rate', '1000'])
  await node.event(audited(600))
  await node.event(quorum(600))
  expect(await auditOf(node)).toEqual({
    ...{ size: 600, findings: { error: 0, note: 0 }, complete: true, cosigned: 600, error: null, indexed: 600 },
  })
  expect(await node.json('/api/v1/status')).toMatchObject({ auditor })
  await log.append(madeUpRecords(600, 700))
  await node.event(quorum(700))

  // It is also shown in the metrics and in text output.
  const metrics = await (await fetch(`${node.ready.http}/metrics`)).text()
  expect(metrics).toMatch(/gossum_audited_records\{log="log.example",log_id="[0-9a-f]{64}"\} 700/)
  expect(metrics).toMatch(/gossum_audit_cosigned_size\{.*\} 700/)
  const { stdout } = await gossum(['status', '--node', node.ready.http])
  expect(stdout).toMatch(/audit +700 records read, none bad; cosigned up to 700/)
})

test('three witnesses and one auditor, each in a node of its own: the quorum waits for the audit', async () => {
  const { log, args } = await logOf(300)
  const homes = [await homeOf('a.example'), await homeOf('b.example'), await homeOf('c.example')]
  const [first] = homes
  const lines = homes.map(({ witness }, i) => `witness w${i} ${witness}`)
  const names = homes.map((_, i) => `w${i}`).join(' ')
  const policy = policyOf(
    [...lines, `witness a ${first!.auditor}`, `group ws all ${names}`, 'group g all ws a', 'quorum g', ''].join('\n'),
  )
  const rest = [...args, '--policy', policy]
  const nodes = [await RunningNode.start(first!.home, rest)]
  const dial = ['--bootstrap', nodes[0]!.ready.multiaddrs[0]!]
  for (const { home } of homes.slice(1)) nodes.push(await RunningNode.start(home, [...rest, ...dial]))
  // All three have cosigned it, and that is not enough.
  const isWhole = async (node: RunningNode): Promise<number> =>
    ((await node.json('/api/v1/status')) as StatusView).logs[0]!.cosignatures.length
  await expect.poll(() => isWhole(nodes[1]!), { timeout: 20_000 }).toBe(3)
  expect(nodes.flatMap((node) => node.all(quorum(300)))).toEqual([])
  await nodes[0]!.stop()

  const auditing = await RunningNode.start(first!.home, [
    ...[...rest, '--audit', '--audit-rate', '1000'],
    ...nodes.slice(1).flatMap((node) => ['--bootstrap', node.ready.multiaddrs[0]!]),
  ])
  for (const node of [auditing, ...nodes.slice(1)]) await node.event(quorum(300))
  await log.append(madeUpRecords(300, 320))
  for (const node of [auditing, ...nodes.slice(1)]) await node.event(quorum(320))
  const { id } = auditing.ready.logs[0]!
  const { note } = (await nodes[1]!.json(`/api/v1/logs/${id}/head`)) as { note: string }
  const keys = [...homes.map(({ witness }) => witness), first!.auditor]
  const verified = verifiedCosignatures(parseNote(utf8(note)), keys.map(parseVerifierKey))
  expect([...verified.keys()].sort()).toEqual(keys.sort())
})

describe('a log with a bad record', () => {
  test('is never cosigned by the auditor, at it or beyond it, over restarts', async () => {
    const { log, args } = await logOf(300)
    const { home } = await homeOf('w.example')
    const run = [...args, '--audit', '--audit-rate', '1000']
    const node = await RunningNode.start(home, run)
    await node.event(audited(300))
    // The server accepts it, since it has the lines that it needs; the hash is invalid.
    await log.append([{ path: 'example.com/bad', version: 'v1.0.0', text: 'example.com/bad v1.0.0 h1:AAAA\n' }])
    const found = await node.event((event) => event.event === 'finding' && event.level === 'error')
    expect(found).toMatchObject({ id: 300, module: 'example.com/bad@v1.0.0' })
    await log.append(madeUpRecords(301, 310))
    await expect.poll(() => auditOf(node), { timeout: 20_000 }).toMatchObject({ size: 310, complete: true })
    expect(await auditOf(node)).toMatchObject({ complete: true, cosigned: 300 })
    expect(node.all((event) => event.event === 'audited').map((event) => 'size' in event && event.size)).toEqual([300])
    const conditions = ((await node.json('/api/v1/status')) as StatusView).conditions.map(({ name }) => name)
    expect(conditions).toContain('bad record')
    await node.stop()

    const again = await RunningNode.start(home, run)
    await log.append(madeUpRecords(310, 320))
    await expect.poll(() => auditOf(again), { timeout: 20_000 }).toMatchObject({ size: 320, complete: true })
    expect(await auditOf(again)).toMatchObject({ complete: true, cosigned: 300 })
    // What was reported before is not reported again.
    expect(again.all(({ event }) => event === 'audited' || event === 'finding')).toEqual([])
  })
})

test('a node without the key of an auditor audits, shows what it found, and signs nothing', async () => {
  const { args } = await logOf(300)
  const node = await RunningNode.start(temporaryHome(), [...args, '--audit', '--audit-rate', '1000'])
  await expect.poll(() => auditOf(node), { timeout: 20_000 }).toMatchObject({ size: 300, complete: true })
  expect(await auditOf(node)).toMatchObject({ cosigned: null, error: null })
  expect(await node.json('/api/v1/status')).toMatchObject({ auditor: null })
  expect(node.all(({ event }) => event === 'audited')).toEqual([])
})

test('killed at any moment, the next start cosigns the same head with the same line', async () => {
  const { args } = await logOf(300)
  const { home, auditor } = await homeOf('w.example')
  const policy = policyOf(`witness a ${auditor}\nquorum a\n`)
  const run = [...args, '--policy', policy, '--audit', '--audit-rate', '1000']
  const node = await RunningNode.start(home, run)
  await node.event(quorum(300))
  const line = await lineIn(node)
  await node.kill()
  const again = await RunningNode.start(home, run)
  await expect.poll(async () => (await auditOf(again))?.cosigned, { timeout: 20_000 }).toBe(300)
  await expect.poll(() => lineIn(again), { timeout: 20_000 }).toBe(line)
  expect(readFileSync(join(home, 'journal'), 'utf8')).toContain('"audited":{')
})

test('a home restored to before the audit learns from a peer what its auditor has signed', async () => {
  const { log, args } = await logOf(300)
  const { home } = await homeOf('w.example')
  const keeper = await RunningNode.start(temporaryHome(), args)
  const run = [...args, '--audit', '--audit-rate', '1000', '--bootstrap', keeper.ready.multiaddrs[0]!]
  const node = await RunningNode.start(home, run)
  await node.event(audited(300))
  await node.stop()
  const copy = temporaryHome()
  copyHome(home, copy)
  const later = await RunningNode.start(home, run)
  await log.append(madeUpRecords(300, 400))
  await later.event(audited(400))
  const line = await lineIn(later)
  await later.stop()

  const restored = await RunningNode.start(copy, run)
  await restored.event((event) => event.event === 'guard' && event.state === 'guarded')
  // Its peer remembers what it promised until then: it signs the same again, at the same time, and nothing lower.
  await expect.poll(() => lineIn(restored), { timeout: 20_000 }).toBe(line)
  await log.append(madeUpRecords(400, 410))
  await restored.event(audited(410))
  expect(restored.all((event) => event.event === 'audited' && event.size < 400)).toEqual([])
})
