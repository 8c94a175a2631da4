// Which chat template a tokenizer's own Jinja text stands for. A text is not run: it is brought
// into one form and compared with those that are known to write the same as one of ours, so that a
// text that writes anything else is refused and never rendered as something near it.
#pragma once

#include <string>
#include <string_view>

#include "data/chat/chat_styles.h"

namespace strata::data {

struct JinjaForm {
  const ChatStyle* style = nullptr;  ///< null: none of ours
  bool begins = false;               ///< the text writes BOS before a conversation or its turns
  bool system = true;                ///< false: the text refuses what the system says
  std::string_view difference;  ///< where style is null: what the text is known to do, or empty
};

JinjaForm form_of_jinja(std::string_view jinja);

/// A template's text in one form: inside Jinja's brackets no blanks, one kind of quotes, line
/// breaks in strings escaped, strings that are added made one; outside, no line break behind a
/// bracket and no indentation before one (transformers sets trim_blocks and lstrip_blocks), and no
/// blanks at all where a bracket has a minus.
std::string canonical_jinja(std::string_view jinja);

}  // namespace strata::data
