/**
 * One origin, two checksum databases, with whole nodes: if one takes over a fork of the other, this is not cosigned by
 * the key that the other's readers count, and that key stays with its log whatever is configured later.
 */
import { onTestFinished, expect, test } from 'vitest'
import type { LogView } from '../../../src/status/shapes.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { logId, SUMDB_ORIGIN } from '../../../src/tlog/checkpoint.js'
import { verifiedCosignatures } from '../../../src/tlog/cosignature.js'
import { parseNote, parseVerifierKey } from '../../../src/tlog/note.js'
import { LyingLog } from '../../fakes/lying-log.js'
import { TilesLog } from '../../fakes/tiles-log.js'
import { gossum } from '../../helpers/cli.js'
import { testSigner } from '../../helpers/heart.js'
import { temporaryHome } from '../../helpers/home.js'
import { RunningNode } from '../../helpers/node.js'
import { askWitness, push } from '../../helpers/witness-client.js'

const [signerOfA, signerOfB] = [testSigner('a.example', 1), testSigner('b.example', 2)]
const idOf = ({ verifier }: typeof signerOfA): string => logId(verifier.name, SUMDB_ORIGIN)
const pushedBy = ({ verifier }: typeof signerOfA): string[] => ['--log', `${verifier.vkey} - ${SUMDB_ORIGIN}`]
const BOTH = [...pushedBy(signerOfA), ...pushedBy(signerOfB)]

/** A, a fork of it that must not be cosigned, and B, which has taken over the records of the fork. */
function story() {
  const record = (n: number): string => `record ${n} of A`
  const a = new TilesLog(signerOfA, { origin: SUMDB_ORIGIN, record }).grow(300)
  const fork = a.fork(200, 310)
  const adopted = (n: number): string => (n < 200 ? record(n) : `another entry ${n}`)
  const b = new TilesLog(signerOfB, { origin: SUMDB_ORIGIN, record: adopted }).grow(310)
  expect(parseNote(b.head()).text, 'a cosignature says this, and nothing else').toBe(parseNote(fork.head()).text)
  return { a, b, fork }
}

/** Which of these keys have cosigned a text, in everything where this node shows heads. */
async function signersOf(node: RunningNode, text: string, ...vkeys: string[]): Promise<string[]> {
  const keys = vkeys.map((vkey) => parseVerifierKey(vkey))
  const notes: string[] = []
  for (const id of [signerOfA, signerOfB].map(idOf)) {
    notes.push((await askWitness(node.ready.http, `/${id}/checkpoint`)).body)
    const asNote = { headers: { accept: 'text/plain' } }
    notes.push((await askWitness(node.ready.http, `/api/v1/logs/${id}/head`, asNote)).body)
  }
  return notes.flatMap((body) => {
    if (!body.startsWith(text)) return []
    return [...verifiedCosignatures(parseNote(utf8(body)), keys).keys()]
  })
}

async function logsOf(node: RunningNode): Promise<LogView[]> {
  return ((await node.json('/api/v1/logs')) as { logs: LogView[] }).logs
}

async function pushed(node: RunningNode, log: TilesLog, from: number): Promise<number> {
  return (await push(node.ready.http, log.pushed(from))).status
}

test("by push: a fork's records under another log's key get no cosignature that would count for the fork", async () => {
  const { a, b, fork } = story()
  const home = temporaryHome()
  const node = await RunningNode.start(home, BOTH)
  const text = parseNote(fork.head()).text
  expect(await pushed(node, a, 0)).toBe(200)
  expect(await pushed(node, b, 0)).toBe(503)
  expect(await signersOf(node, text, node.ready.witness)).toEqual([])
  // It is followed: another history of it would be noticed.
  expect(await logsOf(node)).toMatchObject([{ size: 300, paused: null }, { size: 310 }])
  await node.stop()

  const made = await gossum(['key', 'new', '--for', 'b.example', ...BOTH, '--json'], { home })
  expect(made.code, made.stderr).toBe(0)
  const [own] = (JSON.parse(made.stdout) as { logs: { witness: string }[] }).logs
  const both = await RunningNode.start(home, BOTH)
  b.grow(1)
  a.grow(1)
  expect([await pushed(both, b, 310), await pushed(both, a, 300)]).toEqual([200, 200])
  // By a key that nobody counts for A: neither the current text nor that of the fork has a line of the other key.
  const head = parseNote(b.head()).text
  expect(new Set(await signersOf(both, head, both.ready.witness, own!.witness))).toEqual(new Set([own!.witness]))
  expect(await logsOf(both)).toMatchObject([{ paused: null }, { paused: null }])
  // And the fork itself convicts A, whatever B shows.
  expect([409, 422]).toContain(await pushed(both, a.fork(200, 301), 0))
  expect(await both.event((event) => event.event === 'evidence')).toMatchObject({ log: idOf(signerOfA) })
})

test('by poll it is the same, also when the copy is seen before the fork', async () => {
  const { a, b, fork } = story()
  const url = async (log: TilesLog): Promise<string> => {
    const served = await LyingLog.start({
      handle: (path) => log.handle(path.replace('/latest', '/checkpoint').replace('/tile/8/', '/tile/')),
    })
    onTestFinished(() => served.close())
    return served.url
  }
  const settings = async (first: TilesLog, second: TilesLog): Promise<string[]> => [
    ...['--log', `${first.signer.verifier.vkey} ${await url(first)}`],
    ...['--log', `${second.signer.verifier.vkey} ${await url(second)}`],
  ]
  const node = await RunningNode.start(temporaryHome(), [...(await settings(a, b)), '--poll', '0.2'])
  await node.event(
    (event) => event.event === 'outcome' && event.log === idOf(signerOfA) && event.outcome === 'advanced',
  )
  await node.event((event) => event.event === 'outcome' && event.code === 'ORIGIN_TAKEN')
  expect(await signersOf(node, parseNote(fork.head()).text, node.ready.witness)).toEqual([])
})

test('a log that is disabled and enabled again keeps its key, and the other one never gets it in between', async () => {
  const home = temporaryHome()
  const { a, b } = story()
  const log = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await gossum(['log', ...args], { home })
    expect(code, stderr).toBe(0)
  }
  // Replaces the log that is followed by default, which has this origin, too.
  const elsewhere = ['--log', `${testSigner('elsewhere.example', 3).verifier.vkey} -`]
  await log('add', `${signerOfA.verifier.vkey} - ${SUMDB_ORIGIN}`)
  const first = await RunningNode.start(home, elsewhere)
  expect(await pushed(first, a, 0)).toBe(200)
  const { witness } = first.ready
  await first.stop()

  await log('disable', 'a.example')
  await log('add', `${signerOfB.verifier.vkey} - ${SUMDB_ORIGIN}`)
  const second = await RunningNode.start(home, elsewhere)
  expect(await pushed(second, b, 0)).toBe(503)
  await second.stop()

  await log('add', `${signerOfA.verifier.vkey} - ${SUMDB_ORIGIN}`)
  const third = await RunningNode.start(home, pushedBy(signerOfB))
  a.grow(1)
  b.grow(1)
  expect(await pushed(third, b, 310)).toBe(503)
  expect(await pushed(third, a, 300)).toBe(200)
  expect(await signersOf(third, parseNote(a.head()).text, witness)).toContain(witness)
  await third.stop()
})
