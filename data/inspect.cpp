#include "data/inspect.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "data/token_stream.h"

namespace strata::data {

namespace fs = std::filesystem;

namespace {

/// A row as one run of ids with the question that inspection asks: is this id predicted in the
/// loss?
struct Trained {
  std::vector<int32_t> ids;
  std::vector<bool> trained;
};

Trained trained_ids(const Row& row) {
  Trained result;
  result.ids = row.tokens;
  result.trained.push_back(false);
  for (size_t t = 0; t < row.targets.size(); ++t) result.trained.push_back(row.weights[t] != 0);
  if (!row.targets.empty() && row.targets.back() != kNoTarget) {
    result.ids.push_back(row.targets.back());
  }
  result.trained.resize(result.ids.size());
  return result;
}

std::string text_of(std::span<const int32_t> ids, const TextCodec* codec) {
  return codec ? codec->decode(ids) : fmt::format("[{}]", fmt::join(ids, " "));
}

void add_shard_facts(base::Json& summary, const ShardFolder& shards) {
  const double tokens = static_cast<double>(shards.token_count());
  summary["files"] = shards.shards().size();
  summary["documents"] = shards.document_count();
  summary["tokens"] = shards.token_count();
  summary["text_bytes"] = shards.text_bytes();
  summary["bytes_per_token"] = tokens > 0 ? static_cast<double>(shards.text_bytes()) / tokens : 0.0;
  summary["vocab_size"] = shards.vocab_size();
  summary["tokenizer_hash"] = shards.tokenizer_hash();
}

}  // namespace

std::vector<TextRun> text_runs(const Row& row, const TextCodec* codec) {
  const auto [ids, trained] = trained_ids(row);
  std::vector<TextRun> runs;
  for (size_t begin = 0; begin < ids.size();) {
    size_t end = begin + 1;
    while (end < ids.size() && trained[end] == trained[begin]) ++end;
    runs.push_back({text_of(std::span(ids).subspan(begin, end - begin), codec), trained[begin]});
    begin = end;
  }
  return runs;
}

Inspection inspect(const fs::path& path, const DatasetContext& context, int64_t samples) {
  const auto dataset = open_dataset(path, context);
  Inspection result;
  result.summary["path"] = path.string();
  result.summary["holds"] = dataset->describe();
  result.summary["samples"] = dataset->size();
  if (is_shard_path(path)) add_shard_facts(result.summary, ShardFolder(path));

  const int64_t shown = std::min(samples, dataset->size());
  for (int64_t i = 0; i < shown; ++i) {
    const int64_t sample = i * dataset->size() / shown;
    std::vector<Row> rows;
    dataset->get(sample, rows);
    for (const Row& row : rows) {
      const auto trained =
          std::ranges::count_if(row.weights, [](float weight) { return weight != 0; });
      result.rows.push_back(
          {sample, row.length(), trained, row.columns, text_runs(row, context.codec)});
    }
  }
  return result;
}

std::string inspection_text(const Inspection& inspection, std::string_view before,
                            std::string_view behind) {
  std::string text;
  for (const auto& item : inspection.summary.items()) {
    const base::Json& value = item.value();
    text += fmt::format("{:<16}{}\n", item.key(),
                        value.is_string() ? value.get<std::string>() : value.dump());
  }
  for (const InspectedRow& row : inspection.rows) {
    text += fmt::format("\nsample {}: {} tokens, {} trained, {}like this{}", row.sample, row.tokens,
                        row.trained, before, behind);
    for (const auto& [name, value] : row.columns) text += fmt::format(", {} {}", name, value);
    text += "\n";
    for (const TextRun& run : row.runs) {
      text += run.trained ? fmt::format("{}{}{}", before, run.text, behind) : run.text;
    }
    text += "\n";
  }
  return text;
}

base::Json inspection_json(const Inspection& inspection) {
  base::Json result = inspection.summary;
  base::Json& rows = result["rows"] = base::Json::array();
  for (const InspectedRow& row : inspection.rows) {
    base::Json runs = base::Json::array();
    for (const TextRun& run : row.runs)
      runs.push_back({{"text", run.text}, {"trained", run.trained}});
    rows.push_back(
        {{"sample", row.sample}, {"tokens", row.tokens}, {"trained", row.trained}, {"runs", runs}});
    if (!row.columns.empty()) rows.back()["columns"] = row.columns;
  }
  return result;
}

}  // namespace strata::data
