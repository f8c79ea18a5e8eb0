/** Real PostgreSQL servers on loopback, each in a folder of its own, which run until the test ends. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { parseStateUrl, type StateSetting } from '../../src/config/state-setting.js'
import { freePort } from './free-port.js'
import { smallDisk, type SmallDisk } from './home.js'

const run = promisify(execFile)

/** The folder of Debian's PostgreSQL programs; undefined if they are not installed. */
const BIN = findPrograms()

function findPrograms(): string | undefined {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  return versions.map((version) => join(root, version, 'bin')).find((path) => existsSync(join(path, 'initdb')))
}

export const hasPostgres = BIN !== undefined || process.env['REQUIRE_PEERS'] === '1'

/** PostgreSQL refuses to run as root, so it runs as a user of its own. */
const owner = await ownerOf()

async function ownerOf(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0 || BIN === undefined) return undefined
  const id = async (flag: string): Promise<number> => Number((await run('id', [flag, 'postgres'])).stdout)
  return { uid: await id('-u'), gid: await id('-g') }
}

export interface Postgres {
  readonly port: number
  readonly folder: string
  /** The disk of its folder, if it has one of its own. */
  readonly disk: SmallDisk | undefined
  /** The setting for this server; with a schema of its own for each call. */
  setting(schema?: string): StateSetting
  url(schema?: string): string
  /** Runs statements as the superuser, on a connection of its own. */
  query(statement: string): Promise<unknown[][]>
  /** Starts it again, in its folder. */
  start(): Promise<void>
  /** Stops it as an operator does, or as a power failure. */
  stop(how: 'fast' | 'kill'): Promise<void>
  /** A copy of its folder that follows it as a standby of this name, on any port or on this one; it is started. */
  standby(name: string, port?: number): Promise<Postgres>
  promote(): Promise<void>
  /**
   * A copy of its folder as it is now; after this server is stopped, `start` starts a server from the copy in its
   * place.
   */
  backup(): Promise<{ start(): Promise<Postgres> }>
  /** Ends it and removes its folder. */
  remove(): Promise<void>
}

let schemas = 0

/** Time limits in milliseconds for a connection, a statement, and a program. */
const PATIENCE = { connect: 5_000, statement: 40_000, program: 60_000 } as const
/** Space for a small server, including its write-ahead log. */
const DISK_KIB = 192 * 1024

/**
 * A new server. `conf`: lines of its configuration. `onSmallDisks`: it and its standbys are each on a disk of their own
 * until the test ends, if that is permitted.
 */
export async function startPostgres(conf: readonly string[] = [], onSmallDisks = false): Promise<Postgres> {
  const disk = onSmallDisks ? smallDisk(DISK_KIB) : undefined
  const folder = newFolder(disk)
  await program('initdb', ['-D', folder, '-U', 'gossum', '--auth=trust', '-N', '-E', 'UTF8', '--no-locale'])
  const server = await serverIn(folder, conf, { disk })
  await server.start()
  return server
}

interface Place {
  readonly port?: number | undefined
  readonly disk?: SmallDisk | undefined
}

