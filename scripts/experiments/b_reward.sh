#!/usr/bin/env bash
# A reward model against the Bayes ceiling: b_reward.sh [SEED]
#
# Every letter has a worth, a word's utility u is their sum, and pairs are judged by Bradley and
# Terry's rule on u: labels are noisy, and no judge can agree with more of them than one who knows
# u. 10,000 pairs, one pass. The model must come within 0.02 of that ceiling, order words by u, and
# stay centred; control: without reward.center its mean is further from 0, and it is no better.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/letters.sh"

letters_tokenizer
small_model=$(model_of 1 64)
letters_reference 50

# judged NUMBER SEED: "better worse u(better) u(worse)" of judged pairs.
judged() {
  random_words $((2 * $1)) "$2" | awk -v seed="$2" '
    function utility(word, i, sum) {
      sum = -54
      for (i = 1; i <= 12; i++) sum += index("abcdefgh", substr(word, i, 1))
      return 0.183 * sum
    }
    BEGIN { srand(seed + 1000) }
    { word[NR % 2] = $1 }
    NR % 2 == 0 {
      u = utility(word[1]); v = utility(word[0])
      if (rand() < 1 / (1 + exp(v - u))) print word[1], word[0], u, v
      else print word[0], word[1], v, u
    }'
}
as_pairs() {
  awk '{ printf "{\"prompt\": \">\", \"chosen\": \"%s\", \"rejected\": \"%s\"}\n", $1, $2 }'
}
judged 10000 "$seed" | as_pairs > train.jsonl
judged 2000 "$((seed + 50))" > held_out.txt
as_pairs < held_out.txt > held_out.jsonl
# The labels that one who knows u can expect to meet, and of these labels the share that it meets
# (equal words count half).
read -r ceiling met <<< "$(awk '
  { p = 1 / (1 + exp($4 - $3)); sum += p > 0.5 ? p : 1 - p; met += $3 == $4 ? 0.5 : $3 > $4 }
  END { printf "%.4f %.4f", sum / NR, met / NR }' held_out.txt)"
say "Bayes ceiling: $ceiling expected, $met of these labels"

# reward NAME KEY=VALUE...
reward() {
  local name=$1
  shift
  cat > reward.yaml <<YAML
tokenizer: {path: tokenizer}
precision: {compute: fp32}
parallel: {zero: 0}
run: {dir: $name, epochs: 1, seed: $seed}
model: {from: reference/model}
data: {train: [{path: train.jsonl}], eval: [{path: held_out.jsonl}]}
batch: {global: 64, micro: 64, sequence: 16}
optimizer: {lr: 3.0e-3, min_lr: 0, weight_decay: 0, warmup: 10, eps: 1.0e-5}
eval: {every: 1000, batches: 0}
checkpoint: {every: 0}
log: {every: 1, tensorboard: false}
YAML
  "$STRATA" reward reward.yaml --quiet "$@"
}

# scores RUN: "u reward" of every word held out.
scores() {
  awk '{
    row = "{\"prompt\": \">\", \"completion\": \"%s\", \"u\": %s}\n"
    printf row row, $1, $3, $2, $4
  }' held_out.txt > words.jsonl
  "$STRATA" score "$1" --data words.jsonl --out scored.jsonl --quiet
  sed -E 's/.*"u":([-+0-9.e]+).*"reward":([-+0-9.e]+).*/\1 \2/' scored.jsonl
}
# Of lines "u reward": accuracy in the order of u, correlation, mean, deviation.
summary() {
  awk '
    { u[NR] = $1; r[NR] = $2; su += $1; sr += $2 }
    END {
      mu = su / NR; mr = sr / NR
      for (i = 1; i <= NR; i++) {
        a += (u[i] - mu) * (r[i] - mr); b += (u[i] - mu) ^ 2; c += (r[i] - mr) ^ 2
      }
      for (i = 1; i < NR; i += 2) if (u[i] != u[i + 1]) {
        n++; right += (u[i] > u[i + 1]) == (r[i] > r[i + 1])
      }
      printf "%.4f %.4f %.4f %.4f", right / n, a / sqrt(b * c), mr, sqrt(c / NR)
    }'
}
less() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f", a - b }'; }

reward centred reward.normalize=mean_std
within "accuracy at step 1" "$(first_of centred accuracy)" 0.3 0.7
accuracy=$(mean_of centred eval/accuracy 1)
within "accuracy on held-out labels: $accuracy, less than who knows u" \
  "$(less "$met" "$accuracy")" -0.02 0.02
within "mean reward on held-out words, before normalising" \
  "$(mean_of centred eval/mean_reward 1)" -0.3 0.3
read -r gold correlation mean deviation <<< "$(scores centred | summary)"
within "accuracy in the order of u" "$gold" 0.98 1
within "correlation with u" "$correlation" 0.97 1
within "mean of the normalised reward" "$mean" -0.1 0.1
within "deviation of the normalised reward" "$deviation" 0.9 1.1

reward free reward.center=0
within "loss at step 1, without centring" "$(first_of free loss)" 0.6 0.85
within "accuracy without centring, less with it" \
  "$(less "$(mean_of free eval/accuracy 1)" "$accuracy")" -0.02 0.02
drift=$(mean_of free eval/mean_reward 1)
within "mean reward without centring: $drift, further from 0 by" \
  "$(less "${drift#-}" "$(mean_of centred eval/mean_reward 1 | tr -d -)")" 0.05 100
verdict
