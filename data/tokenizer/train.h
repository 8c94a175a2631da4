// Learning a byte-level tokenizer from texts: what `strata tokenizer train` does.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "data/tokenizer/tokenizer.h"
#include "data/tokenizer/train_config.h"

namespace strata::data {

/// What is being done ("reading a.txt", "merging"), and how far it is.
using TrainProgress = std::function<void(std::string_view what, int64_t done, int64_t total)>;

/// Reads config.files and learns. The same files and settings give the same tokenizer, byte for
/// byte. The vocabulary is smaller than asked for if the texts have too few repeated pairs.
/// UserError: kBadUsage for settings, kBadData for files.
Tokenizer train_tokenizer(const TokenizerTrainConfig& config, const TrainProgress& progress = {});

/// The same from texts in memory: `next` gives one text after another and false at the end
/// (config.files is not looked at).
Tokenizer train_tokenizer(const TokenizerTrainConfig& config,
                          const std::function<bool(std::string& text)>& next,
                          const TrainProgress& progress = {});

}  // namespace strata::data
