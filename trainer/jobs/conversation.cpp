#include "trainer/jobs/conversation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "data/datasets/format.h"
#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

constexpr int64_t kLookedAt = 64;  // samples

/// Stop tokens in the order in which generation should name them.
std::vector<int64_t> known_stops(const data::ChatTemplate* chat, const data::Tokenizer* tokenizer,
                                 const model::FolderInfo& info) {
  std::vector<int64_t> stops;
  const auto add = [&](int64_t id) {
    if (id >= 0 && std::ranges::find(stops, id) == stops.end()) stops.push_back(id);
  };
  if (chat) add(chat->stop_id());
  if (tokenizer && tokenizer->end_id()) add(*tokenizer->end_id());
  for (const int64_t id : info.end_ids) add(id);
  return stops;
}

/// The ids that each document of a row trains.
std::vector<std::set<int64_t>> trained_by_document(const data::Row& row) {
  std::map<int32_t, std::set<int64_t>> documents;
  for (size_t t = 0; t < row.targets.size(); ++t) {
    auto& ids = documents[row.documents[t]];
    if (row.weights[t] != 0) ids.insert(row.targets[t]);
  }
  std::vector<std::set<int64_t>> trained;
  for (auto& [document, ids] : documents) trained.push_back(std::move(ids));
  return trained;
}

}  // namespace

std::optional<data::ChatTemplate> choose_chat(const RunConfig& config,
                                              const data::Tokenizer* tokenizer) {
  if (tokenizer == nullptr) return std::nullopt;
  return data::ChatTemplate::choose(config.sft.chat_template, tokenizer->chat_template(),
                                    *tokenizer);
}

void check_stops(Session& session, const data::SampleStream& train, const data::ChatTemplate* chat,
                 const data::Tokenizer* tokenizer, model::FolderInfo& info) {
  const std::vector<int64_t> stops = known_stops(chat, tokenizer, info);
  std::set<int64_t> seen;
  int64_t documents = 0, without = 0;
  for (int64_t n = 0; n < std::min(kLookedAt, train.epoch_size()); ++n) {
    std::vector<data::Row> rows;
    train.get(n, rows);
    for (const data::Row& row : rows) {
      for (const std::set<int64_t>& trained : trained_by_document(row)) {
        ++documents;
        bool stopped = false;
        for (const int64_t stop : stops) {
          if (!trained.contains(stop)) continue;
          seen.insert(stop);
          stopped = true;
        }
        without += !stopped;
      }
    }
  }
  if (without > 0) {
    session.log().warning(fmt::format(
        "{} of {} answers looked at train no token that ends an answer ({}): the model will not "
        "learn to stop from them",
        without, documents,
        stops.empty() ? "none is known" : fmt::format("{}", fmt::join(stops, ", "))));
  }
  if (seen.empty()) return;
  info.end_ids.clear();
  for (const int64_t stop : stops) {
    if (seen.contains(stop)) info.end_ids.push_back(stop);
  }
}

std::filesystem::path keep_tokenizer(Session& session, data::Tokenizer& tokenizer,
                                     const data::ChatTemplate& chat) {
  const RunConfig& config = session.config();
  const bool needed = config.sft.chat_template != "auto" ||
                      std::ranges::any_of(config.data.train, [](const data::TrainSource& source) {
                        return data::holds_messages(source.path);
                      });
  if (needed && chat.usable()) tokenizer.set_chat_template(chat.jinja());
  const std::filesystem::path folder = session.folder() / "tokenizer";
  if (session.is_main_rank()) tokenizer.save(folder);
  session.world().barrier();
  return folder;
}

}  // namespace strata::trainer
