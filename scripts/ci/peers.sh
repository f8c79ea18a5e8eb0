#!/usr/bin/env bash
# Builds the real programs that tests speak with, into the folder where the go command installs. Versions are pinned.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The checksum database of golang.org/x/mod, behind a main of our own.
(cd scripts/peers && go install ./sumdbd)
