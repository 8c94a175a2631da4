# Verses of `bible -f gen1:1-rev22:21` as lessons in translating, a conversation per verse that is
# short and speaks of thee: from the words of 1611 to those of today.
#   bible -f gen1:1-rev22:21 | awk -f conversation.awk -f bible_tasks.awk > translate.jsonl

BEGIN {
  split("thou:you thee:you ye:you thy:your thine:yours hath:has hast:have doth:does dost:do art:are " \
    "shalt:shall wilt:will unto:to saith:says cometh:comes goeth:goes spake:spoke behold:look", pairs)
  for (i in pairs) {
    split(pairs[i], pair, ":")
    today[pair[1]] = pair[2]
  }
}
NF > 3 && NF <= 13 {
  verse = substr($0, length($1) + 2)
  gsub(/["\\]/, "", verse)
  changed = 0
  translated = ""
  n = split(verse, words, " ")
  for (i = 1; i <= n; i++) {
    word = words[i]
    bare = tolower(word)
    gsub(/[^a-z]/, "", bare)
    if (bare in today) {
      changed++
      ends = word
      sub(/^[A-Za-z]+/, "", ends)
      replaced = today[bare]
      if (word ~ /^[A-Z]/) replaced = toupper(substr(replaced, 1, 1)) substr(replaced, 2)
      word = replaced ends
    }
    translated = translated (i > 1 ? " " : "") word
  }
  if (changed > 0) print lesson("Say in today's words: " verse, translated)
}
