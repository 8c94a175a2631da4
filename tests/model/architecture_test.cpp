// What every architecture of the table must keep: walks the table, so a new row is tested by being
// there.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "model/generator.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/params/grad_sink.h"
#include "tests/model/tiny.h"
#include "tests/support/temp_folder.h"

namespace strata::model {
namespace {

using tests::all_logits;
using tests::max_difference;
using tests::random_ids;
using tests::tiny_config;
using tests::TinyModel;

class EachArchitecture : public testing::TestWithParam<std::string> {
 protected:
  EachArchitecture()
      : context_(parallel::make_single_context()), config_(tiny_config(GetParam())) {}

  std::unique_ptr<TinyModel> make(DecoderOptions options = {}) {
    auto tiny = std::make_unique<TinyModel>(*context_, config_, options);
    tests::enlarge_weights(*tiny);
    return tiny;
  }

  std::unique_ptr<parallel::ParallelContext> context_;
  ModelConfig config_;
};

std::map<std::string, at::Tensor> whole_gradients(const TinyModel& tiny,
                                                  const parallel::DistributedOptimizer& optimizer) {
  std::map<std::string, at::Tensor> result;
  for (const parallel::Param& param : tiny.params.params())
    result[param.name] = optimizer.whole_gradient(tiny.params.find(param.name)).clone();
  return result;
}

// The gradient of a loss over random targets, by name.
std::map<std::string, at::Tensor> gradients(TinyModel& tiny, const Pass& how, const Input& input) {
  parallel::DistributedOptimizer optimizer(tiny.params, parallel::OptimizerConfig{});
  parallel::GradSink sink(tiny.params);
  Pass pass = how;
  pass.sink = &sink;
  optimizer.zero_grad(1);
  const at::Tensor h_nd = tests::final_hidden(tiny.decoder, input, pass);
  const at::Tensor targets = random_ids(input.tokens_bt.size(0), input.tokens_bt.size(1), 61, 5);
  tiny.decoder.head(&sink).token_logprobs(h_nd, targets).mean().backward();
  optimizer.reduce_grads();
  return whole_gradients(tiny, optimizer);
}

/// What a head says of some tokens, and what the model learns from it.
struct Said {
  at::Tensor numbers_bt, entropy_bt;
  std::map<std::string, at::Tensor> gradients;
};

Said say(TinyModel& tiny, const Input& input, const at::Tensor& read_n, Recompute recompute) {
  parallel::DistributedOptimizer optimizer(tiny.params, parallel::OptimizerConfig{});
  parallel::GradSink sink(tiny.params);
  const DropoutKey dropout{.seed = 3, .step = 1, .samples_b = at::arange(2, at::kLong)};
  optimizer.zero_grad(1);
  const at::Tensor h_nd = tests::final_hidden(
      tiny.decoder, input, {.sink = &sink, .dropout = &dropout, .recompute = recompute});
  const Head head = tiny.decoder.head(&sink, input);
  Said said;
  said.numbers_bt = head.kind() == HeadKind::kScalar
                        ? head.values(h_nd, 2, 9)
                        : head.token_logprobs(h_nd, random_ids(2, 9, 61, 5), 0.7, &said.entropy_bt);
  said.numbers_bt.flatten().index_select(0, read_n).square().sum().backward();
  optimizer.reduce_grads();
  said.gradients = whole_gradients(tiny, optimizer);
  return said;
}

TEST_P(EachArchitecture, TokensThatAreNotReadAreLeftOutAndChangeNothing) {
  config_.dropout = 0.2;
  const at::Tensor read_n = at::tensor(std::vector<int64_t>{4, 5, 8, 17});
  const at::Tensor document_bt = random_ids(2, 9, 2, 9).cumsum(1);
  const Input all{.tokens_bt = random_ids(2, 9, 61, 3), .document_bt = document_bt};
  Input some = all;
  some.read_n = read_n;
  for (const HeadKind kind : {HeadKind::kLanguage, HeadKind::kScalar}) {
    for (const Recompute recompute : {Recompute::kNone, Recompute::kSelective, Recompute::kFull}) {
      const auto tiny = make({.head = kind});
      const Said whole = say(*tiny, all, read_n, recompute);
      const Said part = say(*tiny, some, read_n, recompute);
      const auto read = [&](const at::Tensor& x_bt) {
        return x_bt.flatten().index_select(0, read_n);
      };
      EXPECT_EQ(part.numbers_bt.flatten().index_fill(0, read_n, 0).abs().max().item<float>(), 0);
      EXPECT_LT(max_difference(read(part.numbers_bt), read(whole.numbers_bt)), 1e-5);
      if (kind == HeadKind::kLanguage) {
        EXPECT_LT(max_difference(read(part.entropy_bt), read(whole.entropy_bt)), 1e-5);
      }
      for (const auto& [name, gradient] : whole.gradients) {
        const float largest = gradient.abs().max().item<float>();
        EXPECT_LT(max_difference(part.gradients.at(name), gradient), 2e-5 * std::max(largest, 1.0F))
            << name;
      }
    }
  }
}

TEST_P(EachArchitecture, TheStoreHoldsWhatTheTableCounts) {
  for (HeadKind head : {HeadKind::kLanguage, HeadKind::kScalar}) {
    auto tiny = make({.head = head});
    EXPECT_EQ(tiny->params.trainable_count(), parameter_count(config_, head));
    for (const HfTensor& tensor : folder_tensors(config_, head))
      EXPECT_TRUE(tiny->params.find(tensor.here).valid()) << tensor.here;
  }
}

// Every position of rows of different lengths, decoded one token at a time, against one pass over
// each row alone.
TEST_P(EachArchitecture, CachedDecodingEqualsAFullPassAtEveryPosition) {
  auto tiny = make();
  const int64_t steps = 20;
  const std::vector<int64_t> prompts = {1, 9, 4};
  const at::Tensor ids = random_ids(3, prompts[1] + steps, 61);
  LayerStates states = tiny->decoder.make_states(5, 40);
  const auto decode = [&](const at::Tensor& tokens_bt, const at::Tensor& start_b) {
    const at::NoGradGuard no_grad;
    const at::Tensor h_nd = tiny->decoder.forward_from(0, {tokens_bt}, start_b, 1, states, {});
    return tiny->decoder.head(nullptr).logits(h_nd).view({3, tokens_bt.size(1), 61});
  };
  const at::Tensor prefill = decode(ids.slice(1, 0, 9).contiguous(), at::zeros({3}, at::kLong));
  std::vector<at::Tensor> after;  // [step] logits of all rows
  for (int64_t step = 0; step < steps; ++step) {
    std::vector<at::Tensor> tokens;
    std::vector<int64_t> starts;
    for (int64_t row = 0; row < 3; ++row) {
      starts.push_back(prompts[row] + step);
      tokens.push_back(ids[row].slice(0, starts.back(), starts.back() + 1));
    }
    after.push_back(decode(at::stack(tokens), at::tensor(starts, at::kLong)).select(1, 0));
  }
  for (int64_t row = 0; row < 3; ++row) {
    const at::Tensor full = all_logits(
        tiny->decoder,
        {.tokens_bt =
             ids.slice(0, row, row + 1).slice(1, 0, prompts[row] + steps).contiguous()})[0];
    for (int64_t t = 0; t < prompts[row]; ++t)
      EXPECT_LT(max_difference(prefill[row][t], full[t]), 2e-5) << row << " " << t;
    for (int64_t step = 0; step < steps; ++step) {
      EXPECT_LT(max_difference(after[step][row], full[prompts[row] + step]), 2e-5)
          << row << " " << step;
    }
  }
}

// bf16 has 8 bits: hidden states of three layers agree to a few hundredths of their size.
TEST_P(EachArchitecture, Bf16FollowsFp32) {
  auto plain = make();
  TinyModel half(*context_, config_, {}, {.compute = at::kBFloat16});
  tests::enlarge_weights(half);
  const Input input{.tokens_bt = random_ids(2, 20, 61)};
  const at::Tensor logits = all_logits(plain->decoder, input);
  const at::Tensor logits_half = all_logits(half.decoder, input);
  EXPECT_EQ(logits_half.scalar_type(), at::kFloat);
  EXPECT_LT(max_difference(logits_half, logits), 0.05 * logits.abs().max().item<double>());
  const auto gradients_half = gradients(half, {}, input);
  for (const auto& [name, gradient] : gradients(*plain, {}, input)) {
    if (name == "layers.0.attention.qkv.bias") continue;  // its key part is rounding alone
    const double size = gradient.abs().max().item<double>();
    EXPECT_LT(max_difference(gradients_half.at(name), gradient), 0.15 * size + 1e-4) << name;
  }
  const auto answer = Generator(half.decoder)
                          .generate(std::vector<std::vector<int32_t>>{{1, 2, 3}},
                                    std::vector<int64_t>{0}, {.max_new_tokens = 8});
  std::vector<int32_t> row = {1, 2, 3};
  row.insert(row.end(), answer[0].tokens.begin(), answer[0].tokens.end());
  const auto scores = score(half.decoder, std::vector<std::vector<int32_t>>{row});
  for (size_t t = 0; t < 8; ++t) EXPECT_NEAR(answer[0].logprobs[t], scores[0][3 + t], 0.15);
}

// Trap 20.
TEST_P(EachArchitecture, PackedDocumentsEqualEachDocumentAlone) {
  auto tiny = make();
  const std::vector<int64_t> lengths = {11, 1, 17};
  const at::Tensor ids = random_ids(1, 29, 61);
  std::vector<at::Tensor> positions, documents, alone;
  int64_t begin = 0;
  for (size_t d = 0; d < lengths.size(); begin += lengths[d++]) {
    positions.push_back(at::arange(lengths[d], at::kLong));
    documents.push_back(at::zeros({lengths[d]}, at::kLong).add(static_cast<int64_t>(d)));
    alone.push_back(all_logits(
        tiny->decoder, {.tokens_bt = ids.slice(1, begin, begin + lengths[d]).contiguous()})[0]);
  }
  const Input packed{.tokens_bt = ids,
                     .positions_bt = at::cat(positions).unsqueeze(0),
                     .document_bt = at::cat(documents).unsqueeze(0)};
  EXPECT_LT(max_difference(all_logits(tiny->decoder, packed)[0], at::cat(alone)), 2e-5);
  EXPECT_GT(max_difference(all_logits(tiny->decoder, {.tokens_bt = ids})[0], at::cat(alone)),
            1e-2);  // the mask matters
}

TEST_P(EachArchitecture, RecomputeChangesNoGradient) {
  config_.dropout = 0.1;
  auto tiny = make();
  const DropoutKey dropout{
      .seed = 3, .step = 4, .samples_b = at::tensor(std::vector<int64_t>{8, 5}, at::kLong)};
  const Input input{.tokens_bt = random_ids(2, 20, 61)};
  const auto plain = gradients(*tiny, {.dropout = &dropout}, input);
  for (Recompute recompute : {Recompute::kSelective, Recompute::kFull}) {
    for (const auto& [name, gradient] :
         gradients(*tiny, {.dropout = &dropout, .recompute = recompute}, input)) {
      EXPECT_LT(max_difference(gradient, plain.at(name)), 1e-6) << name;
    }
  }
  const auto without = gradients(*tiny, {}, input);
  EXPECT_GT(max_difference(without.at("embedding.weight"), plain.at("embedding.weight")),
            1e-4);  // dropout was really on
}

TEST_P(EachArchitecture, DropoutOfARowDoesNotDependOnItsBatch) {
  config_.dropout = 0.2;
  auto tiny = make();
  const at::NoGradGuard no_grad;
  const at::Tensor ids = random_ids(3, 16, 61),
                   samples = at::tensor(std::vector<int64_t>{4, 9, 2}, at::kLong);
  const DropoutKey together{.seed = 3, .step = 4, .samples_b = samples};
  const at::Tensor h_nd =
      tests::final_hidden(tiny->decoder, {.tokens_bt = ids}, {.dropout = &together})
          .view({3, 16, 24});
  for (int64_t row = 0; row < 3; ++row) {
    const DropoutKey alone{.seed = 3, .step = 4, .samples_b = samples.slice(0, row, row + 1)};
    const at::Tensor row_h = tests::final_hidden(
        tiny->decoder, {.tokens_bt = ids.slice(0, row, row + 1)}, {.dropout = &alone});
    EXPECT_LT(max_difference(row_h, h_nd[row]), 1e-5) << row;
  }
}

TEST_P(EachArchitecture, ChunksMakeTheSameModel) {
  auto whole = make();
  auto chunked = make({.chunks_per_stage = 3});
  EXPECT_EQ(chunked->decoder.chunk_count(), 3);
  const Input input{.tokens_bt = random_ids(2, 12, 61)};
  EXPECT_TRUE(at::equal(all_logits(whole->decoder, input), all_logits(chunked->decoder, input)));
}

TEST_P(EachArchitecture, AFolderComesBackAsItWentOut) {
  const tests::TempFolder temp;
  for (const bool tied : {true, false}) {
    config_.tied_embeddings = tied;
    auto tiny = make();
    FolderInfo info{.config = config_, .bos_id = 1, .end_ids = {2, 3}, .pad_id = 4};
    write_folder(temp / "model", info, tiny->decoder);
    TinyModel back(*context_, temp / "model");
    EXPECT_EQ(back.info.end_ids, info.end_ids);
    EXPECT_EQ(back.info.pad_id, 4);
    EXPECT_EQ(back.info.config.window, config_.window);
    EXPECT_EQ(parameter_count(back.info.config), parameter_count(config_));
    const Input input{.tokens_bt = random_ids(2, 12, 61)};
    EXPECT_TRUE(at::equal(all_logits(tiny->decoder, input), all_logits(back.decoder, input)));
  }
}

TEST_P(EachArchitecture, AScalarModelStartsFromALanguageModel) {
  const tests::TempFolder temp;
  auto tiny = make();
  const FolderInfo info{.config = config_};
  write_folder(temp / "model", info, tiny->decoder);
  auto scalar = make({.head = HeadKind::kScalar});
  const at::Tensor head = scalar->params.get_whole(scalar->params.find("head.weight")).clone();
  EXPECT_FALSE(load_weights(temp / "model", read_folder_info(temp / "model"), scalar->decoder));
  EXPECT_TRUE(at::equal(scalar->params.get_whole(scalar->params.find("head.weight")), head));
  const Input input{.tokens_bt = random_ids(2, 12, 61)};
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(tests::final_hidden(tiny->decoder, input),
                        tests::final_hidden(scalar->decoder, input)));

