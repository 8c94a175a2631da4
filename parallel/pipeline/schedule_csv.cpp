#include "parallel/pipeline/schedule_csv.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <sstream>

#include "base/error.h"
#include "base/file.h"

namespace strata::parallel {
namespace {

std::optional<Action> parse_cell(std::string_view cell) {
  if (cell.empty() || std::string_view("FBIW").find(cell.front()) == std::string_view::npos)
    return std::nullopt;
  Action action{static_cast<Op>(cell.front()), 0, 0};
  const char* const end = cell.data() + cell.size();
  const auto [dot, chunk_error] = std::from_chars(cell.data() + 1, end, action.chunk);
  if (chunk_error != std::errc() || dot == end || *dot != '.') return std::nullopt;
  const auto [stop, number_error] = std::from_chars(dot + 1, end, action.microbatch);
  if (number_error != std::errc() || stop != end || action.chunk < 0 || action.microbatch < 0)
    return std::nullopt;
  return action;
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
      const std::optional<Action> action = parse_cell(word);
      if (!action) {
        throw base::UserError(base::kBadUsage,
                              fmt::format("{}:{}: '{}' is no action; expected F, B, I or W with "
                                          "chunk.microbatch, such as F0.3",
                                          file.string(), number, word));
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
