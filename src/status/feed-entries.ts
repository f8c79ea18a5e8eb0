/** The entries of the feeds: what people should hear about, the newest first. Pure. */
import { hash } from 'node:crypto'
import { ERRORS, type ErrorCode } from '../errors.js'
import { BAD_RECORD, SPLIT_VIEW, WITNESS_CONFLICT, type Evidence } from '../evidence/evidence.js'
import { grouped } from '../lib/words.js'
import type { ToldNews } from '../store/told-store.js'
import { deedOf, moduleText, placesOf } from './evidence-words.js'
import type { EvidenceView, StatusView } from './shapes.js'

export interface FeedEntry {
  /** `urn:uuid:`, the same at each reading and after each restart. */
  readonly id: string
  /** ISO 8601. */
  readonly at: string
  /** Its kind, named like the event. */
  readonly kind: 'evidence' | ToldNews['event']
  readonly title: string
  /** Lines of text. */
  readonly text: string
  /** Where the proof can be read: a path of the API without its leading slash. */
  readonly path: string | undefined
}

export interface NewsFeed {
  /** `urn:uuid:`. */
  readonly id: string
  readonly title: string
  /** The author of the feed: the key name of the witness. */
  readonly author: string
  /** When anything in it last changed. */
  readonly updated: string
  readonly entries: readonly FeedEntry[]
}

export interface FeedFacts {
  readonly status: Pick<StatusView, 'witness' | 'peerId' | 'startedAt' | 'logs'>
  readonly evidence: readonly EvidenceView[]
  readonly told: readonly ToldNews[]
}

/** Entries of a feed: enough that a weekly reader misses nothing that matters. */
const MOST = 100

export function feedOf({ status, evidence, told }: FeedFacts): NewsFeed {
  const { witness, peerId, startedAt, logs } = status
  // A reader of the feeds of two nodes can tell their entries apart.
  const self = witness ?? `observer ${peerId ?? ''}`
  const nameOf = (id: string): string => logs.find((log) => log.id === id)?.name ?? id
  const all = [
    ...evidence.map((item) => evidenceEntry(item, nameOf(item.log), self)),
    ...told.map((news) => toldEntry(news, nameOf(news.log), self)),
  ]
  const entries = all.toSorted((a, b) => order(b, a)).slice(0, MOST)
  const name = witness?.split('+', 1)[0]
  return {
    id: urn(self, 'feed'),
    title: name === undefined ? 'Reports by an observer' : `Reports by the witness ${name}`,
    author: name ?? 'observer',
    updated: entries[0]?.at ?? startedAt,
    entries,
  }
}

/** A stable order, even for entries of the same time. */
function order(a: FeedEntry, b: FeedEntry): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1
  return a.id < b.id ? -1 : 1
}

function evidenceEntry(item: EvidenceView, log: string, witness: string): FeedEntry {
  const { id, type, seenAt, witness: convicted } = item
  const who = convicted === null ? log : convicted.split('+', 1)[0]!
  const name = isType(type) ? NAMES[type] : 'EVIDENCE'
  const deed = isType(type) ? deedOf({ ...item, type }, log) : `is proven to have lied (${type})`
  const path = `api/v1/evidence/${id}`
  const lines = [
    `${who} ${deed}: ${placesOf(item)}.`,
    `Log: ${log} (${item.log}). First seen here: ${seenAt}.`,
    `The file at ${path} on this node proves it to anyone who has the key, without this node: gossum verify FILE --log VKEY.`,
  ]
  return {
    ...{ id: urn(witness, 'evidence', id), at: seenAt, kind: 'evidence', path },
    ...{ title: `${name}: ${who} ${deed}`, text: lines.join('\n') },
  }
}

const NAMES = {
  [SPLIT_VIEW]: 'SPLIT VIEW',
  [WITNESS_CONFLICT]: 'WITNESS CONFLICT',
  [BAD_RECORD]: 'BAD RECORD',
} as const

function isType(type: string): type is Evidence['type'] {
  return Object.hasOwn(NAMES, type)
}

function toldEntry({ event, at, log, id, size, code, module }: ToldNews, name: string, witness: string): FeedEntry {
  const entry = { id: urn(witness, event, log, id), at, kind: event }
  if (event === 'suspect') {
    const which = typeof size === 'number' ? `of size ${grouped(size)}` : 'of a size that no tree has'
    const why = code !== undefined && Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode][0] : String(code)
    const path = `api/v1/suspects/${id}`
    return {
      ...{ ...entry, path, title: `SUSPECT: ${name} signed a head ${which} that nothing explains` },
      text: [
        `A head ${which} has the signature of ${name}, and could not be tied to its history: ${why}.`,
        `Log: ${name} (${log}). This is not proof: the log may be late, or show others another history.`,
        `The head is at ${path} on this node until something explains it.`,
      ].join('\n'),
    }
  }
  const version = moduleText(module)
  const isAlarm = event === 'unauthorised'
  return {
    ...{ ...entry, path: undefined, title: isAlarm ? `UNAUTHORISED: ${version}` : `New version: ${version}` },
    text: [
      `${version} is record ${grouped(Number(id))} of ${name} (${log}).`,
      isAlarm
        ? 'Its owner has not authorised it. If you own the module and did not make this version, find out who did, and warn its users.'
        : 'A watched module has a new version.',
    ].join('\n'),
  }
}

/** SPEC: RFC 9562, section 5.8: a UUID of version 8, here derived from what identifies a thing. */
function urn(...parts: readonly string[]): string {
  const hex = hash('sha256', JSON.stringify(['gossum feed', ...parts]))
  const variant = '89ab'[parseInt(hex[16]!, 16) % 4]!
  const middle = `${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}`
  return `urn:uuid:${hex.slice(0, 8)}-${middle}-${hex.slice(20, 32)}`
}
