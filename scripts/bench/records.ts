/**
 * The cost of judging one genuine record: in one pass if it is plain (readPlain), and in full (judgeRecord). Prints the
 * best of several rounds in nanoseconds of processor time, since a busy machine only makes the others worse.
 *
 *   node --import tsx --conditions gossum-source scripts/bench/records.ts
 */
import { readFileSync } from 'node:fs'
import { judgeRecord } from '../../src/audit/rules/judge-record.js'
import { readPlain } from '../../src/audit/rules/plain-record.js'
import { splitDataTile } from '../../src/sumdb/module.js'
import { concatBytes } from '../../src/tlog/bytes.js'

const ROUNDS = 20
const records = splitDataTile(
  new Uint8Array(readFileSync(new URL('../../test/vectors/sumdb/records-genuine.txt', import.meta.url))),
)
// As in a tile: one record after the other.
const data = concatBytes(...records)
const ends = records.map((_, i) => records.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0))

/** Runs `work` for every record, `times` times, and returns the best round's nanoseconds per record. */
function best(times: number, work: (i: number) => void): number {
  let least = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    for (let n = 0; n < times; n++) for (let i = 0; i < records.length; i++) work(i)
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (1000 * (user + system)) / (times * records.length))
  }
  return least
}

const into = { pathEnd: 0, versionStart: 0, versionEnd: 0 }
let plain = 0
records.forEach((record) => (plain += readPlain(record, 0, record.length, into) ? 1 : 0))
const fast = best(5000, (i) => void readPlain(data, i === 0 ? 0 : ends[i - 1]!, ends[i]!, into))
const whole = best(100, (i) => void judgeRecord(records[i]!))
const bytes = Math.round(data.length / records.length)
process.stdout.write(`${records.length} genuine records of ${bytes} bytes on average, ${plain} of them plain\n`)
process.stdout.write(`readPlain    ${fast.toFixed(0)} ns a record\n`)
process.stdout.write(`judgeRecord  ${whole.toFixed(0)} ns a record\n`)
