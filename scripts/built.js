// What is done after a build. The command must be executable: npm sees to it only in packages that it installs. And
// tests of the program must not run an older one than they think: what this build was made of is noted beside it.
import { chmodSync, writeFileSync } from 'node:fs'
import { sourcesHash } from './sources.js'

const DIST = new URL('../dist/', import.meta.url)
chmodSync(new URL('cli/main.js', DIST), 0o755)
writeFileSync(new URL('.sources', DIST), sourcesHash())
