/** What can be asked for over HTTP, and what is answered. Pure. */
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

/** The parameters of a list that is read by pages. */
const paged = <T>({ filters }: ListOrder<T>): readonly Parameter[] => [
  { name: 'limit', in: 'query', description: 'how many at most; all without it', schema: PAGE_LIMIT },
  { name: 'after', in: 'query', description: 'the `next` of the page before', schema: AFTER },
  ...Object.entries(filters).map(
    ([name, { description, schema }]) => ({ name, in: 'query', description, schema }) as const,
  ),
]

const API: readonly Operation[] = [
  read('/', 'what a person should believe now, as a page', textAnswer('the page', 'text/html')),
  read(
    '/assets/{name}',
    'what makes the page live; its name is of its hash',
    textAnswer('the program of the page', 'text/javascript'),
    [fromPath('name', 'as the page names it', { type: 'string' })],
  ),
  read('/api/v1/status', 'how the node stands', jsonAnswer('the status', shapes.StatusView)),
  read('/api/v1/logs', 'the logs that it follows', jsonAnswer('the logs', shapes.Logs), paged(LOG_LIST)),
  read(
    '/api/v1/logs/{log}/head',
    'the newest cosigned head',
    {
      description: 'the head; as a note where text/plain is asked for and JSON is not',
      content: { [JSON_TYPE]: shapes.HeadView, [TEXT_TYPE]: Type.String() },
    },
    [LOG],
  ),
  read(
    '/api/v1/logs/{log}/quorum',
    'the quorum head: the largest that the policy is satisfied with, and the cosignatures that count',
    {
      description: 'the head; as a note where text/plain is asked for and JSON is not',
      content: { [JSON_TYPE]: shapes.HeadView, [TEXT_TYPE]: Type.String() },
    },
    [LOG],
  ),
  read('/api/v1/logs/{log}/heads', 'the heads that were cosigned, by pages', jsonAnswer('a page', shapes.HeadsPage), [
    LOG,
    { name: 'limit', in: 'query', description: 'heads of the page; it may end earlier', schema: LIMIT },
    { name: 'below', in: 'query', description: 'the heads are smaller than this', schema: BELOW },
  ]),
  read(
    '/api/v1/logs/{log}/pictures',
    'what the pictures of the page show of a log',
    jsonAnswer('the facts', LogPictures),
    [LOG],
  ),
  read('/api/v1/peers', 'the connected peers', jsonAnswer('the peers', shapes.Peers), paged(PEER_LIST)),
  read(
    '/api/v1/witnesses',
    'the witnesses of the policy, and this one',
    jsonAnswer('the witnesses', shapes.Witnesses),
    paged(WITNESS_LIST),
  ),
  read(
    '/api/v1/witness',
    'what whoever runs a log may want to know',
    jsonAnswer('this witness', shapes.AboutWitnessView),
  ),
  read(
    '/api/v1/evidence',
    'the evidence that it has',
    jsonAnswer('the evidence, without the files', shapes.EvidenceFile),
    paged(EVIDENCE_LIST),
  ),
  read('/api/v1/evidence/{id}', 'a file of evidence', jsonAnswer('the file, byte for byte', Type.Object({})), [
    EVIDENCE,
  ]),
  read(
    '/api/v1/events',
    'what happens in the node, as it happens',
    textAnswer('server-sent events: the data of each is JSON, as `gossum run --json` prints it', 'text/event-stream'),
    [
      { name: 'event', in: 'query', description: 'names of events, with commas between: these alone', schema: TEXT },
      { name: 'log', in: 'query', description: 'a log id: events about this log alone', schema: LOG_ID },
      { name: 'after', in: 'query', description: 'the id of an event: those behind it', schema: EVENT_ID },
      { name: 'last-event-id', in: 'header', description: 'the same; it comes before `after`', schema: EVENT_ID },
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
    summary: 'brings a signed head',
    body: { type: TEXT_TYPE, maxBytes: MAX_READ_NOTE_BYTES, description: 'a signed note' },
    answers: { 200: jsonAnswer('what became of it', shapes.HeadAnswer) },
    errors: 'problem',
  },
  {
    method: 'post',
    path: '/api/v1/evidence',
    summary: 'brings evidence',
    body: { type: JSON_TYPE, maxBytes: MAX_EVIDENCE_BYTES, description: 'a file of evidence, as gossum wrote it' },
    answers: { 200: jsonAnswer('what became of it', shapes.SubmittedEvidence) },
    errors: 'problem',
  },
  {
    method: 'post',
    path: '/api/v1/evidence/{id}/ack',
    summary: 'lets the node sign again, or the witness count again',
    parameters: [EVIDENCE],
    answers: { 200: jsonAnswer('it is acknowledged', shapes.Acknowledged) },
    errors: 'problem',
    isForOperator: true,
  },
]

/** The format of the module index (index.golang.org), of a checksum database. */
const INDEX: readonly Operation[] = [
  read(
    '/index',
    'module versions in the order of the log, each with the time of its first quorum head',
    textAnswer('lines of JSON: Path, Version, Timestamp'),
    [
      {
        name: 'since',
        in: 'query',
        description: 'the first time that is wanted',
        schema: { type: 'string', format: 'date-time' },
      },
      { name: 'limit', in: 'query', description: 'lines at most; who wants more gets the most', schema: INDEX_LIMIT },
      {
        name: 'include',
        in: 'query',
        description: 'changes nothing: a log forgets nothing',
        schema: { enum: ['all'] },
      },
      {
        name: 'module',
        in: 'query',
        description: 'the versions of this module path alone',
        schema: { type: 'string' },
      },
    ],
  ),
]

const READY = { 200: textAnswer('ready'), 503: textAnswer('not ready') }
const VERBOSE: Parameter = {
  ...{ name: 'verbose', in: 'query', description: 'with a line for each condition', schema: { type: 'string' } },
}

const HEALTH: readonly Operation[] = [
  read('/livez', 'whether the process runs', textAnswer('it does')),
  { ...read('/readyz', 'whether it is ready', READY[200], [VERBOSE]), answers: READY },
  { ...read('/healthz', 'the same as /readyz', READY[200], [VERBOSE]), answers: READY },
  read('/feed.atom', 'what people should hear of, as Atom', textAnswer('the feed', 'application/atom+xml')),
  read('/feed.json', 'the same as a JSON Feed', {
    description: 'the feed',
    content: { 'application/feed+json': JsonFeed },
  }),
  read('/metrics', 'for Prometheus', textAnswer('the metrics')),
  read('/openapi.json', 'this description', jsonAnswer('OpenAPI 3.1', Type.Object({}))),
]

/** What c2sp.org/tlog-witness asks of a witness. Its answers are in its own words. */
const C2SP: readonly Operation[] = [
  {
    method: 'post',
    path: '/add-checkpoint',
    summary: 'c2sp.org/tlog-witness: a head of a log with its proof, for our cosignature',
    body: { type: TEXT_TYPE, maxBytes: MAX_BODY_BYTES, description: 'old size, proof, an empty line, the checkpoint' },
    answers: {
      200: textAnswer('our lines of signature'),
      409: textAnswer('the size that is held, in decimal', 'text/x.tlog.size'),
    },
    errors: 'text',
  },
  {
    method: 'post',
    path: '/sign-subtree',
    summary: 'c2sp.org/tlog-witness: a subtree with its proof, for the signature of the ML-DSA-44 key',
    body: { type: TEXT_TYPE, maxBytes: MAX_BODY_BYTES, description: 'subtree, proof, an empty line, the reference' },
    answers: { 200: textAnswer('our line of signature') },
    errors: 'text',
  },
  {
    ...read('/{log}/checkpoint', 'the newest head that this node cosigned', textAnswer('the checkpoint'), [
      fromPath('log', 'the SHA-256 of an origin, or a log id', LOG_ID),
    ]),
    errors: 'text',
  },
]

/** What the go command asks of a checksum database (golang.org/design/25530-sumdb). */
const SUMDB: readonly Operation[] = (
  [
    ['supported', 'whether the database is served here', textAnswer('it is'), []],
    ['latest', 'the newest quorum head', textAnswer('the note'), []],
    [
      'lookup/{module}',
      'the record of a module version',
      textAnswer('the record and a quorum head that holds it'),
      [fromPath('module', 'path@version, with its capital letters escaped', { type: 'string' })],
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

const MODULE = fromPath('module', 'a module path, with its capital letters escaped', { type: 'string' })
const VERSION = fromPath('version', 'a version, with its capital letters escaped', { type: 'string' })
const QUERY = fromPath('version', 'a version, a branch or a revision, with its capital letters escaped', {
  type: 'string',
})

/** What the go command asks of a GOPROXY (go.dev/ref/mod, "GOPROXY protocol"). */
const MODULES: readonly Operation[] = [
  read('/mod/{module}/@v/list', 'the versions of a module', textAnswer('a version a line'), [MODULE]),
  read('/mod/{module}/@latest', 'the newest version', jsonAnswer('the version', Type.Object({})), [MODULE]),
  read('/mod/{module}/@v/{version}.info', 'which version that is', jsonAnswer('the version', Type.Object({})), [
    MODULE,
    QUERY,
  ]),
  read('/mod/{module}/@v/{version}.mod', 'its go.mod file', textAnswer('as the log has it recorded'), [
    MODULE,
    VERSION,
  ]),
  read(
    '/mod/{module}/@v/{version}.zip',
    'its files',
    { description: 'as the log has them recorded', content: { 'application/zip': BYTES } },
    [MODULE, VERSION],
  ),
].map((operation) => ({ ...operation, errors: 'text' as const }))

const ABOUT_MODULE: Parameter = {
  ...{
    name: 'module',
    in: 'query',
    description: 'path@version, as it is, without escapes',
    schema: { type: 'string' },
  },
}
const EXISTING: Parameter = {
  ...{
    name: 'existing',
    in: 'query',
    description: 'in place of a module: all that was there',
    schema: { type: 'string' },
  },
}
const toMirror = (verb: string, summary: string, ...parameters: readonly Parameter[]): Operation => ({
  ...{ method: 'post', path: `/api/v1/mirror/${verb}`, summary, parameters, errors: 'problem', isForOperator: true },
  answers: { 200: jsonAnswer('it is done', MirrorAnswer) },
})

/** What the operator of a module mirror sees of it, and says to it. */
const MIRROR: readonly Operation[] = [
  {
    ...read('/api/v1/mirror', 'how the mirror stands', jsonAnswer('as it stands', MirrorStatusView)),
    isForOperator: true,
  },
  toMirror('allow', 'lets a version through the cooldown', ABOUT_MODULE, EXISTING),
  toMirror('pin', 'keeps the files of a version', ABOUT_MODULE),
  toMirror('unpin', 'keeps them no longer than others', ABOUT_MODULE),
]

/** Whom the node tells of what is wrong, and what they were told. */
const ALARM: readonly Operation[] = [
  {
    ...read('/api/v1/alarm', 'what people were told of and is not over', jsonAnswer('as it stands', AlarmListView)),
    isForOperator: true,
  },
  {
    method: 'post',
    path: '/api/v1/alarm/test',
    summary: 'tells a sample to each hook and webhook',
    answers: { 200: jsonAnswer('what they made of it', AlarmTestView) },
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
