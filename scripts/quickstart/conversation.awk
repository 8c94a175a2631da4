# Conversations as JSON: asked(question) is the list of messages that asks it, lesson(question,
# answer) a whole row with the answer. The texts hold no quotes and no backslashes.
function said(role, text) { return "{\"role\": \"" role "\", \"content\": \"" text "\"}" }
function asked(question) { return "[" said("user", question) "]" }
function lesson(question, answer) {
  return "{\"messages\": [" said("user", question) ", " said("assistant", answer) "]}"
}
