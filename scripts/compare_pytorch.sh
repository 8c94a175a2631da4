#!/usr/bin/env bash
# Training steps of Strata beside PyTorch eager in one run, fp32 and bf16. Makes its own Python
# environment in build/compare/venv; nothing of it is needed to use Strata.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x build/strata ] || scripts/build.sh
venv=build/compare/venv
if [ ! -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet torch==2.11.0 transformers==4.57.6 numpy
fi
"$venv/bin/python" scripts/compare/training_speed.py "$@"
