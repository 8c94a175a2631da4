# WordNet's data.noun, data.verb, data.adj and data.adv as JSONL: a row per meaning,
# {"text": "word: gloss"}.
#   awk -f draw.awk -f wordnet_to_jsonl.awk /usr/share/wordnet/data.noun ...
# A line is "offset file-number type word-count word ... | gloss" (wndb(5)); the licence on top is
# set in by two blanks. Meanings that wordnet_tasks.awk holds out are left out, by the same draw.
/^  / || draw($1 + 0, 1) < 50 { next }
{
  bar = index($0, " | ")
  gloss = substr($0, bar + 3)
  sub(/ +$/, "", gloss)
  gsub(/"/, "\\\"", gloss)
  word = $5
  sub(/\([a-z]+\)$/, "", word) # where an adjective may stand: "afraid(p)"
  gsub(/_/, " ", word)
  printf "{\"text\": \"%s%s: %s\"}\n", ($3 == "v" ? "to " : ""), word, gloss
}
