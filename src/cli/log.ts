/** `gossum log serve`: a small checksum database of your own, for a test or a private proxy. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { Level } from 'level'
import { parseHostPort } from '../config.js'
import { errorText, GossumError } from '../errors.js'
import { loadOrCreateLogKey } from '../keys.js'
import { SumdbServer, type NewRecord } from '../sumdb/server.js'
import { fromUtf8 } from '../tlog/bytes.js'
import { readFileBounded } from './files.js'
import { output, type Output, type OutputFlags } from './output.js'

interface ServeFlags extends OutputFlags {
  readonly home?: string
  readonly name: string
  readonly listen: string
  readonly records?: string
}

/** The largest file of records, in bytes: some 300,000 modules. */
const MAX_RECORDS_BYTES = 64 * 1024 * 1024

export function command(): Command {
  const log = new Command('log').description('A small checksum database of your own.').addHelpText(
    'after',
    `
Examples:
  gossum log serve --records go.sum
  cat go.sum | gossum log serve --records -
  gossum log serve --json --listen 127.0.0.1:0
`,
  )
  log
    .command('serve')
    .description('serve a checksum database; its key and records live in its home')
    .option('--home <DIR>', 'key and records (default: XDG data home + /gossum-log)')
    .option('--name <KEYNAME>', 'name of the log key, when it is made', 'localhost.localdev/sumdb')
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
  return resolve(home ?? join(process.env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'gossum-log'))
}

async function serve(flags: ServeFlags, out: Output): Promise<void> {
  const home = homeOf(flags)
  const address = parseHostPort('listen', flags.listen)
  const records = flags.records === undefined ? [] : await readRecords(flags.records)
  const { signer, created } = await loadOrCreateLogKey(join(home, 'log.key'), flags.name)
  if (created) out.talk(`made ${join(home, 'log.key')}: keep a copy; who has it is this log`)

  const db = await openDatabase(join(home, 'db'))
  try {
    const log = await SumdbServer.open({ db, signer })
    await log.append(records)
    const listening = await log.listen(address)
    const { vkey, size } = log
    // Before the first line: who has read it may send the signal at once.
    const isTold = signalled()
    out.json({ ready: true, log: vkey, url: listening.url, size })
    out.line(`log      ${vkey}`)
    out.line(`url      ${listening.url}`)
    out.line(`size     ${size}`)
    out.line(`use it   GOSUMDB="${vkey} ${listening.url}"`)
    out.line(`watch it gossum run --log "${vkey} ${listening.url}"`)
    await isTold
    await listening.close()
  } finally {
    await db.close()
  }
}

async function openDatabase(location: string): Promise<Level> {
  const db = new Level(location)
  try {
    await db.open()
    return db
  } catch (error) {
    const cause = error instanceof Error ? (error.cause as { code?: string; message?: string } | undefined) : undefined
    const code = cause?.code === 'LEVEL_LOCKED' ? 'STORE_LOCKED' : 'STORE_DAMAGED'
    throw new GossumError(code, `${location}: ${cause?.message ?? errorText(error)}`, error)
  }
}

/** Waits for SIGINT or SIGTERM. A second one ends the process at once, as it does without a listener. */
function signalled(): Promise<void> {
  return new Promise((done) => {
    const stop = (): void => {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
      done()
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
  })
}

async function readRecords(path: string): Promise<NewRecord[]> {
  const text = fromUtf8(await readFileBounded(path, MAX_RECORDS_BYTES))
  if (text === undefined) throw new GossumError('RECORD_INVALID', `${path} is not UTF-8`)
  return recordsOf(text)
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
