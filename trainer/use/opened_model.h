// A finished or running model opened for use: weights, tokenizer and the settings of its commands.
// Knows no command.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/chat/prompt_codec.h"
#include "data/tokenizer/tokenizer.h"
#include "trainer/models/held_model.h"
#include "trainer/models/source.h"
#include "trainer/session/session.h"

namespace strata::trainer {

struct OpenedModel {
  ModelSource source;
  HeldModel model;  ///< frozen
  std::optional<data::Tokenizer> tokenizer;
  std::string chat_setting = "auto";  ///< sft.template

  /// The tokenizer, or a UserError that says that `need` needs one.
  const data::Tokenizer& text(const std::string& need) const;
  /// The template of conversations: the tokenizer's own, or what sft.template names; nothing where
  /// there is neither, or no tokenizer. Borrows the tokenizer.
  std::optional<data::ChatTemplate> chat() const;
  /// The template of rows with messages: the same, else plain; nothing without a tokenizer.
  std::optional<data::ChatTemplate> chat_of_rows() const;

  /// UserError (kBadUsage) where it is a reward model.
  void need_language_model(const std::string& need) const;
};

/// Opens what PATH means. Computes in fp32 unless the config says otherwise. Collective.
OpenedModel open_model(Session& session, const std::string& path);

/// A session for a command on a model: defaults with overrides, fp32 unless precision.compute is
/// given.
std::unique_ptr<Session> use_session(parallel::Communicator& world, base::Log& log,
                                     std::vector<std::string> overrides);

}  // namespace strata::trainer
