// The chat templates one by one: how each writes a conversation, as Jinja for others and as a
// function for us. Tests hold the two together. Knows no tokenizer but the names of its tokens.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/chat/chat_template.h"

namespace strata::data {

/// What a tokenizer brings into a conversation, as text.
struct ChatTokens {
  std::string begin;  ///< opens a conversation: BOS, or nothing
  std::string end;    ///< the end token
};

/// A stretch of the conversation's text.
struct ChatPiece {
  std::string text;
  int answer_of =
      -1;  ///< the message whose answer this is, its end of turn included; -1: no answer
};

struct ChatStyle {
  std::string_view name;
  std::vector<std::string_view> tokens;  ///< special tokens that it is made of
  std::string_view stop;                 ///< ends an assistant's turn; empty: the end token
  bool always_begins;      ///< with BOS, where there is one; else as the tokenizer's own rules say
  std::string_view jinja;  ///< without what opens the conversation
  bool begins_each_turn;   ///< its Jinja text writes BOS itself, before every user's turn
  /// The turns only: the caller puts `begin` in front, unless begins_each_turn.
  std::vector<ChatPiece> (*write)(const Messages& messages, const ChatTokens& tokens,
                                  bool add_generation_prompt);
};

std::span<const ChatStyle> chat_styles();

}  // namespace strata::data
