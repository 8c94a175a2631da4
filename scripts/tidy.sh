#!/bin/bash
# tidy.sh [FILE.cpp ...]: clang-tidy with .clang-tidy over the given files, or over all. Needs a
# build folder without unity builds (scripts/build.sh -DSTRATA_UNITY=OFF), because that one knows
# each file's flags.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || mapfile -t all < <(find base data kernels parallel model serve trainer -name '*.cpp')
printf '%s\n' "${@:-${all[@]}}" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "${STRATA_BUILD:-build}"
