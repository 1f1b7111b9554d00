#!/bin/sh
# Runs the two containers as they are, and again with Hauberk, and looks at what leaves the client.
# Needs Docker with Compose, and `npm ci`. Ends with 0 when the order was readable before and not after.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
project=two-containers
order=4111-1111-1111-1111
image=${HAUBERK_IMAGE:-hauberk}

fail() {
  echo "run.sh: $1" >&2
  exit 2
}
docker version >/dev/null 2>&1 || fail 'no Docker engine answers; see docker version'
"$root/cli/hauberk" version >/dev/null || exit 2
if docker compose version >/dev/null 2>&1; then
  engine='docker compose' layout=''
elif command -v docker-compose >/dev/null; then
  engine=docker-compose layout=--compose-v1
else
  fail 'Docker has no Compose; install the package docker-compose or the Compose plug-in'
fi

mesh=$(mktemp)
log=$(mktemp)
compose() { $engine --project-directory "$here" --project-name "$project" --file "$file" "$@"; }
bring_up() {
  compose up --detach >"$log" 2>&1 && return
  cat "$log" >&2
  exit 1
}
take_down() { compose down --volumes --timeout 2 >/dev/null 2>&1 || true; }
file=$here/compose.yaml
trap 'take_down; rm -f "$mesh" "$log"' EXIT
trap 'exit 130' INT TERM

# The process of a service's container, by which its network is found.
pid_of() { docker inspect --format '{{.State.Pid}}' "$(compose ps -q "$1")"; }

# How often somebody on the wire reads the card number within five seconds.
eavesdrop() {
  docker run --rm --network "container:$(compose ps -q client)" --entrypoint timeout "$image-verify" \
    5 tcpdump -l -n -A -i eth0 2>/dev/null | grep -a -c "$order" || true
}

# It sees the processes of this host, enters the networks of both containers, and captures.
verify() {
  docker run --rm --pid host --user 0 --security-opt apparmor=unconfined \
    --cap-add SYS_ADMIN --cap-add SYS_PTRACE --cap-add NET_ADMIN --cap-add NET_RAW \
    "$@" "$image-verify" verify \
    --from "pid:$(pid_of client)" --to "pid:$(pid_of server)" $admin
}

echo 'building the images (the first time takes minutes)'
docker build --quiet --target hauberk --tag "$image" "$root" >/dev/null
docker build --quiet --target verify --tag "$image-verify" "$root" >/dev/null

echo
echo '== without a mesh'
bring_up
plain=$(eavesdrop)
echo "the card number was read $plain times in five seconds"
admin=
if verify; then plain_verdict=passed; else plain_verdict=failed; fi
take_down

echo
echo '== with Hauberk'
"$root/cli/hauberk" inject "$here/compose.yaml" --project "$project" --image "$image" $layout >"$mesh"
file=$mesh
bring_up
meshed=$(eavesdrop)
echo "the card number was read $meshed times in five seconds"
compose logs client 2>&1 | tail -1
admin='--admin /data/admin.pem'
if verify --volume "${project}_hauberk-data:/data:ro"; then
  mesh_verdict=passed
else
  mesh_verdict=failed
fi

echo
if [ "$plain" -gt 0 ] && [ "$plain_verdict" = failed ] && [ "$meshed" = 0 ] &&
  [ "$mesh_verdict" = passed ]; then
  echo 'readable before, encrypted after: passed'
else
  echo "failed: read $plain times before and $meshed after, verify $plain_verdict before and $mesh_verdict after"
  exit 1
fi
