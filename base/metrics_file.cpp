#include "base/metrics_file.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"

namespace strata::base {
namespace {

/// Calls `use` with each line that ends in a line break, and its number from 1.
template <class Use>
void for_whole_lines(std::string_view text, Use use) {
  int64_t number = 0;
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
    use(text.substr(begin, end - begin), ++number);
  }
}

/// The step of a row; nothing for a line that is no row.
std::optional<int64_t> step_of(std::string_view line) {
  const Json row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!row.is_object() || !row.contains("step") || !row["step"].is_number()) return std::nullopt;
  return row["step"].get<int64_t>();
}

/// Opens the file for appending after its rows up to step `done`.
OutputFile open_after(const fs::path& path, int64_t done) {
  std::error_code ignored;
  if (fs::exists(path, ignored)) {
    const std::string old = read_file(path, kDiskTrouble);
    std::string kept;
    for_whole_lines(old, [&](std::string_view line, int64_t) {
      const auto step = step_of(line);
      if (step && *step <= done) kept += fmt::format("{}\n", line);
    });
    if (kept != old) write_file(path, kept);
  }
  return {path, OutputFile::Mode::kAppend};
}

MetricRow parse_row(std::string_view line, const std::string& where) {
  const Json json = parse_json(line, where);
  if (!json.is_object()) throw UserError(kBadData, where + ": a JSON object was expected");
  MetricRow row;
  for (const auto& [name, value] : json.items()) {
    if (value.is_number()) row.emplace_back(name, value.get<double>());
    if (value.is_null()) row.emplace_back(name, std::numeric_limits<double>::quiet_NaN());
  }
  return row;
}

}  // namespace

std::string metric_line(const MetricRow& row) {
  std::string line = "{";
  for (const auto& [name, value] : row) {
    if (line.size() > 1) line += ',';
    line += compact_json(name) + ':' + (std::isfinite(value) ? fmt::format("{}", value) : "null");
  }
  return line + '}';
}

MetricsFile::MetricsFile(const fs::path& path, int64_t done) : file_(open_after(path, done)) {}

std::vector<MetricRow> read_metrics(const fs::path& path) {
  std::vector<MetricRow> rows;
  for_whole_lines(read_file(path), [&](std::string_view line, int64_t number) {
    rows.push_back(parse_row(line, fmt::format("{}:{}", path.string(), number)));
  });
  return rows;
}

}  // namespace strata::base
