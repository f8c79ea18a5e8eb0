/**
 * kill -9 while many logs push concurrently, so that their promises share batches and fsyncs: no cosignature that a log
 * received is forgotten, and no later head contradicts it.
 */
import { Agent } from 'node:http'
import { expect, test } from 'vitest'
import { utf8 } from '../../src/tlog/bytes.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { verifyCosignature } from '../../src/tlog/cosignature.js'
import { formatHash, sha256 } from '../../src/tlog/hash.js'
import { parseNote, parseVerifierKey } from '../../src/tlog/note.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { askWitness, push, pushBody, PushingLog } from '../helpers/witness-client.js'

const LOGS = 32
const ROUNDS = 3
/** Answers after which the node is killed, while other requests are in progress. */
const ANSWERS = 400

/** A log with its last answer, and what it may have been sent when the node died. */
class Customer {
  readonly log: PushingLog
  /** The size of the last received cosignature, and of the last pushed head. */
  received = 0
  sent = 0

  constructor(i: number) {
    this.log = new PushingLog(testSigner(`log.example/${i}`, 1 + i))
  }

  get path(): string {
    return `/${Buffer.from(sha256(utf8(this.log.origin))).toString('hex')}/checkpoint`
  }
}

test('every cosignature that was returned survives kill -9', async () => {
  const customers = Array.from({ length: LOGS }, (_, i) => new Customer(i))
  const home = temporaryHome()
  const args = customers.flatMap(({ log }) => ['--log', `${log.signer.verifier.vkey} -`])
  for (let round = 0; round < ROUNDS; round++) {
    const node = await RunningNode.start(home, args)
    const witness = parseVerifierKey(node.ready.witness)
    for (const customer of customers) await expectKept(node.ready.http, customer)

    const agent = new Agent({ keepAlive: true, maxSockets: LOGS })
    let answers = 0
    const died = new Promise<void>((resolve) => node.child.once('exit', () => resolve()))
    let isDead = false
    void died.then(() => (isDead = true))
    await Promise.all(
      customers.map(async (customer) => {
        const { log } = customer
        while (!isDead) {
          const [from, to] = [customer.received, customer.received + 1]
          customer.sent = to
          const answer = await Promise.race([push(node.ready.http, log.body(from, to), { agent }), died]).catch(
            () => died,
          )
          if (answer === undefined) return
          expect(answer.status, answer.body).toBe(200)
          const line = parseNote(utf8(`${log.text(to)}\n${answer.body}`)).signatures[0]!
          verifyCosignature(log.text(to), line, witness)
          customer.received = to
          if (++answers === ANSWERS) node.child.kill('SIGKILL')
        }
      }),
    )
    agent.destroy()
    expect(answers).toBeGreaterThanOrEqual(ANSWERS)
  }
  const node = await RunningNode.start(home, args)
  for (const customer of customers) {
    await expectKept(node.ready.http, customer)
    // And it accepts no other history from there: a log that shows one is convicted when its own head arrives.
    const { log, received: size } = customer
    const fork = new PushingLog(log.signer, { salt: 'b' })
    const forked = await push(node.ready.http, pushBody(size, fork.proof(size, size + 1), fork.head(size + 1)))
    expect(forked.status, forked.body).toBe(422)
  }
})

/** The node holds what it signed last, or what it promised after that. */
async function expectKept(http: string, customer: Customer): Promise<void> {
  const { log, path, received, sent } = customer
  const { status, body } = await askWitness(http, path)
  if (received === 0 && status === 404) return
  expect(status, body).toBe(200)
  const { size, root } = parseCheckpoint(parseNote(utf8(body)).text)
  expect(size).toBeGreaterThanOrEqual(received)
  expect(size).toBeLessThanOrEqual(sent)
  expect(formatHash(root)).toBe(formatHash(log.tree(size).root))
  customer.received = size
}
