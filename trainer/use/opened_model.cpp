#include "trainer/use/opened_model.h"

#include <fmt/format.h>

#include "base/error.h"
#include "trainer/plan/fit.h"

namespace strata::trainer {

const data::Tokenizer& OpenedModel::text(const std::string& need) const {
  if (tokenizer) return *tokenizer;
  throw base::UserError(base::kBadUsage,
                        fmt::format("{} needs a tokenizer, and {} has none; set tokenizer.path",
                                    need, source.folder.string()));
}

void OpenedModel::need_language_model(const std::string& need) const {
  if (model.info.head == model::HeadKind::kLanguage) return;
  throw base::UserError(base::kBadUsage,
                        fmt::format("{} needs a language model, and {} is a reward model", need,
                                    source.folder.string()));
}

std::optional<data::ChatTemplate> OpenedModel::chat() const {
  if (!tokenizer) return std::nullopt;
  const std::string& own = tokenizer->chat_template();
  if (chat_setting == "auto" && own.empty()) return std::nullopt;
  return data::ChatTemplate::choose(chat_setting, own, *tokenizer);
}

std::optional<data::ChatTemplate> OpenedModel::chat_of_rows() const {
  if (!tokenizer) return std::nullopt;
  return data::ChatTemplate::choose(chat_setting, tokenizer->chat_template(), *tokenizer);
}

OpenedModel open_model(Session& session, const std::string& path) {
  OpenedModel opened;
  opened.source = find_model(path, session.context(),
                             [&](std::string_view line) { session.log().warning(line); });
  check_model_fits(session.config(), opened.source.info.config, session.context().layout(), path);
  opened.model = make_replicated_model(session.context(), session.config(), opened.source.info);
  load_source(opened.source, *opened.model.decoder);
  const std::string& given = session.config().tokenizer.path;
  const std::filesystem::path tokenizer =
      given.empty() ? opened.source.tokenizer : std::filesystem::path(given);
  opened.chat_setting = session.config().sft.chat_template;
  if (!tokenizer.empty()) opened.tokenizer = data::Tokenizer::load(tokenizer);
  return opened;
}

std::unique_ptr<Session> use_session(parallel::Communicator& world, base::Log& log,
                                     std::vector<std::string> overrides) {
  // A later override wins over this one.
  overrides.insert(overrides.begin(), "precision.compute=fp32");
  return std::make_unique<Session>(world, log, load_run("", overrides, "use"));
}

}  // namespace strata::trainer
