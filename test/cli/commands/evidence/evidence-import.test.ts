/** `gossum evidence import` as a process: output of the go command, imported into real nodes and files. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { GossumError, type ErrorCode } from '../../../../src/errors.js'
import {
  encodeEvidence,
  evidenceId,
  makeSplitView,
  makeWitnessConflict,
  parseEvidence,
  verifyEvidence,
  type SplitView,
} from '../../../../src/evidence/evidence.js'
import type { NodeView } from '../../../../src/status/node-view.js'
import { HttpServer } from '../../../../src/http/server.js'
import { utf8 } from '../../../../src/tlog/bytes.js'
import { cosign } from '../../../../src/tlog/cosignature.js'
import { formatHash, parseHash } from '../../../../src/tlog/hash.js'
import {
  formatNote,
  parseNote,
  parseSignerKey,
  parseVerifierKey,
  SIGNATURE_TYPES,
  type Note,
} from '../../../../src/tlog/note.js'
import { madeUpRecords, memoryLog } from '../../../fakes/lying-log.js'
import { ViewsLog } from '../../../fakes/views-log.js'
import { gossum, jsonError, type CliOptions, type CliResult } from '../../../helpers/cli.js'
import { FORK, FORK_REPORT, goReport } from '../../../helpers/go-report.js'
import { testSigner } from '../../../helpers/heart.js'
import { History } from '../../../helpers/history.js'
import { scratchFolder, temporaryHome } from '../../../helpers/home.js'
import { RunningNode } from '../../../helpers/node.js'
import { fakeNode, LOG } from '../../../helpers/node-view.js'
import { recordOf, RecordLog } from '../../../helpers/record-log.js'

const { file } = scratchFolder()
const servers: HttpServer[] = []
afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())))

/** Nothing listens there. */
const NOBODY = 'http://127.0.0.1:9'
const key = parseVerifierKey(FORK.vkey)
const ID = evidenceId(forkEvidence())
const SAME_SIZE = goReport(FORK.view_a_heads[5]!, FORK.view_b_heads[5]!, [FORK.view_b_heads[5]!.split('\n')[2]!])

function forkEvidence(): SplitView {
  const { old_head, new_head, proof_block_lines } = FORK.detection
  const [root, ...proof] = proof_block_lines.map((line) => parseHash(line)!)
  return makeSplitView(key, [parseNote(utf8(old_head)), parseNote(utf8(new_head))], { root: root!, proof })
}

/** A node that accepts evidence, and follows the log with this key. */
async function serveNode(
  changes: Partial<NodeView> = {},
  vkey = FORK.vkey,
): Promise<{ url: string; taken: Uint8Array[] }> {
  const taken: Uint8Array[] = []
  const status = { ...(await fakeNode().status()), logs: [{ ...LOG, key: vkey }] }
  const node = fakeNode({
    status: () => Promise.resolve(status),
    submitEvidence: (bytes) => {
      taken.push(bytes)
      return Promise.resolve({ fate: 'new', id: evidenceId(parseEvidence(bytes)) })
    },
    ...changes,
  })
  const server = await HttpServer.start({ host: '127.0.0.1', port: 0, node })
  servers.push(server)
  return { url: server.url, taken }
}

function importText(input: string | Uint8Array, args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return gossum(['evidence', 'import', '-', ...args], { input, cwd: temporaryHome(), ...options })
}

const withKey = ['--log', FORK.vkey]

