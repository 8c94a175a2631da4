#!/bin/bash
# Every source file is as clang-format 14 writes it. Other versions differ in details, so only this
# one is asked.
set -eu
formatter=$(command -v clang-format-14 || command -v clang-format || true)
if [ -z "$formatter" ] || ! "$formatter" --version | grep -q 'version 14\.'; then
  echo 'SKIPPED: no clang-format 14 here (Debian: clang-format-14)'
  exit 77
fi
cd "$STRATA_SOURCE"
find base data kernels parallel model serve trainer tests \
  \( -name "*.h" -o -name "*.cpp" -o -name "*.cu" \) -print0 |
  xargs -0 "$formatter" --dry-run -Werror
