/** `gossum verify` as a process; what it finds is tested in verdict.test.ts. */
import { describe, expect, it } from 'vitest'
import { SUM_GOLANG_ORG } from '../../../src/config/config.js'
import { encodeEvidence, evidenceId, makeSplitView, makeWitnessConflict } from '../../../src/evidence/evidence.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { cosign } from '../../../src/tlog/cosignature.js'
import { parseHash } from '../../../src/tlog/hash.js'
import {
  formatNote,
  makeSignerKey,
  parseNote,
  parseSignerKey,
  parseVerifierKey,
  SIGNATURE_TYPES,
  type Note,
} from '../../../src/tlog/note.js'
import { gossum, jsonError } from '../../helpers/cli.js'
import { scratchFolder } from '../../helpers/home.js'
import { recordOf, RecordLog } from '../../helpers/record-log.js'
import { readLines, readVectors, vectorUrl } from '../../helpers/vectors.js'

const { dir, file } = scratchFolder()

function lines(text: string): unknown[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
}

describe('gossum verify', () => {
  const heads = readLines(vectorUrl('sumdb-heads.jsonl')) as { size: number; note: string }[]
  const fork = readVectors('fork.json') as {
    vkey: string
    skey: string
    detection: { old_head: string; new_head: string; proof_block_lines: string[] }
  }
  const { complete } = readVectors('tlog-proof.json') as {
    complete: { log_vkey: string; entry: string; proof: string }
  }

  function evidence(): Uint8Array {
    const { old_head, new_head, proof_block_lines } = fork.detection
    const [root, ...proof] = proof_block_lines.map((line) => parseHash(line)!)
    const notes = [parseNote(utf8(old_head)), parseNote(utf8(new_head))] as const
    return encodeEvidence(makeSplitView(parseVerifierKey(fork.vkey), notes, { root: root!, proof }))
  }

  it('reports genuine heads as valid, one line each', async () => {
    const paths = heads.slice(0, 3).map(({ note }, i) => file(`head${i}`, note))
    const machine = await gossum(['verify', '--json', ...paths])
    expect(machine).toMatchObject({ code: 0, stderr: '' })
    expect(lines(machine.stdout)).toEqual(
      heads.slice(0, 3).map(({ size, note }, i) => ({
        file: paths[i],
        kind: 'head',
        verdict: 'valid',
        log: SUM_GOLANG_ORG,
        origin: 'go.sum database tree',
        size,
        root: note.split('\n')[2],
        cosignatures: [],
      })),
    )
    const human = await gossum(['verify', paths[0]!])
    expect(human).toMatchObject({ code: 0, stderr: '' })
    expect(human.stdout).toBe(
      `valid head  sum.golang.org  size ${heads[0]!.size.toLocaleString('en-US')}  root ${heads[0]!.note.split('\n')[2]!}  ${paths[0]!}\n`,
    )
  })

  it('reports a changed head as invalid, and exits with 2 even if others are valid', async () => {
    const bad = heads[0]!.note.replace(String(heads[0]!.size), String(heads[0]!.size + 1))
    const [good, changed] = [file('good', heads[1]!.note), file('changed', bad)]
    const machine = await gossum(['--json', 'verify', changed, good])
    expect(machine).toMatchObject({ code: 2, stderr: '' })
    expect(lines(machine.stdout)).toMatchObject([
      { file: changed, verdict: 'invalid', code: 'SIGNATURE_INVALID', size: null },
      { file: good, verdict: 'valid' },
    ])
    const human = await gossum(['verify', changed])
    expect(human.stdout).toMatch(/^invalid head {2}.*changed: the signature does not verify/)
  })

  it('reads stdin, and uses colours only on request', async () => {
    const plain = await gossum(['verify', '-'], { input: heads[0]!.note })
    expect(plain.stdout).toMatch(/^valid head .* -\n$/)
    const forced = await gossum(['verify', '-'], { input: heads[0]!.note, env: { FORCE_COLOR: '1' } })
    expect(forced.stdout).toBe(plain.stdout.replace('valid', '\x1b[32mvalid\x1b[0m'))
    for (const options of [{ env: { FORCE_COLOR: '1', NO_COLOR: '1' } }, { env: { TERM: 'dumb' } }]) {
      expect((await gossum(['verify', '-'], { input: heads[0]!.note, ...options })).stdout).toBe(plain.stdout)
    }
    const flag = await gossum(['verify', '--no-color', '-'], { input: heads[0]!.note, env: { FORCE_COLOR: '1' } })
    expect(flag.stdout).toBe(plain.stdout)
    const flagBefore = await gossum(['--no-color', 'verify', '-'], { input: heads[0]!.note, env: { FORCE_COLOR: '1' } })
    expect(flagBefore.stdout).toBe(plain.stdout)
  })

  it('exits with 1 for an unreadable file, and 2 if another is invalid', async () => {
    const [good, bad] = [file('good', heads[0]!.note), file('bad', 'hello')]
    const missing = await gossum(['verify', '--json', '/nonexistent/head', good])
    expect(missing.code).toBe(1)
    expect(jsonError(missing).code).toBe('FILE_UNREADABLE')
    expect(lines(missing.stdout)).toMatchObject([{ file: good, verdict: 'valid' }])
    expect((await gossum(['verify', '/nonexistent/head', bad])).code).toBe(2)
    expect((await gossum(['verify', dir])).code).toBe(1)
  })

  it('reads no more than 8 MiB', async () => {
    const { code, stderr } = await gossum(['verify', '-'], { input: new Uint8Array(8 * 1024 * 1024 + 1) })
    expect(code).toBe(1)
    expect(stderr).toContain('larger than 8388608 bytes')
  })

  it('says which key is convicted', async () => {
    const log = ['--log', fork.vkey]
    const split = await gossum(['verify', ...log, file('evidence.json', evidence())])
    expect(split.stdout).toMatch(
      /^valid evidence .* gossum\/split-view\/v1 at sizes 5 and 6 {2}convicts the log {2}id /,
    )
    const witness = makeSignerKey('w1.example', SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(1))
    const { old_head, new_head, proof_block_lines } = fork.detection
    const [root, ...proof] = proof_block_lines.map((line) => parseHash(line)!)
    const noted = (head: string): Note => {
      const { text, signatures } = parseNote(utf8(head))
      return { text, signatures: [...signatures, cosign(text, 1_700_000_000, witness).signature] }
    }
    const notes = [noted(old_head), noted(new_head)] as const
    const conflict = makeWitnessConflict(parseVerifierKey(fork.vkey), witness.verifier, notes, { root: root!, proof })
    const path = file('conflict.json', encodeEvidence(conflict))
    const policy = file('policy', `witness w ${witness.verifier.vkey}\nquorum w\n`)
    const convicted = await gossum(['verify', ...log, '--policy', policy, path])
    expect(convicted).toMatchObject({ code: 0, stderr: '' })
    expect(convicted.stdout).toContain('at sizes 5 and 6  convicts the witness w1.example  id ')
    const unknown = await gossum(['verify', ...log, path])
    expect(unknown.code).toBe(2)
    expect(unknown.stdout).toContain('this witness is not known here: w1.example+')
    expect(unknown.stderr).toBe('hint: trust the witness with --policy FILE\n')
  })

  it('says which records convict a log', async () => {
    const M = 'example.com/m@v1.2.3'
    const bad = new RecordLog(parseSignerKey(fork.skey), [recordOf(M, 'good'), recordOf(M, 'evil')]).evidence(0, 1)
    const path = file('bad.json', encodeEvidence(bad))
    const human = await gossum(['verify', '--log', fork.vkey, path])
    expect(human).toMatchObject({ code: 0, stderr: '' })
    expect(human.stdout).toContain(
      `gossum/bad-record/v1 at records 0 and 1 of size 2  ${M}  convicts the log  id ${evidenceId(bad)}`,
    )
    const machine = await gossum(['verify', '--json', '--log', fork.vkey, path])
    expect(lines(machine.stdout)).toMatchObject([{ verdict: 'valid', sizes: [2, 2], module: M, records: [0, 1] }])
    // Text that a log writes into a record is escaped on a terminal.
    const odd = 'example.com/\u009b2J\u202e@v1.0.0'
    const hostile = new RecordLog(parseSignerKey(fork.skey), [recordOf(odd, 'good'), recordOf(odd, 'evil')])
    const shown = await gossum(['verify', '--log', fork.vkey, file('odd.json', encodeEvidence(hostile.evidence(0, 1)))])
    expect(shown.stdout).toContain('example.com/\ufffd2J\ufffd@v1.0.0')
  })

  it('verifies evidence with --log, never with the key in the file', async () => {
    const path = file('evidence.json', evidence())
    const machine = await gossum(['verify', '--json', '--log', SUM_GOLANG_ORG, '--log', `${fork.vkey} http://x`, path])
    expect(machine).toMatchObject({ code: 0, stderr: '' })
    expect(lines(machine.stdout)).toMatchObject([
      { kind: 'evidence', verdict: 'valid', type: 'gossum/split-view/v1', sizes: [5, 6], log: fork.vkey },
    ])
    const human = await gossum(['verify', '--log', fork.vkey, path])
    expect(human.stdout).toMatch(
      /^valid evidence {2}localhost\.localdev\/sumdb {2}gossum\/split-view\/v1 at sizes 5 and 6/,
    )
    const untrusted = await gossum(['verify', '--json', path])
    expect(untrusted.code).toBe(2)
    expect(lines(untrusted.stdout)).toMatchObject([{ verdict: 'invalid', code: 'LOG_UNKNOWN' }])
    expect(untrusted.stderr).toBe('')
    // The hint appears once for all files.
    const told = await gossum(['verify', path, path])
    expect(told.stdout).toContain('signed by none of the trusted logs: localhost.localdev/sumdb+')
    expect(told).toMatchObject({ code: 2, stderr: 'hint: name its key with --log VKEY\n' })
  })

  it('verifies a proof with its record', async () => {
    const [proof, record] = [file('p.tlog-proof', complete.proof), file('record', complete.entry)]
    const machine = await gossum(['verify', '--json', '--log', complete.log_vkey, '--record', record, proof])
    expect(machine).toMatchObject({ code: 0, stderr: '' })
    expect(lines(machine.stdout)).toMatchObject([{ kind: 'proof', verdict: 'valid', index: 6, size: 15 }])
    const without = await gossum(['verify', '--log', complete.log_vkey, proof])
    expect(without.code).toBe(2)
    expect(without.stdout).toContain('--record')
  })

  it('says that cosignatures were not checked without a policy', async () => {
    const witness = makeSignerKey('w.example', SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(1))
    const note = parseNote(utf8(heads[0]!.note))
    const cosigned = { ...note, signatures: [...note.signatures, cosign(note.text, 1_700_000_000, witness).signature] }
    const head = file('cosigned', formatNote(cosigned))
    expect((await gossum(['verify', head])).stdout).toContain('  1 cosignature, not checked (no --policy)  ')
    const policy = file('w', `log ${SUM_GOLANG_ORG}\nwitness w ${witness.verifier.vkey}\nquorum w\n`)
    expect((await gossum(['verify', '--policy', policy, head])).stdout).toContain('  1 of 1 cosignature verified  ')
  })

  it('does not count cosignatures older than the limit', async () => {
    const [a, b] = ['a.example', 'b.example'].map((name, i) =>
      makeSignerKey(name, SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(i + 1)),
    )
    const note = parseNote(utf8(heads[0]!.note))
    const now = Math.floor(Date.now() / 1000)
    const lately = cosign(note.text, now - 60, a!).signature
    const once = cosign(note.text, now - 7 * 86_400, b!).signature
    const head = file('aged', formatNote({ ...note, signatures: [...note.signatures, lately, once] }))
    const policyOf = (quorum: string): string =>
      file(
        quorum.replaceAll(' ', '-'),
        `log ${SUM_GOLANG_ORG}\nwitness a ${a!.verifier.vkey}\nwitness b ${b!.verifier.vkey}\ngroup g ${quorum} a b\nquorum g\n`,
      )
    const verdict = async (quorum: string, age: string): Promise<unknown> => {
      const { code, stdout } = await gossum(['verify', '--json', '--policy', policyOf(quorum), '--max-age', age, head])
      return [code, (lines(stdout)[0] as { reason?: string }).reason ?? 'valid']
    }
    expect(await verdict('any', '2h')).toEqual([0, 'valid'])
    expect(await verdict('all', '30d')).toEqual([0, 'valid'])
    const old = expect.stringMatching(/1 of its witnesses cosigned this head, and 1 before 20/) as string
    expect(await verdict('all', '2h')).toEqual([2, old])
    expect(await verdict('any', '30s')).toEqual([2, expect.stringContaining('0 of its witnesses') as string])
    expect(await gossum(['verify', '--max-age', '2h', head])).toMatchObject({ code: 2, stdout: '' })
    expect(await gossum(['verify', '--policy', policyOf('any'), '--max-age', 'soon', head])).toMatchObject({ code: 2 })
  })

  it('trusts the logs of a policy, and requires its quorum', async () => {
    const witness = 'witness1.peer.example/litewitness+2e159e9a+BKcuhMxU2hfM6SxspCfRfwaO4k+79hZmqlkihDNb0TKg'
    const head = file('head', heads[0]!.note)
    const none = file('none', `log ${SUM_GOLANG_ORG}\nquorum none\n`)
    const one = file('one', `log ${SUM_GOLANG_ORG}\nwitness w ${witness}\nquorum w\n`)
    const other = file('other', `log ${fork.vkey}\nquorum none\n`)
    const silent = file('silent', `quorum none\n`)
    const codeWith = async (path: string): Promise<unknown> =>
      (lines((await gossum(['verify', '--json', '--policy', path, head])).stdout)[0] as { code?: string }).code
    expect(await codeWith(none)).toBeUndefined()
    expect(await codeWith(one)).toBe('POLICY_UNSATISFIED')
    expect(await codeWith(other)).toBe('LOG_UNKNOWN')
    expect(await codeWith(silent)).toBeUndefined()
    const malformed = await gossum(['verify', '--json', '--policy', head, head])
    expect(malformed).toMatchObject({ code: 2, stdout: '' })
    expect(jsonError(malformed).code).toBe('POLICY_MALFORMED')
    expect((await gossum(['verify', '--policy', '/nonexistent', head])).code).toBe(1)
  })

  it.each([
    ['hello', 'KEY_MALFORMED'],
    ['witness1.peer.example/litewitness+2e159e9a+BKcuhMxU2hfM6SxspCfRfwaO4k+79hZmqlkihDNb0TKg', 'USAGE'],
  ])('refuses the key %s', async (key, code) => {
    const result = await gossum(['verify', '--json', '--log', key, '-'])
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(jsonError(result).code).toBe(code)
  })
})
