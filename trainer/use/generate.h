// `strata generate` and `strata chat`: text in, text out, over the generator's ids.
#pragma once

#include <filesystem>
#include <string>

namespace strata::trainer {

class Session;
struct OpenedModel;

/// Completes one prompt and streams the text to standard output as it comes (main rank).
/// Collective.
void generate_text(Session& session, const OpenedModel& model, const std::string& prompt);

/// Answers the prompt (a string, or messages by the model's chat template), the messages or the
/// input_ids of every row; each comes back with completion, ids, finish
/// and logprobs. Collective.
void generate_file(Session& session, const OpenedModel& model, const std::filesystem::path& rows,
                   const std::filesystem::path& out);

/// A conversation on the terminal: each line of standard input is answered, by the model's chat
/// template with what was said before, or, without one, gone on with. Collective.
void chat(Session& session, const OpenedModel& model);

}  // namespace strata::trainer
