#!/bin/sh
# Builds the libraries beside it: on Debian 12 with gcc and gcc-aarch64-linux-gnu, byte for byte the same.
set -eu
cd "$(dirname "$0")"
build() {
  mkdir -p "$1"
  "$2" $3 -Os -fPIC -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -fno-unwind-tables \
    -fno-tree-loop-distribute-patterns -fno-ident -nostdlib -shared -s -Wall -Werror \
    -Wl,-soname,libatomic.so.1 -Wl,--version-script=libatomic.map -Wl,--hash-style=gnu \
    -Wl,--build-id=none -Wl,-z,noexecstack,-z,noseparate-code,-z,norelro \
    -o "$1/libatomic.so.1" libatomic.c
  chmod 644 "$1/libatomic.so.1"
}
build linux-x64 x86_64-linux-gnu-gcc ''
build linux-arm64 aarch64-linux-gnu-gcc -mno-outline-atomics
