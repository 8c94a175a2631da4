#include "trainer/loop/run_loop.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "parallel/optimizer/lr_schedule.h"
#include "trainer/checkpoint/reader.h"
#include "trainer/checkpoint/writer.h"
#include "trainer/loop/algorithm.h"
#include "trainer/loop/profile.h"
#include "trainer/loop/run_metrics.h"
#include "trainer/loop/stop_request.h"
#include "trainer/session/session.h"

namespace strata::trainer {
namespace {

/// What a checkpoint says of the run beside the models.
struct RunState {
  int64_t tokens = 0;
  std::string algorithm;

  std::string text() const {
    return base::compact_json({{"tokens", tokens}, {"algorithm", algorithm}});
  }
  static RunState parse(const std::string& text) {
    const base::Json json = base::parse_json(text, "run state", base::kBadCheckpoint);
    const base::JsonReader reader(json, "run state", base::kBadCheckpoint);
    return {reader.integer("tokens"), reader.string("algorithm")};
  }
};

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
    RunMetrics metrics(session_, done, steps_, algorithm_.flops_per_step());
    Profile profile(config_.log.profile, session_.folder(), session_.world().rank());
    if (done >= steps_) {
      session_.log().info(fmt::format("step {} of {} was reached before: nothing to train", done, steps_));
    } else if (done == 0) {
      metrics.note_evaluation(evaluate());
      if (evaluation_) metrics.write_row(0, {});
    }
    for (int64_t k = done + 1; k <= steps_; ++k) {
      profile.before(k);
      train(k, metrics);
      profile.after(k);
      settle(k, metrics);
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
      throw base::UserError(base::kBadUsage, fmt::format("run.resume is never, but {} has checkpoints (newest: {})",
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
    const double lr = parallel::learning_rate(config_.optimizer, k, steps_);
    MetricLog log;
    if (!algorithm_.step(k, lr, log)) {
      const MetricLog::Values values = log.reduce(session_.world());
      throw base::UserError(base::kBadNumbers,
                            fmt::format("step {}: loss {}, gradient norm {}: not finite. The step was not applied; the newest checkpoint "
                                        "in {} is sound. A lower optimizer.lr or precision.compute=fp32 may help",
                                        k, value_of(values, "loss", std::nan("")), value_of(values, "grad_norm", std::nan("")),
                                        (session_.folder() / "checkpoints").string()));
    }
    tokens_ += algorithm_.tokens_per_step();
    metrics.after_step(k, algorithm_.tokens_per_step(), algorithm_.data_wait_seconds());
    const bool evaluates = config_.eval.every > 0 && (k % config_.eval.every == 0 || k == steps_);
    const bool logs = k % config_.log.every == 0 || k == 1 || k == steps_;
    if (!logs && !evaluates) return;
    MetricLog::Values values = log.reduce(session_.world());
    metrics.note_training(k, lr, tokens_, values);
    if (evaluates) metrics.note_evaluation(evaluate());
    metrics.write_row(k);
  }

  MetricLog::Values evaluate() {
    MetricLog log;
    algorithm_.evaluate(log);
    MetricLog::Values values = log.reduce(session_.world());
    score_.reset();
    for (const auto& [name, value] : values) {
      if (name == "loss") score_ = value;
    }
    return values;
  }

  /// Saves where it is time to, and ends the run where that was asked for.
  void settle(int64_t k, const RunMetrics&) {
    const bool stop = stop_.anywhere(session_.world());
    const bool due = config_.checkpoint.every > 0 && k % config_.checkpoint.every == 0;
    writer_.settle(/*wait=*/false);
    if (!stop && !due && k != steps_) return;
    const std::vector<CheckpointModel> models = algorithm_.models();
    writer_.save(k, models, RunState{tokens_, algorithm_.state()}.text(), score_);
    if (!stop || k == steps_) return;
    writer_.settle(/*wait=*/true);
    throw base::UserError(base::kStopped, fmt::format("stopped on request after step {}; its state is saved: run again to go on", k));
  }

  Session& session_;
  const RunConfig& config_;
  Algorithm& algorithm_;
  const int64_t steps_;
  StopRequest stop_;
  CheckpointWriter writer_;
  int64_t tokens_ = 0;
  std::optional<double> score_;
};

}  // namespace

void run_loop(Session& session, Algorithm& algorithm, int64_t steps) { Loop(session, algorithm, steps).run(); }

}  // namespace strata::trainer
