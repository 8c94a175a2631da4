#!/bin/bash
# The layer check is seen to pass a good tree and to fail a bad one, once for each of its rules.
set -eu
check=$STRATA_SOURCE/scripts/check_layers.sh

# A small sound tree in ./tree.
sound_tree() {
  rm -rf tree
  mkdir -p tree/{base,data,kernels,parallel/comm,model,serve,trainer,tests,scripts}
  printf '#pragma once\n#include <string>\n' > tree/base/error.h
  printf '#include "base/error.h"\n#include <hdf5.h>\n' > tree/base/hdf5.cpp
  printf '#pragma once\n#include <ATen/core/Tensor.h>\n#include "base/error.h"\n' > tree/kernels/norm.h
  printf '#include <mpi.h>\n#include "kernels/norm.h"\n' > tree/parallel/comm/mpi_world.cpp
  printf '#include "data/x.h"\n#include "model/y.h"\n' > tree/trainer/job.cpp
}

# refused FILE EXPECTED: appends stdin to FILE in a sound tree; the check must fail and say
# EXPECTED.
refused() {
  sound_tree
  cat >> "tree/$1"
  if "$check" tree > found; then
    echo "not refused: $1 ($2)"
    exit 1
  fi
  if ! grep -qF -- "$2" found; then
    echo "wrong words for $1, wanted: $2"
    cat found
    exit 1
  fi
}

sound_tree
"$check" tree

refused model/a.cpp 'model/ may not include data/' <<< '#include "data/batch.h"'
refused parallel/a.cpp 'parallel/ may not include model/' <<< '  #  include "model/config.h"'
refused data/a.cpp 'data/ may not include kernels/' <<< '#include "kernels/norm.h"'
refused base/a.cpp 'base/ may not include data/' <<< '#include "data/batch.h"'
refused serve/a.cpp 'serve/ may not include trainer/' <<< '#include "trainer/job.h"'
refused base/a.cpp 'does not start with a folder of the tree' <<< '#include "error.h"'
refused trainer/a.cpp '<mpi.h> may be included only by' <<< '#include <mpi.h>'
refused kernels/a.cpp '<nccl.h> may be included only by' <<< '#include <nccl.h>'
refused parallel/a.cpp '<cudnn.h> may be included only by' <<< '#include <cudnn.h>'
refused data/a.cpp '<hdf5.h> may be included only by' <<< '#include <hdf5.h>'
refused trainer/a.cpp '<yaml-cpp/yaml.h> may be included only by' <<< '#include <yaml-cpp/yaml.h>'
refused trainer/a.cpp '<sqlite3.h> may be included only by' <<< '#include <sqlite3.h>'
refused trainer/a.cpp '<httplib.h> may be included only by' <<< '#include <httplib.h>'
refused data/a.cpp '<ATen/core/Tensor.h> may be included only by' <<< '#include <ATen/core/Tensor.h>'
refused kernels/a.cu '<c10/core/Device.h> may be included only by' <<< '#include <c10/core/Device.h>'
refused model/a.cpp '<torch/torch.h> may be included only by' <<< '#include <torch/torch.h>'
refused model/a.h '<torch/csrc/autograd/custom_function.h> may be included only by' \
  <<< $'#pragma once\n#include <torch/csrc/autograd/custom_function.h>'
refused model/a.h 'a header without #pragma once' <<< '#include <string>'
refused model/a.cpp 'conditional compilation' <<< '#ifdef USE_CUDA'
refused model/a.cpp 'longer than 400 lines' < <(yes '//' | head -n 401)
refused base/error.h 'which includes it in turn' <<< '#include "base/error.h"'

sound_tree
printf '#pragma once\n#include "base/b.h"\n' > tree/base/a.h
printf '#pragma once\n#include "base/a.h"\n' > tree/base/b.h
if "$check" tree > found; then
  echo 'a circle of two was not refused'
  exit 1
fi
grep -q 'which includes it in turn' found
echo 'every rule was seen to refuse'
