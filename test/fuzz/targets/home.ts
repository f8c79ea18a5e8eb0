/** Files of a home that are read at start, and files that machines exchange. */
import { dirname } from 'node:path'
import { alertmanagerPayload } from '../../../src/alerts/alertmanager.js'
import { makeAlert, subjectOf } from '../../../src/alerts/alert.js'
import { Outbox } from '../../../src/alerts/outbox.js'
import { readTold } from '../../../src/alerts/told.js'
import { BUCKETS } from '../../../src/audit/walk/module-keys.js'
import { KeptParts } from '../../../src/audit/walk/kept-parts.js'
import { readState } from '../../../src/audit/walk/audit-state.js'
import {
  encodeUnitsHeader,
  encodeUnitsPart,
  readUnitsHeader,
  readUnitsPart,
} from '../../../src/audit/walk/units-file.js'
import { readBook } from '../../../src/logs/followed-logs.js'
import { Allowances } from '../../../src/mirror/allowances.js'
import { CONDITIONS } from '../../../src/status/condition-names.js'
import { concatBytes, utf8 } from '../../../src/tlog/bytes.js'
import { genuinePart } from './files.js'
import { head, logSigner, witness } from './material.js'
import { oddRows } from './row.js'
import { repairedPart } from './repairs.js'
import { scratchFile } from './scratch.js'
import { ofText, promise, reading, readingLater, type Target } from './target.js'

const LOG = 'ab'.repeat(32)
const DAY = '2026-11-29T12:00:00.000Z'
const JSON_WORDS = ['"__proto__":{}', '"toString":1', 'null', '[]', '{}', '1e400', '-1', '[null]']
const isText = (value: unknown): boolean => typeof value === 'string'

/** The node reports a file that cannot be read, and goes on without it. */
async function orSyntax<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

const FROZEN = { name: 'frozen', severity: 'misbehaviour', log: LOG, sentence: 'a', since: DAY }

const told: Target = {
  about: 'conditions that were told',
  most: 64 * 1024,
  words: [...JSON_WORDS, '"name":', '"frozen"', '"no quorum"', '"log":', '"sentence":', '"since":', LOG],
  seeds: [
    JSON.stringify([FROZEN, { name: 'no peers', severity: 'notice', log: null, sentence: 'b', since: DAY }]),
    '[]',
    ...oddRows(FROZEN).map((one) => `[${one}]`),
  ],
  check: async (bytes) => {
    const read = await orSyntax(() => readTold(scratchFile('told.json', bytes)))
    for (const { name, severity, log, sentence, since } of read ?? []) {
      promise(Object.hasOwn(CONDITIONS, name) && CONDITIONS[name] === severity, 'a condition')
      promise((log === null || isText(log)) && isText(sentence), 'its words')
      promise(new Date(since).toISOString() !== '', 'its time')
    }
    return (read?.length ?? 0) > 0
  },
}

const ALERT = makeAlert(
  {
    ...({
      kind: 'evidence',
      state: 'firing',
      severity: 'misbehaviour',
      name: 'split view',
      sentence: 'it lies',
    } as const),
    ...{ log: { id: LOG, name: 'log.example', key: logSigner.verifier.vkey }, since: DAY },
    evidence: { id: '0123456789abcdef', path: '/api/v1/evidence/0123456789abcdef', file: '{}\n' },
  },
  { advice: 'look', runbook: 'https://example.com/' },
  { witness: witness.verifier.vkey, version: '0.1.0', http: 'http://127.0.0.1:1' },
  DAY,
)

