#include "trainer/use/rows.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/lines.h"
#include "parallel/comm/collectives.h"
#include "parallel/mesh/context.h"

namespace strata::trainer {

using base::UserError;

std::vector<JsonRow> read_rows(const std::filesystem::path& file) {
  std::vector<JsonRow> rows;
  for (base::LineReader lines(file); lines.next();) {
    if (lines.line().find_first_not_of(" \t") == std::string_view::npos) continue;
    JsonRow row{base::parse_json(lines.line(), lines.where()), lines.where()};
    if (!row.object.is_object())
      throw UserError(base::kBadData, row.where + ": a JSON object was expected");
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<int32_t> ids_of(const JsonRow& row, const std::string& key, int64_t vocabulary) {
  std::vector<int32_t> ids;
  for (const base::Json& value : base::JsonReader(row.object, row.where).array(key)) {
    if (!value.is_number_integer() || value.get<int64_t>() < 0 ||
        value.get<int64_t>() >= vocabulary) {
      throw UserError(base::kBadData,
                      fmt::format("{}: key '{}' holds {}; token ids from 0 to {} were expected",
                                  row.where, key, value.dump(), vocabulary - 1));
    }
    ids.push_back(value.get<int32_t>());
  }
  return ids;
}

std::vector<size_t> own_rows(size_t rows, const parallel::ParallelContext& context) {
  const parallel::MeshLayout& layout = context.layout();
  const auto parts = static_cast<size_t>(layout.size_along(parallel::kGradientAxes));
  const auto part =
      static_cast<size_t>(layout.index_along(parallel::kGradientAxes, context.rank()));
  std::vector<size_t> own;
  for (size_t row = part; row < rows; row += parts) own.push_back(row);
  return own;
}

void write_rows(const std::filesystem::path& file, size_t count, const std::vector<size_t>& own,
                const std::vector<std::string>& lines, const parallel::ParallelContext& context) {
  // The ranks of one copy of the model have the same answers: its first tensor rank of the first
  // stage speaks.
  std::string mine;
  if (context.coord().tensor == 0 && context.coord().pipeline == 0) {
    for (size_t i = 0; i < own.size(); ++i) mine += fmt::format("{} {}\n", own[i], lines[i]);
  }
  const std::vector<std::string> gathered = parallel::gather_strings(context.world(), mine);
  if (context.rank() != 0) return;
  std::vector<std::string> ordered(count);
  for (const std::string& text : gathered) {
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      const size_t space = line.find(' ');
      ordered[std::stoul(line.substr(0, space))] = line.substr(space + 1);
    }
  }
  std::string content;
  for (const std::string& line : ordered) content += line + "\n";
  base::write_file(file, content);
}

}  // namespace strata::trainer