describe('a report', () => {
  it('is verified with the keys of the logs that the node follows, and submitted to it', async () => {
    const { url, taken } = await serveNode()
    const told = await gossum(['evidence', 'import', file('build.log', `go: building\n${FORK_REPORT}`), '--node', url])
    expect(told).toEqual({
      code: 3,
      stdout: `${ID}  new\n`,
      stderr: `proven: localhost.localdev/sumdb has signed two histories, at sizes 5 and 6
the node keeps it, has frozen the log, and tells its peers
`,
    })
    const machine = await importText(FORK_REPORT, ['--json', '--quiet', '--node', url])
    expect(machine).toMatchObject({ code: 3, stderr: '' })
    expect(JSON.parse(machine.stdout)).toEqual({
      id: ID,
      fate: 'new',
      type: 'gossum/split-view/v1',
      log: FORK.vkey,
      sizes: [5, 6],
      written: null,
    })
    expect(taken.map((bytes) => Buffer.from(bytes))).toEqual(Array(2).fill(Buffer.from(encodeEvidence(forkEvidence()))))
  })

  it('needs no node if its evidence is written to a file', async () => {
    const cwd = temporaryHome()
    const args = [...withKey, '--write', 'fork.json', '--node', NOBODY]
    const told = await importText(FORK_REPORT, args, { cwd })
    expect(told).toMatchObject({ code: 3, stdout: `${ID}  written\n` })
    expect(told.stderr).toMatch(/^proven: .*\nwritten to fork\.json\nsubmitted to no node: cannot reach the node/)
    expect(Buffer.from(readFileSync(join(cwd, 'fork.json')))).toEqual(Buffer.from(encodeEvidence(forkEvidence())))
    const verified = await gossum(['verify', ...withKey, 'fork.json'], { cwd })
    expect(verified).toMatchObject({ code: 0 })
    // Again, from the written file: it is the same file.
    const again = await gossum(['evidence', 'import', 'fork.json', '--json', '-q', ...args], { cwd })
    expect(again.code).toBe(3)
    expect(JSON.parse(again.stdout)).toMatchObject({ id: ID, fate: null, written: 'fork.json' })
  })

  it('that no node takes is written to a file, elsewhere if necessary', async () => {
    const [cwd, temporary] = [temporaryHome(), temporaryHome()]
    const args = [...withKey, '--node', NOBODY]
    const name = `gossum-evidence-${ID}.json`
    const kept = await importText(FORK_REPORT, args, { cwd })
    expect(kept).toMatchObject({ code: 3, stdout: `${ID}  written\n` })
    expect(kept.stderr).toContain(`written to ${name}\n`)
    expect(Buffer.from(readFileSync(join(cwd, name)))).toEqual(Buffer.from(encodeEvidence(forkEvidence())))
    writeFileSync(join(cwd, name), 'something of mine')
    const elsewhere = await importText(FORK_REPORT, args, { cwd, env: { TMPDIR: temporary } })
    expect(elsewhere.code).toBe(3)
    expect(elsewhere.stderr).toContain(`written to ${join(temporary, name)}\n`)
    const nowhere = await importText(FORK_REPORT, args, { cwd, env: { TMPDIR: join(temporary, 'missing') } })
    expect(nowhere).toMatchObject({ code: 1, stdout: '' })
    // Then it is printed, rather than lost.
    expect(nowhere.stderr).toContain(Buffer.from(encodeEvidence(forkEvidence())).toString())
  })

  it('is submitted to the node even if it cannot be written, and never overwrites a file', async () => {
    const { url, taken } = await serveNode()
    const cwd = temporaryHome()
    writeFileSync(join(cwd, 'mine'), 'something of mine')
    const result = await importText(FORK_REPORT, ['--json', '--node', url, '--write', 'mine'], { cwd })
    expect(result.code).toBe(3)
    expect(result.stderr).toContain('FILE_UNWRITABLE')
    expect(JSON.parse(result.stdout)).toMatchObject({ fate: 'new', written: null })
    expect(taken).toHaveLength(1)
    expect(readFileSync(join(cwd, 'mine'), 'utf8')).toBe('something of mine')
    const both = await importText(FORK_REPORT, ['--json', '--node', NOBODY, '--write', 'mine', ...withKey], { cwd })
    expect(JSON.parse(both.stdout)).toMatchObject({ fate: null, written: `gossum-evidence-${ID}.json` })
  })

  it('may be an evidence file of two records, and both are named', async () => {
    const M = 'example.com/m@v1.2.3'
    const bad = new RecordLog(parseSignerKey(FORK.skey), [recordOf(M, 'good'), recordOf(M, 'evil')]).evidence(0, 1)
    const { url, taken } = await serveNode()
    const told = await importText(encodeEvidence(bad), ['--node', url])
    expect(told).toEqual({
      code: 3,
      stdout: `${evidenceId(bad)}  new\n`,
      stderr: `proven: localhost.localdev/sumdb holds two records of ${M} that differ, at records 0 and 1 of size 2
the node keeps it, has frozen the log, and tells its peers
`,
    })
    expect(taken.map((bytes) => Buffer.from(bytes))).toEqual([Buffer.from(encodeEvidence(bad))])
    const [one, other] = bad.records
    const forged = encodeEvidence({ ...bad, records: [one, { ...other, text: recordOf(M, 'made up') }] })
    const refused = await importText(forged, ['--json', '--node', url])
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(jsonError(refused)).toMatchObject({ code: 'PROOF_INVALID' })
    expect(taken).toHaveLength(1)
  })

  it('among several is reported once, and written to its own file', async () => {
    const { url, taken } = await serveNode()
    const cwd = temporaryHome()
    const text = `${FORK_REPORT}go: exit status 1\n${SAME_SIZE}${FORK_REPORT}`
    const result = await importText(text, ['--json', '--node', url, '--write', 'fork.json'], { cwd })
    expect(result.code).toBe(3)
    const lines = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string })
    expect(lines).toMatchObject([
      { id: ID, sizes: [5, 6], written: 'fork.json' },
      { sizes: [6, 6], written: 'fork-2.json' },
    ])
    expect(readdirSync(cwd).sort()).toEqual(['fork-2.json', 'fork.json'])
    expect(taken.map((bytes) => evidenceId(parseEvidence(bytes)))).toEqual(lines.map(({ id }) => id))
  })

  it('that proves nothing is refused, and does not affect another', async () => {
    const { url, taken } = await serveNode()
    const broken = FORK_REPORT.replace(FORK.detection.proof_block_lines[2]!, FORK.detection.proof_block_lines[1]!)
    const alone = await importText(broken, ['--json', '--node', url])
    expect(alone).toMatchObject({ code: 2, stdout: '' })
    expect(jsonError(alone).code).toBe('PROOF_INVALID')
    expect(taken).toEqual([])
    const beside = await importText(broken + FORK_REPORT, ['--json', '--node', url])
    expect(beside.code).toBe(3)
    expect(beside.stderr).toContain('PROOF_INVALID')
    expect(JSON.parse(beside.stdout)).toMatchObject({ id: ID, fate: 'new' })
  })

  it('of an untrusted log is refused, with a hint to name its key', async () => {
    const { url, taken } = await serveNode({}, testSigner('log.example', 1).verifier.vkey)
    const result = await importText(FORK_REPORT, ['--json', '--node', url])
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(jsonError(result)).toMatchObject({ code: 'LOG_UNKNOWN', hint: 'name the key of the log with --log VKEY' })
    expect(taken).toEqual([])
  })
})