const outbox: Target = {
  about: 'alerts that wait',
  most: 64 * 1024,
  words: [
    ...[...JSON_WORDS, '"receivers":', '"hook a"', '"covers":["frozen",null]', '"alert":', '"severity":"doubtful"'],
    ...['"log":null', '"evidence":null', '"node":{', `"id":"${ALERT.id}"`, '"kind":"test"', '"state":"resolved"'],
  ],
  seeds: [
    JSON.stringify({ receivers: ['hook a', 'webhook b'], covers: ['frozen', LOG], alert: ALERT }),
    JSON.stringify({ receivers: ['hook a'], alert: { ...ALERT, log: null, evidence: null } }),
    ...[
      ...oddRows(ALERT),
      ...oddRows(ALERT.node).map((node) => JSON.stringify({ ...ALERT, node: JSON.parse(node) as unknown })),
    ].map((alert) => `{"receivers":["hook a"],"alert":${alert}}`),
  ],
  check: async (bytes) => {
    const dir = dirname(scratchFile(`outbox/000000000001-${ALERT.id}.json`, bytes))
    const errors: unknown[] = []
    const open = await Outbox.open({
      ...{ dir, now: () => Date.parse(DAY), onError: (error) => errors.push(error) },
      onDropped: () => undefined,
    })
    promise(
      errors.every((error) => error instanceof SyntaxError),
      `what cannot be read is said: ${String(errors[0])}`,
    )
    const receivers = open.receivers()
    for (const receiver of receivers) {
      const alert = open.oldest(receiver)!
      subjectOf(alert)
      alertmanagerPayload(alert)
      promise([alert.id, alert.name, alert.sentence, alert.since, alert.text].every(isText), 'an alert')
    }
    for (const receiver of receivers) {
      promise(Number.isFinite(Date.parse(open.oldest(receiver)!.at)), 'what does not wait for ever')
      await open.forget(receiver)
    }
    promise(open.receivers().size === 0, 'what was taken does not wait')
    return receivers.size > 0
  },
}

const SHARED = {
  upTo: 8,
  findings: [{ rule: 'r', level: 'error', id: 1, detail: 'x' }],
  evidence: ['{}'],
  isWhole: true,
}
const AUDITED = {
  ...{ version: 'gossum/audit/v1', log: logSigner.verifier.vkey, origin: 'o', seed: [1, 2], head: head(8) },
  shared: SHARED,
}

const auditState: Target = {
  about: 'what an audit remembers',
  most: 64 * 1024,
  words: [
    ...[...JSON_WORDS, '"version":"gossum/audit/v1"', '"seed":[1,2]', '"shared":{', '"upTo":0', '"findings":[]'],
    ...['"evidence":[]', '"isWhole":true', '"head":', '"origin":', '"log":'],
  ],
  seeds: [
    ...oddRows(AUDITED),
    ...oddRows(SHARED).map((shared) => JSON.stringify({ ...AUDITED, shared: JSON.parse(shared) as unknown })),
  ],
  check: async (bytes) => {
    const dir = dirname(scratchFile('audit/audit.json', bytes))
    const state = await readingLater(() => readState(dir), 'AUDIT_DAMAGED')
    if (state === undefined) return false
    const { log, origin, seed, shared } = state
    promise(
      [log, origin, state.head].every(isText) && Array.isArray(seed) && seed.every(Number.isSafeInteger),
      'whose it is',
    )
    promise(
      Number.isSafeInteger(shared.upTo) && shared.upTo >= 0 && typeof shared.isWhole === 'boolean',
      'how far it came',
    )
    for (const { rule, level, detail } of shared.findings) promise([rule, level, detail].every(isText), 'a finding')
    promise(shared.evidence.every(isText), 'evidence')
    return true
  },
}

const partFile: Target = {
  about: 'files of parts of an audit',
  most: 64 * 1024,
  words: [...JSON_WORDS, '"from":0', '"to":65536', '"findings":[', '\x01\0\0\0', '\xff\xff\xff\xff', '\0\0\0\0'],
  seeds: [genuinePart(), genuinePart().map((byte, i, { length }) => (i === length - 1000 ? 255 : byte))],
  repair: repairedPart,
  check: async (bytes) => {
    const kept = await KeptParts.open(dirname(scratchFile('parts/0-1.part', bytes)))
    let keys = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const { count, high, ids } = await kept.bucket(bucket)
      promise(high.length === count && ids.every((id) => Number.isSafeInteger(id) && id >= 0), 'keys of records')
      keys += count
    }
    const found = await readingLater(async () => {
      const all = []
      for await (const findings of kept.findings()) all.push(...findings)
      return all
    }, 'AUDIT_DAMAGED')
    promise(kept.done.length <= 1 && keys <= bytes.length / 10, 'a part, or none')
    return kept.done.length === 1 && found !== undefined
  },
}

/** Gives each part after the header its length, and makes the part valid. */
function repairedUnits(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0x0a) + 1
  const part = repairedPart(bytes.subarray(end + 4))
  return concatBytes(bytes.subarray(0, end), encodeUnitsPart(part))
}