  FolderInfo reward{.config = config_, .head = HeadKind::kScalar, .reward_shift = -0.25};
  write_folder(temp / "reward", reward, scalar->decoder);
  TinyModel back(*context_, temp / "reward");
  EXPECT_EQ(back.info.head, HeadKind::kScalar);
  EXPECT_EQ(back.info.reward_shift, -0.25);
}

TEST_P(EachArchitecture, SampledLogProbabilitiesAreThoseOfAFullPass) {
  auto tiny = make();
  Generator generator(tiny->decoder);
  const std::vector<std::vector<int32_t>> prompts = {{5}, {7, 8, 9, 10, 11, 12}, {1, 2}, {5}};
  const std::vector<int64_t> numbers = {10, 11, 12, 13};
  const SamplingConfig sampling{.max_new_tokens = 25, .end_ids = {3, 4, 5, 6}};
  const auto answers = generator.generate(prompts, numbers, sampling);
  std::vector<std::vector<int32_t>> rows;
  for (size_t i = 0; i < prompts.size(); ++i) {
    rows.push_back(prompts[i]);
    rows.back().insert(rows.back().end(), answers[i].tokens.begin(), answers[i].tokens.end());
    const bool ended = answers[i].tokens.back() >= 3 && answers[i].tokens.back() <= 6;
    EXPECT_EQ(answers[i].reached_end, ended);
    EXPECT_TRUE(ended || answers[i].tokens.size() == 25);
  }
  EXPECT_NE(answers[0].tokens, answers[3].tokens);  // equal prompts, different answers
  const auto scores = score(tiny->decoder, rows);
  for (size_t i = 0; i < prompts.size(); ++i) {
    for (size_t t = 0; t < answers[i].tokens.size(); ++t) {
      EXPECT_NEAR(answers[i].logprobs[t], scores[i][prompts[i].size() + t], 2e-5) << i << " " << t;
    }
  }
  // Neither the order nor the number of rows in work changes an answer.
  const std::vector<std::vector<int32_t>> turned(prompts.rbegin(), prompts.rend());
  const std::vector<int64_t> turned_numbers(numbers.rbegin(), numbers.rend());
  const auto again = generator.generate(turned, turned_numbers, sampling, {}, 2);
  for (size_t i = 0; i < prompts.size(); ++i)
    EXPECT_EQ(again[prompts.size() - 1 - i].tokens, answers[i].tokens);
}

INSTANTIATE_TEST_SUITE_P(Table, EachArchitecture, testing::ValuesIn(architecture_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace strata::model
