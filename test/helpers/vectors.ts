/** Reading test/vectors; where each file came from is in its README.md. */
import { readFileSync } from 'node:fs'

/** A JSON vector file. The shape is the caller's word: the files are fixed data. */
export function readVectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'))
}

/** A file of one JSON value a line, of test/vectors or of any other path. */
export function readLines(path: string | URL): unknown[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)
}

/** The location of a vector file. */
export function vectorUrl(name: string): URL {
  return new URL(`../vectors/${name}`, import.meta.url)
}
