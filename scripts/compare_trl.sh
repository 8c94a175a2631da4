#!/usr/bin/env bash
# Post-training steps of Strata beside TRL's on the CPU, in one run: sft, reward, dpo, grpo, ppo.
# Makes its own Python environment in build/compare/venv; nothing of it is needed to use Strata.
#   scripts/compare_trl.sh --jobs grpo,ppo --steps 4
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x build/strata ] || scripts/build.sh
venv=build/compare/venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import trl, peft' 2> /dev/null ||
  "$venv/bin/pip" install --quiet torch==2.11.0 transformers==4.57.6 trl==0.24.0 peft datasets accelerate numpy
text=build/compare/bible.txt
[ -s "$text" ] || bible -f gen1:1-rev22:21 > "$text"
"$venv/bin/python" scripts/compare/trl_speed.py --text "$text" "$@"
