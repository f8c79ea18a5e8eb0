/**
 * golang.org/x/mod's gosumcheck and `gossum check go.sum` on the same files and the same log: they agree line by line.
 * Skipped if gosumcheck is not installed, unless REQUIRE_PEERS=1, which makes that a failure. Its exit status is always
 * 0, so its output is compared.
 */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordsOf } from '../../src/cli/commands/log.js'
import { parseLookup } from '../../src/sumdb/module.js'
import { concatBytes, fromUtf8 } from '../../src/tlog/bytes.js'
import { makeSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { LyingLog, madeUpRecord, madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { ReplayLog, readFiles } from '../fakes/replay-log.js'
import { gossum } from '../helpers/cli.js'
import { scratchFolder } from '../helpers/home.js'
import { required } from '../helpers/go.js'
import { findPeer } from '../helpers/peers.js'
import { hasShared, readShared, sharedPath } from '../helpers/shared.js'
import { GOLANG_KEY, SMALL } from '../sumdb/genuine.js'

const peer = findPeer('gosumcheck')
const { dir, file } = scratchFolder()
const signer = makeSignerKey('localhost.localdev/sumdb', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(7))

test.runIf(required)('gosumcheck is here, as REQUIRE_PEERS asks', () => {
  expect(peer).toBeDefined()
})

/** A line and what is wrong with it. */
type Complaint = [line: number, what: string]

/** The lines that gosumcheck reports. `noSumDb` are the patterns of private modules. */
function theirs(path: string, vkey: string, url: string, noSumDb: string): Promise<Complaint[]> {
  const env = { PATH: process.env['PATH'], HOME: dir, GONOSUMDB: noSumDb, GOENV: 'off' }
  return new Promise((resolve, reject) => {
    execFile(peer!, ['-k', vkey, '-u', url, path], { env, timeout: 60_000 }, (error, stdout) => {
      if (error !== null) return reject(new Error('gosumcheck failed', { cause: error }))
      const complaints = [...stdout.matchAll(/^\S[^\n]*?:(\d+): (.*(?:\n\t.*)*)$/gm)]
      resolve(complaints.map(([, line, text]) => [Number(line), theirClass(text!)]))
    })
  })
}

function theirClass(text: string): string {
  // A hash of another kind than the log has: for us the log has none of this kind.
  if (text.includes('hash algorithm mismatch')) return 'not-in-log'
  if (text.includes('hash mismatch')) return 'other-hash'
  if (text.includes('404 Not Found') || text.includes('410 Gone')) return 'not-in-log'
  if (text.includes('invalid number of fields')) return 'malformed'
  if (text.includes('skipped (listed in GONOSUMDB)')) return 'private'
  return text
}

/** The lines that we report, including private modules, which are not problems. */
async function ours(path: string, vkey: string, url: string, noSumDb: string): Promise<Complaint[]> {
  const policy = file('none.policy', 'quorum none\n')
  const args = ['check', 'go.sum', path, '--json', '--no-cache', '--log', `${vkey} ${url}`, '--policy', policy]
  const { code, stdout } = await gossum(args, { env: { GONOSUMDB: noSumDb } })
  const { findings } = JSON.parse(stdout) as { findings: { line: number; class: string }[] }
  expect(code).toBe(findings.some((finding) => finding.class !== 'private') ? 2 : 0)
  return findings.map((finding) => [finding.line, finding.class])
}

async function agreed(path: string, vkey: string, url: string, noSumDb = ''): Promise<Complaint[]> {
  const [found, expected] = [await ours(path, vkey, url, noSumDb), await theirs(path, vkey, url, noSumDb)]
  expect(found).toEqual(expected)
  return found
}

describe.skipIf(peer === undefined)('gosumcheck and we agree', () => {
  let log: LyingLog
  beforeAll(async () => {
    log = await LyingLog.start(await memoryLog(signer, madeUpRecords(0, 700)))
  })
  afterAll(() => log.close())
  const { vkey } = signer.verifier
  const textOf = (from: number, to: number): string =>
    madeUpRecords(from, to)
      .map(({ text }) => text)
      .join('')

  test('that a correct file is correct', async () => {
    expect(await agreed(file('good.sum', textOf(0, 300)), vkey, log.url)).toEqual([])
  })

  test('on every line that is wrong, and what is wrong with it', async () => {
    const lines = textOf(0, 60).trimEnd().split('\n')
    // A changed character of the hash, the hash of the other kind, another version, another module, a word too few, one
    // too many.
    lines[2] = lines[2]!.replace(/h1:(.)/, (_, char: string) => `h1:${char === 'Q' ? 'R' : 'Q'}`)
    lines[11] = lines[11]!.replace(/h1:(.)/, (_, char: string) => `h1:${char === 'Q' ? 'R' : 'Q'}`)
    lines[20] = lines[20]!.replace('v1.10.0', 'v1.10.1')
    lines[31] = lines[31]!.replace('Module15', 'module15')
    lines[40] = lines[40]!.split(' ').slice(0, 2).join(' ')
    lines[50] = `${lines[50]!} h1:abc`
    lines[60] = lines[60]!.replace('h1:', 'h2:')
    expect(await agreed(file('bad.sum', `${lines.join('\n')}\n`), vkey, log.url)).toEqual([
      [3, 'other-hash'],
      [12, 'other-hash'],
      [21, 'not-in-log'],
      [32, 'not-in-log'],
      [41, 'malformed'],
      [51, 'malformed'],
      [61, 'not-in-log'],
    ])
  })

  test('on which modules are private', async () => {
    const path = file('private.sum', `${textOf(0, 12)}${madeUpRecord(1000).text}`)
    const found = await agreed(path, vkey, log.url, 'nothing.example,example.com/Module1*')
    expect(found.map(([line]) => line)).toEqual([3, 4, 21, 22, 23, 24, 25, 26])
    expect(new Set(found.map(([, what]) => what))).toEqual(new Set(['private']))
  })

  test('that changed tiles prove nothing', async () => {
    log.lie = (path) =>
      path.startsWith('tile/8/0/')
        ? (response, honest) => response.end(Buffer.from(honest.body).map((byte, i) => (i === 40 ? byte ^ 1 : byte)))
        : undefined
    const path = file('tiles.sum', textOf(0, 1))
    const [found, expected] = [await oursOpen(path), await theirs(path, vkey, log.url, '')]
    log.lie = () => undefined
    expect(found).toEqual(['unproven', 'unproven'])
    expect(expected.map(([, what]) => what)).toEqual([
      expect.stringContaining('inconsistent tile') as string,
      expect.stringContaining('inconsistent tile') as string,
    ])
  })

  async function oursOpen(path: string): Promise<string[]> {
    const policy = file('none.policy', 'quorum none\n')
    const args = ['check', 'go.sum', path, '--json', '--no-cache', '--log', `${vkey} ${log.url}`, '--policy', policy]
    const { code, stdout } = await gossum(args)
    expect(code).toBe(4)
    return (JSON.parse(stdout) as { findings: { class: string }[] }).findings.map((finding) => finding.class)
  }

  test('on what sum.golang.org says', async () => {
    const files = readFiles(new URL('capture/', SMALL))
    const replay = await ReplayLog.start(files)
    try {
      const records = [...files].flatMap(([path, data]) =>
        path.startsWith('lookup/') ? [parseLookup(data).record] : [],
      )
      const goSum = fromUtf8(concatBytes(...records))!
      expect(await agreed(file('genuine.sum', goSum), GOLANG_KEY.vkey, replay.url)).toEqual([])
      const changed = goSum.replace(/h1:./, 'h1:-').replace('h1:-', 'h1:A')
      expect(await agreed(file('changed.sum', changed), GOLANG_KEY.vkey, replay.url)).toEqual([[1, 'other-hash']])
    } finally {
      await replay.close()
    }
  })
})

describe.skipIf(peer === undefined || !hasShared)('gosumcheck and we agree on go.sum files of many projects', () => {
  const names = hasShared ? readdirSync(sharedPath('sumdb/gosum')) : []
  let log: LyingLog
  beforeAll(async () => {
    // For a module version in several files, one record with the lines of all.
    const all = names.map((name) => fromUtf8(readShared(`sumdb/gosum/${name}`))!).join('')
    log = await LyingLog.start(await memoryLog(signer, recordsOf(all)))
  })
  afterAll(() => log.close())

  test.each(names)('%s', async (name) => {
    await agreed(join(sharedPath('sumdb/gosum'), name), signer.verifier.vkey, log.url)
  })
})
