#include "trainer/loop/run_metrics.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/format.h"
#include "parallel/comm/collectives.h"
#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

constexpr double kGib = 1024.0 * 1024 * 1024;

/// The most memory this process has held.
double peak_memory_gib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / kGib;
}

/// The same order on every layout: rank 0 of a pipeline hears of the loss last.
MetricLog::Values loss_first(MetricLog::Values values) {
  std::ranges::stable_partition(values, [](const auto& item) { return item.first == "loss"; });
  std::ranges::stable_partition(values, [](const auto& item) { return item.first != "grad_norm"; });
  return values;
}

/// What stands in the log line; metrics.jsonl has all of them. Names with a group ("policy/...")
/// are many: only the scores, the divergence and what the user asked to watch are shown.
bool is_headline(std::string_view name) {
  if (name == "bits_per_byte") return false;
  return name.find('/') == std::string_view::npos || name == "objective/scores" ||
         name == "objective/kl" || name.starts_with("watch/");
}

}  // namespace

RunMetrics::RunMetrics(Session& session, int64_t done, int64_t steps)
    : session_(session), steps_(steps), since_(Clock::now()), peak_flops_(session) {
  if (!session.is_main_rank()) return;
  file_.emplace(session.folder() / "metrics.jsonl", done);
  if (session.config().log.tensorboard)
    tensorboard_.emplace(session.folder() / "tensorboard", done);
  progress_.emplace(session.log(), "train");
}

RunMetrics::~RunMetrics() = default;

void RunMetrics::after_step(int64_t k, const Algorithm::Work& work, double data_wait_seconds) {
  ++steps_since_;
  work_since_.tokens += work.tokens;
  work_since_.flops += work.flops;
  wait_since_ += data_wait_seconds - wait_seen_;
  wait_seen_ = data_wait_seconds;
  if (progress_) progress_->update(k, steps_);
}

RunMetrics::Rates RunMetrics::rates(int64_t k) {
  const double seconds = std::chrono::duration<double>(Clock::now() - since_).count();
  const double step_seconds = seconds / static_cast<double>(std::max<int64_t>(steps_since_, 1));
  Rates rates{};
  rates.tokens_per_second = static_cast<double>(work_since_.tokens) / seconds;
  rates.data_fraction = wait_since_ / seconds;
  rates.eta_seconds = step_seconds * static_cast<double>(steps_ - k);
  rates.memory_gib = parallel::all_max(session_.world(), peak_memory_gib());
  rates.mfu = work_since_.flops / seconds / peak_flops_.measure();
  since_ = Clock::now();
  steps_since_ = 0;
  work_since_ = {};
  wait_since_ = 0;
  return rates;
}

void RunMetrics::write(int64_t k, double learning_rate, int64_t tokens_so_far,
                       const MetricLog::Values& training, const MetricLog::Values& evaluation) {
  const Rates now = rates(k);
  if (!file_) return;
  MetricLog::Values row{{"step", static_cast<double>(k)}};
  const MetricLog::Values ordered = loss_first(training);
  row.insert(row.end(), ordered.begin(), ordered.end());
  row.emplace_back("lr", learning_rate);
  row.emplace_back("tokens", static_cast<double>(tokens_so_far));
  row.emplace_back("tokens_per_second", now.tokens_per_second);
  row.emplace_back("mfu", now.mfu);
  row.emplace_back("memory_gib", now.memory_gib);
  row.emplace_back("data_fraction", now.data_fraction);
  row.emplace_back("eta_seconds", now.eta_seconds);
  for (const auto& [name, value] : evaluation) row.emplace_back("eval/" + name, value);
  file_->append(row);
  if (tensorboard_) tensorboard_->append(k, row);
  show(k, learning_rate, now, ordered, evaluation);
}

void RunMetrics::show(int64_t k, double learning_rate, const Rates& rates,
                      const MetricLog::Values& training, const MetricLog::Values& evaluation) {
  const double ranks = session_.world().size();
  std::string line = fmt::format("step {}/{} {:.1f}%", k, steps_,
                                 100.0 * static_cast<double>(k) / static_cast<double>(steps_));
  for (const auto& [name, value] : training) {
    if (name == "grad_norm") {
      line += fmt::format(" gnorm {:.3g}", value);
    } else if (is_headline(name)) {
      line += fmt::format(" {} {:.4g}", name, value);
    }
  }
  line += fmt::format(" lr {:.1e} tok/s {} ({}/rank) mfu {:.1f}% mem {:.1f}G data {:.1f}% eta {}",
                      learning_rate, base::format_count(rates.tokens_per_second),
                      base::format_count(rates.tokens_per_second / ranks), 100 * rates.mfu,
                      rates.memory_gib, 100 * rates.data_fraction,
                      base::format_duration(rates.eta_seconds));
  session_.log().info(line);
  if (evaluation.empty()) return;
  line = fmt::format("eval {}/{}", k, steps_);
  for (const auto& [name, value] : evaluation) line += fmt::format(" {} {:.4f}", name, value);
  session_.log().info(line);
}

}  // namespace strata::trainer
