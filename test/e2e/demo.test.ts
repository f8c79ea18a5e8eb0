/** The README's main command: `gossum demo`, with the line for scripts. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { evidenceHeads, parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import { parseVerifierKey } from '../../src/tlog/note.js'
import { gossum, gossumRefused, jsonError, startGossum } from '../helpers/cli.js'
import { temporaryHome } from '../helpers/home.js'

interface Capture {
  caughtBy: number
  firstMs: number
  allMs: number
  evidence: string
  verified: boolean
}

interface DemoLine {
  nodes: number
  log: string
  size: number
  quorum: { need: number; have: number; ms: number }
  splitView: Capture
  sameSize: Capture
  dishonest: Capture & { witness: string }
  badRecord: Capture
}

test('every node catches both forks, and the evidence holds', { timeout: 120_000 }, async () => {
  const out = temporaryHome()
  // The demo ignores the operator's own settings: a configured place would get heads of a generated log.
  const asked: string[] = []
  const place = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.end()
  })
  place.listen(0, '127.0.0.1')
  await once(place, 'listening')
  const url = `http://127.0.0.1:${(place.address() as AddressInfo).port}`
  const { code, stdout, stderr } = await gossum(['demo', '--json', '--out', out], {
    env: { GOSSUM_FEED: url, GOSSUM_LOG_LIST: url },
  })
  place.close()
  expect(code).toBe(0)
  expect(asked).toEqual([])
  const lines = stdout.trimEnd().split('\n')
  const demo = JSON.parse(lines.at(-1)!) as DemoLine
  expect(Object.keys(demo)).toEqual([
    'nodes',
    'log',
    'size',
    'quorum',
    'splitView',
    'sameSize',
    'dishonest',
    'badRecord',
  ])
  expect(demo).toMatchObject({
    nodes: 5,
    quorum: { need: 4 },
    splitView: { verified: true },
    sameSize: { verified: true },
    dishonest: { verified: true, caughtBy: 5 },
    badRecord: { verified: true, caughtBy: 5 },
  })
  expect(demo.quorum.have).toBeGreaterThanOrEqual(4)

  const key = parseVerifierKey(demo.log)
  const sizes = [demo.splitView, demo.sameSize].map((capture) => {
    expect(capture.caughtBy).toBe(5)
    expect(capture.firstMs).toBeLessThanOrEqual(capture.allMs)
    // Measured from before the lie was shown: whatever caught it came later.
    expect(capture.firstMs).toBeGreaterThanOrEqual(0)
    return verifyEvidence(parseEvidence(readFileSync(capture.evidence)), [key]).sizes
  })
  expect(sizes[0]![0]).toBeLessThan(sizes[0]![1])
  expect(sizes[1]![0]).toBe(sizes[1]![1])

  const bad = verifyEvidence(parseEvidence(readFileSync(demo.badRecord.evidence)), [key])
  expect(bad).toMatchObject({ type: 'gossum/bad-record/v1', module: 'example.com/module0@v1.0.0', records: [0, 479] })

  // The two lies are separate: the evidence of one contains no lying head of the other, but may share the honest ones.
  const [different, same] = [demo.splitView, demo.sameSize].map(({ evidence }) =>
    evidenceHeads(parseEvidence(readFileSync(evidence))),
  )
  expect(same!.filter((head) => different!.includes(head))).toEqual([])

  // The output ends with a command on a line of its own.
  const command = stderr.trimEnd().split('\n').at(-1)!
  expect(execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8', cwd: '/' })).toContain('valid evidence')

  // Only the two keys are needed to convict the witness.
  const file = parseEvidence(readFileSync(demo.dishonest.evidence))
  const { witness } = verifyEvidence(file, [key, parseVerifierKey(demo.dishonest.witness)])
  expect(witness?.vkey).toBe(demo.dishonest.witness)
})

test('an invalid number of nodes is refused', async () => {
  for (const nodes of ['1', '51', 'many']) expect((await gossumRefused(['demo', '--nodes', nodes])).code).toBe(2)
})

test('an unusable directory is not reported as a bug', async () => {
  const file = join(temporaryHome(), 'file')
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, '')
  const out = await gossumRefused(['demo', '--json', '--out', join(file, 'out')])
  expect(out).toMatchObject({ code: 1, stdout: '' })
  expect(jsonError(out)).toMatchObject({ code: 'HOME_UNUSABLE', hint: 'choose another directory with --out' })
  const temporary = await gossumRefused(['demo', '--json'], { env: { TMPDIR: join(file, 'tmp') } })
  expect(temporary).toMatchObject({ code: 1, stdout: '' })
  expect(jsonError(temporary).hint).toContain('$TMPDIR')
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends it with its nodes and leaves nothing behind', async (signal, code) => {
  const temporary = temporaryHome()
  mkdirSync(temporary, { recursive: true })
  const demo = await startGossum(['demo'], { env: { TMPDIR: temporary } })
  expect(readdirSync(temporary)).toHaveLength(1)
  expect(await demo.stop(signal)).toBe(code)
  expect(readdirSync(temporary)).toEqual([])
})

test('ends with its nodes when the reader of its output closes it', async () => {
  const temporary = temporaryHome()
  mkdirSync(temporary, { recursive: true })
  const { child } = await startGossum(['demo'], { env: { TMPDIR: temporary } })
  child.stdout.destroy()
  expect(await once(child, 'close')).toEqual([143, null])
  expect(readdirSync(temporary)).toEqual([])
})
