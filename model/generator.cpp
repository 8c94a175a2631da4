#include "model/generator.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "model/decoder.h"
#include "model/relay.h"
#include "model/sampling.h"
#include "parallel/comm/collectives.h"
#include "parallel/mesh/context.h"
#include "parallel/params/param_store.h"

namespace strata::model {
namespace {

constexpr int64_t kPrefillTokens = 8192;  // of one pass over prompts, padding counted

void check_request(const Decoder& decoder, std::span<const std::vector<int32_t>> prompts,
                   std::span<const int64_t> answer_numbers) {
  base::ensure(prompts.size() == answer_numbers.size(), "one answer number for each prompt");
  for (size_t i = 0; i < prompts.size(); ++i) {
    const auto length = static_cast<int64_t>(prompts[i].size());
    if (length == 0)
      throw base::UserError(base::kBadData, fmt::format("prompt {} has no tokens", i + 1));
    if (length >= decoder.config().context) {
      throw base::UserError(
          base::kBadData,
          fmt::format("prompt {} has {} tokens, which leaves no room in the model's context of {}",
                      i + 1, length, decoder.config().context));
    }
  }
}

}  // namespace

struct Generator::State {
  const Decoder& decoder;
  LayerStates cache;  // kept from call to call
};

namespace {

/// One call of generate: rows in work hold the first places of the cache, without gaps.
class GeneratorRun {
 public:
  GeneratorRun(const Decoder& decoder, LayerStates& cache,
               std::span<const std::vector<int32_t>> prompts,
               std::span<const int64_t> answer_numbers, const SamplingConfig& sampling,
               const GenerationHooks& hooks, int64_t max_rows)
      : decoder_(decoder),
        cache_(cache),
        prompts_(prompts),
        answer_numbers_(answer_numbers),
        sampling_(sampling),
        hooks_(hooks),
        max_rows_(max_rows),
        completions_(prompts.size()) {}

  std::vector<Completion> run() {
    if (sampling_.max_new_tokens <= 0) return std::move(completions_);
    while (waiting_ < prompts_.size() || !in_work_.empty()) {
      while (waiting_ < prompts_.size() && static_cast<int64_t>(in_work_.size()) < max_rows_)
        admit();
      drop_finished();
      if (!in_work_.empty()) advance();
      drop_finished();
    }
    return std::move(completions_);
  }

 private:
  struct Row {
    size_t prompt = 0;   // which one
    int64_t length = 0;  // tokens in the cache
    bool finished = false;
  };

  // As many waiting prompts as there is room for go through the model at once; each yields its
  // first token.
  void admit() {
    const size_t first = in_work_.size();
    int64_t longest = 0;
    while (waiting_ < prompts_.size() && static_cast<int64_t>(in_work_.size()) < max_rows_) {
      const auto length = static_cast<int64_t>(prompts_[waiting_].size());
      const auto rows = static_cast<int64_t>(in_work_.size() - first);
      if (rows > 0 && (rows + 1) * std::max(longest, length) > kPrefillTokens) break;
      longest = std::max(longest, length);
      in_work_.push_back({.prompt = waiting_++, .length = length});
    }
    const auto rows = static_cast<int64_t>(in_work_.size() - first);
    const at::Tensor tokens_bt = at::zeros({rows, longest}, at::kLong);
    const at::Tensor last_b = at::empty({rows}, at::kLong);
    for (int64_t i = 0; i < rows; ++i) {
      const std::vector<int32_t>& ids = prompts_[in_work_[first + i].prompt];
      std::copy(ids.begin(), ids.end(), tokens_bt.mutable_data_ptr<int64_t>() + i * longest);
      last_b.mutable_data_ptr<int64_t>()[i] = i * longest + static_cast<int64_t>(ids.size()) - 1;
    }
    const at::Tensor start_b = at::zeros({rows}, at::kLong);
    take(first, rows, choose_next(first, tokens_bt, start_b, last_b));
  }

  // Every row in work gets its next token.
  void advance() {
    const auto rows = static_cast<int64_t>(in_work_.size());
    const at::Tensor tokens_bt = at::empty({rows, 1}, at::kLong),
                     start_b = at::empty({rows}, at::kLong);
    for (int64_t i = 0; i < rows; ++i) {
      tokens_bt.mutable_data_ptr<int64_t>()[i] = completions_[in_work_[i].prompt].tokens.back();
      start_b.mutable_data_ptr<int64_t>()[i] = in_work_[i].length++;
    }
    take(0, rows, choose_next(0, tokens_bt, start_b, {}));
  }

