/** All requests over HTTP, and their answers. Pure. */
import Type from 'typebox'
import { MAX_EVIDENCE_BYTES } from '../../evidence/evidence.js'
import { MAX_READ_NOTE_BYTES } from '../../tlog/note.js'
import { MAX_BODY_BYTES } from '../witness/add-checkpoint-body.js'
import { EVIDENCE_ID, LOG_ID } from '../../status/ids.js'
import { LogPictures } from '../../dashboard/facts.js'
import type { ListOrder } from '../list-page.js'
import { EVIDENCE_LIST, LOG_LIST, PEER_LIST, SUSPECT_LIST, WITNESS_LIST } from '../paged-lists.js'
import {
  fromPath,
  jsonAnswer,
  JSON_TYPE,
  read,
  textAnswer,
  TEXT_TYPE,
  type Operation,
  type Parameter,
} from './operation.js'
import { AFTER, BELOW, EVENT_ID, INDEX_LIMIT, LIMIT, PAGE_LIMIT } from './parameters.js'
import { AlarmListView, AlarmTestView } from '../../status/alarm-shapes.js'
import { MirrorAnswer, MirrorStatusView } from '../../status/mirror-shapes.js'
import { JsonFeed } from '../../status/feed-shapes.js'
import * as shapes from '../../status/shapes.js'

const LOG = fromPath('log', 'a log id', LOG_ID)
const EVIDENCE = fromPath('id', 'an id of evidence, or of a suspect', EVIDENCE_ID)
const TEXT = { type: 'string' } as const
const NAME = fromPath('name', 'the key name of a checksum database', TEXT)
const BYTES = Type.Unsafe<Uint8Array>({ type: 'string', format: 'binary' })

/** The parameters of a paged list. */
const paged = <T>({ filters }: ListOrder<T>): readonly Parameter[] => [
  { name: 'limit', in: 'query', description: 'the most entries; all if absent', schema: PAGE_LIMIT },
  { name: 'after', in: 'query', description: 'the `next` of the previous page', schema: AFTER },
  ...Object.entries(filters).map(
    ([name, { description, schema }]) => ({ name, in: 'query', description, schema }) as const,
  ),
]

const API: readonly Operation[] = [
  read('/', 'what a person should believe now, as a page', textAnswer('the page', 'text/html')),
  read('/assets/{name}', 'the script of the page, named by its hash', textAnswer('the script', 'text/javascript'), [
    fromPath('name', 'as the page names it', { type: 'string' }),
  ]),
  read('/api/v1/status', 'the status of the node', jsonAnswer('the status', shapes.StatusView)),
  read('/api/v1/logs', 'the logs that the node follows', jsonAnswer('the logs', shapes.Logs), paged(LOG_LIST)),
  read(
    '/api/v1/logs/{log}/head',
    'the newest cosigned head',
    {
      description: 'the head; as a note if the client accepts text/plain and not JSON',
      content: { [JSON_TYPE]: shapes.HeadView, [TEXT_TYPE]: Type.String() },
    },
    [LOG],
  ),
  read(
    '/api/v1/logs/{log}/quorum',
    'the quorum head: the largest that satisfies the policy, with the cosignatures that count',
    {
      description: 'the head; as a note if the client accepts text/plain and not JSON',
      content: { [JSON_TYPE]: shapes.HeadView, [TEXT_TYPE]: Type.String() },
    },
    [LOG],
  ),
  read('/api/v1/logs/{log}/heads', 'the cosigned heads, paged', jsonAnswer('a page', shapes.HeadsPage), [
    LOG,
    { name: 'limit', in: 'query', description: 'the most heads of the page; it may have fewer', schema: LIMIT },
    { name: 'below', in: 'query', description: 'only heads smaller than this', schema: BELOW },
  ]),
  read('/api/v1/logs/{log}/pictures', 'the data of the pictures of a log', jsonAnswer('the facts', LogPictures), [LOG]),
  read('/api/v1/peers', 'the connected peers', jsonAnswer('the peers', shapes.Peers), paged(PEER_LIST)),
  read(
    '/api/v1/witnesses',
    'the witnesses of the policy, and this one',
    jsonAnswer('the witnesses', shapes.Witnesses),
    paged(WITNESS_LIST),
  ),
  read(
    '/api/v1/witness',
    'about this witness, for operators of logs',
    jsonAnswer('this witness', shapes.AboutWitnessView),
  ),
  read(
    '/api/v1/evidence',
    'the evidence that the node has',
    jsonAnswer('the evidence, without the files', shapes.EvidenceFile),
    paged(EVIDENCE_LIST),
  ),
  read('/api/v1/evidence/{id}', 'a file of evidence', jsonAnswer('the file, byte for byte', Type.Object({})), [
    EVIDENCE,
  ]),
  read(
    '/api/v1/events',
    'events of the node, as they happen',
    textAnswer('server-sent events: the data of each is JSON, as `gossum run --json` prints it', 'text/event-stream'),
    [
      { name: 'event', in: 'query', description: 'names of events, separated by commas: only these', schema: TEXT },
      { name: 'log', in: 'query', description: 'a log id: only events about this log', schema: LOG_ID },
      { name: 'after', in: 'query', description: 'the id of an event: only later ones', schema: EVENT_ID },
      { name: 'last-event-id', in: 'header', description: 'the same; takes precedence over `after`', schema: EVENT_ID },
    ],
  ),
  read(
    '/api/v1/suspects',
    'signed heads that could not be tied to our history',
    jsonAnswer('the suspects', shapes.SuspectsPage),
    paged(SUSPECT_LIST),
  ),
  read('/api/v1/suspects/{id}', 'the head of a suspect', textAnswer('the note'), [EVIDENCE]),
  {
    method: 'post',
    path: '/api/v1/heads',
    summary: 'submits a signed head',
    body: { type: TEXT_TYPE, maxBytes: MAX_READ_NOTE_BYTES, description: 'a signed note' },
    answers: { 200: jsonAnswer('the result', shapes.HeadAnswer) },
    errors: 'problem',
  },
  {
    method: 'post',
    path: '/api/v1/evidence',
    summary: 'submits evidence',
    body: { type: JSON_TYPE, maxBytes: MAX_EVIDENCE_BYTES, description: 'a file of evidence, as gossum wrote it' },
    answers: { 200: jsonAnswer('the result', shapes.SubmittedEvidence) },
    errors: 'problem',
  },
  {
    method: 'post',
    path: '/api/v1/evidence/{id}/ack',
    summary: 'acknowledges evidence: the node may sign again, or the witness counts again',
    parameters: [EVIDENCE],
    answers: { 200: jsonAnswer('it is acknowledged', shapes.Acknowledged) },
    errors: 'problem',
    isForOperator: true,
  },
]

