#include "trainer/report/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "base/format.h"
#include "trainer/report/chart.h"
#include "trainer/report/samples.h"
#include "trainer/report/style.h"

namespace strata::trainer {
namespace {

using Runs = std::vector<RunRecord>;

// ---- which curves

struct Curve {
  std::string_view metric, title;
};
constexpr std::array kFirstCurves{
    Curve{"loss", "loss (nats per token)"},
    Curve{"bits_per_byte", "bits per byte"},
    Curve{"lr", "learning rate"},
    Curve{"grad_norm", "gradient norm"},
    Curve{"tokens_per_second", "tokens per second"},
};
// Counters and what another curve says already.
constexpr std::array<std::string_view, 5> kNoCurves{"step", "tokens", "eta_seconds",
                                                    "data_fraction", "eval/perplexity"};

/// Metrics beside kFirstCurves, in the order in which the runs name them; "eval/x" goes with "x".
std::vector<std::string> other_metrics(const Runs& runs) {
  std::vector<std::string> metrics;
  for (const RunRecord& run : runs) {
    for (const base::MetricRow& row : run.metrics) {
      for (const auto& [key, value] : row) {
        const std::string name = key.starts_with("eval/") ? key.substr(5) : key;
        const bool is_known = std::ranges::count(kNoCurves, key) > 0 ||
                              std::ranges::count(kFirstCurves, name, &Curve::metric) > 0 ||
                              std::ranges::count(metrics, name) > 0;
        if (!is_known) metrics.push_back(name);
      }
    }
  }
  return metrics;
}

std::string chart_of(const Runs& runs, const std::string& metric, std::string_view title) {
  std::vector<ChartSeries> series;
  for (size_t i = 0; i < runs.size(); ++i) {
    ChartSeries train{runs[i].name, i % kSeriesColours, false, runs[i].curve(metric)};
    ChartSeries held_out{runs[i].name + ", held-out", i % kSeriesColours, true,
                         runs[i].curve("eval/" + metric)};
    if (!train.points.empty()) series.push_back(std::move(train));
    if (!held_out.points.empty()) series.push_back(std::move(held_out));
  }
  return series.empty() ? "" : "<figure>" + svg_chart(title, series) + "</figure>\n";
}

std::string curves_section(const Runs& runs) {
  if (runs.empty()) return "";
  std::string html = "<h2>Curves</h2>\n<p class='legend'>";
  for (size_t i = 0; i < runs.size(); ++i) {
    html += fmt::format("<span style='--colour:var(--series-{})'><i></i>{}</span> ",
                        i % kSeriesColours, escape_html(runs[i].name));
  }
  html +=
      "<small>line: training; dashes with dots: held-out text</small></p>\n<div class='charts'>\n";
  for (const Curve& curve : kFirstCurves)
    html += chart_of(runs, std::string(curve.metric), curve.title);
  html += "</div>\n";
  std::string more;
  for (const std::string& metric : other_metrics(runs)) more += chart_of(runs, metric, metric);
  if (!more.empty()) {
    html += "<details><summary>More curves</summary><div class='charts'>\n" + more +
            "</div></details>\n";
  }
  return html;
}

// ---- final numbers

std::optional<double> last_of(const RunRecord& run, const std::string& metric) {
  const auto points = run.curve(metric);
  return points.empty() ? std::nullopt : std::optional(points.back().second);
}

std::optional<double> lowest_of(const RunRecord& run, const std::string& metric) {
  std::optional<double> lowest;
  for (const auto& [step, value] : run.curve(metric)) {
    if (std::isfinite(value)) lowest = std::min(lowest.value_or(value), value);
  }
  return lowest;
}

/// Of all steps: the first one and stalls count for little.
std::optional<double> median_of(const RunRecord& run, const std::string& metric) {
  auto points = run.curve(metric);
  if (points.empty()) return std::nullopt;
  const auto middle = points.begin() + static_cast<ptrdiff_t>(points.size() / 2);
  std::ranges::nth_element(points, middle, {}, &std::pair<double, double>::second);
  return middle->second;
}

std::string number_cell(std::optional<double> value) {
  if (!value) return "<td class='number'>-</td>";
  const std::string text =
      *value >= 10000 ? base::format_count(*value) : fmt::format("{:.5g}", *value);
  return fmt::format("<td class='number'>{}</td>", text);
}

std::string numbers_section(const Runs& runs) {
  if (runs.empty()) return "";
  std::string html =
      "<h2>Final numbers</h2>\n<div class='wide'><table><tr><th>run<th>step<th>tokens<th>loss"
      "<th>held-out loss<th>lowest<th>bits per byte<th>held-out bits per byte<th>tokens/s "
      "(median)</tr>\n";
  for (const RunRecord& run : runs) {
    html += "<tr><th>" + escape_html(run.name) + "</th>";
    for (const char* metric : {"step", "tokens", "loss", "eval/loss"}) {
      html += number_cell(last_of(run, metric));
    }
    html += number_cell(lowest_of(run, "eval/loss"));
    html += number_cell(last_of(run, "bits_per_byte")) +
            number_cell(last_of(run, "eval/bits_per_byte"));
    html += number_cell(median_of(run, "tokens_per_second")) + "</tr>\n";
  }
  return html + "</table></div>\n";
}

// ---- configs

struct ConfigRow {
  std::string key;
  std::vector<std::string> values;  ///< one per run; empty: the run has no such key
  bool differs() const {
    return std::ranges::any_of(values, [&](const std::string& v) { return v != values[0]; });
  }
};

std::vector<ConfigRow> config_rows(const Runs& runs) {
  std::vector<ConfigRow> rows;
  std::map<std::string, size_t> row_of_key;
  for (size_t i = 0; i < runs.size(); ++i) {
    for (const auto& [key, value] : runs[i].config) {
      const auto [at, is_new] = row_of_key.try_emplace(key, rows.size());
      if (is_new) rows.push_back({key, std::vector<std::string>(runs.size())});
      rows[at->second].values[i] = value;
    }
  }
  return rows;
}

std::string config_table(const Runs& runs, const std::vector<ConfigRow>& rows,
                         bool only_differences) {
  std::string html = "<div class='wide'><table><tr><th>key";
  for (const RunRecord& run : runs) html += "<th>" + escape_html(run.name);
  html += "</tr>\n";
  for (const ConfigRow& row : rows) {
    if (only_differences && !row.differs()) continue;
    html += fmt::format("<tr{}><th>{}</th>", row.differs() ? " class='differs'" : "",
                        escape_html(row.key));
    for (const std::string& value : row.values) html += "<td>" + escape_html(value) + "</td>";
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

std::string config_section(const Runs& runs) {
  const std::vector<ConfigRow> rows = config_rows(runs);
  if (rows.empty()) return "";
  std::string html = "<h2>Config</h2>\n";
  if (runs.size() > 1) {
    html += std::ranges::any_of(rows, &ConfigRow::differs)
                ? "<p>What differs:</p>\n" + config_table(runs, rows, true)
                : "<p>The configs are equal.</p>\n";
  }
  return html + "<details><summary>All keys</summary>\n" + config_table(runs, rows, false) +
         "</details>\n";
}

}  // namespace

std::string report_page(const Runs& runs, const std::vector<EvaluationRecord>& evaluations) {
  std::string names;
  for (const RunRecord& run : runs) names += (names.empty() ? "" : ", ") + run.name;
  if (runs.empty()) names = "Evaluations";
  return fmt::format(
      "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\n"
      "<meta name='viewport' content='width=device-width'>\n<title>{0}</title>\n"
      "<style>{1}</style></head>\n<body>\n<h1>{0}</h1>\n{2}{3}{4}{5}{6}</body></html>\n",
      escape_html(names), kReportStyle, numbers_section(runs), evaluations_section(evaluations),
      curves_section(runs), samples_section(runs), config_section(runs));
}

}  // namespace strata::trainer