describe('a report in a build log', () => {
  const [logSigner, witness] = [testSigner('log.example', 1), testSigner('w.example', 9, SIGNATURE_TYPES.cosignature)]
  const history = new History(logSigner)
  const fork = history.fork(3, 'b')
  const text = (note: Note): string => Buffer.from(formatNote(note)).toString()
  const cosigned = (head: Uint8Array): string => {
    const note = parseNote(head)
    return text({ ...note, signatures: [...note.signatures, cosign(note.text, 1_700_000_000, witness).signature] })
  }
  const { root, proof } = fork.prefix(fork.tree(8), 5)!
  const hashes = [root, ...proof].map(formatHash)
  const log = ['--log', logSigner.verifier.vkey]

  it('is read despite the changes of a CI system', async () => {
    const report = goReport(text(parseNote(history.head(5))), text(parseNote(fork.head(8))), hashes)
    const shown = report.split('\n').map((line, i) => `2026-07-01T12:00:${i + 10}.1234567Z ${line}`.trimEnd())
    const result = await importText(shown.join('\n'), ['--json', ...log, '--node', NOBODY])
    expect(result).toMatchObject({ code: 3 })
    expect(JSON.parse(result.stdout)).toMatchObject({ sizes: [5, 8] })
  })

  it('convicts witnesses of the policy that cosigned both heads, and submits the heads as printed', async () => {
    const heads: string[] = []
    const { url, taken } = await serveNode({
      submitHead: (note) => {
        heads.push(Buffer.from(note).toString())
        return Promise.resolve({ outcome: { kind: 'refused', news: false, code: 'LOG_FROZEN' }, held: 5 })
      },
    })
    const printed = [cosigned(history.head(5)), cosigned(fork.head(8))] as const
    const policy = file('w.policy', `witness w ${witness.verifier.vkey}\nquorum w\n`)
    const result = await importText(goReport(...printed, hashes), ['--json', ...log, '--policy', policy, '--node', url])
    expect(result.code).toBe(3)
    expect(
      result.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toMatchObject([
      { type: 'gossum/split-view/v1', fate: 'new', sizes: [5, 8] },
      { type: 'gossum/witness-conflict/v1', fate: 'new', sizes: [5, 8], witness: witness.verifier.vkey },
    ])
    const trusted = [logSigner.verifier, witness.verifier]
    expect(taken.map((bytes) => verifyEvidence(parseEvidence(bytes), trusted).witness?.name)).toEqual([
      undefined,
      'w.example',
    ])
    expect(heads.sort()).toEqual([...printed].sort())
  })

  it('that proves nothing alone is submitted to the node, which may know more', async () => {
    const log = await ViewsLog.start('log.example', 300)
    const node = await RunningNode.start(temporaryHome(), ['--log', log.setting(), '--poll', '0.2'])
    await node.event((event) => event.event === 'outcome' && event.outcome === 'advanced')
    const lie = await memoryLog(log.signer, madeUpRecords(0, 290, 'b'))
    const honest = Buffer.from(await log.views[0]!.history.server.head(300)).toString()
    const report = goReport(Buffer.from(await lie.head()).toString(), honest, [])
    const result = await importText(report, ['--json', '--node', node.ready.http])
    expect(result.code).toBe(3)
    expect(JSON.parse(result.stdout)).toMatchObject({ type: 'gossum/split-view/v1', sizes: [290, 300], fate: 'known' })
    await log.close()
  })

  it('may be about an empty head, without another head', async () => {
    const empty = Buffer.from(history.sign(history.text(5).replace('\n5\n', '\n0\n'))).toString()
    const report = goReport(empty, '', []).replace(
      /:\n$/,
      ':\n\t47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\tinternal error: x\n',
    )
    const result = await importText(report, ['--json', ...log, '--node', NOBODY])
    expect(result).toMatchObject({ code: 3 })
    expect(JSON.parse(result.stdout)).toMatchObject({ sizes: [0, 0] })
  })
})

describe('what is not a report', () => {
  it.each([
    ['nothing', ''],
    [
      'another security error',
      'verifying x@v1.0.0: checksum mismatch\n\nSECURITY ERROR\nThis download does NOT match\n',
    ],
    ['JSON from the go command', '{\n\t"Path": "example.com/x"\n}\n'],
  ])('%s is refused, with a hint about what is expected', async (_what, text) => {
    const human = await importText(text, ['--node', NOBODY])
    expect(human).toMatchObject({ code: 2, stdout: '' })
    expect(human.stderr).toMatch(
      /^gossum: this is not an evidence file: this text contains no report of the go command\n/,
    )
    expect(human.stderr).toMatch(/hint: .*"old database:" and "new database:" .* "proof of misbehavior:"\n$/)
    expect(jsonError(await importText(text, ['--json', '--node', NOBODY])).code).toBe('EVIDENCE_MALFORMED')
  })

  it.each<[string, string | Uint8Array, number, ErrorCode]>([
    ['a truncated report', FORK_REPORT.slice(0, 300), 2, 'EVIDENCE_MALFORMED'],
    ['a changed evidence file', utf8('{\n  "type": "gossum/split-view/v1"\n}\n'), 2, 'EVIDENCE_MALFORMED'],
    ['evidence of a later version', utf8('{\n  "type": "gossum/later/v1"\n}\n'), 2, 'EVIDENCE_FOREIGN'],
    ['more than 32 MiB', new Uint8Array(32 * 1024 * 1024 + 1), 1, 'FILE_UNREADABLE'],
  ])('%s is refused', async (_what, text, code, error) => {
    const result = await importText(text, ['--json', '--node', NOBODY])
    expect(result).toMatchObject({ code, stdout: '' })
    expect(jsonError(result).code).toBe(error)
  })

  it.each([
    [['/nonexistent/build.log'], 1, 'FILE_UNREADABLE'],
    [['-', '--log', 'hello'], 2, 'KEY_MALFORMED'],
    [['-', '--log', testSigner('w', 1, SIGNATURE_TYPES.cosignature).verifier.vkey], 2, 'USAGE'],
    [['-', '--node', 'ftp://x'], 2, 'USAGE'],
  ] as const)('with arguments %j is refused', async (args, code, error) => {
    const result = await gossum(['evidence', 'import', '--json', '--node', NOBODY, ...args], { input: FORK_REPORT })
    expect(result).toMatchObject({ code, stdout: '' })
    expect(jsonError(result).code).toBe(error)
  })
})

describe('a node that refuses or knows the evidence', () => {
  it.each<ErrorCode>(['LOG_UNKNOWN', 'EVIDENCE_UNPROVEN'])(
    'with %s is reported, and the evidence is written to a file',
    async (code) => {
      const refusal = new GossumError(code, 'a reason')
      const { url } = await serveNode({ submitEvidence: () => Promise.resolve({ fate: 'invalid', id: null, refusal }) })
      const unasked = await importText(FORK_REPORT, ['--json', ...withKey, '--node', url])
      expect(unasked.code).toBe(3)
      expect(JSON.parse(unasked.stdout)).toMatchObject({ fate: null, written: `gossum-evidence-${ID}.json` })
      const cwd = temporaryHome()
      const kept = await importText(FORK_REPORT, [...withKey, '--node', url, '--write', 'x.json'], { cwd })
      expect(kept).toMatchObject({ code: 3, stdout: `${ID}  written\n` })
      expect(kept.stderr).toContain('a reason')
    },
  )

  it('gives the id under which it has the evidence', async () => {
    const { url } = await serveNode({ submitEvidence: () => Promise.resolve({ fate: 'known', id: 'f'.repeat(16) }) })
    const result = await importText(FORK_REPORT, ['--node', url])
    expect(result).toMatchObject({ code: 3, stdout: `${'f'.repeat(16)}  known\n` })
    expect(result.stderr).toContain('the node had it already')
  })
})

describe('a real node', () => {
  it('keeps the evidence, freezes the log and tells its peers, even for a file about an unknown witness', async () => {
    const log = await ViewsLog.start('log.example', 300)
    const { signer } = log
    const start = (args: readonly string[]) =>
      RunningNode.start(temporaryHome(), ['--log', log.setting(), '--poll', '0.2', ...args])
    const first = await start([])
    await first.event((event) => event.event === 'outcome' && event.outcome === 'advanced')
    const second = await start(['--bootstrap', first.ready.multiaddrs[0]!])
    await second.event((event) => event.event === 'peer' && event.connected)
    await second.event((event) => event.event === 'outcome' && event.outcome === 'advanced')

    const lie = await memoryLog(signer, madeUpRecords(0, 300, 'b'))
    const heads = await Promise.all([log.views[0]!.history.server.head(300), lie.head(300)])
    const [a, b] = heads.map((head) => Buffer.from(head).toString()) as [string, string]
    const report = goReport(a, b, [b.split('\n')[2]!])
    const result = await importText(report, ['--json', '-q', '--node', first.ready.http])
    expect(result).toMatchObject({ code: 3, stderr: '' })
    const { id } = JSON.parse(result.stdout) as { id: string }
    for (const node of [first, second]) {
      expect(await node.event((event) => event.event === 'evidence')).toMatchObject({ id, sizes: [300, 300] })
    }
    expect((await gossum(['status', '--node', first.ready.http])).code).toBe(3)
    const shown = await gossum(['evidence', 'show', id, '--node', second.ready.http])
    expect(verifyEvidence(parseEvidence(utf8(shown.stdout)), [signer.verifier]).id).toBe(id)

    // A witness that nobody counts cosigned both: it is not judged, and the log is convicted all the same.
    const witness = testSigner('stranger.example', 9, SIGNATURE_TYPES.cosignature)
    const later = await memoryLog(signer, madeUpRecords(0, 301, 'c'))
    const cosigned = (note: Note): Note => ({
      ...note,
      signatures: [...note.signatures, cosign(note.text, 1_700_000_000, witness).signature],
    })
    const pair = [parseNote(await lie.head(300)), parseNote(await later.head(300))].map(cosigned) as [Note, Note]
    const conflict = encodeEvidence(makeWitnessConflict(signer.verifier, witness.verifier, pair))
    const cwd = temporaryHome()
    const args = ['evidence', 'import', file('w.json', conflict), '--json', '--node', first.ready.http]
    const judged = await gossum(args, { cwd })
    expect(judged.code).toBe(3)
    const told = judged.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { fate: string | null; type: string; written: string | null })
    expect(told.slice(0, 2)).toMatchObject([
      { type: 'gossum/split-view/v1', fate: 'new', written: null },
      { type: 'gossum/witness-conflict/v1', witness: witness.verifier.vkey, fate: null },
    ])
    expect(Buffer.from(readFileSync(join(cwd, told[1]!.written!)))).toEqual(Buffer.from(conflict))
    await log.close()
  })
})
