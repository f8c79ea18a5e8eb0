/** The ML-DSA-44 key of a node: made, shown, and signing, with real files and processes. */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { subtreeMessage, verifiedCosignatures } from '../../src/tlog/cosignature.js'
import { formatSignerKey, parseNote, parseVerifierKey } from '../../src/tlog/note.js'
import { madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { gossum, gossumRefused, jsonError } from '../helpers/cli.js'
import { testSigner } from '../helpers/heart.js'
import { copyHome, scratchFolder, temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { askWitness, push, PushingLog, type WitnessAnswer } from '../helpers/witness-client.js'

const signer = testSigner('log.example', 1)

async function keys(home: string, ...args: string[]): Promise<{ witness: string; mlDsa?: string }> {
  const { stdout, stderr } = await gossum(['key', ...args, '--json'], { home })
  return JSON.parse(stdout === '' ? stderr : stdout) as { witness: string; mlDsa?: string }
}

test('it is made with the witness key or later, once, and with the same name', async () => {
  const home = join(temporaryHome(), 'home')
  const both = await keys(home, 'new', '--ml-dsa', '--name', 'w.example')
  expect(parseVerifierKey(both.mlDsa!)).toMatchObject({ name: 'w.example', type: 0x06 })
  expect(await keys(home, 'show')).toEqual(both)
  const file = join(home, 'witness-ml-dsa.key')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const secret = readFileSync(file, 'utf8')
  expect(jsonError(await gossum(['key', 'new', '--ml-dsa', '--json'], { home })).code).toBe('KEY_EXISTS')
  expect(readFileSync(file, 'utf8')).toBe(secret)

  rmSync(file)
  expect(jsonError(await gossum(['key', 'new', '--ml-dsa', '--name', 'v', '--json'], { home })).code).toBe('USAGE')
  const beside = await keys(home, 'new', '--ml-dsa')
  expect(beside.witness).toBe(both.witness)
  expect(beside.mlDsa).not.toBe(both.mlDsa)

  // A line of another witness, or of another type, is not mistaken for it.
  for (const line of [
    formatSignerKey('v', 0x06, new Uint8Array(32)),
    formatSignerKey('w.example', 0x04, new Uint8Array(32)),
  ]) {
    writeFileSync(file, `${line}\n`, { mode: 0o600 })
    expect(jsonError(await gossum(['key', 'show', '--json'], { home })).code).toBe('KEY_FILE_INVALID')
    const run = await gossumRefused(['run', '--http', '127.0.0.1:0', '--json'], { home })
    expect(jsonError(run).code).toBe('KEY_FILE_INVALID')
  }
})

test('a node signs with both, and a policy may ask for both', async () => {
  const home = temporaryHome()
  const { witness, mlDsa } = await keys(home, 'new', '--ml-dsa', '--name', 'w.example')
  const policy = join(temporaryHome(), 'policy')
  writeFileSync(policy, `witness ed ${witness}\nwitness pq ${mlDsa!}\ngroup w all ed pq\nquorum w\n`)
  const log = await memoryLog(signer, madeUpRecords(0, 5))
  const listening = await log.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => listening.close())
  const setting = `${signer.verifier.vkey} ${listening.url}`
  const node = await RunningNode.start(home, ['--log', setting, '--policy', policy, '--poll', '0.2'])
  await node.event((event) => event.event === 'quorum' && event.size === 5)
  expect(await node.json('/api/v1/status')).toMatchObject({ witness, mlDsa })

  // A second node with this policy collects both lines from the first.
  const bootstrap = ['--bootstrap', node.ready.multiaddrs[0]!]
  const other = await RunningNode.start(temporaryHome(), [
    '--log',
    setting,
    '--policy',
    policy,
    '--poll',
    '0.2',
    ...bootstrap,
  ])
  await other.event((event) => event.event === 'quorum' && event.size === 5)
  await log.append(madeUpRecords(5, 9))
  await other.event((event) => event.event === 'quorum' && event.size === 9)

  const { id } = node.ready.logs[0]!
  const checkpoint = new Uint8Array(await (await fetch(`${node.ready.http}/${id}/checkpoint`)).arrayBuffer())
  const own = [parseVerifierKey(witness), parseVerifierKey(mlDsa!)]
  expect([...verifiedCosignatures(parseNote(checkpoint), own).keys()]).toEqual([witness, mlDsa])
  const head = join(temporaryHome(), 'head')
  writeFileSync(head, checkpoint)
  const args = ['--log', signer.verifier.vkey, '--policy', policy, '--json', head]
  const verified = JSON.parse((await gossum(['verify', ...args])).stdout) as { cosignatures: { time: string }[] }
  expect(verified).toMatchObject({ verdict: 'valid', cosignatures: [{ verified: true }, { verified: true }] })
  expect(verified.cosignatures[0]!.time).toBe(verified.cosignatures[1]!.time)
})

describe('a log that pushes its head', () => {
  const log = new PushingLog(testSigner('log.example/sub', 1))
  const LOG = `${log.signer.verifier.vkey} -`

  /** A home with both keys and the log, whose head its witness has cosigned; each test has a copy. */
  const original = join(scratchFolder().dir, 'home')
  let made: { mlDsa: string; witness: string }
  /** What the witness answered to its head. */
  let answered: WitnessAnswer
  /** What is asked of such a witness. */
  let body: Uint8Array
  let end = (): void => undefined
  afterAll(() => end())
  beforeAll(async () => {
    const { witness, mlDsa } = await keys(original, 'new', '--ml-dsa', '--name', 'w.example')
    made = { witness, mlDsa: mlDsa! }
    await gossum(['log', 'add', LOG], { home: original })
    const node = await RunningNode.start(original, [], {}, (kill) => (end = kill))
    answered = await push(node.ready.http, log.body(0, 13))
    body = log.subtreeBody(8, 13, 13, cosigned())
    await node.stop()
  })

  const cosigned = (): Uint8Array => concatBytes(log.head(13), utf8(answered.body))

  test('gets both lines in one answer', () => {
    expect(answered.status).toBe(200)
    const own = [made.witness, made.mlDsa].map((vkey) => parseVerifierKey(vkey))
    expect([...verifiedCosignatures(parseNote(cosigned()), own).keys()]).toEqual([made.witness, made.mlDsa])
  })

  function copied(): string {
    const home = temporaryHome()
    copyHome(original, home)
    return home
  }

  const ask = (node: RunningNode, body: Uint8Array): Promise<WitnessAnswer> =>
    askWitness(node.ready.http, '/sign-subtree', { method: 'POST', body })

  /** The answer of a node with this home, in a process of its own. */
  async function answerOf(home: string, body: Uint8Array, args: readonly string[] = []): Promise<WitnessAnswer> {
    const node = await RunningNode.start(home, args)
    const answer = await ask(node, body)
    await node.stop()
    return answer
  }

  test('has its subtrees signed, over a restart, until the log is disabled', async () => {
    const home = copied()
    const answer = await answerOf(home, body)
    expect(answer.status, answer.body).toBe(200)
    const line = parseNote(utf8(`x\n\n${answer.body}`)).signatures[0]!
    const { hash } = log.subtreeProof(8, 13, 13)
    const message = subtreeMessage('w.example', 0, log.origin, { start: 8, end: 13, hash })!
    expect(parseVerifierKey(made.mlDsa).verify(message, line.bytes.subarray(8))).toBe(true)

    await gossum(['log', 'disable', log.origin], { home })
    expect((await answerOf(home, body)).status).toBe(404)
    await gossum(['log', 'add', LOG], { home })
    expect(await answerOf(home, body)).toMatchObject({ status: 200, body: answer.body })
  })

  test('has no subtree signed while a node signs nothing: its peers have not answered yet, or its ssh-agent is unavailable', async () => {
    const home = copied()
    const nobody = ['--bootstrap', '/ip4/127.0.0.1/tcp/1', '--guard-wait', '60']
    const waiting = await answerOf(home, body, nobody)
    expect([waiting.status, waiting.body.includes('peers')]).toEqual([503, true])

    writeFileSync(join(home, 'witness.key'), `SSH-AGENT+KEY+${made.witness}\n`, { mode: 0o600 })
    const node = await RunningNode.start(home, [], { SSH_AUTH_SOCK: join(home, 'nobody') })
    await node.event((event) => event.event === 'error' && event.code === 'AGENT_UNAVAILABLE')
    const away = await ask(node, body)
    expect([away.status, away.body.includes('ssh-agent')]).toEqual([503, true])
  })

  test('has no subtree signed once it is convicted, and neither has another of its origin, also not by the next process', async () => {
    const home = copied()
    const [signer, salt] = [testSigner('other.example', 2), 'b']
    const other = new PushingLog(signer, { origin: log.origin })
    const args = ['--log', `${signer.verifier.vkey} - ${log.origin}`]
    const node = await RunningNode.start(home, args)
    // The other log is followed, and cosigned by neither key: what they sign of the origin is about the first.
    expect(await push(node.ready.http, other.body(0, 5))).toMatchObject({
      status: 503,
      body: expect.stringContaining('another log with the same origin') as string,
    })
    expect((await ask(node, body)).status).toBe(200)
    expect((await push(node.ready.http, new PushingLog(signer, { origin: log.origin, salt }).body(5, 5))).status).toBe(
      422,
    )
    expect((await ask(node, body)).status).toBe(503)
    await node.stop()
    const frozen = await answerOf(home, body, args)
    expect([frozen.status, frozen.body.includes('frozen')]).toEqual([503, true])
  })
})
