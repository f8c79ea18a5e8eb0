/** Reads test/vectors; the sources of the files are in its README.md. */
import { readFileSync } from 'node:fs'

/** A JSON vector file. The caller asserts its shape: the files are fixed data. */
export function readVectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'))
}

/** A file with one JSON value per line, from test/vectors or any other path. */
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
