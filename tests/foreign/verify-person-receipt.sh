#!/usr/bin/env bash
# Checks a person's receipt with openssl and jq alone: every salt opens its commitment, the commitments lead to the
# root (RFC 6962), and that root, for that request, is what the certificates of the archive state. The signatures of
# those are checked by verify-signature.sh.
#
# usage: verify-person-receipt.sh ARCHIVE RECEIPT
set -euo pipefail

archive=$1
receipt=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sha() { openssl dgst -sha256 -r | cut -c1-64; }
bytes() { printf '%b' "$(printf '%s' "$1" | sed 's/../\\x&/g')"; }

# The root over the leaves in the file $1, lines $2 to $3 (from 1).
root() {
    local file=$1 from=$2 to=$3 count half
    count=$((to - from + 1))
    if [ "$count" -eq 0 ]; then printf '' | sha; return; fi
    if [ "$count" -eq 1 ]; then bytes "00$(sed -n "${from}p" "$file")" | sha; return; fi
    half=1
    while [ $((half * 2)) -lt "$count" ]; do half=$((half * 2)); done
    bytes "01$(root "$file" "$from" $((from + half - 1)))$(root "$file" $((from + half)) "$to")" | sha
}

[ "$(jq -r .format "$receipt")" = oubliette-person-receipt/v1 ]
request=$(jq -r .request "$receipt")
records=0
sets=$(jq '.certificates | length' "$receipt")
[ "$sets" -gt 0 ]
for ((number = 0; number < sets; number++)); do
    set=".certificates[$number]"
    jq -r "$set.commitments[]" "$receipt" > "$work/leaves"
    LC_ALL=C sort -uc "$work/leaves"
    root=$(root "$work/leaves" 1 "$(wc -l < "$work/leaves")")
    [ "$root" = "$(jq -r "$set.root" "$receipt")" ]

    id=$(jq -r "$set.certificateId" "$receipt")
    envelope=$(find "$archive" -path "*/$id/certificate.dsse.json" -print -quit)
    jq -r .payload "$envelope" | base64 -d > "$work/statement"
    [ "$(jq -r .predicate.certificateId "$work/statement")" = "$id" ]
    [ "$(jq -r .predicate.evidence.recordSet.root "$work/statement")" = "$root" ]
    [ "$(jq -r .predicate.evidence.request.reference "$work/statement")" = "$request" ]

    while IFS=$'\t' read -r index salt locator; do
        opened=$({ printf 'erasure-certificate/v1/record\0'; printf '%s' "$locator" | base64 -d; } |
            openssl dgst -sha256 -mac HMAC -macopt "hexkey:$salt" -r | cut -c1-64)
        [ "$opened" = "$(sed -n "$((index + 1))p" "$work/leaves")" ]
        records=$((records + 1))
    done < <(jq -r "$set.records[] | [(.index | tostring), .salt, (.locator | tojson | @base64)] | @tsv" "$receipt")
done
echo "$records records of request $request stand on $sets certificates"
