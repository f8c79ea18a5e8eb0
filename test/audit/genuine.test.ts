/** go.sum files made from answers of sum.golang.org, under its real key. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkModules } from '../../src/audit/checker.js'
import { judgeLine, moduleKey, parseGoSum, type LineFinding } from '../../src/audit/gosum.js'
import { SumdbClient } from '../../src/sumdb/client.js'
import { parseLookup } from '../../src/sumdb/module.js'
import { concatBytes, fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { ReplayLog, readFiles, type Files } from '../fakes/replay-log.js'
import { FULL, GOLANG_KEY, hasFull, SMALL } from '../sumdb/genuine.js'
import { gossum } from '../helpers/cli.js'
import { scratchFolder } from '../helpers/home.js'

const { dir, file } = scratchFolder()

/** All the records in the answers, one after the other: a go.sum file. */
function goSumOf(files: Files): string {
  const lookups = [...files].filter(([path]) => path.startsWith('lookup/'))
  return fromUtf8(concatBytes(...lookups.map(([, answer]) => parseLookup(answer).record)))!
}

async function findings(log: ReplayLog, goSum: string): Promise<LineFinding[]> {
  const { lines, malformed } = parseGoSum('go.sum', utf8(goSum))
  expect(malformed).toEqual([])
  const modules = [...new Map(lines.map((line) => [moduleKey(line), { path: line.module, version: line.version }]))]
  const client = new SumdbClient({ url: log.url, key: GOLANG_KEY, retries: 0 })
  const parts = { client, key: GOLANG_KEY, quorum: await client.latest() }
  const { answers, conviction } = await checkModules(
    modules.map(([, module]) => module),
    parts,
  )
  expect(conviction).toBeUndefined()
  const byKey = new Map(modules.map(([key], i) => [key, answers[i]!]))
  return lines.flatMap((line) => judgeLine(line, byKey.get(moduleKey(line))!) ?? [])
}

/** The text with one character of one line's hash changed, so that it is still a valid hash. */
function tampered(goSum: string, line: number): string {
  const lines = goSum.split('\n')
  lines[line - 1] = lines[line - 1]!.replace(/h1:(.)/, (_, first: string) => `h1:${first === 'A' ? 'B' : 'A'}`)
  return lines.join('\n')
}

const capture = readFiles(new URL('capture/', SMALL))
const small = readFiles(new URL('genuine/', SMALL))

/**
 * The small set lacks the tiles that prove the heads of its lookups, so here they carry the newest head, as at a node.
 */
async function startSmall(): Promise<ReplayLog> {
  const log = await ReplayLog.start(small)
  for (const [path, answer] of small) {
    if (!path.startsWith('lookup/')) continue
    const head = parseLookup(answer).note
    log.forged.set(path, concatBytes(answer.subarray(0, answer.length - head.length), small.get('latest')!))
  }
  return log
}

describe.each([
  ['a whole cache of a go command', () => ReplayLog.start(capture), goSumOf(capture)],
  ['the small set', startSmall, goSumOf(small)],
])('%s', (_what, start, goSum) => {
  let log: ReplayLog
  beforeAll(async () => {
    log = await start()
  })
  afterAll(() => log.close())

  test('agrees with the log', async () => {
    expect(goSum.trim().split('\n').length).toBeGreaterThan(3)
    expect(await findings(log, goSum)).toEqual([])
  })

  test('with one changed character is reported by line', async () => {
    for (const line of [1, 4]) {
      expect(await findings(log, tampered(goSum, line))).toMatchObject([{ line, class: 'other-hash' }])
    }
  })

  test('passes the program, and passes offline with the proof that it writes', async () => {
    const env = { XDG_CACHE_HOME: join(dir, 'cache') }
    const policy = file('policy', 'quorum none\n')
    const trust = ['--log', `${GOLANG_KEY.vkey} ${log.url}`, '--policy', policy]
    const path = file('genuine.sum', goSum)
    const proof = file('proof.json', '')
    const fine = { code: 0, stdout: '', stderr: '' }
    expect(await gossum(['check', 'go.sum', path, ...trust, '--write-proof', proof], { env })).toEqual(fine)
    // Now with only the built-in key.
    const offline = ['check', 'go.sum', '--offline', proof, '--policy', policy]
    expect(await gossum([...offline, path])).toEqual(fine)
    const changed = await gossum([...offline, file('changed.sum', tampered(goSum, 3))])
    expect([changed.code, changed.stdout]).toEqual([2, expect.stringContaining('changed.sum:3: other-hash') as string])
  })
})

const captures = [
  'Carlosymh+Go',
  'M1hawk005+UtRa',
  'aldodla8+Golang-RestApi',
  'etcd-io+etcd',
  'rajmehta89+Go_Practise',
  'rrsoperagx-debug+webx-go-8-8-26',
  'zeeler+lal.im',
]

describe.skipIf(!hasFull)('whole caches of go commands, with heads of many sizes', () => {
  test.each(captures)('%s', async (name) => {
    const files = readFiles(new URL(`captures/${name}/`, FULL))
    const log = await ReplayLog.start(files)
    try {
      const goSum = goSumOf(files)
      expect(await findings(log, goSum)).toEqual([])
      expect(await findings(log, tampered(goSum, 2))).toMatchObject([{ line: 2, class: 'other-hash' }])
    } finally {
      await log.close()
    }
  })
})
