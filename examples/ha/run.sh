#!/bin/sh
# Brings the project up, kills each member of etcd and each control plane in turn, and looks whether calls between the
# services went on, and whether the mesh could still be changed. Needs Docker with Compose.
# Ends with 0 when no call failed.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
export HAUBERK_IMAGE="${HAUBERK_IMAGE:-hauberk}"
project=ha

fail() {
  echo "run.sh: $1" >&2
  exit 2
}
docker version >/dev/null 2>&1 || fail 'no Docker engine answers; see docker version'
if docker compose version >/dev/null 2>&1; then
  engine='docker compose'
elif command -v docker-compose >/dev/null; then
  engine=docker-compose
else
  fail 'Docker has no Compose; install the package docker-compose or the Compose plug-in'
fi
log=$(mktemp)
compose() { $engine --project-directory "$here" --project-name "$project" --file "$here/compose.yaml" "$@"; }
quietly() {
  "$@" >"$log" 2>&1 && return
  cat "$log" >&2
  exit 1
}
trap 'compose down --volumes --timeout 2 >/dev/null 2>&1 || true; rm -f "$log"' EXIT
trap 'exit 130' INT TERM

# What the caller has counted: calls and failures, as two numbers.
counted() {
  docker logs --tail 1 "$web" 2>/dev/null | sed -n 's/.*"calls":\([0-9]*\),"failed":\([0-9]*\).*/\1 \2/p'
}
calls() { counted | cut -d ' ' -f 1; }
# until_true SECONDS WHAT COMMAND...
until_true() {
  left=$(($1 * 2)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { echo "run.sh: $what" >&2 && compose logs --tail 20 >&2 && exit 1; }
    sleep 0.5
  done
}
has_called() { [ "$(calls)" -ge "$1" ]; }
is_healthy() { [ "$(docker inspect --format '{{.State.Health.Status}}' "$1")" = healthy ]; }
change_mesh() { compose exec -T "$1" hauberk token create --namespace shop; }

echo 'building the images (the first time takes minutes)'
docker build --quiet --target hauberk --tag "$HAUBERK_IMAGE" "$root" >/dev/null
quietly compose build
quietly compose up --detach
web=$(compose ps -q web)
until_true 60 'no call was made' has_called 20
echo "up: $(calls) calls were made"

for victim in etcd-1 etcd-2 etcd-3 control-plane-a control-plane-b; do
  container=$(compose ps -q "$victim")
  case $victim in control-plane-a) survivor=control-plane-b ;; *) survivor=control-plane-a ;; esac
  before=$(calls)
  docker kill "$container" >/dev/null
  until_true 30 "the mesh cannot be changed without $victim" change_mesh "$survivor"
  until_true 30 "calls have stopped without $victim" has_called $((before + 60))
  echo "killed $victim: a token was made at $survivor, and $(($(calls) - before)) calls went on"
  docker start "$container" >/dev/null
  until_true 60 "$victim does not come back" is_healthy "$container"
done

compose exec -T control-plane-a hauberk status
# shellcheck disable=SC2046
set -- $(counted)
echo
if [ "$2" = 0 ]; then
  echo "each was killed once, and none of $1 calls failed: passed"
else
  echo "failed: $2 of $1 calls, the last with: $(docker logs --tail 1 "$web")"
  exit 1
fi
