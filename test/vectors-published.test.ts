/** The published vectors are correct, as judged by our code and by others'. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { published } from '../scripts/vectors/published.js'
import { BAD_RECORD, evidenceHeads, parseEvidence, verifyEvidence } from '../src/evidence/evidence.js'
import { GossumError } from '../src/errors.js'
import { fromBase64, utf8 } from '../src/tlog/bytes.js'
import { verifiedCosignatures, verifySubtree } from '../src/tlog/cosignature.js'
import { parseHash } from '../src/tlog/hash.js'
import { parseNote, parseVerifierKey } from '../src/tlog/note.js'
import { codeOf } from './helpers/codes.js'
import { temporaryHome } from './helpers/home.js'
import { RunningNode } from './helpers/node.js'
import { findPeer } from './helpers/peers.js'
import { push } from './helpers/witness-client.js'

const FOLDER = new URL('vectors/published/', import.meta.url)

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'))
}

test('the vectors are generated again byte for byte', () => {
  const made = published()
  expect(Object.keys(made).sort()).toEqual([
    'add-checkpoint.json',
    'cosignatures.json',
    'evidence.json',
    'mesh.json',
    'subtree-lines.json',
  ])
  for (const [name, text] of Object.entries(made)) expect(readFileSync(new URL(name, FOLDER), 'utf8')).toBe(text)
})

interface LineCase {
  readonly what: string
  readonly text: string
  readonly line: string
  readonly vkey: string
  readonly verifies: boolean
}

test.each((read('cosignatures.json') as { cases: LineCase[] }).cases)(
  'a line $what',
  ({ text, line, vkey, verifies }) => {
    const found = verifiedCosignatures(parseNote(utf8(`${text}\n${line}`)), [parseVerifierKey(vkey)])
    expect(found.size).toBe(verifies ? 1 : 0)
  },
)

interface SubtreeLines {
  readonly witness: { readonly vkey: string }
  readonly origin: string
  readonly start: number
  readonly end: number
  readonly hash: string
  readonly cases: { readonly what: string; readonly line: string; readonly verifies: boolean }[]
}

const subtrees = read('subtree-lines.json') as SubtreeLines
test.each(subtrees.cases)('a line of a subtree with $what', ({ line, verifies }) => {
  const { witness, origin, start, end, hash } = subtrees
  const [signature] = parseNote(utf8(`${origin}\n\n${line}`)).signatures
  const verify = (of: string, from: number): void =>
    verifySubtree(of, { start: from, end, hash: parseHash(hash)! }, signature!, parseVerifierKey(witness.vkey))
  if (!verifies) expect(() => verify(origin, start)).toThrow(GossumError)
  else {
    verify(origin, start)
    expect(() => verify('another.example', start)).toThrow(GossumError)
    expect(() => verify(origin, start + 1)).toThrow(GossumError)
  }
})

interface Step {
  readonly what: string
  readonly body: string
  readonly status: number
  readonly size?: number
  readonly text?: string
}

test('a node answers add-checkpoint as in the vectors', async () => {
  const { log, steps } = read('add-checkpoint.json') as { log: { vkey: string }; steps: Step[] }
  const node = await RunningNode.start(temporaryHome(), ['--log', `${log.vkey} -`])
  const witness = parseVerifierKey(node.ready.witness)
  for (const { what, body, status, size, text } of steps) {
    const answer = await push(node.ready.http, fromBase64(body)!)
    expect(answer.status, `${what}: ${answer.body}`).toBe(status)
    if (size !== undefined) expect(answer.body, what).toBe(`${size}\n`)
    if (text !== undefined) {
      expect(verifiedCosignatures(parseNote(utf8(`${text}\n${answer.body}`)), [witness]).size, what).toBe(1)
    }
  }
})

interface EvidenceCase {
  readonly what: string
  readonly file: string
  readonly convicts: 'log' | 'witness' | null
}

const { cases, ...trusted } = read('evidence.json') as {
  cases: EvidenceCase[]
  log: { vkey: string }
  witness: { vkey: string }
}
const keys = [trusted.log, trusted.witness].map(({ vkey }) => parseVerifierKey(vkey))

test.each(cases)('evidence of $what', ({ file, convicts }) => {
  const judge = () => verifyEvidence(parseEvidence(utf8(file)), keys)
  if (convicts === null) {
    // It can be read; only its claim is wrong.
    expect(codeOf(judge)).toMatch(/^(EVIDENCE_UNPROVEN|PROOF_INVALID|SIGNATURE_INVALID)$/)
  } else expect(judge().witness === undefined ? 'log' : 'witness').toBe(convicts)
})

describe('the libraries of Go', () => {
  const peer = findPeer('openvectors')

  test('are available', () => {
    if (process.env['REQUIRE_PEERS'] === '1') expect(peer, 'openvectors (scripts/ci/peers.sh)').toBeDefined()
  })

  test.skipIf(peer === undefined)(
    'open our heads, find our records under them, and accept the same lines as cosignatures',
    () => {
      const said = execFileSync(peer!, [fileURLToPath(FOLDER)], { encoding: 'utf8' })
      const lines = (read('cosignatures.json') as { cases: unknown[] }).cases.length
      const convicting = cases.filter(({ convicts }) => convicts !== null).map(({ file }) => parseEvidence(utf8(file)))
      const notes = convicting.flatMap(evidenceHeads).length
      const records = convicting.flatMap((evidence) => (evidence.type === BAD_RECORD ? evidence.records : [])).length
      expect(records).toBeGreaterThan(0)
      expect(JSON.parse(said)).toEqual({ lines, notes, records })
    },
  )
})
