#!/usr/bin/env bash
# Installs the real programs that the tests run against, at fixed versions, into the folder where Go puts programs.
# The tests find them there, on PATH, or where $GOSUMCHECK points; with REQUIRE_PEERS=1 a missing one is a failure.
set -euo pipefail

# Checks go.sum files: golang.org/x/mod's own demonstration. Newer versions need Go 1.25.
minor=$(go env GOVERSION | sed -E 's/^go1\.([0-9]+).*/\1/')
if [ "$minor" -ge 25 ]; then gosumcheck=v0.37.0; else gosumcheck=v0.17.0; fi
GOFLAGS='' go install "golang.org/x/mod/gosumcheck@$gosumcheck"
