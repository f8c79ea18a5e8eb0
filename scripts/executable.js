// The command must be executable after a build: npm sees to it only in packages that it installs.
import { chmodSync } from 'node:fs'

chmodSync(new URL('../dist/cli/main.js', import.meta.url), 0o755)
