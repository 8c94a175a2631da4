#include "trainer/report/samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "trainer/report/chart.h"

namespace strata::trainer {
namespace {

constexpr size_t kMostSamples = 60;  // of a run, and of prompts side by side; for a page that loads

/// The newest sample of each prompt of a run.
using NewestOf = std::map<std::string_view, const SampleRecord*>;

NewestOf newest_samples(const RunRecord& run) {
  NewestOf newest;
  for (const SampleRecord& sample : run.samples) {
    const auto [at, is_new] = newest.try_emplace(sample.prompt, &sample);
    if (sample.step >= at->second->step) at->second = &sample;
  }
  return newest;
}

/// Prompts that more than one run answered, in the order in which they are met.
std::vector<std::string_view> shared_prompts(const std::vector<RunRecord>& runs,
                                             const std::vector<NewestOf>& newest) {
  std::vector<std::string_view> prompts;
  std::set<std::string_view> met;
  for (const RunRecord& run : runs) {
    for (const SampleRecord& sample : run.samples) {
      const auto asked = [&](const NewestOf& other) { return other.contains(sample.prompt); };
      if (!met.insert(sample.prompt).second || std::ranges::count_if(newest, asked) < 2) continue;
      prompts.push_back(sample.prompt);
      if (prompts.size() == kMostSamples) return prompts;
    }
  }
  return prompts;
}

std::string score_of(const SampleRecord& sample) {
  return sample.score ? fmt::format(" <small>({:.4g})</small>", *sample.score) : "";
}

std::string answer_cell(const SampleRecord& sample) {
  return fmt::format("<td class='text'>{}{}</td>", escape_html(sample.completion),
                     score_of(sample));
}

std::string side_by_side(const std::vector<RunRecord>& runs) {
  std::vector<NewestOf> newest;
  for (const RunRecord& run : runs) newest.push_back(newest_samples(run));
  const std::vector<std::string_view> prompts = shared_prompts(runs, newest);
  if (prompts.empty()) return "";
  std::string html =
      "<h3>Side by side</h3>\n<p><small>each run's newest answer; in brackets its "
      "score</small></p>\n<div class='wide'><table><tr><th>prompt";
  for (const RunRecord& run : runs) {
    if (!run.samples.empty()) html += "<th>" + escape_html(run.name);
  }
  html += "</tr>\n";
  for (const std::string_view prompt : prompts) {
    html += "<tr><td class='text'><b>" + escape_html(prompt) + "</b></td>";
    for (size_t i = 0; i < runs.size(); ++i) {
      if (runs[i].samples.empty()) continue;
      const auto found = newest[i].find(prompt);
      html += found == newest[i].end() ? "<td>-</td>" : answer_cell(*found->second);
    }
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

std::string list_of(const RunRecord& run) {
  const size_t skipped = run.samples.size() > kMostSamples ? run.samples.size() - kMostSamples : 0;
  std::string html = fmt::format("<h3>{}</h3>\n", escape_html(run.name));
  if (skipped > 0) {
    html += fmt::format("<p>The newest {} of {}.</p>\n", kMostSamples, run.samples.size());
  }
  html += "<table><tr><th>step<th>prompt and completion</tr>\n";
  for (size_t i = skipped; i < run.samples.size(); ++i) {
    const SampleRecord& sample = run.samples[i];
    html += fmt::format("<tr><td class='number'>{}</td><td class='text'><b>{}</b>{}{}</td></tr>\n",
                        sample.step, escape_html(sample.prompt), escape_html(sample.completion),
                        score_of(sample));
  }
  return html + "</table>\n";
}

}  // namespace

std::string samples_section(const std::vector<RunRecord>& runs) {
  std::string lists;
  for (const RunRecord& run : runs) {
    if (!run.samples.empty()) lists += list_of(run);
  }
  if (lists.empty()) return "";
  const std::string shared = side_by_side(runs);
  if (shared.empty()) return "<h2>Samples</h2>\n" + lists;
  return "<h2>Samples</h2>\n" + shared + "<details><summary>All samples of each run</summary>\n" +
         lists + "</details>\n";
}

}  // namespace strata::trainer
