#!/usr/bin/env bash
# strata sft on conversations: the same losses on 1, 2 and 4 ranks, a model folder that knows its
# template and its stop token, generation and scoring by that template, and mistakes that are named.
set -euo pipefail
. "$STRATA_SOURCE/tests/support/tiny_run.sh"

awk 'BEGIN {
  for (n = 0; n < 64; ++n) {
    q = sprintf("%02d", n); a = substr(q, 2, 1) substr(q, 1, 1) (n % 3 == 0 ? " and more" : "")
    print "{\"messages\": [{\"role\": \"user\", \"content\": \"" q "\"}, " \
      "{\"role\": \"assistant\", \"content\": \"" a "\"}]}" > "train.jsonl"
    if (n < 4) print "{\"messages\": [{\"role\": \"user\", \"content\": \"" q "\"}]}" > "ask.jsonl"
  }
}'
echo "0123456789 user assistant and more" > letters.txt
cat > sft.yaml <<YAML
run: {steps: 4, dir: run}
tokenizer:
  path: tokenizer
  out: tokenizer
  train: {files: [letters.txt], vocab_size: 260, special: ["<|im_start|>", "<|im_end|>"]}
model: {layers: 2, width: 32, heads: 4, kv_heads: 2, context: 128}
data: {train: [{path: train.jsonl}], eval: [{path: train.jsonl}]}
batch: {global: 8, micro: 2, sequence: 96}
optimizer: {lr: 3.0e-3, warmup: 0}
sft: {template: chatml}
precision: {compute: fp32}
eval: {every: 2, batches: 1}
checkpoint: {every: 2}
log: {every: 1, tensorboard: false}
YAML
"$STRATA" tokenizer train sft.yaml --quiet
"$STRATA" data inspect train.jsonl --tokenizer tokenizer sft.template=chatml > seen.txt
grep -qF '[[00 and more<|im_end|>]]' seen.txt || { cat seen.txt; fail "the answer is not marked"; }

# ---- ranks
"$STRATA" sft sft.yaml --quiet
for layout in "2 data=2" "2 tensor=2" "2 pipeline=2" "2 context=2" "4 data=2 tensor=2"; do
  read -r ranks axes <<< "$layout"
  words=()
  for axis in $axes; do words+=("parallel.$axis"); done
  run="run_${layout// /_}"
  "$MPIRUN" "$ranks" "$STRATA" sft sft.yaml --quiet "run.dir=$run" "${words[@]}"
  compare_losses run "$run" 2e-5
done

# ---- noise on embeddings: in training alone, the same on any layout
noisy=(sft.neftune=10 sft.packing=true optimizer.lr=1.0e-9)
"$STRATA" sft sft.yaml --quiet run.dir=still "${noisy[@]}" sft.neftune=0
"$STRATA" sft sft.yaml --quiet run.dir=noisy "${noisy[@]}"
column() { sed -n "s|.*\"$2\":\([0-9]*\.[0-9]\{4\}\).*|\1|p" "$1/metrics.jsonl"; }
[ -n "$(column still eval/loss)" ] || fail "there is no evaluation"
[ "$(column still eval/loss)" = "$(column noisy eval/loss)" ] || fail "evaluation has noise"
[ "$(column still loss)" != "$(column noisy loss)" ] || fail "training has no noise"
for layout in "2 tensor=2 sequence=true" "2 pipeline=2" "2 context=2" "4 data=2 tensor=2"; do
  read -r ranks axes <<< "$layout"
  words=()
  for axis in $axes; do words+=("parallel.$axis"); done
  "$MPIRUN" "$ranks" "$STRATA" sft sft.yaml --quiet run.dir=noisy_ranks "${noisy[@]}" "${words[@]}"
  compare_losses noisy noisy_ranks 2e-5
  rm -r noisy_ranks
done

# ---- what the run leaves
stop=$("$STRATA" tokenizer encode tokenizer --text '<|im_end|>')
grep -q "\"eos_token_id\": $stop" run/model/generation_config.json ||
  fail "the stop token is not named"
grep -q 'chat_template.*im_start' run/model/tokenizer_config.json ||
  fail "the template is not there"
"$STRATA" generate run --data ask.jsonl --out answers.jsonl --quiet generation.max_new_tokens=4
[ "$(grep -c '"completion"' answers.jsonl)" -eq 4 ] || fail "not every question is answered"
"$STRATA" score run/model --data train.jsonl --out scores.jsonl --quiet
[ "$(grep -c '"logprobs"' scores.jsonl)" -eq 64 ] || fail "not every conversation is scored"
printf '12\n\n' | "$STRATA" chat run/model --quiet generation.max_new_tokens=4 > /dev/null

# ---- mistakes
expect_code 2 "$STRATA" sft sft.yaml run.dir=bad sft.template=llama3
expect_text "<|start_header_id|>"
echo '{"messages": [{"role": "user", "content": "a"}]}' > bad.jsonl
expect_code 3 "$STRATA" sft sft.yaml run.dir=bad data.train=bad.jsonl
expect_text "bad.jsonl:1"
echo '{"prompt": "a", "chosen": "b", "rejected": "c"}' > pairs.jsonl
expect_code 3 "$STRATA" sft sft.yaml run.dir=bad data.train=pairs.jsonl
expect_text "this job takes rows of"
[ ! -e bad ] || fail "a run folder was made for bad data"
