#!/bin/sh
# Makes, once, what the members of etcd and the control planes prove themselves with, and the key that encrypts the
# private keys of the mesh. The key of the authority is forgotten at the end.
set -eu
members=/certificates/etcd control_planes=/certificates/control-plane
[ ! -e "$control_planes/unlock.key" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
  -subj /CN=etcd-authority -keyout authority.key -out ca.pem 2>/dev/null

# certificate NAME EXTENSIONS
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
    -keyout "$1.key" -out "$1.csr" 2>/dev/null
  printf '%s\n' "$2" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey authority.key -CAcreateserial -days 3650 \
    -extfile "$1.ext" -out "$1.pem" 2>/dev/null
}
certificate member 'extendedKeyUsage=serverAuth,clientAuth
subjectAltName=DNS:etcd-1,DNS:etcd-2,DNS:etcd-3,DNS:localhost'
certificate client 'extendedKeyUsage=clientAuth'

install -o etcd -g etcd -m 0400 ca.pem member.pem member.key "$members"
# As this user the image of Hauberk runs.
install -o 15337 -g 15337 -m 0400 ca.pem client.pem client.key "$control_planes"
openssl rand -out unlock.key 32
install -o 15337 -g 15337 -m 0400 unlock.key "$control_planes"
