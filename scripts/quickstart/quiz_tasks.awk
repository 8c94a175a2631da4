# The question files of quiz(6) as lessons, a conversation per line: "Algeria:Algiers" of the file
# `africa` becomes "Quiz, africa: Algeria?" and "Algiers".
#   awk -f conversation.awk -f quiz_tasks.awk /usr/share/games/bsdgames/quiz/africa ...
# In those files a|b are alternatives, {} is what may be left out, [] groups.
function plain(text) {
  gsub(/[{}]/, "", text)
  while (match(text, /\[[^]]*\]/)) {
    group = substr(text, RSTART + 1, RLENGTH - 2)
    sub(/\|.*/, "", group)
    text = substr(text, 1, RSTART - 1) group substr(text, RSTART + RLENGTH)
  }
  sub(/\|.*/, "", text)
  gsub(/["\\]/, "", text)
  gsub(/[[:cntrl:]]+/, " ", text)
  return text
}

BEGIN { FS = ":" }
FNR == 1 { n = split(FILENAME, path, "/") }
/\\$/ || held { # a line that goes on in the next
  held = /\\$/
  next
}
NF >= 2 && $1 != "" && $2 != "" {
  print lesson("Quiz, " path[n] ": " plain($1) "?", plain($2))
}