/** The index of a checksum database, in the format of the module index (index.golang.org). */
const INDEX: readonly Operation[] = [
  read(
    '/index',
    'module versions in the order of the log, each with the time of its first quorum head',
    textAnswer('lines of JSON: Path, Version, Timestamp'),
    [
      {
        name: 'since',
        in: 'query',
        description: 'the earliest time',
        schema: { type: 'string', format: 'date-time' },
      },
      { name: 'limit', in: 'query', description: 'the most lines; larger values get the maximum', schema: INDEX_LIMIT },
      {
        name: 'include',
        in: 'query',
        description: 'changes nothing: a log forgets nothing',
        schema: { enum: ['all'] },
      },
      {
        name: 'module',
        in: 'query',
        description: 'only versions of this module path',
        schema: { type: 'string' },
      },
    ],
  ),
]

const READY = { 200: textAnswer('ready'), 503: textAnswer('not ready') }
const VERBOSE: Parameter = {
  ...{ name: 'verbose', in: 'query', description: 'adds a line for each condition', schema: { type: 'string' } },
}

const HEALTH: readonly Operation[] = [
  read('/livez', 'whether the process is running', textAnswer('it is')),
  { ...read('/readyz', 'whether it is ready', READY[200], [VERBOSE]), answers: READY },
  { ...read('/healthz', 'the same as /readyz', READY[200], [VERBOSE]), answers: READY },
  read('/feed.atom', 'news for people, as Atom', textAnswer('the feed', 'application/atom+xml')),
  read('/feed.json', 'the same as a JSON Feed', {
    description: 'the feed',
    content: { 'application/feed+json': JsonFeed },
  }),
  read('/metrics', 'metrics for Prometheus', textAnswer('the metrics')),
  read('/openapi.json', 'this description', jsonAnswer('OpenAPI 3.1', Type.Object({}))),
]

/** The requests to a witness in c2sp.org/tlog-witness. The answers have the wording of that protocol. */
const C2SP: readonly Operation[] = [
  {
    method: 'post',
    path: '/add-checkpoint',
    summary: 'c2sp.org/tlog-witness: a head of a log with its proof, for our cosignature',
    body: { type: TEXT_TYPE, maxBytes: MAX_BODY_BYTES, description: 'old size, proof, an empty line, the checkpoint' },
    answers: {
      200: textAnswer('our signature lines'),
      409: textAnswer('the size of the newest cosigned head, in decimal', 'text/x.tlog.size'),
    },
    errors: 'text',
  },
  {
    method: 'post',
    path: '/sign-subtree',
    summary: 'c2sp.org/tlog-witness: a subtree with its proof, for the signature of the ML-DSA-44 key',
    body: { type: TEXT_TYPE, maxBytes: MAX_BODY_BYTES, description: 'subtree, proof, an empty line, the reference' },
    answers: { 200: textAnswer('our signature line') },
    errors: 'text',
  },
  {
    ...read('/{log}/checkpoint', 'the newest head that this node cosigned', textAnswer('the checkpoint'), [
      fromPath('log', 'the SHA-256 of an origin, or a log id', LOG_ID),
    ]),
    errors: 'text',
  },
]

