#!/bin/bash
# in_fresh_folder.sh SCRIPT: runs a test script in an empty folder, which goes away when the script
# succeeds.
set -eu
folder=$(mktemp -d "${TMPDIR:-/tmp}/strata_test.XXXXXX")
cd "$folder"
if bash -eu -o pipefail "$1"; then
  rm -rf "$folder"
else
  code=$?
  echo "left for a look: $folder"
  exit $code
fi
