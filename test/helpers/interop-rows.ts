/** The requests for the comparison of two witnesses, and how their answers are summarised. */
import { fromUtf8, toHex, utf8 } from '../../src/tlog/bytes.js'
import { verifyCosignature } from '../../src/tlog/cosignature.js'
import { formatHash, sha256 } from '../../src/tlog/hash.js'
import {
  formatNote,
  formatSignature,
  makeSignerKey,
  parseNote,
  SIGNATURE_TYPES,
  signNote,
  type SignerKey,
  type VerifierKey,
} from '../../src/tlog/note.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { SUM_GOLANG_ORG } from '../../src/config/config.js'
import { setUnusedBit } from './history.js'
import type { KnownLog, RunningWitness } from './litewitness.js'
import { refusals } from './push-cases.js'
import { readLines, readVectors, vectorUrl } from './vectors.js'
import { askWitness, push, pushBody, PushingLog, type WitnessAnswer } from './witness-client.js'

/** One row: a request, and a summary of its answer that does not depend on the witness. */
export interface Step {
  readonly what: string
  readonly ask: (witness: RunningWitness) => Promise<string>
}

/** Rows sent one after another, about a log of their own. */
export interface Sequence {
  readonly name: string
  readonly log: KnownLog
  /** Requests sent before the rows: both witnesses must accept them. */
  readonly before: readonly (Uint8Array | string)[]
  readonly steps: readonly Step[]
}

// ---- answers in words ------------------------------------------------------------------------------------------

/** The status; for 200 whether the body is one valid cosignature, for 409 its body and content type. */
function told({ status, headers, body }: WitnessAnswer, note: Uint8Array | undefined, key: VerifierKey): string {
  if (status === 409) return `409 ${headers['content-type'] ?? 'without a type'} ${JSON.stringify(body)}`
  return status === 200 ? `200 ${note === undefined ? 'ok' : cosigned(note, body, key)}` : String(status)
}

function cosigned(note: Uint8Array, body: string, key: VerifierKey): string {
  const lines = parseNote(utf8(`x\n\n${body}`)).signatures
  const { time } = verifyCosignature(parseNote(note, note.length).text, lines[0]!, key)
  const age = Date.now() / 1000 - time
  return lines.length === 1 && age > -2 && age < 60 ? 'cosignature' : `${lines.length} lines, ${age} s old`
}

/** The note in a body: after the first empty line. */
function noteIn(body: Uint8Array | string): Uint8Array {
  const text = typeof body === 'string' ? body : (fromUtf8(body) ?? '')
  return utf8(text.slice(text.indexOf('\n\n') + 2))
}

function pushed(what: string, body: Uint8Array | string): Step {
  return { what, ask: async ({ url, key }) => told(await push(url, body), noteIn(body), key) }
}

/** Bodies sent concurrently: how many got which status. */
function atOnce(what: string, bodies: readonly Uint8Array[]): Step {
  const ask = async ({ url }: RunningWitness): Promise<string> => {
    const answers = await Promise.all(bodies.map((body) => push(url, body)))
    const counts = new Map<number, number>()
    for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1)
    return [...counts]
      .sort(([a], [b]) => a - b)
      .map(([status, count]) => `${status} x ${count}`)
      .join(', ')
  }
  return { what, ask }
}

// ---- the table -------------------------------------------------------------------------------------------------

let logs = 0
function newLog(): PushingLog {
  logs++
  const seed = new Uint8Array(32).fill(logs)
  return new PushingLog(makeSignerKey(`interop-${logs}.example/log`, SIGNATURE_TYPES.ed25519, seed))
}

function known({ origin, signer }: PushingLog): KnownLog {
  return { origin, vkey: signer.verifier.vkey }
}

/** A log whose head of size 5 is held, and the rows after that. */
function from5(name: string, steps: (log: PushingLog) => readonly Step[]): Sequence {
  const log = newLog()
  return { name, log: known(log), before: [log.body(0, 5)], steps: steps(log) }
}

const stranger: SignerKey = makeSignerKey('stranger.example', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(255))

function protocol(): Sequence {
  return from5('the protocol', (log) => [
    pushed('the same head again', log.body(5, 5)),
    pushed('the next head with its proof', log.body(5, 9)),
    pushed('old size too small', log.body(5, 12)),
    pushed('old size too large', pushBody(10, log.proof(10, 12), log.head(12))),
    pushed('old size 0, to learn what is held', log.body(0, 12)),
    pushed('the head already held, with old size 0', log.body(0, 9)),
    pushed('an older head', log.body(5, 6)),
    pushed('a much larger head', log.body(9, 1000)),
    {
      what: 'GET /add-checkpoint',
      ask: async ({ url, key }) => told(await askWitness(url, '/add-checkpoint'), undefined, key),
    },
    {
      what: 'OPTIONS /add-checkpoint',
      ask: async ({ url, key }) =>
        told(await askWitness(url, '/add-checkpoint', { method: 'OPTIONS' }), undefined, key),
    },
    {
      what: 'GET /<sha256(origin)>/checkpoint',
      ask: async ({ url, key }) =>
        told(await askWitness(url, `/${toHex(sha256(utf8(log.origin)))}/checkpoint`), undefined, key),
    },
  ])
}

function empty(): Sequence {
  const log = newLog()
  const steps = [
    pushed('size 0', log.body(0, 0)),
    pushed('size 0 again', log.body(0, 0)),
    pushed('size 3 from size 0', log.body(0, 3)),
  ]
  return { name: 'a log without records', log: known(log), before: [], steps }
}

