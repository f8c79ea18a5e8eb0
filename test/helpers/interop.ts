/**
 * One table of requests, sent to this witness and to litewitness, and the comparison of the answers. Where the two
 * differ, the reason is written here, next to both answers: a difference without a reason fails.
 */
import { parseVerifierKey } from '../../src/tlog/note.js'
import { startGossum } from './cli.js'
import { sequences } from './interop-rows.js'
import { startLitewitness, type KnownLog, type RunningWitness } from './litewitness.js'
import { push } from './witness-client.js'

export interface Row {
  readonly sequence: string
  readonly what: string
  readonly ours: string
  readonly theirs: string
  /** Why they differ; absent if they do not, or if no reason is known. */
  readonly why?: string
}

// ---- why they differ -------------------------------------------------------------------------------------------

const UNREADABLE = 'the specification requires 400 for unreadable requests; litewitness answers 500'
const NUMBERS = 'sizes are decimal without leading zeros or signs; litewitness parses them leniently'

/** By row, our answer, the other's, and why they differ: the specification of July 2026 is stricter, or covers more. */
const DIFFERENCES: Readonly<Record<string, readonly [ours: string, theirs: string, why: string]>> = {
  'OPTIONS /add-checkpoint': ['204', '405', 'web pages may send requests, as with sunlight; litewitness has no CORS'],
  'GET /<sha256(origin)>/checkpoint': ['200 ok', '404', 'specified in July 2026; litewitness 0.9.0 is older'],
  'a proof with old size 0': [
    '422',
    '200 cosignature',
    'with old size 0 the proof must be empty; litewitness ignores it',
  ],
  'a body of 100 kB': [
    '200 cosignature',
    '500',
    'up to 128 KiB are accepted, for post-quantum lines; litewitness accepts 10 KiB',
  ],
  'a body of 200 kB': ['413', '500', 'the HTTP status for a body that is too large'],
  'size 9223372036854775808': ['400', '500', UNREADABLE],
  'syntactically invalid note': ['400', '500', UNREADABLE],
  'invalid checkpoint body': ['400', '500', UNREADABLE],
  'a note without signatures': ['400', '500', UNREADABLE],
  'a malformed signature line': ['400', '500', UNREADABLE],
  'a tab in the text': ['400', '500', UNREADABLE],
  '101 signature lines': ['400', '500', UNREADABLE],
  'a signed size that is not a number': ['400', '500', UNREADABLE],
  'a signed size with a leading zero': ['400', '500', UNREADABLE],
  'a signed root of 31 bytes': ['400', '500', UNREADABLE],
  'a signed root in non-canonical base64': ['400', '500', UNREADABLE],
  'an old size with a leading zero': ['400', '200 cosignature', NUMBERS],
  'an old size with a plus sign': ['400', '200 cosignature', NUMBERS],
  'a signed extension line': [
    '400',
    '200 cosignature',
    'as sunlight does: an ML-DSA cosignature would not cover it, and one head would have two meanings',
  ],
  'the same, with a wrong old size': [
    '400',
    '409 text/x.tlog.size "5\\n"',
    'as above; a permanent refusal goes before one that allows a retry',
  ],
  'size 0 with the wrong root': [
    '422',
    '409 text/x.tlog.size "5\\n"',
    'specified in July 2026; gossum also convicts the log',
  ],
}

// ---- asking ----------------------------------------------------------------------------------------------------

/** The built program as a witness of these logs, which push their heads. */
export async function startOurs(home: string, logs: readonly KnownLog[]): Promise<RunningWitness> {
  const flags = logs.flatMap(({ vkey, origin }) => ['--log', `${vkey} - ${origin}`])
  const fixed = ['--home', home, '--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0']
  const running = await startGossum(['run', '--json', ...fixed, ...flags])
  const { http, witness } = JSON.parse(running.firstLine) as { http: string; witness: string }
  return {
    url: http,
    key: parseVerifierKey(witness),
    pid: running.child.pid!,
    stop: async () => {
      await running.stop()
    },
  }
}

/** Starts both witnesses with the logs of the table, compares them, and stops them. */
export async function interop(litewitness: string, home: string): Promise<Row[]> {
  const logs = sequences().map(({ log }) => log)
  const ours = await startOurs(home, logs)
  try {
    const theirs = await startLitewitness(litewitness, logs)
    return await compare(ours, theirs).finally(() => theirs.stop())
  } finally {
    await ours.stop()
  }
}

/** Sends all rows to both. Throws if one refuses a request that precedes a row. */
async function compare(ours: RunningWitness, theirs: RunningWitness): Promise<Row[]> {
  const rows: Row[] = []
  for (const { name, before, steps } of sequences()) {
    for (const [body, { url }] of before.flatMap((body) => [ours, theirs].map((witness) => [body, witness] as const))) {
      const { status } = await push(url, body)
      if (status !== 200) throw new Error(`${url} answered ${status} before "${steps[0]!.what}"`)
    }
    for (const { what, ask } of steps) rows.push(toRow(name, what, await ask(ours), await ask(theirs)))
  }
  return rows
}

function toRow(sequence: string, what: string, ours: string, theirs: string): Row {
  const [expected, other, why] = DIFFERENCES[what] ?? []
  return { sequence, what, ours, theirs, ...(why !== undefined && ours === expected && theirs === other && { why }) }
}

/** Rows that differ without a reason, and reasons without a row that differs. */
export function unexplained(rows: readonly Row[]): string[] {
  const differing = rows.filter(({ ours, theirs, why }) => ours !== theirs && why === undefined)
  const stale = Object.keys(DIFFERENCES).filter((what) =>
    rows.every((row) => row.what !== what || row.why === undefined),
  )
  return [
    ...differing.map(
      ({ sequence, what, ours, theirs }) => `${sequence}, ${what}: ${ours} where the other has ${theirs}`,
    ),
    ...stale.map((what) => `${what}: the explained difference no longer exists`),
  ]
}

/** The rows as a table in Markdown. */
export function toMarkdown(rows: readonly Row[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  const lines = rows.map(({ sequence, what, ours, theirs, why }, i) => {
    const name = rows[i - 1]?.sequence === sequence ? '' : sequence
    const cells = [
      name,
      what,
      ours,
      ours === theirs ? 'the same' : theirs,
      ours === theirs ? '' : (why ?? 'UNEXPLAINED'),
    ]
    return `| ${cells.map(cell).join(' | ')} |`
  })
  return ['| | request | gossum | litewitness 0.9.0 | why |', '| --- | --- | --- | --- | --- |', ...lines, ''].join(
    '\n',
  )
}
