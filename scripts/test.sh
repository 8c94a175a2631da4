#!/bin/bash
# test.sh [CTEST ARGUMENT ...]: sets up, builds and runs the tests; the output ends with CTest's
# summary.
#   scripts/test.sh -R parallel/     only the tests whose name matches
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh
if [ "$(id -u)" = 0 ]; then # Open MPI asks root to say so twice
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
exec ctest --test-dir "${STRATA_BUILD:-build}" --output-on-failure --parallel "$(nproc)" "$@"
