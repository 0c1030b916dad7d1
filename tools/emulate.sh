#!/usr/bin/env bash
# Runs a program that was compiled for another processor: tools/emulate.sh build/ARCH/PROGRAM
set -euo pipefail
arch=$(basename "$(dirname "$1")")
exec "qemu-$arch" -L "/usr/$arch-linux-gnu" "$@"
