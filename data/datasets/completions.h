// Rows to imitate: `prompt` + `completion` (strings or messages), and `messages`, whole
// conversations. What is trained is the completion, or every assistant's turn, with the token that
// ends it; with DatasetContext::train_on_prompts everything.
#pragma once

#include <filesystem>
#include <memory>

#include "data/datasets/format.h"

namespace strata::data {

std::unique_ptr<Dataset> open_completions(const std::filesystem::path& file,
                                          const DatasetContext& context);
std::unique_ptr<Dataset> open_conversations(const std::filesystem::path& file,
                                            const DatasetContext& context);

}  // namespace strata::data
