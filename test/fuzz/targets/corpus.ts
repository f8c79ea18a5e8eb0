/** The corpus of a target: a line for each input, a JSON string of which each character is a byte. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** From the root of the project. */
const FOLDER = 'test/fuzz/corpus'
/** The largest input that is kept, and all of one target, in bytes. */
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

/** Writes it anew, the shortest inputs first, as many as have room. */
export function keepCorpus(name: string, inputs: readonly Uint8Array[]): void {
  let room = MAX_CORPUS
  const lines = inputs
    .filter(({ length }) => length > 0 && length <= MAX_KEPT && (room -= length) >= 0)
    .map((bytes) => `${JSON.stringify(Buffer.from(bytes).toString('latin1'))}\n`)
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(fileOf(name), lines.join(''))
}
