#!/usr/bin/env bash
# Proves both commands of the README on fresh machines: minimal roots of Debian 12 and 13 that have nothing
# but the distribution's nodejs, npm, git and ca-certificates, as an ordinary user, with the distribution's npm
# and with the newest that runs on its Node.js. Takes what is committed. Needs root, mmdebstrap, and Debian's
# mirror in the sources of apt; packages come from the registry that npm is set to here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# suite=npm: the newest npm that runs on the Node.js of that release.
machines=(bookworm=npm@10 trixie=npm@11)
user=1000
# CI runs this beside its tests, with what CPU time they leave.
limit='timeout --foreground --kill-after=10 900'
certificates=/etc/ssl/certs/ca-certificates.crt

. tools/debian-root.sh

folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf --one-file-system "$folder"' EXIT
trap 'exit 130' INT TERM HUP

# What is mounted and started within goes away with the command, also when it is killed.
isolated() {
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc "$@"
}

make_root() {
  TMPDIR=$folder isolated mmdebstrap --quiet --variant=apt --mode=root --dpkgopt=force-unsafe-io \
    --aptopt='Acquire::Languages "none"' \
    --include=nodejs,npm,git,ca-certificates "$1" "$2" "$mirror"
  # The registry may be behind a certificate that only this machine knows.
  cp "$certificates" "$2$certificates"
  cp --dereference /etc/resolv.conf /etc/hosts "$2/etc/"
  mkdir -p "$2/home/user"
  echo "user:x:$user:$user::/home/user:/bin/sh" >>"$2/etc/passwd"
  echo "user:x:$user:" >>"$2/etc/group"
  { npm config list --json | awk -F'"' '$2 == "registry" { print "registry=" $4 }'
    grep -hsE '^(@[^=]*:registry|//|cafile|https?-proxy|proxy|noproxy)' ~/.npmrc || true
  } >"$2/home/user/.npmrc"
}

# within ROOT USER COMMAND: runs it in the root, with none of this machine's environment.
within() {
  # shellcheck disable=SC2016
  isolated sh -c '
    root=$1 user=$2; shift 2
    mount --rbind /dev "$root/dev" && mount -t proc proc "$root/proc"
    exec chroot --userspec="$user:$user" "$root" "$@"' sh "$1" "$2" \
    /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/home/user NODE_EXTRA_CA_CERTS="$certificates" \
    ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
    npm_config_update_notifier=false sh -ec "$3"
}

# both_commands ROOT NAME: a fresh clone, and what the README says.
both_commands() {
  rm -rf "$1/home/user/hauberk"
  git clone --quiet --no-hardlinks . "$1/home/user/hauberk"
  chown -R "$user:$user" "$1/home/user"
  local versions report
  versions=$(within "$1" "$user" 'echo "Node.js $(node --version), npm $(npm --version)"')
  $limit bash -c "$(declare -f isolated within); within \"\$@\"" bash "$1" "$user" '
    cd ~/hauberk
    rm -rf ~/.npm/_logs
    npm ci 2>~/npm-ci.err || { tail -n 20 ~/npm-ci.err; exit 1; }
    if [ -s ~/npm-ci.err ]; then echo "npm ci complained:"; cat ~/npm-ci.err; exit 1; fi
    if grep -E "^[0-9]+ info run " ~/.npm/_logs/*; then echo "an install script ran"; exit 1; fi'
  report=$($limit bash -c "$(declare -f isolated within); within \"\$@\"" bash "$1" "$user" \
    'cd ~/hauberk && npm run --silent demo -- --once --json')
  echo "$2, $versions: $(totals "$report")"
}

# installed_package ROOT NAME: the tarball of npm, installed as its user would.
installed_package() {
  local report
  report=$($limit bash -c "$(declare -f isolated within); within \"\$@\"" bash "$1" "$user" '
    cd ~/hauberk && npm run --silent dist -- --only npm >&2
    npm install --global --prefix ~/prefix --prefer-offline --no-audit --no-fund ./dist/hauberk-*.tgz >/dev/null 2>~/install.err || { cat ~/install.err; exit 1; } >&2
    if [ -s ~/install.err ]; then echo "npm install complained:"; cat ~/install.err; exit 1; fi >&2
    cd / && ~/prefix/bin/hauberk demo --once --json')
  echo "$2, npm install --global: $(totals "$report")"
}

totals() {
  grep -oE '"(requests|failures)": [0-9]+' <<<"$1" | tr -d '"' | paste -sd ' '
}

# try_machine SUITE NPM: everything on one machine; its output is the summary.
try_machine() {
  local root=$folder/$1
  make_root "$1" "$root"
  both_commands "$root" "$1"
  # Contributors' commands find their Node.js as well.
  within "$root" "$user" 'cd ~/hauberk && npm run --silent lint && npm test -- test/common/backoff.test.ts'
  installed_package "$root" "$1"
  within "$root" 0 "npm install --global --prefix /usr/local --no-audit --no-fund $2"
  both_commands "$root" "$1"
}

declare -A running
for machine in "${machines[@]}"; do
  suite=${machine%%=*}
  (try_machine "$suite" "${machine#*=}") >"$folder/$suite.log" 2>&1 &
  running[$suite]=$!
done
failed=0
for suite in "${!running[@]}"; do
  if wait "${running[$suite]}"; then
    grep "^$suite, " "$folder/$suite.log"
  else
    failed=1
    echo "$suite: failed"
    tail -n 40 "$folder/$suite.log"
  fi
done
((failed == 0)) || fail 'a fresh machine did not run npm ci && npm run demo'
echo "fresh machines: ${#machines[@]} releases of Debian, with two npm each, ran npm ci && npm run demo"
