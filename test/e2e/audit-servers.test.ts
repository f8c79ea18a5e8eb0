/**
 * `gossum audit` of served logs: by our own server, by golang.org/x/mod, by Tessera; of logs that grow and fork while
 * they are read; and up to what a node vouches for. Tests of peers that are not installed (scripts/ci/peers.sh) are
 * skipped, unless REQUIRE_PEERS=1 makes that a failure.
 */
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { formatHash } from '../../src/tlog/hash.js'
import { SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { BAD_RECORDS } from '../helpers/bad-records.js'
import { gossum, jsonError, startGossum, type CliResult } from '../helpers/cli.js'
import { LyingLog, madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { required } from '../helpers/go.js'
import { testSigner } from '../helpers/heart.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'
import { findPeer, startTesseraLog, startXModLog } from '../helpers/peers.js'

const signer = testSigner('sum.example', 4)
const { vkey } = signer.verifier
const [xmod, tlogd] = [findPeer('sumdbd'), findPeer('tlogd')]

test.runIf(required)('the logs of others are here, as REQUIRE_PEERS asks', () => {
  expect({ xmod, tlogd }).toEqual({ xmod: expect.any(String) as string, tlogd: expect.any(String) as string })
})

function audit(log: string, args: readonly string[] = [], home = temporaryHome()): Promise<CliResult> {
  return gossum(['audit', '--log', log, '--json', '--rate', '0', ...args], { home, cwd: home })
}

/** The exit code, the findings, and the last line. */
function outcomeOf({ stdout, code }: CliResult) {
  const lines = stdout.trimEnd().split('\n')
  const all = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  const found = all
    .filter((line) => 'finding' in line)
    .map((line) => `${String(line['id'] ?? line['tile'])} ${String(line['finding'])}`)
  const evidence = all.filter((line) => 'evidence' in line).map((line) => line['type'])
  const { audited, size, complete, root } = all.at(-1)!
  return { code, found, evidence, audited, size, complete, root }
}

async function serve(from: number, to: number): Promise<LyingLog> {
  const log = await LyingLog.start(await memoryLog(signer, madeUpRecords(from, to)))
  onTestFinished(() => log.close())
  return log
}

describe('a log of our own', () => {
  test('served by gossum log serve is read completely, fast or at a rate, by one thread or three', async () => {
    const home = temporaryHome()
    const records = join(home, 'go.sum')
    writeFileSync(
      records,
      madeUpRecords(0, 900)
        .map(({ text }) => text)
        .join(''),
    )
    const args = ['log', 'serve', '--json', '--home', home, '--listen', '127.0.0.1:0', '--records', records]
    const server = await startGossum(args)
    onTestFinished(() => void server.child.kill('SIGKILL'))
    const { log, url } = JSON.parse(server.firstLine) as { log: string; url: string }
    for (const more of [
      ['--threads', '1'],
      ['--threads', '3'],
      ['--rate', '100'],
    ])
      expect(outcomeOf(await audit(`${log} ${url}`, more))).toMatchObject({
        code: 0,
        audited: 900,
        found: [],
        complete: true,
      })
  })
})

describe('a log that changes while it is read', () => {
  test('and grows is read up to the head that it began with, and then from there', async () => {
    const log = await serve(0, 700)
    const home = temporaryHome()
    let next = 700
    // Each request adds a record, so no two answers are of the same size.
    log.lie = (path) => {
      if (path.startsWith('tile/')) void log.history.append(madeUpRecords(next, ++next))
      return undefined
    }
    const root = formatHash(await log.history.root(700))
    expect(outcomeOf(await audit(`${vkey} ${log.url}`, [], home))).toMatchObject({
      code: 0,
      audited: 700,
      size: 700,
      root,
      complete: true,
    })
    expect(next).toBeGreaterThan(704)
    log.lie = () => undefined
    const { size } = log.history
    log.requests.length = 0
    expect(outcomeOf(await audit(`${vkey} ${log.url}`, [], home))).toMatchObject({
      code: 0,
      audited: size,
      size,
      complete: true,
    })
    expect(log.requests.filter((path) => /data\/00[01]/.test(path))).toEqual([])
  })

  test('and forks has tiles that do not match its head, and is convicted by its next head', async () => {
    const log = await serve(0, 700)
    const home = temporaryHome()
    const forked = await memoryLog(signer, madeUpRecords(1, 1200))
    log.lie = (path) => {
      if (path.includes('/data/')) log.history = forked
      return undefined
    }
    const first = outcomeOf(await audit(`${vkey} ${log.url}`, ['--threads', '1'], home))
    expect(first).toMatchObject({ code: 3, size: 700, complete: false, evidence: [] })
    expect(first.found.every((one) => /(data|hash)-tile$/.test(one))).toBe(true)
    const second = outcomeOf(await audit(`${vkey} ${log.url}`, [], home))
    expect(second).toMatchObject({ code: 3, size: 1199, evidence: ['gossum/split-view/v1'] })
  })
})

describe('a node', () => {
  test('determines how far: to the head that it has cosigned, whatever the log has by now', async () => {
    const log = await serve(0, 300)
    const node = await RunningNode.start(temporaryHome(), ['--log', `${vkey} ${log.url}`, '--poll', '3600'])
    await node.event((event) => event.event === 'outcome' && event.outcome === 'advanced' && event.size === 300)
    await log.history.append(madeUpRecords(300, 600))
    const home = temporaryHome()
    const args = ['--node', node.ready.http]
    const result = await audit(`${vkey} ${log.url}`, args, home)
    expect(outcomeOf(result)).toMatchObject({ code: 0, audited: 300, size: 300, complete: true })
    // The reported head has the cosignatures that the node vouches with.
    const { head } = JSON.parse(result.stdout) as { head: string }
    expect(head).toContain(`\n— ${node.ready.witness.split('+')[0]!} `)
    expect(outcomeOf(await audit(`${vkey} ${log.url}`, [], home))).toMatchObject({ audited: 600, size: 600 })
  })

  test('whose policy is not satisfied has no head, and then nothing is read', async () => {
    const log = await serve(0, 300)
    const home = temporaryHome()
    const policy = join(home, 'policy')
    writeFileSync(
      policy,
      `witness w ${testSigner('w.example', 9, SIGNATURE_TYPES.cosignature).verifier.vkey}\nquorum w\n`,
    )
    const node = await RunningNode.start(home, ['--log', `${vkey} ${log.url}`, '--poll', '0.2', '--policy', policy])
    await node.event((event) => event.event === 'outcome' && event.outcome === 'advanced' && event.size === 300)
    log.requests.length = 0
    const result = await audit(`${vkey} ${log.url}`, ['--node', node.ready.http])
    expect(result).toMatchObject({ stdout: '' })
    expect([1, 4]).toContain(result.code)
    expect(jsonError(result).code).not.toBe('INTERNAL')
    expect(log.requests.filter((path) => path.includes('/data/'))).toEqual([])
  })
})

test.skipIf(xmod === undefined)(
  "golang.org/x/mod's server is read whole, and one bad record in it is found",
  async () => {
    const bad = BAD_RECORDS.find(({ rule }) => rule === 'go-mod-missing')!
    const texts = madeUpRecords(0, 700).map(({ text }) => text)
    texts.splice(300, 0, fromUtf8(bad.record)!)
    const log = await startXModLog(xmod!, texts.join(''))
    const home = temporaryHome()
    const kept = join(home, 'kept')
    const result = outcomeOf(await audit(`${log.log} ${log.url}`, ['--keep', kept], home))
    expect(result).toMatchObject({ code: 3, found: ['300 go-mod-missing'], audited: 701, size: 701, complete: true })
    // That server writes numbers before its records, so they are in the kept tiles.
    expect(outcomeOf(await audit(`${log.log} file:${kept}`))).toEqual(result)
  },
)

test.skipIf(tlogd === undefined)("Tessera's tiles are held to its tree, over sizes at which they change", async () => {
  const home = temporaryHome()
  const log = await startTesseraLog(tlogd!, temporaryHome())
  let size = 0
  for (const count of [1, 255, 1, 300]) {
    size = await log.add(count)
    const result = outcomeOf(await audit(`${log.log} ${log.url} tessera.example/log`, [], home))
    expect(result).toMatchObject({ code: 0, audited: size, size, complete: true, found: [] })
  }
})
