#include "trainer/loop/run_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "base/error.h"
#include "parallel/comm/collectives.h"
#include "parallel/optimizer/lr_schedule.h"
#include "parallel/params/param_store.h"
#include "trainer/checkpoint/reader.h"
#include "trainer/checkpoint/writer.h"
#include "trainer/loop/algorithm.h"
#include "trainer/loop/profile.h"
#include "trainer/loop/run_metrics.h"
#include "trainer/loop/run_state.h"
#include "trainer/models/adapters.h"
#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

class Loop {
 public:
  Loop(Session& session, Algorithm& algorithm, int64_t steps)
      : session_(session),
        config_(session.config()),
        algorithm_(algorithm),
        steps_(steps),
        writer_(session.folder(), session.context(), config_.checkpoint) {}

  void run() {
    const int64_t done = resume();
    RunMetrics metrics(session_, done, steps_);
    Profile profile(config_.log.profile, session_.folder(), session_.world().rank());
    if (done >= steps_) {
      session_.log().info(
          fmt::format("step {} of {} was reached before: nothing to train", done, steps_));
    }
    for (int64_t k = done + 1; k <= steps_; ++k) {
      profile.before(k);
      train(k, metrics);
      profile.after(k);
      settle(k);
    }
    writer_.settle(/*wait=*/true);
    algorithm_.save_model(session_.folder() / "model");
    session_.log().info(fmt::format("model: {}", (session_.folder() / "model").string()));
  }

 private:
  /// The step that was done last: 0 in a fresh run.
  int64_t resume() {
    const auto warn = [&](std::string_view line) { session_.log().warning(line); };
    const auto folder = find_checkpoint(session_.folder(), session_.context(), warn);
    if (!folder) return 0;
    if (config_.run.resume == "never") {
      throw base::UserError(base::kBadUsage,
                            fmt::format("run.resume is never, but {} has checkpoints (newest: {})",
                                        session_.folder().string(), folder->filename().string()));
    }
    const CheckpointReader reader(*folder);
    for (const CheckpointModel& model : algorithm_.models()) reader.read(model);
    const RunState state = RunState::parse(reader.run_state());
    tokens_ = state.tokens;
    algorithm_.restore(state.algorithm, reader.step());
    session_.log().info(fmt::format("going on from {}", folder->string()));
    return reader.step();
  }

  void train(int64_t k, RunMetrics& metrics) {
    session_.set_step(k);
    score_.reset();
    const double lr = parallel::learning_rate(config_.optimizer, k, steps_);
    MetricLog log;
    if (!algorithm_.step(k, lr, log)) {
      const MetricLog::Values values = log.reduce(session_.world());
      writer_.settle(/*wait=*/true);
      throw base::UserError(
          base::kBadNumbers,
          fmt::format(
              "step {}: loss {}, gradient norm {}: not finite. The step was not applied, and "
              "earlier checkpoints are untouched; a lower optimizer.lr or "
              "precision.compute=fp32 may help",
              k, value_of(values, "loss", std::nan("")),
              value_of(values, "grad_norm", std::nan(""))));
    }
    tokens_ += algorithm_.last_work().tokens;
    metrics.after_step(k, algorithm_.last_work(), algorithm_.data_wait_seconds());
    const bool evaluates = config_.eval.every > 0 && (k % config_.eval.every == 0 || k == steps_);
    const bool logs = k % config_.log.every == 0 || k == 1 || k == steps_;
    if (!logs && !evaluates) return;
    const MetricLog::Values training = log.reduce(session_.world());
    metrics.write(k, lr, tokens_, training, evaluates ? evaluate() : MetricLog::Values{});
  }

  MetricLog::Values evaluate() {
    MetricLog log;
    algorithm_.evaluate(log);
    MetricLog::Values values = log.reduce(session_.world());
    if (values.empty()) return values;
    // Less is better: of ppo and grpo, whose evaluation has no loss, the reward with the other
    // sign.
    score_ = value_of(values, "loss", -value_of(values, "scores", std::nan("")));
    if (algorithm_.has_perplexity()) values.emplace_back("perplexity", std::exp(*score_));
    return values;
  }

  /// Saves where it is time to, and ends the run where that was asked for.
  void settle(int64_t k) {
    const bool stop = session_.stop_asked();
    const bool due = config_.checkpoint.every > 0 && k % config_.checkpoint.every == 0;
    writer_.settle(/*wait=*/false);
    if (!stop && !due && k != steps_) return;
    const std::vector<CheckpointModel> models = algorithm_.models();
    refuse_bad_weights(k, models);
    const RunState state{tokens_, algorithm_.state(), algorithm_.model_info(),
                         lora_record(config_)};
    writer_.save(k, models, state.text(), score_);
    if (!stop || k == steps_) return;
    writer_.settle(/*wait=*/true);
    throw base::UserError(
        base::kStopped,
        fmt::format("stopped on request after step {}; its state is saved: run again to go on", k));
  }

  /// An update may leave the range of its type after a gradient that was sound; no later step could
  /// go on from there.
  void refuse_bad_weights(int64_t k, std::span<const CheckpointModel> models) {
    const bool sound = std::ranges::all_of(
        models, [](const CheckpointModel& model) { return model.params->all_finite(); });
    if (parallel::all_max(session_.world(), sound ? 0 : 1) == 0) return;
    writer_.settle(/*wait=*/true);
    throw base::UserError(
        base::kBadNumbers,
        fmt::format("step {}: weights are not finite after the update. They are not saved, and "
                    "earlier checkpoints are untouched; a lower optimizer.lr may help",
                    k));
  }

  Session& session_;
  const RunConfig& config_;
  Algorithm& algorithm_;
  const int64_t steps_;
  CheckpointWriter writer_;
  int64_t tokens_ = 0;
  std::optional<double> score_;
};

}  // namespace

void run_loop(Session& session, Algorithm& algorithm, int64_t steps) {
  Loop(session, algorithm, steps).run();
}

}  // namespace strata::trainer
