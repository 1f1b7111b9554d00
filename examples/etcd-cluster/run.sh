#!/bin/sh
# Runs the example on the Node.js that `npm ci` brought in.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
. "$root/cli/find-node"
exec "$node" --disable-warning=ExperimentalWarning "$here/lab/main.ts" "$@"
