#!/bin/sh
# Checks the sources, all of them or one way only: tools/check.sh [types|lint|format|proto|architecture].
# It starts no npm, which may need another Node.js than the programs here.
set -eu
cd "$(dirname "$0")/.."
check() {
  case $1 in
    types) tsc --noEmit && tsc --noEmit -p dashboard ;;
    lint) oxlint --type-aware --deny-warnings ;;
    format) prettier --check --log-level warn . ;;
    proto) tools/check-proto.sh ;;
    architecture) ava test/architecture.test.ts test/mixed-clocks.test.ts ;;
    *) echo "check.sh: there is no check $1" >&2 && return 2 ;;
  esac
}
if [ $# -gt 0 ]; then
  check "$1"
else
  # Not joined by &&: the shell would go on after the first that fails, and say that all passed.
  for one in types lint format proto architecture; do
    check "$one"
  done
  echo 'check passed'
fi
