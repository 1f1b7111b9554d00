#!/bin/sh
# Fails when the generated code is not what its source says.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
buf lint
buf generate --output "$folder"
if ! diff -r "$folder/proto/gen" proto/gen; then
  echo 'proto/gen differs from its source; run npm run proto and commit the result' >&2
  exit 1
fi
