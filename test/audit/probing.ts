/** Probes of logs served on loopback: an honest history of generated records, and the probe's report on it. */
import { onTestFinished } from 'vitest'
import { probe, type CheckName, type ProbeOptions, type ProbeReport } from '../../src/audit/probe.js'
import { formatRecord } from '../../src/sumdb/module.js'
import { concatBytes, fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { formatNote, makeSignerKey, parseNote, signNote, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { LyingLog, madeUpRecord, madeUpRecords, memoryLog, type Answering } from '../fakes/lying-log.js'
import { setUnusedBit } from '../helpers/history.js'

export const signer = makeSignerKey('example.com/log', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))
export const key = signer.verifier
/** The right edge of a tree of 511 records is 9 hashes in 2 tiles: 7 further tiles went unchecked (CVE-2026-56865). */
export const SIZE = 511

/** Shared by all tests, which do not change it. */
export const history = await memoryLog(signer, madeUpRecords(0, SIZE))
/** The head that others saw, a little earlier. */
export const seen = await history.head(SIZE - 3)

export async function serve<Log extends Answering>(log: Log, below?: string): Promise<LyingLog<Log>> {
  const server = await LyingLog.start(log, below)
  onTestFinished(() => server.close())
  return server
}

/** Probes with a node as reference that saw the log a little earlier. */
export async function probing(url: string, options: Partial<ProbeOptions> = {}): Promise<ProbeReport> {
  const node = { name: 'the node', url: 'http://127.0.0.1:1', head: seen }
  const usual = { samples: 3, modules: [], famous: [], references: [node], deadlineMs: 60_000 }
  return probe({ url, key, ...usual, ...options })
}

/** The verdicts of the checks, by name. */
export function verdicts({ checks }: ProbeReport): Partial<Record<CheckName, string>> {
  return Object.fromEntries(checks.map(({ name, verdict }) => [name, verdict]))
}

export function detail({ checks }: ProbeReport, name: CheckName): string {
  return checks.find((check) => check.name === name)!.detail
}

export const ALL_OK = {
  reachable: 'ok',
  head: 'ok',
  tiles: 'ok',
  lookups: 'ok',
  syntax: 'ok',
  fresh: 'ok',
  history: 'ok',
}

/** A module version of the log, for lookups that lie. */
export const target = madeUpRecord(5)
export const lookupOf = ({ path, version }: { path: string; version: string }): string =>
  `/lookup/${path.replace('M', '!m')}@${version}`
export const isLookup = (path: string): boolean => path.startsWith('lookup/example.com/!')

export async function bodyAt(path: string, log: Answering = history): Promise<Uint8Array> {
  return (await log.handle(path)).body
}

/** A text with the log's signature. */
export function signed(text: string): Uint8Array {
  return formatNote({ text, signatures: [signNote(text, signer)] })
}

/** An answer to a lookup, with a head that has further lines after the tree. */
export async function answerWith(id: number, record: Uint8Array, extension: string): Promise<Uint8Array> {
  return concatBytes(formatRecord(id, record), signed(`${parseNote(await history.head()).text}${extension}`))
}

/**
 * A note, or a text that ends in one, with the last signature in non-canonical base64, which the go command accepts.
 */
export function spelledOddly(body: Uint8Array): Uint8Array {
  const text = fromUtf8(body)!
  const start = text.lastIndexOf(' ') + 1
  return utf8(`${text.slice(0, start)}${setUnusedBit(text.slice(start, -1))}\n`)
}
