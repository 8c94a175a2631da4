// Task perplexity: loss, perplexity and bits per byte of the model on the text of data.eval.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "trainer/evaluation/evaluation.h"
#include "trainer/evaluation/task.h"
#include "trainer/jobs/conversation.h"
#include "trainer/jobs/start.h"
#include "trainer/jobs/supervised.h"
#include "trainer/objectives/next_token.h"

namespace strata::trainer {
namespace {

class Perplexity : public Task {
 public:
  explicit Perplexity(Evaluation& evaluation)
      : evaluation_(evaluation),
        chat_(choose_chat(evaluation.config(), codec())),
        stream_(open()),
        options_(loader_options(evaluation.config(), evaluation.session().context())) {
    evaluation.need_language_model("perplexity");
  }

  TaskResult run() override {
    const int64_t available = data::steps_in(*stream_.size(), options_.global);
    const int64_t wanted = evaluation_.config().eval.batches;
    const int64_t batches = wanted == 0 ? available : std::min(available, wanted);
    Engine engine(*evaluation_.model().model.decoder, nullptr, {});
    MetricLog log;
    const NextToken objective;
    for (int64_t batch = 0; batch < batches; ++batch)
      engine.evaluate(data::batches_of_step(stream_, options_, batch), objective, log);

    TaskResult result;
    const MetricLog::Values values = log.reduce(evaluation_.session().world());
    for (const auto& [name, value] : values) result.measures.push_back({name, value});
    const int64_t sequences = std::min(batches * options_.global, *stream_.size());
    result.measures.push_back({"perplexity", std::exp(value_of(values, "loss", std::nan("")))});
    result.measures.push_back({"sequences", static_cast<double>(sequences)});
    return result;
  }

 private:
  const data::Tokenizer* codec() const {
    const auto& tokenizer = evaluation_.model().tokenizer;
    return tokenizer ? &*tokenizer : nullptr;
  }

  data::SampleStream open() {
    const RunConfig& config = evaluation_.config();
    const model::ModelConfig& model = evaluation_.model().source.info.config;
    check_sequence(config, model);
    data::DatasetContext rows{config.data, config.batch.sequence, codec(), model.vocabulary()};
    rows.chat = chat_ ? &*chat_ : nullptr;
    data::SampleStream stream = data::SampleStream::open_evaluation(rows);
    if (config.data.eval.empty())
      throw base::UserError(base::kBadUsage, "data.eval: says what to measure on, and is not set");
    if (stream.size().value_or(0) == 0) {
      throw base::UserError(base::kBadData, fmt::format("data.eval: {} holds nothing to measure on",
                                                        config.data.eval.front().path));
    }
    return stream;
  }

  Evaluation& evaluation_;
  std::optional<data::ChatTemplate> chat_;
  data::SampleStream stream_;
  data::LoaderOptions options_;
};

}  // namespace

std::unique_ptr<Task> open_perplexity(Evaluation& evaluation) {
  return std::make_unique<Perplexity>(evaluation);
}

}  // namespace strata::trainer
