#include "parallel/pipeline/schedule_csv.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <sstream>

#include "base/error.h"
#include "base/file.h"

namespace strata::parallel {
namespace {

bool read_number(std::string_view text, int16_t& number) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end && number >= 0;
}

/// Without a dot the number is the micro-batch, where there is one chunk.
std::optional<Action> parse_cell(std::string_view cell, int chunks) {
  if (cell.empty() || std::string_view("FBIW").find(cell.front()) == std::string_view::npos)
    return std::nullopt;
  Action action{static_cast<Op>(cell.front()), 0, 0};
  cell.remove_prefix(1);
  const size_t dot = cell.find('.');
  if (dot == std::string_view::npos && chunks > 1) return std::nullopt;
  if (dot != std::string_view::npos && !read_number(cell.substr(0, dot), action.chunk))
    return std::nullopt;
  return read_number(cell.substr(dot + 1), action.microbatch) ? std::optional(action)
                                                              : std::nullopt;
}

std::string_view trimmed(std::string_view cell) {
  const size_t first = cell.find_first_not_of(" \t\r\"");
  if (first == std::string_view::npos) return {};
  return cell.substr(first, cell.find_last_not_of(" \t\r\"") - first + 1);
}

}  // namespace

std::string cell_of(const Action& action) {
  return fmt::format("{}{}.{}", static_cast<char>(action.op), action.chunk, action.microbatch);
}

Schedule read_schedule_csv(const std::filesystem::path& file, ScheduleShape shape) {
  std::istringstream lines(base::read_file(file, base::kBadUsage));
  Schedule schedule{shape, {}};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (trimmed(line).empty()) continue;
    auto& program = schedule.program.emplace_back();
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) {
      const std::string_view word = trimmed(cell);
      if (word.empty()) continue;
      const std::optional<Action> action = parse_cell(word, shape.chunks_per_stage);
      if (!action) {
        throw base::UserError(
            base::kBadUsage,
            fmt::format("{}:{}: '{}' is no action; expected F, B, I or W with "
                        "chunk.microbatch, such as F0.3{}",
                        file.string(), number, word, shape.chunks_per_stage == 1 ? ", or F3" : ""));
      }
      if (action->chunk >= shape.chunks_per_stage || action->microbatch >= shape.microbatches) {
        throw base::UserError(
            base::kBadUsage,
            fmt::format("{}:{}: '{}' is outside parallel.chunks = {} and {} micro-batches a step",
                        file.string(), number, word, shape.chunks_per_stage, shape.microbatches));
      }
      program.push_back(*action);
    }
  }
  if (static_cast<int>(schedule.program.size()) != shape.stages) {
    throw base::UserError(base::kBadUsage,
                          fmt::format("{}: {} rows, but parallel.pipeline is {}", file.string(),
                                      schedule.program.size(), shape.stages));
  }
  return schedule;
}

}  // namespace strata::parallel
