// The hash of everything a build is made of: every file of src/ and the compiler settings. By content rather than by
// time, because a checkout changes the time of files that it does not change.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

const ROOT = new URL('../', import.meta.url)
const SETTINGS = ['tsconfig.json', 'tsconfig.build.json', 'scripts/browser.js']

export function sourcesHash() {
  const sources = readdirSync(new URL('src/', ROOT), { recursive: true }).filter((name) => name.endsWith('.ts'))
  const hash = createHash('sha256')
  for (const name of [...SETTINGS, ...sources.sort().map((source) => `src/${source}`)])
    hash.update(`${name}\n${readFileSync(new URL(name, ROOT), 'latin1')}\n`, 'latin1')
  return hash.digest('hex')
}
