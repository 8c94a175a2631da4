# WordNet's meanings as lessons, preferences, prompts and questions, JSONL files in the folder
# `out`:
#   awk -v out=DIR -v wrong=0.25 -f draw.awk -f conversation.awk -f wordnet_tasks.awk data.noun ...
# The question: which part of speech has a meaning? Each part is asked equally often, so guessing is
# right one time in four.
#   lessons.jsonl       conversations to learn from; a share of the answers, `wrong`, is false, as
#                       those of tired graders are; beside them: what does a word mean?
#   preferred.jsonl     prompt, chosen and rejected: the right part of speech before another
#   preferred_heldout.jsonl
#   prompts.jsonl       prompt and answer, for rewards
#   questions.jsonl     prompt and answer, held out
# No meaning is in two of the files, and those held out are not in the pretraining text (see
# wordnet_to_jsonl.awk).

function other(part, n) { # another of the four
  return parts[(place[part] + draw(n, 3) % 3) % 4 + 1]
}

BEGIN {
  split("noun verb adjective adverb", parts, " ")
  for (i = 1; i <= 4; i++) place[parts[i]] = i
  named["n"] = "noun"; named["v"] = "verb"; named["a"] = named["s"] = "adjective"; named["r"] = "adverb"
  # Of a thousand meanings of a part of speech so many are asked for, that all come up alike.
  share["noun"] = 44; share["verb"] = 263; share["adjective"] = 199; share["adverb"] = 1000
}
/^  / { next }
{
  part = named[$3]
  offset = $1 + 0
  gloss = substr($0, index($0, " | ") + 3)
  sub(/;.*/, "", gloss)
  sub(/ +$/, "", gloss)
  gsub(/["\\]/, "", gloss)
  if (split(gloss, words, " ") > 14) next
  word = $5
  sub(/\([a-z]+\)$/, "", word)
  gsub(/_/, " ", word)
  file = draw(offset, 1)
  if (file >= 50 && file < 400 && draw(offset, 4) < 60)
    print lesson("What does " word " mean?", gloss) > (out "/lessons.jsonl")
  if (draw(offset, 2) >= share[part]) next
  question = "Which part of speech: " gloss "?"
  wrong_part = other(part, offset)
  if (file < 50) {
    print "{\"prompt\": " asked(question) ", \"answer\": \"" part "\"}" > (out "/questions.jsonl")
    print "{\"prompt\": " asked(question) ", \"chosen\": \"" part "\", \"rejected\": \"" wrong_part \
      "\"}" > (out "/preferred_heldout.jsonl")
  } else if (file < 400) {
    answer = draw(offset, 5) < 1000 * wrong ? wrong_part : part
    print lesson(question, answer) > (out "/lessons.jsonl")
  } else if (file < 700) {
    print "{\"prompt\": " asked(question) ", \"chosen\": \"" part "\", \"rejected\": \"" wrong_part \
      "\"}" > (out "/preferred.jsonl")
  } else {
    print "{\"prompt\": " asked(question) ", \"answer\": \"" part "\"}" > (out "/prompts.jsonl")
  }
}
