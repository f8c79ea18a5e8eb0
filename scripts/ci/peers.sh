#!/usr/bin/env bash
# Real programs that the tests speak with, each of a pinned version. Go puts them into $(go env GOPATH)/bin, where the
# tests look for them.
set -euo pipefail

# The witness that ours is compared with (test/e2e/litewitness.test.ts). It signs through ssh-agent (openssh-client).
go install filippo.io/torchwood/cmd/litewitness@v0.9.0 filippo.io/torchwood/cmd/witnessctl@v0.9.0
