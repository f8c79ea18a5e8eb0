/** The README's main job: `gossum demo`, with the line that scripts read. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import { parseVerifierKey } from '../../src/tlog/note.js'
import { gossum } from '../helpers/cli.js'
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
}

test('every node catches both forks, and the evidence holds', { timeout: 120_000 }, async () => {
  const out = temporaryHome()
  const { code, stdout } = await gossum(['demo', '--json', '--out', out])
  expect(code).toBe(0)
  const lines = stdout.trimEnd().split('\n')
  const demo = JSON.parse(lines.at(-1)!) as DemoLine
  expect(Object.keys(demo)).toEqual(['nodes', 'log', 'size', 'quorum', 'splitView', 'sameSize'])
  expect(demo).toMatchObject({
    nodes: 5,
    quorum: { need: 4 },
    splitView: { verified: true },
    sameSize: { verified: true },
  })
  expect(demo.quorum.have).toBeGreaterThanOrEqual(4)

  const key = parseVerifierKey(demo.log)
  const sizes = [demo.splitView, demo.sameSize].map((capture) => {
    expect(capture.caughtBy).toBe(5)
    expect(capture.firstMs).toBeLessThanOrEqual(capture.allMs)
    return verifyEvidence(parseEvidence(readFileSync(capture.evidence)), [key]).sizes
  })
  expect(sizes[0]![0]).toBeLessThan(sizes[0]![1])
  expect(sizes[1]![0]).toBe(sizes[1]![1])
})

test('a number of nodes that makes no sense is refused', async () => {
  for (const nodes of ['1', '51', 'many']) expect((await gossum(['demo', '--nodes', nodes])).code).toBe(2)
})
