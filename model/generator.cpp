#include "model/generator.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "model/decoder.h"
#include "model/relay.h"
#include "model/sampling.h"
#include "model/shared_choices.h"
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

/// One call of generate. Rows in work stand in lanes, as many as there are pipeline stages: while
/// one stage works on the new tokens of a lane, the others have those of the other lanes. A lane
/// has a share of the cache's rows; those in work hold the first places of it, without gaps.
class GeneratorRun {
 public:
  GeneratorRun(const Decoder& decoder, LayerStates& cache,
               std::span<const std::vector<int32_t>> prompts,
               std::span<const int64_t> answer_numbers, const SamplingConfig& sampling,
               const GenerationHooks& hooks, int lanes, int64_t lane_rows)
      : decoder_(decoder),
        cache_(cache),
        prompts_(prompts),
        answer_numbers_(answer_numbers),
        sampling_(sampling),
        hooks_(hooks),
        lane_rows_(lane_rows),
        completions_(prompts.size()),
        lanes_(lanes) {
    for (int i = 0; i < lanes; ++i) lanes_[i].first_place = i * lane_rows;
  }

  std::vector<Completion> run() {
    if (sampling_.max_new_tokens <= 0) return std::move(completions_);
    for (size_t turn = 0; is_busy(); ++turn) {
      Lane& lane = lanes_[turn % lanes_.size()];
      settle(lane);
      if (waiting_ < prompts_.size() && has_room(lane)) {
        admit(lane);
      } else if (!lane.rows.empty()) {
        advance(lane);
      }
    }
    return std::move(completions_);
  }

 private:
  struct Row {
    size_t prompt = 0;   // which one
    int64_t length = 0;  // tokens in the cache
    bool finished = false;
  };
  struct Lane {
    int64_t first_place = 0;  // row of the cache
    std::vector<Row> rows;
    size_t first_chosen = 0;               // the rows from here on wait for
    std::optional<SharedChoices> choices;  // these
  };

  bool is_busy() const {
    return waiting_ < prompts_.size() ||
           std::ranges::any_of(lanes_, [](const Lane& lane) { return !lane.rows.empty(); });
  }
  bool has_room(const Lane& lane) const {
    return static_cast<int64_t>(lane.rows.size()) < lane_rows_;
  }

  // As many waiting prompts as there is room for go through the model at once; each yields its
  // first token.
  void admit(Lane& lane) {
    const size_t first = lane.rows.size();
    int64_t longest = 0;
    while (waiting_ < prompts_.size() && has_room(lane)) {
      const auto length = static_cast<int64_t>(prompts_[waiting_].size());
      const auto rows = static_cast<int64_t>(lane.rows.size() - first);
      if (rows > 0 && (rows + 1) * std::max(longest, length) > kPrefillTokens) break;
      longest = std::max(longest, length);
      lane.rows.push_back({.prompt = waiting_++, .length = length});
    }
    const auto rows = static_cast<int64_t>(lane.rows.size() - first);
    const at::Tensor tokens_bt = at::zeros({rows, longest}, at::kLong);
    const at::Tensor last_b = at::empty({rows}, at::kLong);
    for (int64_t i = 0; i < rows; ++i) {
      const std::vector<int32_t>& ids = prompts_[lane.rows[first + i].prompt];
      std::copy(ids.begin(), ids.end(), tokens_bt.mutable_data_ptr<int64_t>() + i * longest);
      last_b.mutable_data_ptr<int64_t>()[i] = i * longest + static_cast<int64_t>(ids.size()) - 1;
    }
    start_pass(lane, first, tokens_bt, at::zeros({rows}, at::kLong), last_b);
  }

  // Every row of the lane gets its next token.
  void advance(Lane& lane) {
    const auto rows = static_cast<int64_t>(lane.rows.size());
    const at::Tensor tokens_bt = at::empty({rows, 1}, at::kLong),
                     start_b = at::empty({rows}, at::kLong);
    for (int64_t i = 0; i < rows; ++i) {
      tokens_bt.mutable_data_ptr<int64_t>()[i] = completions_[lane.rows[i].prompt].tokens.back();
      start_b.mutable_data_ptr<int64_t>()[i] = lane.rows[i].length++;
    }
    start_pass(lane, 0, tokens_bt, start_b, {});
  }

