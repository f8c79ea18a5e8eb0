/**
 * Checks of a home: its permissions, its keys, its disk, and the journal of what was signed. They read, and change
 * nothing.
 */
import { constants, existsSync } from 'node:fs'
import { access, open, readdir, readFile, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../../config/config.js'
import { errorText, GossumError } from '../../../errors.js'
import { keyMissing, readKeyring, requireNoWitness } from '../../../keys/keyring.js'
import { readJournal } from '../../../store/journal-text.js'
import { fail, ok, diagnosisOf, warn, type Diagnosis } from './diagnosis.js'

/** Bytes of free space below which to warn, and below which a node will soon stop signing. */
const SPACE = { little: 1024 ** 3, least: 64 * 1024 ** 2 }
/**
 * The number of writes measured, and the median in milliseconds above which the delay of each cosignature is reported.
 */
const WRITES = 9
const SLOW_MS = 100
/** The largest journal that is read, in bytes. */
const MAX_JOURNAL = 256 * 1024 * 1024
/** File systems in memory: tmpfs and ramfs. */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6])
/** The most hooks that are checked. */
const MAX_HOOKS = 64

export async function homeFindings(
  config: Pick<Config, 'home' | 'agentSocket' | 'observer'>,
  isRunning: boolean,
): Promise<Diagnosis[]> {
  const { home } = config
  const about = await stat(home).catch(() => undefined)
  if (about === undefined) return [warn('home', `there is no ${home} yet`, 'gossum run makes it; --home names another')]
  const usable = await homeFinding(home, about)
  if (usable.state === 'fail') return [usable]
  return [
    usable,
    await keyFinding(config),
    ...(await diskFindings(home)),
    ...(isRunning ? [] : [await journalFinding(home)]),
    await hooksFinding(home),
  ]
}

async function homeFinding(home: string, about: Awaited<ReturnType<typeof stat>>): Promise<Diagnosis> {
  if (!about.isDirectory()) return fail('home', `${home} is not a directory`, 'choose another with --home DIR')
  const uid = process.geteuid?.()
  const mode = Number(about.mode) & 0o777
  if (uid !== undefined && Number(about.uid) !== uid)
    return fail('home', `${home} belongs to user ${about.uid}, and this is user ${uid}`, 'run as the user that owns it')
  try {
    await access(home, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return fail('home', `${home} cannot be written (mode ${mode.toString(8)})`, `chmod 700 ${home}`)
  }
  // Whoever can write there can replace the key.
  if ((mode & 0o022) !== 0)
    return fail('home', `others may write to ${home} (mode ${mode.toString(8)})`, `chmod 700 ${home}`)
  if ((mode & 0o055) !== 0)
    return warn('home', `others may read ${home} (mode ${mode.toString(8)})`, `chmod 700 ${home}`)
  return ok('home', home)
}

async function keyFinding({
  home,
  agentSocket,
  observer,
}: Pick<Config, 'home' | 'agentSocket' | 'observer'>): Promise<Diagnosis> {
  if (observer) return observerFinding(home)
  if (!existsSync(join(home, 'witness.key'))) {
    const missing = keyMissing(home)
    return missing.code === 'NO_WITNESS' || missing.detail.includes('is gone')
      ? diagnosisOf('keys', missing)
      : warn('keys', 'there is no witness key yet', 'gossum run makes one, or gossum key new')
  }
  try {
    const keyring = await readKeyring(home, { agentSocket })
    await keyring.agent?.find().finally(() => keyring.agent?.stop())
    return ok('keys', keyring.verifiers.map(({ vkey }) => vkey).join(', '))
  } catch (error) {
    return diagnosisOf('keys', error)
  }
}

/** An observer should have no key, so that none can be stolen. */
function observerFinding(home: string): Diagnosis {
  try {
    requireNoWitness(home)
    return ok('keys', 'none: an observer signs nothing')
  } catch (error) {
    return diagnosisOf('keys', error)
  }
}

async function diskFindings(home: string): Promise<Diagnosis[]> {
  const { bavail, bsize, type } = await statfs(home)
  const free = bavail * bsize
  const said = `${Math.floor(free / 1024 ** 2)} MiB free`
  const space =
    free < SPACE.least
      ? fail('disk space', said, 'free some space: nothing is signed that cannot be written')
      : free < SPACE.little
        ? warn('disk space', said, 'free some space before signatures can no longer be recorded')
        : ok('disk space', said)
  if (IN_MEMORY.has(type)) {
    const hint = 'move the home to a disk: after a power cut this key would not know what it has signed'
    return [space, fail('disk writes', 'the home is on a file system in memory', hint)]
  }
  return [space, await writesFinding(home)]
}

/** The time until a write is durable. */
async function writesFinding(home: string): Promise<Diagnosis> {
  const path = join(home, `.doctor-${process.pid}`)
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      const times: number[] = []
      for (let i = 0; i < WRITES; i++) {
        const begun = performance.now()
        await file.write(Buffer.alloc(4096, i))
        await file.datasync()
        times.push(performance.now() - begun)
      }
      const median = times.toSorted((a, b) => a - b)[Math.floor(WRITES / 2)]!
      const said = `${median.toFixed(1)} ms until a write is on disk`
      return median > SLOW_MS
        ? warn('disk writes', said, 'every cosignature waits for that: move the home to a faster disk')
        : ok('disk writes', said)
    } finally {
      await file.close()
      await rm(path, { force: true })
    }
  } catch (error) {
    return fail(
      'disk writes',
      errorText(error),
      'nothing is signed that cannot be written: free space, or fix the disk',
    )
  }
}

/** Checks the journal of a node that does not run; a running node guards its journal itself. */
async function journalFinding(home: string): Promise<Diagnosis> {
  const path = join(home, 'journal')
  const hint = 'keep a copy of the home, then see "The journal" in docs/operating.md'
  try {
    const { size } = await stat(path)
    if (size > MAX_JOURNAL) return warn('journal', `${path} is larger than what is read here`, hint)
    const { states, damage } = readJournal(await readFile(path))
    return damage === undefined ? ok('journal', `whole, with ${states.size} logs`) : fail('journal', damage, hint)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return fail('journal', errorText(error), hint)
    return existsSync(join(home, 'db'))
      ? fail('journal', `there is a database, and no ${path}: what was signed is not known`, hint)
      : ok('journal', 'nothing was signed yet')
  }
}

/** Programs in hooks.d that are not run, or that others could replace. */
async function hooksFinding(home: string): Promise<Diagnosis> {
  const dir = join(home, 'hooks.d')
  const names = await readdir(dir).catch((): string[] => [])
  const uid = process.geteuid?.()
  for (const name of names.slice(0, MAX_HOOKS)) {
    const { mode, uid: owner } = await stat(join(dir, name)).catch(() => ({ mode: 0, uid }))
    if ((mode & 0o022) !== 0 || (owner !== uid && owner !== 0))
      return fail('hooks', `others could change ${join(dir, name)}, so it is not run`, 'chmod go-w it, and chown it')
    if ((mode & 0o100) === 0)
      return warn('hooks', `${join(dir, name)} is not executable`, `chmod 700 ${join(dir, name)}`)
  }
  return ok('hooks', names.length === 0 ? 'none' : names.join(', '))
}

/** Turns an error into a finding. Rethrows nothing. */
export function asFinding(check: string, error: unknown): Diagnosis {
  return error instanceof GossumError
    ? diagnosisOf(check, error)
    : fail(check, errorText(error), 'see gossum doctor --help')
}