async function serverIn(folder: string, conf: readonly string[], { port: at, disk }: Place = {}): Promise<Postgres> {
  const port = at ?? (await freePort())
  writeFileSync(
    join(folder, 'postgresql.auto.conf'),
    [
      `port = ${port}`,
      "listen_addresses = '127.0.0.1'",
      "unix_socket_directories = ''",
      'shared_buffers = 16MB',
      'max_connections = 40',
      'wal_level = replica',
      'max_wal_senders = 4',
      'min_wal_size = 32MB',
      'max_wal_size = 64MB',
      // What a standby that was disconnected needs.
      'wal_keep_size = 48MB',
      'hot_standby = on',
      ...conf,
      '',
    ].join('\n'),
    { flag: 'a' },
  )
  let process: ChildProcess | undefined
  const own = (): Client => {
    const place = { host: '127.0.0.1', port, user: 'gossum', database: 'postgres' }
    // A killed server may leave a socket behind that accepts connections and never answers.
    const client = new Client({
      ...place,
      connectionTimeoutMillis: PATIENCE.connect,
      query_timeout: PATIENCE.statement,
    })
    client.on('error', () => undefined)
    return client
  }
  const server: Postgres = {
    port,
    folder,
    disk,
    url: (schema = 'public') => `postgres://gossum@127.0.0.1:${port}/postgres?sslmode=disable&schema=${schema}`,
    setting: (schema) => parseStateUrl(server.url(schema), 'state'),
    query: async (statement) => {
      const client = own()
      await client.connect()
      try {
        return (await client.query<unknown[]>({ text: statement, rowMode: 'array' })).rows
      } finally {
        await client.end()
      }
    },
    start: async () => {
      let talk = ''
      const spawned = (): ChildProcess => {
        rmSync(join(folder, 'postmaster.pid'), { force: true })
        const child = spawn(join(BIN!, 'postgres'), ['-D', folder], { ...owner, stdio: ['ignore', 'ignore', 'pipe'] })
        child.stderr.setEncoding('utf8').on('data', (text: string) => (talk = (talk + text).slice(-2000)))
        return child
      }
      process = spawned()
      const isUp = await until(async () => {
        // A killed server leaves child processes behind, and while they exist no other can start in its place.
        if (process?.exitCode !== null) process = spawned()
        const [row] = await server.query('SELECT 1')
        return row !== undefined
      })
      if (!isUp) throw new Error(`PostgreSQL does not start: ${talk}`)
    },
    stop: async (how) => {
      const ended = process
      if (ended === undefined || ended.exitCode !== null || ended.signalCode !== null) return
      const exit = new Promise((resolve) => ended.once('exit', resolve))
      ended.kill(how === 'kill' ? 'SIGKILL' : 'SIGINT')
      await exit
    },
    standby: async (name, at) => {
      const own = disk && smallDisk(DISK_KIB)
      const copy = await copyOf(port, own)
      writeFileSync(join(copy, 'standby.signal'), '')
      if (owner) chownSync(join(copy, 'standby.signal'), owner.uid, owner.gid)
      const follower = await serverIn(
        copy,
        [...conf, `primary_conninfo = 'host=127.0.0.1 port=${port} user=gossum application_name=${name}'`],
        { port: at, disk: own },
      )
      await follower.start()
      return follower
    },
    backup: async () => {
      const copy = await copyOf(port)
      const start = async (): Promise<Postgres> => {
        // An operator who restores an old copy has no standby for it.
        const restored = await serverIn(copy, [...conf, "synchronous_standby_names = ''"], { port })
        await restored.start()
        return restored
      }
      return { start }
    },
    promote: async () => {
      await server.query('SELECT pg_promote(true, 30)')
    },
    remove: async () => {
      await server.stop('kill')
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return server
}

/** A schema that nothing else uses. */
export async function newSchema(server: Postgres): Promise<string> {
  const name = `s${process.pid}_${++schemas}`
  await server.query(`CREATE SCHEMA ${name}`)
  return name
}

/** The folder of a running server, copied like a backup. */
async function copyOf(port: number, disk?: SmallDisk): Promise<string> {
  const copy = newFolder(disk)
  rmSync(copy, { recursive: true })
  if (owner && disk) chownSync(disk.path, owner.uid, owner.gid)
  const from = ['-h', '127.0.0.1', '-p', String(port), '-U', 'gossum']
  await program('pg_basebackup', [...from, '-D', copy, '-c', 'fast', '-X', 'stream'])
  return copy
}

function newFolder(disk?: SmallDisk): string {
  const folder = mkdtempSync(join(disk?.path ?? tmpdir(), 'gossum-pg-'))
  if (owner) chownSync(folder, owner.uid, owner.gid)
  return folder
}

async function program(name: string, args: readonly string[]): Promise<void> {
  if (BIN === undefined) throw new Error('PostgreSQL is not installed (Debian: postgresql)')
  await run(join(BIN, name), args, { ...owner, timeout: PATIENCE.program })
}

/** Repeats a check until it succeeds, for a server that does not report when it is ready. */
async function until(ask: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 300; tries++) {
    if (await ask().catch(() => false)) return true
    await delay(100)
  }
  return false
}
