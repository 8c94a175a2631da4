#!/bin/bash
# shared_libraries.sh PROGRAM...: every program finds all its libraries, from any folder, and has
# one libgomp and at most one libnccl. Two OpenMP runtimes fight for the cores; two NCCLs do not
# know each other's communicators.
set -eu
cd /
for program in "$@"; do
  libraries=$(ldd "$program")
  if grep 'not found' <<< "$libraries"; then
    echo "$program does not find all its libraries"
    exit 1
  fi
  gomp=$(grep -cE 'lib(gomp|iomp5|omp)\.so' <<< "$libraries" || true)
  nccl=$(grep -c 'libnccl\.so' <<< "$libraries" || true)
  echo "$program: $gomp OpenMP, $nccl NCCL"
  [ "$gomp" = 1 ] && [ "$nccl" -le 1 ]
done
