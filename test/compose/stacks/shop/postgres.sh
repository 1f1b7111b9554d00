# What the image of the registry does when its volume is empty.
set -e
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --auth=trust >/dev/null
  echo 'host all all samenet trust' >>"$PGDATA/pg_hba.conf"
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp
