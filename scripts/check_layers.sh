#!/bin/bash
# check_layers.sh [ROOT]: reads every include of the tree and fails on what the house forbids
# (docs/design.md):
#   an include that the floors do not allow, a foreign header outside its one place, a circle of includes,
#   a file over 400 lines, conditional compilation, a header without #pragma once.
# Prints one line per finding. Knows no compiler: a line that starts with #include counts.
set -eu
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
cd "${1:-$here/..}"
mapfile -t files < <(find base data kernels parallel model serve trainer tests scripts -type f \
  \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.sh' -o -name '*.awk' \
  -o -name '*.cmake' -o -name CMakeLists.txt \) 2>/dev/null | sort)
exec awk -f "$here/check_layers.awk" "${files[@]}"
