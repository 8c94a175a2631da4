# Bits per byte of a text under a byte bigram counted on another: p(b after a) = (n(a b) + 0.1) /
# (n(a) + 25.6).
#   LC_ALL=C awk -f byte_bigram.awk TRAIN.txt HELDOUT.txt
function step(byte) {
  if (is_training) {
    pairs[before byte]++
    seen[before]++
  } else {
    nats -= log((pairs[before byte] + 0.1) / (seen[before] + 25.6))
    bytes++
  }
  before = byte
}

FNR == 1 { is_training = ++files == 1; before = "\n" }

{
  for (i = 1; i <= length($0); i++) step(substr($0, i, 1))
  step("\n")
}

END { printf "%.3f\n", nats / log(2) / bytes }
