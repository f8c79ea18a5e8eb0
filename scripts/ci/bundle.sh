#!/usr/bin/env bash
# Makes the bundle, and uses it without the package and node_modules: the demo, an audit in threads, a node.
set -euo pipefail
cd "$(dirname "$0")/../.."
npm run --silent bundle
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
cp -r build/gossum "$work/"
cd "$work"
gossum=$work/gossum/gossum.mjs
"$gossum" --version
"$gossum" demo --nodes 3 --json --out "$work/out" 2>/dev/null | tail -n 1 | node -e '
  const d = JSON.parse(require("fs").readFileSync(0, "utf8"))
  if (!d.splitView.verified || !d.badRecord.verified) process.exit(1)'
echo 'demo ok'

first() { for _ in $(seq 300); do [ -s "$1" ] && break; sleep 0.1; done; head -n 1 "$1" | node -e "const j = JSON.parse(require('fs').readFileSync(0, 'utf8')); console.log($2)"; }
"$gossum" demo log --json --home "$work/log" --listen 127.0.0.1:0 > "$work/log.json" &
log=$(first "$work/log.json" 'j.log + " " + j.faces.left')
"$gossum" audit --log "$log" --home "$work/audit" --threads 2 --json | tail -n 1 | node -e '
  if (!JSON.parse(require("fs").readFileSync(0, "utf8")).complete) process.exit(1)'
echo 'audit ok'
"$gossum" run --json --home "$work/node" --log "$log" --http 127.0.0.1:0 --listen /ip4/127.0.0.1/tcp/0 --no-mdns > "$work/node.json" &
http=$(first "$work/node.json" 'j.http')
"$gossum" status --node "$http" > /dev/null
# The page, and its script, which is sent unchanged.
page=$(node -e 'fetch(process.argv[1]).then((r) => r.text()).then((t) => console.log(t))' "$http/")
for asset in $(grep -o 'src="/assets/[^"]*"' <<< "$page" | cut -d'"' -f2); do
  node -e 'fetch(process.argv[1]).then((r) => process.exit(r.ok ? 0 : 1))' "$http$asset"
done
echo 'node ok'
