// What jobs on conversations share: the chat template as config and tokenizer say, the tokens at
// which a trained model will stop, and the tokenizer that a run leaves, with its template.
#pragma once

#include <filesystem>
#include <optional>

#include "data/chat/chat_template.h"
#include "data/sample_stream.h"
#include "data/tokenizer/tokenizer.h"
#include "model/hf.h"

namespace strata::trainer {

class Session;
struct RunConfig;

/// sft.template over the tokenizer; nothing without a tokenizer.
std::optional<data::ChatTemplate> choose_chat(const RunConfig& config,
                                              const data::Tokenizer* tokenizer);

/// Looks at the first answers of `train`: info.end_ids become the stop tokens (the template's, the
/// tokenizer's, the model's own) that are trained there. Warns where answers train none.
void check_stops(Session& session, const data::SampleStream& train, const data::ChatTemplate* chat,
                 const data::Tokenizer* tokenizer, model::FolderInfo& info);

/// RUN/tokenizer: the tokenizer's files with the chat template where one is in use: asked for by
/// name, or needed by data.train. Every later use of the run finds it there. Collective; after
/// Session::open_folder().
std::filesystem::path keep_tokenizer(Session& session, data::Tokenizer& tokenizer,
                                     const data::ChatTemplate& chat);

}  // namespace strata::trainer