  // Runs new tokens of the rows from `first` on through all stages. The last stage chooses and
  // tells the others, so that all ranks go on with the same tokens. last_b: from which of the n
  // tokens each row goes on; undefined: all.
  void start_pass(Lane& lane, size_t first, const at::Tensor& tokens_bt, const at::Tensor& start_b,
                  const at::Tensor& last_b) {
    const at::Device device = decoder_.params().options().device;
    const Input input{.tokens_bt = tokens_bt.to(device),
                      .read_n = last_b.defined() ? last_b.to(device) : last_b};
    const auto run = [&](int chunk, const at::Tensor& hidden_nd) {
      return decoder_.forward_from(
          chunk, input, start_b, lane.first_place + static_cast<int64_t>(first), cache_, hidden_nd);
    };
    const at::Tensor h_nd = relay(decoder_, {tokens_bt.numel(), decoder_.config().width}, run);
    at::Tensor logits_nv;
    if (h_nd.defined()) logits_nv = decoder_.head(nullptr).logits(h_nd).cpu();
    lane.first_chosen = first;
    lane.choices.emplace(decoder_, tokens_bt.size(0),
                         [&] { return choose(logits_nv, draws_of(lane), sampling_); });
  }

  std::vector<Draw> draws_of(const Lane& lane) const {
    std::vector<Draw> draws;
    for (size_t i = lane.first_chosen; i < lane.rows.size(); ++i) {
      const size_t prompt = lane.rows[i].prompt;
      draws.push_back({.answer = answer_numbers_[prompt],
                       .position = static_cast<int64_t>(completions_[prompt].tokens.size())});
    }
    return draws;
  }

  // The tokens of the lane's last pass join their rows, and rows that are finished leave.
  void settle(Lane& lane) {
    if (!lane.choices) return;
    const std::vector<Choice> choices = lane.choices->get();
    lane.choices.reset();
    for (size_t i = 0; i < choices.size(); ++i) take(lane.rows[lane.first_chosen + i], choices[i]);
    drop_finished(lane);
  }

  void take(Row& row, const Choice& choice) {
    Completion& answer = completions_[row.prompt];
    answer.tokens.push_back(choice.token);
    answer.logprobs.push_back(choice.logprob);
    const int number = static_cast<int>(row.prompt);
    if (hooks_.on_token) hooks_.on_token(number, choice.token, choice.logprob);
    const auto& ends = sampling_.end_ids;
    answer.reached_end = std::find(ends.begin(), ends.end(), choice.token) != ends.end() ||
                         (hooks_.stop_when && hooks_.stop_when(number, answer.tokens));
    const auto made = static_cast<int64_t>(answer.tokens.size());
    row.finished = answer.reached_end || made == sampling_.max_new_tokens ||
                   row.length + 1 == decoder_.config().context;
  }

  // The last row moves into the place of a finished one.
  void drop_finished(Lane& lane) {
    for (size_t i = 0; i < lane.rows.size();) {
      if (!lane.rows[i].finished) {
        ++i;
        continue;
      }
      const size_t last = lane.rows.size() - 1;
      if (i != last) {
        for (const auto& layer : cache_.layers) {
          layer->move_row(lane.first_place + static_cast<int64_t>(last),
                          lane.first_place + static_cast<int64_t>(i));
        }
        lane.rows[i] = lane.rows[last];
      }
      lane.rows.pop_back();
    }
  }

  const Decoder& decoder_;
  LayerStates& cache_;
  std::span<const std::vector<int32_t>> prompts_;
  std::span<const int64_t> answer_numbers_;
  const SamplingConfig& sampling_;
  const GenerationHooks& hooks_;
  int64_t lane_rows_;
  std::vector<Completion> completions_;
  std::vector<Lane> lanes_;
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
  const int64_t most = max_rows > 0 ? std::min(max_rows, all) : all;
  const auto lanes = std::clamp<int64_t>(most, 1, decoder.context().layout().pipeline());
  const int64_t lane_rows = (most + lanes - 1) / lanes, rows = lanes * lane_rows;
  const int64_t length =
      std::min(longest + std::max<int64_t>(sampling.max_new_tokens, 0), decoder.config().context);
  if (cache.rows < rows || cache.max_length < length) {
    cache = {};
    cache = decoder.make_states(rows, length);
  }
  return GeneratorRun(decoder, cache, prompts, answer_numbers, sampling, hooks,
                      static_cast<int>(lanes), lane_rows)
      .run();
}

}  // namespace strata::model
