#!/usr/bin/env bash
# Packs the package, installs it in an empty project, and uses its command, its library and its types.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" >/dev/null
cd "$work"
# What users see of it: that package.json is correct (publint), and that the types match the code (attw). Module
# resolution older than our Node versions does not matter here.
npx -y publint@0.3.25 run ./gossum-*.tgz --strict
npx -y @arethetypeswrong/cli@0.18.5 ./gossum-*.tgz -f json > types.json || true
node -e 'const { problems } = JSON.parse(require("fs").readFileSync("types.json", "utf8")).analysis
  const wrong = problems.filter((p) => !["node10", "node16-cjs"].includes(p.resolutionKind ?? p.resolutionOption))
  if (wrong.length > 0) { console.error(wrong); process.exit(1) }'
printf '{"name":"consumer","private":true,"type":"module"}' > package.json
# Overrides do not apply to an installed package: --engine-strict fails if a dependency does not run on this Node.
npm install --silent --engine-strict --no-audit --no-fund ./gossum-*.tgz
./node_modules/.bin/gossum --version
# The script of the page, and none of its sources.
test -s node_modules/gossum/dist/dashboard/assets/page.js
test ! -e node_modules/gossum/dist/browser
cat > use.mjs <<'EOT'
import { parseVerifierKey, parseNote, hashLeaf, createNode } from 'gossum'
import { parseTilePath } from 'gossum/tlog'
import { parseEvidence } from 'gossum/evidence'
const key = parseVerifierKey('sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8')
if (key.name !== 'sum.golang.org' || hashLeaf(new Uint8Array()).length !== 32) process.exit(1)
if (![parseNote, parseTilePath, parseEvidence, createNode].every((f) => typeof f === 'function')) process.exit(1)
console.log('library ok')
EOT
node use.mjs
# The README's example, with a head that sum.golang.org signed.
awk '/^```ts$/ { on = 1; next } /^```$/ { on = 0 } on' "$root/README.md" > readme.mjs
node -e 'process.stdout.write(JSON.parse(require("fs").readFileSync(process.argv[1], "utf8").split("\n")[0]).note)' \
  "$root/test/vectors/sumdb-heads.jsonl" > head.txt
node readme.mjs
cat > use.ts <<'EOT'
import { createNode, loadConfig, parseEvidence, type GossumNode, type NodeEvent, type VerifierKey } from 'gossum'
import { tilePath, type Tile } from 'gossum/tlog'
export const start = (): Promise<GossumNode> => createNode(loadConfig({ poll: 60 }), (event: NodeEvent) => void event.at)
export const path = (tile: Tile): string => tilePath(tile)
export const name = (key: VerifierKey): string => key.name + parseEvidence.name
EOT
"$root/node_modules/.bin/tsc" --noEmit --strict --skipLibCheck --module nodenext --target es2022 use.ts
echo 'types ok'
