/**
 * `gossum log`: the logs that a node follows (log-followed.ts), and `gossum log serve`: a small checksum database of
 * your own, for a test or a private proxy.
 */
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { dataHome } from '../../config/user-home.js'
import { parseHostPort } from '../../config/values.js'
import { GossumError, HintedError, type ErrorCode } from '../../errors.js'
import { loadOrCreateLogKey } from '../../keys/key-file.js'
import { obstacleIn } from '../../store/obstacle.js'
import { openDatabase } from '../../store/open-database.js'
import { MAX_TILE_RECORDS, splitDataTile } from '../../sumdb/module.js'
import { SumdbServer, type NewRecord } from '../../sumdb/log-server.js'
import { fromUtf8 } from '../../tlog/bytes.js'
import { TILE_HEIGHT, tilePath } from '../../tlog/tile.js'
import { readFileBounded } from '../named-files.js'
import { addBookCommands } from './log-followed.js'
import { untilSignalled } from '../until-signalled.js'
import { output, type Output, type OutputFlags } from '../ui/output.js'
import { grouped } from '../../lib/words.js'

interface ServeFlags extends OutputFlags {
  readonly home?: string
  readonly name: string
  readonly listen: string
  readonly records?: string
}

/** The largest file of records, in bytes: about 300,000 modules. */
const MAX_RECORDS_BYTES = 64 * 1024 * 1024

export function command(): Command {
  const log = new Command('log')
    .description('the logs of a node, and a small checksum database of your own')
    .addHelpText(
      'after',
      `
Examples:
  gossum log add "VKEY https://sum.example.org"
  gossum log disable sum.example.org
  gossum log serve --records go.sum
  cat go.sum | gossum log serve --records -
  gossum log serve --json --listen 127.0.0.1:0
`,
    )
  addBookCommands(log)
  log
    .command('serve')
    .description('serve a checksum database; its key and records are in its home')
    .option('--home <DIR>', 'key and records (default: XDG data home + /gossum-log)')
    .option('--name <KEYNAME>', 'name of the log key, if it is created', 'localhost.localdev/sumdb')
    .option('--listen <HOST:PORT>', 'where it listens; port 0 = any', '127.0.0.1:46788')
    .option('--records <FILE>', 'go.sum lines to append; - is stdin')
    .addHelpText(
      'after',
      `
Examples:
  gossum log serve --records go.sum
  gossum log serve --name sum.example.org --listen 0.0.0.0:8080
  GOSUMDB="VKEY URL" go mod download               the go command asks this log
`,
    )
    .action(async (_options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<ServeFlags>()
      await serve(flags, output(flags))
    })
  return log
}

function homeOf({ home }: ServeFlags): string {
  return resolve(home ?? join(dataHome(), 'gossum-log'))
}

async function serve(flags: ServeFlags, out: Output): Promise<void> {
  const home = homeOf(flags)
  const address = hinting('CONFIG_INVALID', 'see gossum log serve --help', () => parseHostPort(flags.listen, 'listen'))
  const records = flags.records === undefined ? [] : await readRecords(flags.records)
  const { signer, created } = await loadOrCreateLogKey(join(home, 'log.key'), flags.name)
  if (created) out.talk(`made ${join(home, 'log.key')}: keep a copy; whoever has it is this log`)

  const db = await openDatabase(join(home, 'db'), true).catch(async (error: unknown) => {
    throw await obstacleIn(home, error)
  })
  try {
    const log = await SumdbServer.open({ db, signer })
    const different = await append(log, records)
    if (different > 0) {
      const were = different === 1 ? 'record was' : 'records were'
      out.talk(`${grouped(different)} ${were} there already with other lines: not changed`)
    }
    const listening = await log.listen(address)
    const { vkey, size } = log
    // Before the first line: a reader of it may send the signal at once.
    const isTold = untilSignalled()
    out.json({ ready: true, log: vkey, url: listening.url, size })
    out.line(`log      ${vkey}`)
    out.line(`url      ${listening.url}`)
    out.line(`size     ${grouped(size)}`)
    out.line(`use it   GOSUMDB="${vkey} ${listening.url}"`)
    out.line(`watch it gossum run --log "${vkey} ${listening.url}"`)
    await isTold
    await listening.close()
  } finally {
    await db.close()
  }
}

/** Appends records. Returns how many of them are already in the log with other lines. */
async function append(log: SumdbServer, records: readonly NewRecord[]): Promise<number> {
  const size = log.size
  const ids = await log.append(records)
  const texts = new Map(ids.flatMap((id, i) => (id < size ? [[id, records[i]!.text] as const] : [])))
  let different = 0
  for (const index of new Set([...texts.keys()].map((id) => Math.floor(id / MAX_TILE_RECORDS)))) {
    const first = index * MAX_TILE_RECORDS
    const width = Math.min(MAX_TILE_RECORDS, log.size - first)
    const { body } = await log.handle(`/${tilePath({ height: TILE_HEIGHT, level: -1, index, width })}`)
    for (const [i, kept] of splitDataTile(body).entries()) {
      const text = texts.get(first + i)
      if (text !== undefined && sorted(text) !== sorted(fromUtf8(kept)!)) different++
    }
  }
  return different
}

/** The order of lines is irrelevant. */
function sorted(text: string): string {
  return text.split('\n').sort().join('\n')
}

async function readRecords(path: string): Promise<NewRecord[]> {
  const text = fromUtf8(await readFileBounded(path, MAX_RECORDS_BYTES))
  return hinting('RECORD_INVALID', 'go.sum lines are "path version hash"', () => {
    if (text === undefined) throw new GossumError('RECORD_INVALID', `${path} is not UTF-8`)
    return recordsOf(text)
  })
}

/** Replaces the hint of errors with this code by one that fits here. */
function hinting<T>(code: ErrorCode, hint: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof GossumError && error.code === code ? new HintedError(error, hint) : error
  }
}

/** One record for each module version of a go.sum file, in the order of their first lines. Throws RECORD_INVALID. */
export function recordsOf(goSum: string): NewRecord[] {
  const records = new Map<string, { path: string; version: string; lines: Set<string> }>()
  for (const [i, line] of goSum.split('\n').entries()) {
    if (line.trim() === '') continue
    const [path, version, hash, ...rest] = line.trim().split(/\s+/)
    if (path === undefined || version === undefined || hash === undefined || rest.length > 0) {
      throw new GossumError('RECORD_INVALID', `line ${i + 1} is not "path version hash"`)
    }
    const release = version.replace(/\/go\.mod$/, '')
    const key = `${path} ${release}`
    const record = records.get(key) ?? { path, version: release, lines: new Set<string>() }
    records.set(key, record)
    record.lines.add(`${path} ${version} ${hash}\n`)
  }
  return [...records.values()].map(({ path, version, lines }) => ({ path, version, text: [...lines].join('') }))
}
