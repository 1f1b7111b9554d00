#!/bin/sh
# Calls an nginx that speaks HTTPS only, in plain HTTP through a gateway that speaks TLS as mesh.yaml says: with the
# right policy, with none, and with ones that must fail. Needs nginx, openssl and curl, and `npm ci`.
# Ends with 0 when every call ended as it had to.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
hauberk=$root/cli/hauberk
PATH=$PATH:/usr/sbin

for program in nginx openssl curl; do
  command -v "$program" >/dev/null || { echo "run.sh: install $program first" >&2; exit 2; }
done
. "$root/cli/find-node"

dir=$(mktemp -d)
pids=
clean_up() {
  [ -z "$pids" ] || kill $pids 2>/dev/null || true
  wait
  rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
cd "$dir"

# Two authorities, of which the policies trust one; and a certificate for each thing that can be wrong.
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
certificate() { # NAME SUBJECT SAN [STARTED ENDED]
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -subj "$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  { echo 'basicConstraints=CA:FALSE'; [ -z "$3" ] || echo "subjectAltName=$3"; } >"$1.ext"
  : >index.txt
  openssl ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -extfile "$1.ext" \
    -startdate "${4:-20200101000000Z}" -enddate "${5:-20491231000000Z}" \
    -in "$1.csr" -out "$1.pem" 2>>openssl.log || { cat openssl.log >&2; exit 1; }
}
cat >ca.cnf <<'END'
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
[any]
commonName = supplied
END
authority ca
authority another-ca
certificate right /CN=right DNS:payments.example
certificate wrong-name /CN=payments.example DNS:shop.example
certificate expired /CN=expired DNS:payments.example 20200101000000Z 20210101000000Z
certificate cn-only /CN=payments.example ''
certificate client /CN=edge-of-the-mesh ''

# Free ports.
set -- $("$node" -e "
  const net = require('node:net');
  const servers = Array.from({ length: 16 }, () => net.createServer().listen(0, '127.0.0.1'));
  Promise.all(servers.map((s) => new Promise((r) => s.once('listening', r)))).then(() => {
    console.log(servers.map((s) => s.address().port).join(' '));
    servers.forEach((s) => s.close());
  });")
grpc=$1 http=$2 metrics=$3 right=$4 wrong_name=$5 expired=$6 cn_only=$7 mutual=$8 edge=$9

site() { # PORT CERTIFICATE [MORE]
  echo "server { listen 127.0.0.1:$1 ssl; ssl_certificate $dir/$2.pem; ssl_certificate_key $dir/$2.key; ${3:-}
    location / { return 200 'order taken, client certificate: \$ssl_client_verify \$ssl_client_s_dn\n'; } }"
}
{
  echo "daemon off; master_process off; pid $dir/nginx.pid; error_log $dir/nginx.log; events {}"
  echo "http { access_log off;"
  for path in client_body proxy fastcgi uwsgi scgi; do echo "${path}_temp_path $dir/$path;"; done
  site "$right" right
  site "$wrong_name" wrong-name
  site "$expired" expired
  site "$cn_only" cn-only
  site "$mutual" right "ssl_verify_client on; ssl_client_certificate $dir/ca.pem;"
  echo '}'
} >nginx.conf
nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/nginx.log" &
pids="$pids $!"

# localhost and 127.0.0.1 are two hosts to a policy: so one nginx can have a good policy, and a wrong one.
policy() { # HOST PORT CA [MORE]
  echo "    - host: $1"
  echo "      port: $2"
  echo "      validation: {caCertificateRefs: [$dir/$3.pem], hostname: payments.example}"
  [ -z "${4:-}" ] || echo "      clientCertificate: {certificate: $dir/client.pem, key: $dir/$4.key}"
}
{
  echo 'egress:'
  echo '  destinations:'
  policy 127.0.0.1 "$right" ca
  policy localhost "$right" another-ca
  policy 127.0.0.1 "$wrong_name" ca
  policy 127.0.0.1 "$expired" ca
  policy 127.0.0.1 "$cn_only" ca
  policy 127.0.0.1 "$mutual" ca client
  policy localhost "$mutual" ca there-is-no-such
} >mesh.yaml

wait_for() { # FILE TEXT
  tries=0
  until grep -q "$2" "$1" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || { cat "$1" >&2; echo "run.sh: it did not come up" >&2; exit 1; }
    sleep 0.1
  done
}
"$hauberk" control-plane --data-dir "$dir/control-plane" --grpc-listen "127.0.0.1:$grpc" \
  --http-listen "127.0.0.1:$http" >control-plane.log 2>&1 &
pids="$pids $!"
wait_for control-plane.log '"event":"listening".*"listener":"grpc"'
admin="--control-plane 127.0.0.1:$grpc --admin $dir/control-plane/admin.pem"
"$hauberk" token create --namespace default $admin >edge.token 2>token.log || { cat token.log >&2; exit 1; }
"$hauberk" apply -f mesh.yaml $admin >/dev/null

# What clients outside see: one server that speaks HTTP, whose paths lead to servers that speak HTTPS.
{
  echo 'listeners:'
  echo '  - name: web'
  echo "    listen: 127.0.0.1:$edge"
  echo '    protocol: HTTP'
  echo '    routes:'
  echo "      - { pathPrefix: /right, backend: 'https://127.0.0.1:$right' }"
  echo "      - { pathPrefix: /mutual, backend: 'https://127.0.0.1:$mutual' }"
  echo "      - { pathPrefix: /no-policy, backend: 'https://localhost:$expired' }"
  echo "      - { pathPrefix: /another-ca, backend: 'https://localhost:$right' }"
  echo "      - { pathPrefix: /wrong-name, backend: 'https://127.0.0.1:$wrong_name' }"
  echo "      - { pathPrefix: /expired, backend: 'https://127.0.0.1:$expired' }"
  echo "      - { pathPrefix: /cn-only, backend: 'https://127.0.0.1:$cn_only' }"
  echo "      - { pathPrefix: /no-key, backend: 'https://localhost:$mutual' }"
} >gateway.yaml
"$hauberk" gateway --service edge --config gateway.yaml --token-file edge.token \
  --control-plane "127.0.0.1:$grpc" --state-dir "$dir/edge" --metrics-listen "127.0.0.1:$metrics" >edge.log 2>&1 &
pids="$pids $!"
wait_for edge.log '"event":"sync-connected"'
wait_for edge.log '"event":"ready"'

failed=0
verdict() { # TITLE WHAT-WAS-SEEN WHAT-HAD-TO-BE
  printf '%-42s %s\n' "$1" "$2"
  case $2 in *"$3"*) ;; *) failed=1; printf '%-42s expected %s\n' '' "$3" ;; esac
}
works() { # TITLE PATH ANSWER
  verdict "$1" "$(curl -sS --max-time 20 -w '%{http_code}' -o answer "http://127.0.0.1:$edge/$2" 2>&1 || true) $(cat answer)" "$3"
}
fails() { # TITLE PATH STATUS REASON
  before=$(wc -l <edge.log)
  status=$(curl -s --max-time 20 -o answer -w '%{http_code}' "http://127.0.0.1:$edge/$2" 2>&1 || true)
  # The reason is for the operator: it is in the log and in metrics, and not in the answer.
  seen=$(tail -n "+$((before + 1))" edge.log | sed -n 's/.*"event":"request-refused".*"reason":"\([a-z-]*\)".*/\1/p')
  verdict "$1" "$status $seen" "$3 $4"
}
works 'with the authority and the name' right '200 order taken, client certificate: NONE'
works 'with a client certificate' mutual '200 order taken, client certificate: SUCCESS CN=edge-of-the-mesh'
fails 'without a policy' no-policy 503 no-egress-policy
fails 'with another authority' another-ca 502 unknown-ca
fails 'a certificate for another name' wrong-name 502 name-mismatch
fails 'a certificate that has expired' expired 502 expired
fails 'a certificate with its name in the subject' cn-only 502 cn-only
fails 'the key of the client certificate is gone' no-key 503 client-key-unavailable
[ "$failed" = 0 ] && echo 'as it had to be: passed' || { echo failed; exit 1; }
