/**
 * Heads per second through verify + decide, compared with the raw rate of Ed25519 verification in the same run, and
 * consistency checks per second from cached tiles. Uses genuine heads and tiles of sum.golang.org.
 *
 *   npm run bench
 */
import { readFileSync } from 'node:fs'
import { readHead } from '../../src/witness/head.js'
import { decide } from '../../src/witness/decide.js'
import { SUM_GOLANG_ORG } from '../../src/config/config.js'
import { SumdbClient } from '../../src/sumdb/client.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { parseHash } from '../../src/tlog/hash.js'
import { parseNote, parseVerifierKey, verifyNote } from '../../src/tlog/note.js'
import { ReplayLog, readFiles } from '../../test/fakes/replay-log.js'
import { GOLANG_KEY, readJsonLines, SMALL, type Consistency } from '../../test/sumdb/genuine.js'

const ROUNDS = 7
const SECONDS = 0.5

/** How many times per second `once` runs, measured for a short time. */
async function rate(once: (i: number) => unknown): Promise<number> {
  let count = 0
  const start = performance.now()
  while (performance.now() - start < SECONDS * 1000) {
    for (let i = 0; i < 50; i++) {
      const result = once(count++)
      if (result instanceof Promise) await result
    }
  }
  return count / ((performance.now() - start) / 1000)
}

/** The median rates of several functions, measured alternately so that the machine's load affects all alike. */
async function rates(...things: ((i: number) => unknown)[]): Promise<number[]> {
  const measured: number[][] = things.map(() => [])
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, thing] of things.entries()) {
      const perSecond = await rate(thing)
      // The first round warms up.
      if (round > 0) measured[i]!.push(perSecond)
    }
  }
  return measured.map((values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!)
}

function show(label: string, value: number, unit: string, ratio = ''): void {
  process.stdout.write(`${label.padEnd(44)}${Math.round(value).toLocaleString('en').padStart(10)} ${unit}  ${ratio}\n`)
}

const key = parseVerifierKey(SUM_GOLANG_ORG)
const heads = readFileSync(new URL('../../test/vectors/sumdb-heads.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => (JSON.parse(line) as { note: string }).note)
  .map((note) => utf8(note))
const parsed = heads.map((head) => parseNote(head))
const messages = parsed.map((note) => ({ text: utf8(note.text), signature: verifyNote(note, key).bytes }))

const verifyOnly = (i: number): void => {
  const { text, signature } = messages[i % messages.length]!
  if (!key.verify(text, signature)) throw new Error('a genuine head did not verify')
}
const id = logId(key.name, SUMDB_ORIGIN)
const logs = new Map([[id, { id, key, origin: SUMDB_ORIGIN }]])
const verifyAndDecide = (i: number): void => {
  const note = heads[i % heads.length]!
  const { checkpoint, canonical } = readHead(note, logs, id, { counted: [], relayed: [], neighbours: [] })
  const held = { tree: checkpoint!, frozen: false }
  if (decide(held, { ...checkpoint!, canonical, mayBeFirst: false }).kind !== 'known') throw new Error('not known')
}
const [raw, through] = (await rates(verifyOnly, verifyAndDecide)) as [number, number]
show('raw Ed25519 verification', raw, 'heads/s')
show('parse + verify + decide', through, 'heads/s', `${((100 * through) / raw).toFixed(0)} % of raw (goal >= 60 %)`)

const replay = await ReplayLog.start(readFiles(new URL('genuine/', SMALL)))
const client = new SumdbClient({ url: replay.url, key: GOLANG_KEY })
const checks = readJsonLines<Consistency>(new URL('consistency.jsonl', SMALL)).map((line) => ({
  old: line.old,
  oldRoot: line.oldRoot,
  head: { size: line.new, root: parseHash(line.newRoot)! },
}))
for (const { head, old } of checks) await client.prefix(head, old)
const fetched = replay.requests.length
const [consistency] = (await rates(async (i) => {
  const { head, old, oldRoot } = checks[i % checks.length]!
  const { root } = await client.prefix(head, old)
  if (Buffer.from(root).toString('base64') !== oldRoot) throw new Error('a genuine pair is not consistent')
})) as [number]
show(
  'consistency checks from cached tiles',
  consistency,
  'checks/s',
  `${checks.length} pairs, ${fetched} tiles fetched once`,
)
await replay.close()
