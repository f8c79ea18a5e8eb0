/** What was reported and is not over, stored in the home, so that a restart does not report it again. */
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isObject } from '../lib/is-object.js'
import { writeWholeFile } from '../lib/whole-file.js'
import { CONDITIONS, type ConditionName } from '../status/conditions.js'
import type { ToldCondition } from './holding.js'

/** Reads it; empty if there is no file. Throws the system's error, and a SyntaxError. */
export async function readTold(path: string): Promise<ToldCondition[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  const kept = JSON.parse(text) as unknown
  return Array.isArray(kept) ? kept.flatMap((one: unknown) => toldOf(one) ?? []) : []
}

/** A condition as it was written; undefined for one of an incompatible version. */
function toldOf(kept: unknown): ToldCondition | undefined {
  if (!isObject(kept)) return undefined
  const { name, log, sentence, since } = kept
  if (typeof name !== 'string' || !Object.hasOwn(CONDITIONS, name)) return undefined
  if ((log !== null && typeof log !== 'string') || typeof sentence !== 'string' || typeof since !== 'string')
    return undefined
  if (Number.isNaN(Date.parse(since))) return undefined
  return { name: name as ConditionName, severity: CONDITIONS[name as ConditionName], log, sentence, since }
}

export async function writeTold(path: string, told: readonly ToldCondition[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeWholeFile(path, `${JSON.stringify(told)}\n`)
}
