/** A node whose witness key is in a real ssh-agent: import, signing, an agent that ends and starts again. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { NodeEvent } from '../../src/node/events.js'
import type { StatusView } from '../../src/status/shapes.js'
import { parseVerifierKey } from '../../src/tlog/note.js'
import { madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { FakeAgent, honestly } from '../fakes/ssh-agent.js'
import { gossum, jsonError } from '../helpers/cli.js'
import { cosignatureIn, testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { findLitewitness, startLitewitness } from '../helpers/litewitness.js'
import { RunningNode } from '../helpers/node.js'
import { HAS_OPENSSH, newSshKey, shortFolder, startSshAgent } from '../helpers/openssh.js'

const signer = testSigner('log.example', 1)
const quorumAt = (size: number) => (event: NodeEvent) => event.event === 'quorum' && event.size === size

async function imported(home: string, socket: string, ...args: string[]) {
  const result = await gossum(['key', 'import', '--ssh-agent', ...args, '--json'], {
    home,
    env: { SSH_AUTH_SOCK: socket },
  })
  return { result, witness: result.code === 0 ? (JSON.parse(result.stdout) as { witness: string }).witness : '' }
}

describe.runIf(HAS_OPENSSH)('with ssh-agent', () => {
  test('a key is named by the key file, which holds no secret, and is chosen by its fingerprint', async () => {
    const [home, agent] = [join(temporaryHome(), 'home'), await startSshAgent()]
    const codeFor = async (...args: string[]) => jsonError((await imported(home, agent.socket, ...args)).result).code
    expect(await codeFor('--name', 'w.example')).toBe('AGENT_UNAVAILABLE')
    const [one, two] = [newSshKey(), newSshKey()]
    agent.add(one)
    agent.add(two)
    const unclear = (await imported(home, agent.socket, '--name', 'w.example')).result
    expect(jsonError(unclear)).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(two.fingerprint) as string,
    })
    expect(await codeFor('--fingerprint', two.fingerprint)).toBe('USAGE')
    expect(await codeFor('--name', 'w.example', '--fingerprint', 'SHA256:none')).toBe('AGENT_UNAVAILABLE')

    const { witness } = await imported(home, agent.socket, '--name', 'w.example', '--fingerprint', two.fingerprint)
    expect(parseVerifierKey(witness)).toMatchObject({ name: 'w.example', type: 0x04, publicKey: two.publicKey })
    const file = join(home, 'witness.key')
    expect(readFileSync(file, 'utf8')).toBe(`SSH-AGENT+KEY+${witness}\n`)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    // Showing the key needs no agent.
    await agent.stop()
    expect(JSON.parse((await gossum(['key', 'show', '--json'], { home })).stdout)).toMatchObject({ witness })
    expect(await codeFor('--name', 'w.example')).toBe('AGENT_UNAVAILABLE')
  })

  test('a node signs, reports when the agent has ended, and goes on when there is one again', async () => {
    const home = temporaryHome()
    const [socket, key] = [join(shortFolder(), 'agent'), newSshKey()]
    const agent = await startSshAgent(socket)
    agent.add(key)
    const { witness } = await imported(home, socket, '--name', 'w.example')
    const log = await memoryLog(signer, madeUpRecords(0, 5))
    const listening = await log.listen({ host: '127.0.0.1', port: 0 })
    onTestFinished(() => listening.close())
    const logs = ['--log', `${signer.verifier.vkey} ${listening.url}`, '--poll', '0.2']
    const node = await RunningNode.start(home, logs, { SSH_AUTH_SOCK: socket })
    expect(node.ready.witness).toBe(witness)
    await node.event(quorumAt(5))
    const status = async () => (await node.json('/api/v1/status')) as StatusView
    expect((await status()).signing).toEqual({ by: 'ssh-agent', error: null })

    await agent.stop()
    await log.append(madeUpRecords(5, 9))
    await node.event((event) => event.event === 'error' && event.code === 'AGENT_UNAVAILABLE')
    const refused = await node.event((event) => event.event === 'outcome' && event.code === 'AGENT_UNAVAILABLE')
    expect(refused).toMatchObject({ outcome: 'refused', size: 9 })
    expect((await status()).signing.error).not.toBeNull()
    expect((await fetch(`${node.ready.http}/readyz`)).status).toBe(503)
    const shown = await gossum(['status', '--node', node.ready.http])
    expect(shown).toMatchObject({ code: 4, stdout: expect.stringContaining('the ssh-agent does not sign') as string })

    const back = await startSshAgent(socket)
    back.add(key)
    await node.event(quorumAt(9))
    const head = (await node.json(`/api/v1/logs/${node.ready.logs[0]!.id}/head`)) as { note: string }
    cosignatureIn(Buffer.from(head.note), parseVerifierKey(witness))
    expect((await status()).signing.error).toBeNull()
    expect(await node.stop()).toBe(0)
  })
})

const litewitness = findLitewitness()

test.skipIf(litewitness === undefined)('a witness that moves from litewitness keeps its key', async () => {
  const theirs = await startLitewitness(litewitness!, [])
  onTestFinished(() => theirs.stop())
  const home = temporaryHome()
  const { witness } = await imported(home, theirs.agent!, '--name', theirs.key.name)
  expect(witness).toBe(theirs.key.vkey)
})

test.runIf(process.env['REQUIRE_PEERS'] === '1')('OpenSSH is here, as REQUIRE_PEERS asks', () => {
  expect(HAS_OPENSSH).toBe(true)
})

test('a key of an agent that signs something else, or of low order, is refused', async () => {
  const home = temporaryHome()
  const key = testSigner('w.example', 3, 0x04)
  const agent = await FakeAgent.start(honestly(key, (message) => key.sign(message.reverse())))
  const { result } = await imported(home, agent.socket, '--name', 'w.example')
  expect(jsonError(result)).toMatchObject({
    code: 'AGENT_UNAVAILABLE',
    message: expect.stringContaining('does not verify') as string,
  })
  const low = { ...key.verifier, publicKey: new Uint8Array(32) }
  agent.answering = honestly({ ...key, verifier: low })
  expect(jsonError((await imported(home, agent.socket, '--name', 'w.example')).result).code).toBe('KEY_WEAK')
  expect((await gossum(['key', 'show', '--json'], { home })).code).toBe(1)
})

test('a damaged line is refused, and starts no node', async () => {
  const key = testSigner('w.example', 3, 0x04).verifier.vkey
  for (const line of ['', 'x', key.slice(0, -4), key.replace('w.example', 'v.example'), `${key}\n${key}`]) {
    const home = temporaryHome()
    writeFileSync(join(home, 'witness.key'), `SSH-AGENT+KEY+${line}\n`, { mode: 0o600 })
    const refused = await gossum(['key', 'show', '--json'], { home })
    expect(jsonError(refused).code, line).toBe('KEY_FILE_INVALID')
  }
})