  // Runs new tokens of the rows from `first` on through all stages. The last stage chooses and
  // tells the others, so that all ranks go on with the same tokens. last_b: which of the n hidden
  // states each row goes on from; undefined: all.
  std::vector<Choice> choose_next(size_t first, const at::Tensor& tokens_bt,
                                  const at::Tensor& start_b, const at::Tensor& last_b) {
    const int64_t rows = tokens_bt.size(0);
    const at::Device device = decoder_.params().options().device;
    const at::Tensor tokens_there_bt = tokens_bt.to(device);
    const auto run = [&](int chunk, const at::Tensor& hidden_nd) {
      return decoder_.forward_from(chunk, tokens_there_bt, start_b, static_cast<int64_t>(first),
                                   cache_, hidden_nd);
    };
    at::Tensor h_nd = relay(decoder_, {tokens_bt.numel(), decoder_.config().width}, run);
    parallel::Communicator& everyone = decoder_.context().along(parallel::kModelAxes);
    const int root = last_stage_root(decoder_);

    std::vector<Choice> choices(rows);
    if (h_nd.defined()) {
      if (last_b.defined()) h_nd = h_nd.index_select(0, last_b.to(device));
      const at::Tensor logits_nv = decoder_.head(nullptr).logits(h_nd).cpu();
      if (everyone.rank() == root) choices = choose(logits_nv, draws_of(first, rows), sampling_);
    }
    if (everyone.size() > 1) share(everyone, root, choices);
    return choices;
  }

  std::vector<Draw> draws_of(size_t first, int64_t rows) const {
    std::vector<Draw> draws;
    for (int64_t i = 0; i < rows; ++i) {
      const size_t prompt = in_work_[first + i].prompt;
      draws.push_back({.answer = answer_numbers_[prompt],
                       .position = static_cast<int64_t>(completions_[prompt].tokens.size())});
    }
    return draws;
  }

  static void share(parallel::Communicator& everyone, int root, std::vector<Choice>& choices) {
    at::Tensor numbers =
        at::empty({static_cast<int64_t>(choices.size()), 2}, at::kDouble);  // exact for both
    double* number = numbers.mutable_data_ptr<double>();
    for (size_t i = 0; i < choices.size(); ++i) {
      number[2 * i] = choices[i].token;
      number[2 * i + 1] = choices[i].logprob;
    }
    at::Tensor travelling = numbers.to(everyone.device());
    parallel::broadcast_wait(everyone, travelling, root);
    numbers.copy_(travelling);
    for (size_t i = 0; i < choices.size(); ++i)
      choices[i] = {static_cast<int32_t>(number[2 * i]), static_cast<float>(number[2 * i + 1])};
  }

  void take(size_t first, int64_t rows, const std::vector<Choice>& choices) {
    for (int64_t i = 0; i < rows; ++i) {
      Row& row = in_work_[first + i];
      Completion& answer = completions_[row.prompt];
      answer.tokens.push_back(choices[i].token);
      answer.logprobs.push_back(choices[i].logprob);
      const int number = static_cast<int>(row.prompt);
      if (hooks_.on_token) hooks_.on_token(number, choices[i].token, choices[i].logprob);
      const auto& ends = sampling_.end_ids;
      answer.reached_end = std::find(ends.begin(), ends.end(), choices[i].token) != ends.end() ||
                           (hooks_.stop_when && hooks_.stop_when(number, answer.tokens));
      const auto made = static_cast<int64_t>(answer.tokens.size());
      row.finished = answer.reached_end || made == sampling_.max_new_tokens ||
                     row.length + 1 == decoder_.config().context;
    }
  }

  // The last row moves into the place of a finished one.
  void drop_finished() {
    for (size_t i = 0; i < in_work_.size();) {
      if (!in_work_[i].finished) {
        ++i;
        continue;
      }
      const size_t last = in_work_.size() - 1;
      if (i != last) {
        for (const auto& layer : cache_.layers)
          layer->move_row(static_cast<int64_t>(last), static_cast<int64_t>(i));
        in_work_[i] = in_work_[last];
      }
      in_work_.pop_back();
    }
  }

  const Decoder& decoder_;
  LayerStates& cache_;
  std::span<const std::vector<int32_t>> prompts_;
  std::span<const int64_t> answer_numbers_;
  const SamplingConfig& sampling_;
  const GenerationHooks& hooks_;
  int64_t max_rows_;
  std::vector<Completion> completions_;
  std::vector<Row> in_work_;
  size_t waiting_ = 0;
};

}  // namespace

Generator::Generator(const Decoder& decoder) : state_(new State{decoder, {}}) {}

Generator::~Generator() = default;

std::vector<Completion> Generator::generate(std::span<const std::vector<int32_t>> prompts,
                                            std::span<const int64_t> answer_numbers,
                                            const SamplingConfig& sampling,
                                            const GenerationHooks& hooks, int64_t max_rows) {
  const at::NoGradGuard no_grad;
  const Decoder& decoder = state_->decoder;
  LayerStates& cache = state_->cache;
  check_request(decoder, prompts, answer_numbers);
  int64_t longest = 0;
  for (const auto& prompt : prompts)
    longest = std::max(longest, static_cast<int64_t>(prompt.size()));
  const auto all = static_cast<int64_t>(prompts.size());
  const int64_t rows = max_rows > 0 ? std::min(max_rows, all) : all;
  const int64_t length =
      std::min(longest + std::max<int64_t>(sampling.max_new_tokens, 0), decoder.config().context);
  if (cache.rows < rows || cache.max_length < length) {
    cache = {};
    cache = decoder.make_states(rows, length);
  }
  return GeneratorRun(decoder, cache, prompts, answer_numbers, sampling, hooks, rows).run();
}

}  // namespace strata::model
