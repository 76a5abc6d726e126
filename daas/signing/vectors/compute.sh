#!/usr/bin/env bash
# Computes a signature without this project's code: reads a string to sign from standard input, byte for
# byte, and prints its HMAC-SHA256 under a private key in hexadecimal, then the two signatures.
#
#   printf 'POST\n06/03/2013 12:13:56 EST\n...' | bash compute.sh PRIVATE_KEY
set -euo pipefail

hmac() { openssl dgst -sha256 -mac HMAC -macopt "key:$1" "${@:2}"; }

# A shell variable would lose a newline at the end of what it holds, so the string goes through a file.
string_to_sign=$(mktemp)
trap 'rm -f "$string_to_sign"' EXIT
cat >"$string_to_sign"

hash=$(hmac "$1" -r <"$string_to_sign" | cut -d ' ' -f 1)
echo "$hash"
printf %s "$hash" | openssl base64 -A && echo
hmac "$1" -binary <"$string_to_sign" | openssl base64 -A && echo
