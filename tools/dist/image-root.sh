#!/usr/bin/env bash
# Makes the root of an image that has nothing but some programs of Debian: image-root.sh FOLDER PROGRAM...
#
# Besides the programs it has the libraries that they and a Node.js are linked with, certificate authorities, users, and
# what Debian says about these packages, for scanners (var/lib/dpkg/status.d) and as their licenses demand.
set -euo pipefail
root=$1
shift

mkdir -p "$root"/{etc,run,tmp,usr/{bin,sbin,lib,lib64},var/{lib/dpkg/status.d,tmp}}
for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
ln -s bash "$root/usr/bin/sh"
chmod 1777 "$root/tmp" "$root/var/tmp"

# The package that a file is of; Debian lists some by their paths from before /bin, /sbin and /lib were links.
package_of() {
  local file
  file=$(realpath "$1")
  { dpkg-query --search "$file" 2>/dev/null || dpkg-query --search "${file#/usr}"; } | sed -n '1s/: .*//p'
}

packages=(base-files ca-certificates)
# Each file by the name that it is asked for, whatever it is a link to.
add() {
  local folder
  folder=$(realpath "$(dirname "$1")")
  [[ ! -e $root$folder/${1##*/} ]] || return 0
  install -D --mode="$(stat --dereference --format=%a "$1")" "$1" "$root$folder/${1##*/}"
  packages+=("$(package_of "$1")")
}

# ldd names what is linked, and the loader, by paths; the rest is the kernel's.
libraries() {
  ldd "$1" | grep --only-matching '/[^ ]*'
}
for program in "$@"; do
  file=$(type -P "$program")
  add "$file"
  for library in $(libraries "$file"); do add "$library"; done
done
for library in $(libraries "$(type -P node)"); do add "$library"; done

cp /etc/os-release "$root/etc/"
install -D --mode=0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
# Where Node.js looks.
ln -s certs/ca-certificates.crt "$root/etc/ssl/cert.pem"
printf '%s\n' 'root:x:0:0:root:/:/usr/sbin/nologin' 'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin' \
  'hauberk:x:15337:15337::/var/lib/hauberk:/usr/sbin/nologin' >"$root/etc/passwd"
printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' 'hauberk:x:15337:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

for package in $(printf '%s\n' "${packages[@]}" | sort --unique); do
  dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/${package%:*}"
  copyright=/usr/share/doc/${package%:*}/copyright
  # Minimal images of Debian may leave them out.
  [[ ! -e $copyright ]] || install -D --mode=0644 "$copyright" "$root$copyright"
done
