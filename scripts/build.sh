#!/bin/bash
# build.sh [-DNAME=VALUE ...] [TARGET ...]: sets up what is missing and builds a release into
# build/.
#   -DSTRATA_CUDA=AUTO|ON|OFF  -DSTRATA_MPI=AUTO|ON|OFF  -DSTRATA_UNITY=ON|OFF  -DLIBTORCH_ROOT=PATH
# Without targets: the programs and all tests. STRATA_BUILD names another build folder.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${STRATA_BUILD:-build}
begin=$SECONDS

options=() targets=()
for word in "$@"; do
  case $word in
    -DLIBTORCH_ROOT=*) export LIBTORCH_ROOT=${word#*=} ;;
    -*) options+=("$word") ;;
    *) targets+=("$word") ;;
  esac
done

scripts/setup.sh
if ! log=$(cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Release \
  -DLIBTORCH_ROOT="${LIBTORCH_ROOT:-}" "${options[@]}" 2>&1); then
  echo "$log"
  exit 1
fi
grep -E '^-- (CUDA|MPI): ' <<< "$log"
cmake --build "$build" ${targets[@]:+--target "${targets[@]}"}
echo "built $build/strata ($((SECONDS - begin)) s)"
