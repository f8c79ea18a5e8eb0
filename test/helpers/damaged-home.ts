/**
 * Homes whose files were damaged, and the result of opening them. LevelDB aborts the whole process over some kinds of
 * damage, so batches of them are opened in a process of their own:
 *
 *   node --conditions gossum-source --import tsx test/helpers/damaged-home.ts '{"home": ..., "from": 0, "to": 500}'
 */
import '../../src/lib/polyfill.js'
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errorCode, GossumError } from '../../src/errors.js'
import type { LogState } from '../../src/store/heads.js'
import { encodeState } from '../../src/store/log-state.js'
import { Store } from '../../src/store/store.js'
import { seeded, type Chance } from './volatile-disk.js'

export const DAMAGED_LOG = 'a'.repeat(64)

export type Files = ReadonlyMap<string, Uint8Array>
/** The result of opening a damaged home: the state as it was, or how the damage was noticed. */
export type Said =
  'as it was' | 'older, and silent' | 'older, and promised' | 'disagreement' | 'damaged' | 'the process ended'

/** The contents of the journal and of the database's files. */
export function snapshot(home: string): Files {
  const files = new Map<string, Uint8Array>([['journal', readFileSync(join(home, 'journal'))]])
  for (const name of readdirSync(join(home, 'db'))) files.set(`db/${name}`, readFileSync(join(home, 'db', name)))
  return files
}

export function restore(home: string, files: Files): void {
  rmSync(join(home, 'db'), { recursive: true, force: true })
  mkdirSync(join(home, 'db'), { recursive: true })
  for (const [name, data] of files) writeFileSync(join(home, name), data)
}

export async function reopened(home: string, expected: LogState): Promise<Said> {
  let store: Store
  try {
    store = await Store.open(home)
  } catch (error) {
    if (!(error instanceof GossumError) || !['STORE_DAMAGED', 'STORE_SCHEMA'].includes(errorCode(error))) throw error
    return 'damaged'
  }
  try {
    if (store.heads.disagreement(DAMAGED_LOG) !== undefined)
      return (await canBePromised(store)) ? 'older, and promised' : 'disagreement'
    const isSame = encodeState(store.heads.get(DAMAGED_LOG)) === encodeState(expected)
    return isSame ? 'as it was' : 'older, and silent'
  } finally {
    await store.close()
  }
}

/** Whether a larger tree can be promised on disk, without which nothing is signed. */
async function canBePromised(store: Store): Promise<boolean> {
  const change = { tree: { size: 99, root: new Uint8Array(32).fill(99) } }
  try {
    return (await store.heads.change(DAMAGED_LOG, store.heads.get(DAMAGED_LOG), change)) !== undefined
  } catch (error) {
    if (!(error instanceof GossumError) || errorCode(error) !== 'STATE_DISAGREES') throw error
    return false
  }
}

interface Task {
  readonly home: string
  readonly from: number
  readonly to: number
}

/** Damages a home many times, in one to three places, and returns the result each time. */
export async function damageOften(home: string, times: number): Promise<Said[]> {
  const files = snapshot(home)
  const said: Said[] = []
  while (said.length < times) {
    restore(home, files)
    const before = said.length
    const task: Task = { home, from: before, to: times }
    const { lines, aborted } = await runChild(task)
    said.push(...lines)
    if (aborted) said.push('the process ended')
    if (said.length === before) throw new Error('the child did nothing')
  }
  return said
}

function runChild(task: Task): Promise<{ lines: Said[]; aborted: boolean }> {
  const script = fileURLToPath(import.meta.url)
  const child = spawn(
    process.execPath,
    ['--conditions=gossum-source', '--import', 'tsx', script, JSON.stringify(task)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const [out, errors]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (data: Buffer) => out.push(data))
  child.stderr.on('data', (data: Buffer) => errors.push(data))
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      const lines = Buffer.concat(out).toString().split('\n').slice(0, -1) as Said[]
      if (code === 0 || signal === 'SIGABRT' || signal === 'SIGSEGV') resolve({ lines, aborted: code !== 0 })
      else reject(new Error(`the child ended with ${String(code ?? signal)}: ${Buffer.concat(errors).toString()}`))
    })
  })
}

function damaged(files: Files, chance: Chance): Files {
  const below = (n: number): number => Math.floor(chance() * n)
  const names = [...files.keys()].filter((name) => !/LOCK|LOG/.test(name))
  const changed = new Map(files)
  for (let times = 1 + below(3); times > 0; times--) {
    const name = names[below(names.length)]!
    const data = Uint8Array.from(changed.get(name)!)
    if (data.length === 0) continue
    const at = below(data.length)
    const kind = below(4)
    if (kind === 0) data[at]! ^= 1 << below(8)
    if (kind === 1) data.fill(0, at, at + 1 + below(64))
    if (kind === 2) data.copyWithin(at, below(data.length))
    changed.set(name, kind === 3 ? data.subarray(0, at) : data)
  }
  return changed
}

async function main({ home, from, to }: Task): Promise<void> {
  const files = snapshot(home)
  const store = await Store.open(home)
  const expected = store.heads.get(DAMAGED_LOG)
  await store.close()
  for (let i = from; i < to; i++) {
    restore(home, damaged(files, seeded(i)))
    writeSync(1, `${await reopened(home, expected)}\n`)
  }
}

if (process.argv[2] !== undefined && process.argv[1]?.endsWith('damaged-home.ts') === true)
  await main(JSON.parse(process.argv[2]) as Task)
