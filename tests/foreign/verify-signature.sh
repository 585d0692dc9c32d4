#!/bin/sh
# Checks the signature of every certificate of an archive with jq, base64 and openssl alone.
# Usage: verify-signature.sh ARCHIVE TRUST-ROOT.json
# The trust root must come from outside the archive. Exit: 0 all hold, 1 one does not, 2 usage.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 ARCHIVE TRUST-ROOT.json" >&2; exit 2; }
archive=$1
trust_root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check ENVELOPE: every signature of a DSSE envelope holds under a key of the trust root.
check() {
    jq -r .payload "$1" | base64 -d > "$work/body"
    type=$(jq -r .payloadType "$1")
    { printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(wc -c < "$work/body")"; cat "$work/body"; } > "$work/pae"
    signatures=$(jq '.signatures | length' "$1")
    [ "$signatures" -gt 0 ] || { echo "FAILED $1: not signed"; return 1; }
    number=0
    while [ "$number" -lt "$signatures" ]; do
        keyid=$(jq -r ".signatures[$number].keyid" "$1")
        jq -r ".signatures[$number].sig" "$1" | base64 -d > "$work/sig"
        jq -er --arg id "$keyid" '.keys[] | select(.keyid == $id) | .publicKeyPem' "$work/root" > "$work/key.pem" ||
            { echo "FAILED $1: key $keyid is not in the trust root"; return 1; }
        found=$(openssl pkey -pubin -in "$work/key.pem" -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1)
        [ "$found" = "$keyid" ] || { echo "FAILED $1: the key does not match its id"; return 1; }
        openssl dgst -sha256 -verify "$work/key.pem" -signature "$work/sig" "$work/pae" > /dev/null ||
            { echo "FAILED $1: signature $number does not hold"; return 1; }
        number=$((number + 1))
    done
}

jq -r .payload "$trust_root" | base64 -d > "$work/root"
check "$trust_root" || exit 1
find "$archive/certificates" -name certificate.dsse.json | sort > "$work/list"
checked=0
while read -r envelope; do
    check "$envelope" || exit 1
    [ "$(jq -r .predicateType "$work/body")" = https://oubliette.dev/erasure-certificate/v1 ] ||
        { echo "FAILED $envelope: not an erasure certificate"; exit 1; }
    echo "OK $(jq -r '.predicate | "\(.certificateId) \(.outcome)"' "$work/body")"
    checked=$((checked + 1))
done < "$work/list"
[ "$checked" -gt 0 ] || { echo "FAILED: no certificate found"; exit 1; }
echo "OK: $checked certificates hold"
