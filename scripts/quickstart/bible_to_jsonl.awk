# The output of `bible -f gen1:1-rev22:21` ("Ge1:1 In the beginning ...", a verse a line) as JSONL:
# a row per chapter, {"text": "In the beginning ...\nAnd the earth ..."}. Whole books from the end,
# up to `share` of the text, go to `heldout`, the others to `train`:
#   bible -f gen1:1-rev22:21 |
#     awk -v train=a.jsonl -v heldout=b.jsonl -v share=0.05 -f bible_to_jsonl.awk
{
  label = $1
  verse = substr($0, length(label) + 2)
  sub(/:[0-9]+$/, "", label)
  book = label
  sub(/[0-9]+$/, "", book)
  if (label != chapter) {
    chapter = label
    chapters++
    book_of[chapters] = book
    text[chapters] = verse
  } else {
    text[chapters] = text[chapters] "\\n" verse
  }
  bytes[book] += length(verse) + 1
  total += length(verse) + 1
}

END {
  first_heldout = chapters + 1
  for (i = chapters; i > 0 && held + bytes[book_of[i]] <= share * total; i = first_heldout - 1) {
    book = book_of[i]
    held += bytes[book]
    while (first_heldout > 1 && book_of[first_heldout - 1] == book) first_heldout--
  }
  for (i = 1; i <= chapters; i++) {
    gsub(/"/, "\\\"", text[i])
    printf "{\"text\": \"%s\"}\n", text[i] > (i < first_heldout ? train : heldout)
  }
  if (first_heldout > chapters) exit
  printf "held out: %s to %s, %.1f%% of the text\n", book_of[first_heldout], book_of[chapters],
    100 * held / total
}
