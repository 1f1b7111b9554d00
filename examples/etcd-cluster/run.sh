#!/bin/sh
# Runs the example on the Node.js that `npm ci` brought in.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
node=$here/../../node_modules/.bin/node
if [ ! -x "$node" ]; then
  echo "run.sh: run npm ci in $(cd "$here/../.." && pwd -P) first" >&2
  exit 2
fi
exec "$node" --disable-warning=ExperimentalWarning "$here/lab/main.ts" "$@"