const unitsHeader = encodeUnitsHeader({ log: logSigner.verifier.vkey, origin: 'o', head: head(8), seed: [1, 2] })

const units: Target = {
  about: 'results of an audit from another machine',
  most: 64 * 1024,
  words: [
    ...JSON_WORDS,
    '"version":"gossum/audit-units/v1"',
    '"seed":[0,1]',
    '\n',
    '"head":',
    '"from":',
    '"findings":[',
  ],
  seeds: [concatBytes(unitsHeader, encodeUnitsPart(genuinePart())), unitsHeader],
  repair: repairedUnits,
  check: async (bytes) => {
    let at = 0
    const read = (length: number): Promise<Uint8Array> =>
      Promise.resolve(bytes.slice(at, (at += Math.min(length, bytes.length - at))))
    const parts = await readingLater(async () => {
      await readUnitsHeader(read)
      const found = []
      for (let part = await readUnitsPart(read); part !== undefined; part = await readUnitsPart(read)) found.push(part)
      return found
    }, 'AUDIT_DAMAGED')
    if (parts === undefined) return false
    promise(at === bytes.length, 'all of it was read')
    return true
  },
}

/** Gives logs a valid key, and all fields of a log. */
function repairedBook(bytes: Uint8Array): Uint8Array {
  try {
    const { logs } = JSON.parse(Buffer.from(bytes).toString()) as { logs: Record<string, unknown>[] }
    const vkey = logSigner.verifier.vkey
    const each = logs.map(({ origin = 'o', url = null, disabled }) => ({
      vkey,
      origin,
      url,
      disabled: disabled === true,
    }))
    return utf8(JSON.stringify({ logs: each }))
  } catch {
    return bytes
  }
}

const logBook: Target = {
  about: 'logs that were added to a home',
  most: 64 * 1024,
  words: [
    ...JSON_WORDS,
    '"logs":[',
    '"vkey":',
    '"origin":',
    '"url":null',
    '"disabled":true',
    '"list":"x","perDay":1',
    '"url":"https://a.example/"',
  ],
  seeds: [
    `{"logs":[\n${JSON.stringify({ vkey: logSigner.verifier.vkey, origin: 'go.sum database tree', url: 'https://log.example', disabled: false })}\n]}\n`,
    '{"logs":[\n\n]}\n',
  ],
  repair: repairedBook,
  check: (bytes) => {
    const home = dirname(scratchFile('book/logs.json', bytes))
    const book = reading(() => readBook(home), 'CONFIG_INVALID')
    if (book === undefined) return false
    promise(new Set(book.map(({ id }) => id)).size === book.length, 'each log once')
    promise(
      book.every(({ perDay }) => perDay === null || Number.isSafeInteger(perDay)),
      'how often',
    )
    return book.length > 0
  },
}

/** The two files, with an empty line between them. */
const allowances: Target = {
  about: 'what a mirror lets through, and keeps',
  most: 64 * 1024,
  words: [
    'existing ',
    '1700000000000\n',
    'golang.org/x/text v0.3.0\n',
    '\n\n',
    ' ',
    'v1.0.0',
    'ab'.repeat(32),
    '__proto__',
  ],
  seeds: ['existing 1700000000000\ngolang.org/x/text v0.3.0\n\ngolang.org/x/text v0.3.0\n', 'a.b/c v1.0.0\n\n'],
  check: ofText(async (text) => {
    const [allowed = '', ...pins] = text.split('\n\n')
    const dir = dirname(scratchFile('mirror/allowed', utf8(allowed)))
    scratchFile('mirror/pins', utf8(pins.join('\n\n')))
    const read = await readingLater(() => Allowances.open(dir), 'FILE_UNREADABLE')
    if (read === undefined) return false
    promise(read.existingUntil === undefined || Number.isSafeInteger(read.existingUntil), 'a time')
    promise(
      [...read.allowed, ...read.pinned].every((module) => module.includes('@')),
      'module versions',
    )
    promise(
      [...read.pinnedNames].every((name) => !/[/\\]|^\.+$/.test(name)),
      'names of files of its folder',
    )
    return read.allowed.length + read.pinned.length > 0
  }),
}

export const HOME: Readonly<Record<string, Target>> = {
  'told-conditions': told,
  outbox,
  'audit-state': auditState,
  'part-file': partFile,
  units,
  'log-book': logBook,
  allowances,
}