function firstContact(): Sequence[] {
  const log = newLog()
  const other = newLog()
  const steps = [
    pushed('a nonzero old size when nothing is held', log.body(3, 5)),
    pushed('old size 0', log.body(0, 5)),
  ]
  const proof = pushed('a proof with old size 0', pushBody(0, [new Uint8Array(32)], other.head(5)))
  return [
    { name: 'first contact', log: known(log), before: [], steps },
    { name: 'first contact', log: known(other), before: [], steps: [proof] },
  ]
}

function lines(): Sequence {
  return from5('signature lines', (log) => {
    const text = log.text(9)
    const mine = signNote(text, log.signer)
    const note = (...signatures: (typeof mine)[]) => formatNote({ text, signatures })
    const large = { name: 'pq.example', keyId: '01020304', bytes: new Uint8Array(2428) }
    const odd = formatSignature(mine).replace(/\S+\n$/, (blob) => `${setUnusedBit(blob.trimEnd())}\n`)
    return [
      pushed('an extra line by an unknown key', pushBody(5, log.proof(5, 9), note(mine, signNote(text, stranger)))),
      pushed(
        '3 lines of 3.3 kB, the size of post-quantum signatures',
        pushBody(9, [], note(mine, large, large, large)),
      ),
      pushed('a body of 100 kB', pushBody(9, [], note(mine, ...new Array<typeof mine>(30).fill(large)))),
      pushed('a body of 200 kB', pushBody(9, [], note(mine, ...new Array<typeof mine>(60).fill(large)))),
      pushed('the log line in non-canonical base64', concat(pushBody(9, [], utf8(`${text}\n`)), odd)),
      pushed('the log line twice', pushBody(9, [], note(mine, mine))),
      {
        what: 'a forged line under the name of the witness',
        ask: async (witness) => {
          const { name, keyId } = witness.key
          const body = pushBody(9, [], note(mine, { name, keyId, bytes: new Uint8Array(72) }))
          const first = told(await push(witness.url, body), log.head(9), witness.key)
          return `${first}, then ${told(await push(witness.url, log.body(9, 10)), log.head(10), witness.key)}`
        },
      },
    ]
  })
}

function concat(bytes: Uint8Array, text: string): Uint8Array {
  return utf8(`${fromUtf8(bytes)!}${text}`)
}

/** Signed sizes that no tree has. */
function sizes(): Sequence[] {
  return ['9007199254740992', '9223372036854775807', '9223372036854775808'].map((size) =>
    from5('impossible sizes', (log) => [
      pushed(`size ${size}`, pushBody(5, [], log.sign(`${log.origin}\n${size}\n${formatHash(new Uint8Array(32))}\n`))),
    ]),
  )
}

function races(): Sequence {
  return from5('races', (log) => [
    atOnce('the same head 32 times at once', new Array<Uint8Array>(32).fill(log.body(5, 5))),
    atOnce('two heads from one size at once', [log.body(5, 9), log.body(5, 12)]),
    atOnce('then 16 of each again', [
      ...new Array<Uint8Array>(16).fill(log.body(5, 9)),
      ...new Array<Uint8Array>(16).fill(log.body(5, 12)),
    ]),
  ])
}

interface Vectors {
  sequence: { log_vkey: string; origin: string; steps: { name: string; body: string }[] }
  monkeys: { log_vkey: string; first_request: string; second_request: string }
}

function published(): Sequence[] {
  const { sequence, monkeys } = readVectors('witness-add-checkpoint.json') as Vectors
  const short = monkeys.second_request.replace(/old 5\n[\s\S]*?\n\n/, 'old 5\nqqo=\nu7s=\nzMw=\n3d0=\n\n')
  return [
    {
      name: 'published sequence, sunlight and torchwood',
      log: { origin: sequence.origin, vkey: sequence.log_vkey },
      before: [],
      steps: sequence.steps.map(({ name, body }) => pushed(name, body)),
    },
    {
      name: 'published sequence, transparency-dev',
      log: { origin: 'monkeys', vkey: monkeys.log_vkey },
      before: [],
      steps: [
        pushed('size 5', monkeys.first_request),
        pushed('same again', monkeys.first_request.replace('old 0', 'old 5')),
        pushed('old does not match', monkeys.second_request.replace('old 5', 'old 2')),
        pushed('proof lines of two bytes', short),
        pushed('size 8', monkeys.second_request),
        pushed('submit smaller', monkeys.first_request.replace('old 0', 'old 8')),
      ],
    },
  ]
}

/** The genuine heads of sum.golang.org with their proofs, one after another: one row. */
function genuine(): Sequence {
  const bodies = (readLines(vectorUrl('sumdb-add-checkpoint.jsonl')) as { body: string }[]).map(({ body }) => body)
  const ask = async ({ url, key }: RunningWitness): Promise<string> => {
    const answers = new Map<string, number>()
    for (const body of bodies) {
      const answer = told(await push(url, body), noteIn(body), key)
      answers.set(answer, (answers.get(answer) ?? 0) + 1)
    }
    return [...answers].map(([answer, count]) => `${count} x ${answer}`).join(', ')
  }
  const steps = [{ what: `${bodies.length} heads, sizes 280,573 to 59,270,573`, ask }]
  return { name: 'sum.golang.org', log: { origin: SUMDB_ORIGIN, vkey: SUM_GOLANG_ORG }, before: [], steps }
}

/** All rows. The logs are the same at each call, so that two witnesses can be started with them. */
export function sequences(): Sequence[] {
  logs = 0
  const probe = refusals(new PushingLog(stranger), stranger)
  const refused = probe.map(({ what }, i) =>
    from5('invalid requests', (log) => [pushed(what, refusals(log, stranger)[i]!.body)]),
  )
  return [protocol(), empty(), ...firstContact(), lines(), ...sizes(), races(), ...published(), genuine(), ...refused]
}
