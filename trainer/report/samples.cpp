#include "trainer/report/samples.h"

#include <fmt/format.h>

#include <algorithm>

#include "trainer/report/chart.h"

namespace strata::trainer {
namespace {

constexpr size_t kMostSamples = 60;  // of a run, and of prompts side by side; for a page that loads

/// The newest sample of a prompt, or null.
const SampleRecord* newest_of(const RunRecord& run, const std::string& prompt) {
  const SampleRecord* newest = nullptr;
  for (const SampleRecord& sample : run.samples) {
    if (sample.prompt == prompt && (newest == nullptr || sample.step >= newest->step))
      newest = &sample;
  }
  return newest;
}

/// Prompts that more than one run answered, in the order in which they are met.
std::vector<std::string> shared_prompts(const std::vector<RunRecord>& runs) {
  std::vector<std::string> prompts;
  for (const RunRecord& run : runs) {
    for (const SampleRecord& sample : run.samples) {
      const auto asked = [&](const RunRecord& other) {
        return newest_of(other, sample.prompt) != nullptr;
      };
      if (std::ranges::count(prompts, sample.prompt) == 0 && std::ranges::count_if(runs, asked) > 1)
        prompts.push_back(sample.prompt);
      if (prompts.size() == kMostSamples) return prompts;
    }
  }
  return prompts;
}

std::string score_of(const SampleRecord& sample) {
  return sample.score ? fmt::format(" <small>({:.4g})</small>", *sample.score) : "";
}

std::string side_by_side(const std::vector<RunRecord>& runs) {
  const std::vector<std::string> prompts = shared_prompts(runs);
  if (prompts.empty()) return "";
  std::string html =
      "<h3>Side by side</h3>\n<p><small>each run's newest answer; in brackets its "
      "score</small></p>\n<div class='wide'><table><tr><th>prompt";
  for (const RunRecord& run : runs) {
    if (!run.samples.empty()) html += "<th>" + escape_html(run.name);
  }
  html += "</tr>\n";
  for (const std::string& prompt : prompts) {
    html += "<tr><td class='text'><b>" + escape_html(prompt) + "</b></td>";
    for (const RunRecord& run : runs) {
      if (run.samples.empty()) continue;
      const SampleRecord* sample = newest_of(run, prompt);
      html += sample == nullptr ? "<td>-</td>"
                                : fmt::format("<td class='text'>{}{}</td>",
                                              escape_html(sample->completion), score_of(*sample));
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
