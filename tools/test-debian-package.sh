#!/usr/bin/env bash
# Installs the package of Debian in a minimal root, and starts, upgrades and removes it there under a systemd of its
# own: test-debian-package.sh [DEB]. Without DEB it makes one. Needs root, mmdebstrap, and Debian's mirror in the
# sources of apt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. tools/debian-root.sh

folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
trap 'exit 130' INT TERM HUP
deb=${1-}
if [[ -z $deb ]]; then
  npm run --silent dist -- --only deb --folder "$folder/dist" >/dev/null
  deb=$(echo "$folder"/dist/*.deb)
fi

root=$folder/root
# What it depends on comes from the mirror; the rest needs no network.
depends=$(dpkg-deb --field "$deb" Depends | sed 's/ *([^)]*)//g; s/, */,/g')
TMPDIR=$folder setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
  mmdebstrap --quiet --variant=apt --mode=root --dpkgopt=force-unsafe-io --aptopt='Acquire::Languages "none"' \
  --include="systemd,systemd-sysv,$depends" "$suite" "$root" "$mirror"

dpkg-deb --raw-extract "$deb" "$folder/newer"
sed -i 's/^Version: .*/Version: 999.0.0/' "$folder/newer/DEBIAN/control"
echo '# another example' >>"$folder/newer/etc/hauberk/control-plane.yaml"
dpkg-deb --root-owner-group -Znone --build "$folder/newer" "$root/var/newer.deb" >/dev/null
rm -r "$folder/newer"
cp "$deb" "$root/tmp/hauberk.deb"
chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin dpkg --install /tmp/hauberk.deb >/dev/null


cp tools/dist/debian/test-under-systemd.sh "$root/etc/"
cat >"$root/etc/systemd/system/test.service" <<'UNIT'
[Service]
Type=oneshot
ExecStart=/bin/sh -c '/etc/test-under-systemd.sh >/var/test.out 2>&1'
ExecStopPost=/bin/systemctl poweroff --force --force
UNIT
# A systemd of its own in namespaces of its own, with no network but loopback. All ends with it.
# shellcheck disable=SC2016
timeout --foreground --kill-after=5 300 setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --cgroup --net --uts --ipc sh -ec '
  mount --make-rprivate / && mount --rbind "$1" "$1" && cd "$1"
  # Devices of its own: systemd sets the modes of those that it finds.
  mount -t tmpfs -o mode=755 tmpfs dev
  for device in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "dev/${device%:*}" c 1 "${device#*:}"
  done
  mkdir dev/pts dev/shm dev/mqueue dev/hugepages && mknod -m 666 dev/tty c 5 0
  mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts && ln -s pts/ptmx dev/ptmx
  mount -t proc proc proc && mount -t sysfs sysfs sys && mount -t tmpfs tmpfs run
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mkdir old && pivot_root . old
  # systemd hands credentials over by a mount that has to reach other namespaces.
  exec /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /bin/sh -ec "
    umount -l /old && rmdir /old && mount --make-rshared / && exec /lib/systemd/systemd --unit=test.service"
' sh "$root" >"$folder/systemd.log" 2>&1 || true
if [[ $(tail -n 1 "$root/var/test.out" 2>/dev/null) != passed ]]; then
  tail -n 40 "$root/var/test.out" "$folder/systemd.log" 2>/dev/null || true
  fail 'the package did not work under systemd'
fi
echo 'the package of Debian: installed, started, upgraded and removed under systemd'