/** The requests of the go command to a checksum database (golang.org/design/25530-sumdb). */
const SUMDB: readonly Operation[] = (
  [
    ['supported', 'whether the database is served here', textAnswer('it is'), []],
    ['latest', 'the newest quorum head', textAnswer('the note'), []],
    [
      'lookup/{module}',
      'the record of a module version',
      textAnswer('the record and a quorum head that covers it'),
      [fromPath('module', 'path@version, with upper-case letters escaped', { type: 'string' })],
    ],
    [
      'tile/{tile}',
      'a tile of the database',
      {
        description: 'hashes, or records for a data tile',
        content: { 'application/octet-stream': BYTES, [TEXT_TYPE]: Type.String() },
      },
      [fromPath('tile', '8/{level}/{index}[.p/{width}]', { type: 'string' })],
    ],
  ] as const
).map(([path, summary, ok, parameters]) => ({
  ...read(`/sumdb/{name}/${path}`, summary, ok, [NAME, ...parameters]),
  errors: 'text' as const,
}))

const MODULE = fromPath('module', 'a module path, with upper-case letters escaped', { type: 'string' })
const VERSION = fromPath('version', 'a version, with upper-case letters escaped', { type: 'string' })
const QUERY = fromPath('version', 'a version, a branch or a revision, with upper-case letters escaped', {
  type: 'string',
})

/** The requests of the go command to a GOPROXY (go.dev/ref/mod, "GOPROXY protocol"). */
const MODULES: readonly Operation[] = [
  read('/mod/{module}/@v/list', 'the versions of a module', textAnswer('one version per line'), [MODULE]),
  read('/mod/{module}/@latest', 'the newest version', jsonAnswer('the version', Type.Object({})), [MODULE]),
  read('/mod/{module}/@v/{version}.info', 'which version that is', jsonAnswer('the version', Type.Object({})), [
    MODULE,
    QUERY,
  ]),
  read('/mod/{module}/@v/{version}.mod', 'its go.mod file', textAnswer('as recorded in the log'), [MODULE, VERSION]),
  read(
    '/mod/{module}/@v/{version}.zip',
    'its files',
    { description: 'as recorded in the log', content: { 'application/zip': BYTES } },
    [MODULE, VERSION],
  ),
].map((operation) => ({ ...operation, errors: 'text' as const }))

const ABOUT_MODULE: Parameter = {
  ...{
    name: 'module',
    in: 'query',
    description: 'path@version, without escapes',
    schema: { type: 'string' },
  },
}
const EXISTING: Parameter = {
  ...{
    name: 'existing',
    in: 'query',
    description: 'in place of a module: everything that the log had before',
    schema: { type: 'string' },
  },
}
const toMirror = (verb: string, summary: string, ...parameters: readonly Parameter[]): Operation => ({
  ...{ method: 'post', path: `/api/v1/mirror/${verb}`, summary, parameters, errors: 'problem', isForOperator: true },
  answers: { 200: jsonAnswer('it is done', MirrorAnswer) },
})

/** The operator's requests to a module mirror. */
const MIRROR: readonly Operation[] = [
  {
    ...read('/api/v1/mirror', 'the status of the mirror', jsonAnswer('the status', MirrorStatusView)),
    isForOperator: true,
  },
  toMirror('allow', 'lets a version through the cooldown', ABOUT_MODULE, EXISTING),
  toMirror('pin', 'keeps the files of a version', ABOUT_MODULE),
  toMirror('unpin', 'treats them like all other files again', ABOUT_MODULE),
]

/** The operator's requests about alarms. */
const ALARM: readonly Operation[] = [
  {
    ...read('/api/v1/alarm', 'the alerts that are firing', jsonAnswer('the alerts and receivers', AlarmListView)),
    isForOperator: true,
  },
  {
    method: 'post',
    path: '/api/v1/alarm/test',
    summary: 'sends a sample to each hook and webhook',
    answers: { 200: jsonAnswer('the results', AlarmTestView) },
    errors: 'problem',
    isForOperator: true,
  },
]

export const OPERATIONS: readonly Operation[] = [
  ...API,
  ...INDEX,
  ...HEALTH,
  ...C2SP,
  ...SUMDB,
  ...MODULES,
  ...MIRROR,
  ...ALARM,
]
