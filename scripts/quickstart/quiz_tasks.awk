# The question files of quiz(6) as lessons, a conversation per line: "Algeria:Algiers" of the file
# `africa` becomes "Quiz, africa: Algeria?" and "Algiers".
#   awk -f quiz_tasks.awk /usr/share/games/bsdgames/quiz/africa ...
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
function said(role, text) { return "{\"role\": \"" role "\", \"content\": \"" text "\"}" }

BEGIN { FS = ":" }
FNR == 1 { n = split(FILENAME, path, "/") }
/\\$/ || held { # a line that goes on in the next
  held = /\\$/
  next
}
NF >= 2 && $1 != "" && $2 != "" {
  print "{\"messages\": [" said("user", "Quiz, " path[n] ": " plain($1) "?") ", " \
    said("assistant", plain($2)) "]}"
}
