#!/usr/bin/env bash
# Brings cli/compose/check/compose-spec.json, the published schema of the Compose specification, to the newest
# release of compose-go, the library that Compose reads its files with. Needs Go, which checks what it fetches.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
module=github.com/compose-spec/compose-go/v2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && go mod init schema >/dev/null 2>&1)
version=$(cd "$folder" && go list -m -f '{{.Version}}' "$module@latest")
source=$(cd "$folder" && go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
install -m 644 "$source/schema/compose-spec.json" cli/compose/check/compose-spec.json
echo "cli/compose/check/compose-spec.json is that of compose-go $version"
