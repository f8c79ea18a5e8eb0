/** The corpus of a target: one line per input, a JSON string in which each character is a byte. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Relative to the root of the project. */
const FOLDER = 'test/fuzz/corpus'
/** The maximum size of a kept input, and of all inputs of one target, in bytes. */
const MAX_KEPT = 2048
const MAX_CORPUS = 16 * 1024

function fileOf(name: string): string {
  return join(FOLDER, `${name}.jsonl`)
}

export function corpusOf(name: string): Uint8Array[] {
  if (!existsSync(fileOf(name))) return []
  return readFileSync(fileOf(name), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Uint8Array.from(Buffer.from(JSON.parse(line) as string, 'latin1')))
}

/** Rewrites it, the shortest inputs first, as many as fit. */
export function keepCorpus(name: string, inputs: readonly Uint8Array[]): void {
  let room = MAX_CORPUS
  const lines = inputs
    .filter(({ length }) => length > 0 && length <= MAX_KEPT && (room -= length) >= 0)
    .map((bytes) => `${JSON.stringify(Buffer.from(bytes).toString('latin1'))}\n`)
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(fileOf(name), lines.join(''))
}
