// Runs after a build. The command must be executable: npm ensures that only in packages that it installs. The hash of
// the sources is written next to the build, so that tests of the program notice when it is outdated.
import { chmodSync, writeFileSync } from 'node:fs'
import { sourcesHash } from './sources.js'

const DIST = new URL('../dist/', import.meta.url)
chmodSync(new URL('cli/main.js', DIST), 0o755)
writeFileSync(new URL('.sources', DIST), sourcesHash())
