// `strata score`: the log-probability of each token of given rows.
#pragma once

#include <filesystem>

namespace strata::trainer {

class Session;
struct OpenedModel;

/// Rows hold input_ids, text, or prompt and completion; each comes back with "logprobs", the first
/// null. Collective. UserError (kBadData) names FILE:LINE.
void score_file(Session& session, const OpenedModel& model, const std::filesystem::path& rows,
                const std::filesystem::path& out);

}  // namespace strata::trainer
