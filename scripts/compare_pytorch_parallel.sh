#!/usr/bin/env bash
# Two ranks x one thread against one rank x two threads on a small llama in fp32, beside PyTorch's
# DistributedDataParallel and torch.distributed.pipelining over gloo, in one run. Makes its own
# Python environment in build/compare/venv; nothing of it is needed to use Strata.
#   scripts/compare_pytorch_parallel.sh [--steps 12] [--rounds 3] [--strata build/strata]
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x build/strata ] || [[ "$*" == *--strata* ]] || scripts/build.sh
venv=build/compare/venv
if [ ! -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet torch==2.11.0 transformers==4.57.6 numpy
fi
"$venv/bin/python" scripts/compare/parallel_speed.py "$@"
