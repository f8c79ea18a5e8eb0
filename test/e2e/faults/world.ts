/** Shared by the tests of this folder: polled and pushing logs, witnesses, and what a peer remembers. */
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { NodeEvent } from '../../../src/node/events.js'
import type { StatusView } from '../../../src/status/shapes.js'
import { loadOrCreateWitnessKey } from '../../../src/keys/key-file.js'
import { toHex, utf8 } from '../../../src/tlog/bytes.js'
import { logId, parseCheckpoint, SUMDB_ORIGIN } from '../../../src/tlog/checkpoint.js'
import { parseNote, type SignerKey } from '../../../src/tlog/note.js'
import { connect, openSync, startStranger } from '../../gossip/stranger.js'
import { madeUpRecords, memoryLog } from '../../fakes/lying-log.js'
import { testSigner } from '../../helpers/heart.js'
import { copyHome, temporaryHome } from '../../helpers/home.js'
import { RunningNode } from '../../helpers/node.js'
import { push, PushingLog, type WitnessAnswer } from '../../helpers/witness-client.js'

export const signer = testSigner('log.example', 1)
export const LOG = logId('log.example', SUMDB_ORIGIN)
/** A log that no test serves: for nodes that follow none of ours. */
export const elsewhere = new PushingLog(testSigner('elsewhere.example', 99))

/** Receives what ends a thing; by default the test's end does. */
export type AtEnd = (end: () => void) => void

export interface ServedLog {
  readonly url: string
  readonly setting: string
  readonly append: (from: number, to: number) => Promise<unknown>
  readonly close: () => Promise<void>
}

/** A checksum database on loopback with this many records; from number `fork` on they depend on another salt. */
export async function serve(
  size: number,
  { salt = 'a', fork = 0, by = signer } = {},
  atEnd: AtEnd = onTestFinished,
): Promise<ServedLog> {
  const log = await memoryLog(by, [...madeUpRecords(0, fork), ...madeUpRecords(fork, size, salt)])
  const listening = await log.listen({ host: '127.0.0.1', port: 0 })
  atEnd(() => void listening.close())
  return {
    url: listening.url,
    close: () => listening.close(),
    setting: settingOf(by, listening.url),
    append: (from, to) => log.append(madeUpRecords(from, to, salt)),
  }
}

export function settingOf({ verifier }: SignerKey, url: string): string {
  return `${verifier.vkey} ${url}`
}

/** As the setting of a log that is only pushed. */
export function pushed({ signer: { verifier } }: PushingLog): string {
  return `${verifier.vkey} -`
}

export function idOf({ signer: { verifier }, origin }: PushingLog): string {
  return logId(verifier.name, origin)
}

/** A home with a witness key that is not new any more. */
export async function homeWithKey(home = temporaryHome()): Promise<{ home: string; vkey: string }> {
  const { signer: key } = await loadOrCreateWitnessKey(join(home, 'witness.key'), 'witness.example')
  return { home, vkey: key.verifier.vkey }
}

export interface Running {
  readonly logs: readonly string[]
  readonly bootstrap?: readonly string[]
  readonly args?: readonly string[]
}

export function start(home: string, running: Running, atEnd?: AtEnd): Promise<RunningNode> {
  const { logs, bootstrap = [], args = [] } = running
  const settings = [
    ...logs.flatMap((log) => ['--log', log]),
    ...bootstrap.flatMap((address) => ['--bootstrap', address]),
    ...['--poll', '0.2', ...args],
  ]
  return RunningNode.start(home, settings, {}, atEnd)
}

export function addressOf({ ready }: RunningNode): string {
  return ready.multiaddrs[0]!
}

/** A copy of a home as it is now. */
export function snapshot(home: string): string {
  const copy = temporaryHome()
  copyHome(home, copy)
  return copy
}

// ---- what is waited for ----------------------------------------------------------------------------------------

export type Sought = (event: NodeEvent) => boolean

export function advancedTo(size: number, log = LOG): Sought {
  return (event) =>
    event.event === 'outcome' && event.outcome === 'advanced' && event.size === size && event.log === log
}

export function guardIs(state: string): Sought {
  return (event) => event.event === 'guard' && event.state === state
}

export function depositIs(state: string): Sought {
  return (event) => event.event === 'deposit' && event.state === state
}

export function outcomeOf(size: number, code?: string): Sought {
  return (event) => event.event === 'outcome' && event.size === size && (code === undefined || event.code === code)
}

/** The first poll of a log has ended, whatever its result. */
export const isPoll: Sought = ({ event }) => event === 'log'

export const isEvidence: Sought = ({ event }) => event === 'evidence'

// ---- what is asked ---------------------------------------------------------------------------------------------

export async function status(node: RunningNode): Promise<StatusView> {
  return (await node.json('/api/v1/status')) as StatusView
}

export async function readiness(node: RunningNode): Promise<{ status: number; failing: string[] }> {
  const response = await fetch(`${node.ready.http}/readyz?verbose`)
  const failing = (await response.text()).split('\n').filter((line) => line.startsWith('[-] '))
  return { status: response.status, failing: failing.map((line) => line.slice(4, line.indexOf(':'))) }
}

/** The value of a metric, named with its labels. */
export async function metric(node: RunningNode, name: string): Promise<number> {
  const text = await (await fetch(`${node.ready.http}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.slice(name.length))
}

export function pushTo(node: RunningNode, log: PushingLog, from: number, to: number): Promise<WitnessAnswer> {
  return push(node.ready.http, log.body(from, to))
}

/** Pushes like a log that is told to wait for the guard: until it gets another answer. */
export async function pushPatiently(
  node: RunningNode,
  log: PushingLog,
  from: number,
  to: number,
): Promise<WitnessAnswer> {
  for (;;) {
    const answer = await pushTo(node, log, from, to)
    if (answer.status !== 503 || !answer.body.includes('until peers have reported')) return answer
  }
}

export async function expectSigned(node: RunningNode, log: PushingLog, from: number, to: number): Promise<void> {
  const { status: code, body } = await pushTo(node, log, from, to)
  expect(code, body).toBe(200)
}

/** What a node remembers of a key: sizes and roots of promises and of cosigned heads, by log id. */
export interface Remembered {
  readonly promises: ReadonlyMap<string, string>
  readonly lines: ReadonlyMap<string, string>
}

/** Requests what a node remembers of a key, page by page, as any stranger may. */
export async function remembered(node: RunningNode, witness: string): Promise<Remembered> {
  const host = await startStranger()
  const { ask } = await openSync(await connect(host, { address: addressOf(node) }))
  const [promises, lines] = [new Map<string, string>(), new Map<string, string>()]
  for (let after: string | undefined; ;) {
    const page = (await ask({ type: 'signed', witness, after })) as SignedPage
    for (const { log, head } of page.promises) promises.set(log, treeIn(head))
    for (const head of page.heads) lines.set(logIn(head), treeIn(head))
    if (page.next === undefined) break
    after = page.next
  }
  await host.stop()
  return { promises, lines }
}

interface SignedPage {
  readonly heads: readonly string[]
  readonly promises: readonly { readonly log: string; readonly head: string }[]
  readonly next?: string
}

export function treeText({ size, root }: { readonly size: number; readonly root: Uint8Array }): string {
  return `${size} ${toHex(root)}`
}

function treeIn(head: string): string {
  return treeText(parseCheckpoint(parseNote(utf8(head)).text))
}

function logIn(head: string): string {
  const { text, signatures } = parseNote(utf8(head))
  return logId(signatures[0]!.name, parseCheckpoint(text).origin)
}
