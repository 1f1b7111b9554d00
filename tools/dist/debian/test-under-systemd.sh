#!/bin/sh
# Run by the systemd of a root in which the package is installed: starts its units, upgrades and removes it. The
# newer package is /var/newer.deb. Its last line is "passed".
set -eu
fail() { echo "the package of Debian: $1"; exit 1; }
property() { systemctl show --property "$1" --value "$2"; }
active() { [ "$(property ActiveState "$1")" = active ] || fail "$1 is $(property ActiveState "$1")"; }
trap 'journalctl --unit "hauberk*" --no-pager --output cat' EXIT
plane=hauberk-control-plane.service sidecar=hauberk-proxy@api.service
export HAUBERK_ADMIN=/var/lib/hauberk/admin.pem

hauberk version

systemd-analyze verify --man=no "$plane" "$sidecar" hauberk-gateway@edge.service
# 10 is as open as a unit can be.
systemd-analyze security --threshold=20 --no-pager "$plane" "$sidecar" hauberk-gateway@edge.service >/dev/null ||
  fail 'a unit is open to attack'

# It is started when it says that it is ready: at once its clients can call it.
systemctl start "$plane"
(umask 077 && hauberk token create --namespace shop --service api >/etc/hauberk/proxy/api.token)
printf '%s\n' 'namespace: shop' 'service: api' 'controlPlane: 127.0.0.1:15012' 'expose: [8080]' >/etc/hauberk/proxy/api.yaml
systemctl start "$sidecar"
hauberk status | grep -q '^api ' || fail 'the sidecar is not in the mesh'
[ "$(stat -c %a /var/lib/private/hauberk)" = 700 ] || fail 'others may read the keys of the mesh'

# The token was needed once.
rm /etc/hauberk/proxy/api.token
systemctl restart "$sidecar"
active "$sidecar"

# An upgrade drains what runs, starts the newer, and keeps what the operator has set.
echo 'certificateLifetime: 10m' >>/etc/hauberk/control-plane.yaml
before=$(property MainPID "$plane")/$(property MainPID "$sidecar")
dpkg --force-confold --install /var/newer.deb >/dev/null
active "$plane"
active "$sidecar"
[ "$(property MainPID "$plane")" != "${before%/*}" ] || fail 'an upgrade did not restart the control plane'
[ "$(property MainPID "$sidecar")" != "${before#*/}" ] || fail 'an upgrade did not restart the sidecar'
for unit in "$plane" "$sidecar"; do
  journalctl --unit "$unit" --output cat | grep -q '"event":"stopping","signal":"SIGTERM"' || fail "$unit was not drained"
  [ "$(property Result "$unit")" = success ] || fail "$unit ended with $(property Result "$unit")"
done
grep -q '^certificateLifetime: 10m' /etc/hauberk/control-plane.yaml || fail 'an upgrade changed the configuration'
hauberk status | grep -q '^api ' || fail 'the sidecar did not come back'

dpkg --remove hauberk >/dev/null
[ ! -e /usr/bin/hauberk ] || fail 'removing left the program'
[ "$(property ActiveState "$plane")" = inactive ] || fail 'removing left the control plane running'
[ "$(property ActiveState "$sidecar")" = inactive ] || fail 'removing left the sidecar running'
[ -e /etc/hauberk/control-plane.yaml ] || fail 'removing took the configuration'
dpkg --purge hauberk >/dev/null 2>/tmp/purge.err
[ ! -e /etc/hauberk/control-plane.yaml ] || fail 'purging left the configuration'
grep -q 'the keys and certificates of the mesh stay' /tmp/purge.err || fail 'purging did not say what stays'
[ -e /var/lib/private/hauberk/hauberk.db ] || fail 'purging took the keys of a mesh'
trap - EXIT
echo passed
