#!/bin/sh
# Checks the log of an archive with the Go team's implementation of transparency logs
# (golang.org/x/mod/sumdb): see verify_log.go beside this file.
# Usage: verify-third-party.sh ARCHIVE TRUST-ROOT.json
# Needs go and golang.org/x/mod (Debian: golang-go golang-golang-x-mod-dev), jq and base64. The program is
# built into $OUBLIETTE_FOREIGN_TOOLS (default: target/foreign beside this repository's sources).
# Exit: 0 holds, 1 does not, 2 usage, 3 the verifier cannot be built here.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 ARCHIVE TRUST-ROOT.json" >&2; exit 2; }
archive=$1
trust_root=$2
here=$(cd "$(dirname "$0")" && pwd)
tools=${OUBLIETTE_FOREIGN_TOOLS:-$here/../../target/foreign}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$tools"
# A name of its own for each build: two tests may build at the same time.
GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$tools/go-cache" \
    go build -o "$work/verify_log" "$here/verify_log.go" ||
    { echo "the verifier cannot be built: run ./scripts/test, which installs what it needs" >&2; exit 3; }

jq -r .payload "$trust_root" | base64 -d | jq -r .log.vkey > "$work/log.vkey"
"$work/verify_log" "$archive" "$work/log.vkey"
