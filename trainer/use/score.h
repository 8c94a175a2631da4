// `strata score`: the log-probability of each token of given rows, or a reward model's judgement.
#pragma once

#include <filesystem>

namespace strata::trainer {

class Session;
struct OpenedModel;

/// Rows hold input_ids, text, messages, or prompt and completion; each comes back with "logprobs",
/// the first null, or from a reward model with "reward". Collective. UserError (kBadData) names
/// FILE:LINE.
void score_file(Session& session, const OpenedModel& model, const std::filesystem::path& rows,
                const std::filesystem::path& out);

}  // namespace strata::trainer
