#include "trainer/report/evaluations.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "trainer/report/chart.h"

namespace strata::trainer {
namespace {

namespace fs = std::filesystem;
using Number = EvaluationRecord::Number;

/// What a number is of: the data's names, and the temperature if it is not 0.
std::string circumstances(const base::JsonReader& answer) {
  std::string text;
  for (const base::Json& path : answer.array("data")) {
    if (!path.is_string()) answer.refuse("data", "holds something else than paths");
    text += (text.empty() ? "" : ", ") + fs::path(path.get<std::string>()).stem().string();
  }
  if (const double temperature = answer.number("temperature", 0); temperature > 0)
    text += fmt::format(", temperature {}", temperature);
  return text;
}

bool is_part_of_another(const base::Json& answer, const std::string& name) {
  for (const std::string_view suffix : {"_stderr", "_low", "_high"}) {
    if (name.ends_with(suffix) && answer.contains(name.substr(0, name.size() - suffix.size())))
      return true;
  }
  return false;
}

const Number* find_number(const EvaluationRecord& record, const std::string& name) {
  const auto found = std::ranges::find(record.numbers, name, &Number::name);
  return found == record.numbers.end() ? nullptr : &*found;
}

/// The records of one model made one, as long as no number would be lost.
std::vector<EvaluationRecord> merged(const std::vector<EvaluationRecord>& evaluations) {
  std::vector<EvaluationRecord> columns;
  for (const EvaluationRecord& record : evaluations) {
    const auto has_room = [&](const EvaluationRecord& column) {
      return column.model == record.model &&
             std::ranges::none_of(record.numbers, [&](const Number& number) {
               return find_number(column, number.name) != nullptr;
             });
    };
    const auto column = std::ranges::find_if(columns, has_room);
    if (column == columns.end()) {
      columns.push_back(record);
    } else {
      column->numbers.insert(column->numbers.end(), record.numbers.begin(), record.numbers.end());
    }
  }
  return columns;
}

std::string cell(const Number* number) {
  if (number == nullptr) return "<td class='number'>-</td>";
  std::string html = fmt::format("<td class='number'>{:.5g}", number->value);
  if (number->interval) {
    html += fmt::format(" <small>({:.3g} to {:.3g})</small>", number->interval->first,
                        number->interval->second);
  }
  return html + "</td>";
}

}  // namespace

bool is_evaluation(const fs::path& path) {
  return path.extension() == ".json" && !fs::is_directory(path);
}

EvaluationRecord read_evaluation(const fs::path& file) {
  const base::Json answer = base::read_json(file);
  const base::JsonReader reader(answer, file.string());
  EvaluationRecord record{reader.string("model"), {}};
  const std::string suffix = " (" + circumstances(reader) + ")";
  for (const auto& [name, value] : answer.items()) {
    if (!value.is_number() || name == "temperature" || is_part_of_another(answer, name)) continue;
    Number number{name + suffix, value.get<double>()};
    if (reader.has(name + "_low") && reader.has(name + "_high"))
      number.interval.emplace(reader.number(name + "_low"), reader.number(name + "_high"));
    record.numbers.push_back(std::move(number));
  }
  return record;
}

std::string evaluations_section(const std::vector<EvaluationRecord>& evaluations) {
  if (evaluations.empty()) return "";
  const std::vector<EvaluationRecord> columns = merged(evaluations);
  std::vector<std::string> names;
  std::string html =
      "<h2>Evaluations</h2>\n<p><small>in brackets: 95% intervals</small></p>\n"
      "<div class='wide'><table><tr><th>";
  for (const EvaluationRecord& column : columns) {
    html += "<th>" + escape_html(column.model);
    for (const Number& number : column.numbers) {
      if (std::ranges::count(names, number.name) == 0) names.push_back(number.name);
    }
  }
  html += "</tr>\n";
  for (const std::string& name : names) {
    html += "<tr><th>" + escape_html(name) + "</th>";
    for (const EvaluationRecord& column : columns) html += cell(find_number(column, name));
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

}  // namespace strata::trainer
