#!/usr/bin/env bash
# Move a message, with curl and openssl.
#
# Usage: move_message.sh URL MAILBOX ID FOLDER [--without-md5]
# The environment has the keys: DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.
# While openssl runs, the private key is one of its arguments, which other users of the machine can
# list.
set -euo pipefail

url=$1 mailbox=$2 id=$3 folder=$4 option=${5-}
uri=/direct/messages/move/format/json
content_type=application/x-www-form-urlencoded
date=$(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S GMT')

percent_encode() { printf %s "$1" | od -An -v -tx1 | tr -d '\n' | tr ' ' %; }
body="mailbox=$(percent_encode "$mailbox")&id=$(percent_encode "$id")"
body+="&folder=$(percent_encode "$folder")"

headers=(-H "Date: $date" -H "Content-Type: $content_type")
lines=(POST "$date")
if [ "$option" != --without-md5 ]; then
    md5=$(printf %s "$body" | openssl md5 -binary | openssl base64)
    headers+=(-H "Content-MD5: $md5")
    lines+=("$md5")
fi
lines+=("$content_type" "$uri")

# Join the lines with newlines: $(...) removes the last one.
string_to_sign=$(printf '%s\n' "${lines[@]}")
hash=$(printf %s "$string_to_sign" | openssl sha256 -mac HMAC -macopt "key:$DAAS_PRIVATE_KEY" -r)
signature=$(printf %s "${hash%% *}" | openssl base64 -A)

curl --silent --show-error --fail-with-body "${headers[@]}" \
    -H "Authorization: DAAS $DAAS_PUBLIC_KEY:$signature" --data-raw "$body" "$url$uri"
