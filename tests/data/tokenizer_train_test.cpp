// Training: the merges that the `tokenizers` library learns, the same file every time, every kind
// of input file, clear refusals.
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "base/file.h"
#include "data/tokenizer/bpe_trainer.h"
#include "data/tokenizer/commands.h"
#include "data/tokenizer/train.h"
#include "tests/data/tokenizer_golden.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace strata::data {
namespace {

using tests::expect_user_error;

std::string training_text() {
  return base::read_sorted_json(tests::tokenizer_golden("training_text.json")).get<std::string>();
}

Tokenizer train_on(const TokenizerTrainConfig& config, const std::string& only_text) {
  bool given = false;
  return train_tokenizer(config, [&](std::string& text) {
    text = only_text;
    return !std::exchange(given, true);
  });
}

TokenizerTrainConfig small_config() {
  TokenizerTrainConfig config;
  config.vocab_size = 400;
  return config;
}

std::string saved_json(const Tokenizer& tokenizer) {
  const tests::TempFolder folder;
  tokenizer.save(folder.path());
  return base::read_file(folder / "tokenizer.json");
}

/// Bytes are their own ids.
BpeTraining plain_training(int64_t merges) {
  BpeTraining training;
  training.merges = merges;
  training.first_merge_id = 256;
  for (int byte = 0; byte < 256; ++byte) training.byte_id[byte] = byte;
  return training;
}

TEST(BpeTrainer, MergesTheMostFrequentPairAndBreaksTiesByIds) {
  const BpeTraining training = plain_training(10);
  // ab occurs 4 times, bc and cd 3 times, xy twice, the rest once.
  const WordCounts words{{"ab", 1}, {"abcd", 3}, {"xy", 2}, {"zz", 1}};
  const auto merges = learn_merges(words, training);
  const auto is = [&](size_t i, int32_t left, int32_t right) {
    return merges[i].left == left && merges[i].right == right;
  };
  ASSERT_EQ(merges.size(), 4u);
  EXPECT_TRUE(is(0, 'a', 'b'));
  EXPECT_TRUE(is(1, 'c', 'd'));  // tied with (ab, c): the lower left id first
  EXPECT_TRUE(is(2, 256, 257));
  EXPECT_TRUE(is(3, 'x', 'y'));  // zz occurs once: not worth a token
}

TEST(BpeTrainer, CountsRunsOfOneLetterRight) {
  const BpeTraining training = plain_training(3);
  const auto merges = learn_merges({{"aaaaaaaa", 5}, {"aaa", 1}}, training);
  ASSERT_EQ(merges.size(), 3u);
  EXPECT_EQ(merges[1].left, 256);
  EXPECT_EQ(merges[1].right, 256);
  EXPECT_EQ(merges[2].left, 257);
}

TEST(TrainTokenizer, LearnsWhatTheLibraryLearns) {
  TokenizerTrainConfig config;
  config.vocab_size = 420;
  config.pattern = "gpt2";
  config.special = {};
  config.end = "<|endoftext|>";
  config.pad = "";
  const auto ours = base::parse_sorted_json(saved_json(train_on(config, training_text())), "ours");
  const auto theirs = base::read_sorted_json(tests::tokenizer_golden("gpt2.json"));
  EXPECT_EQ(ours["model"]["vocab"], theirs["model"]["vocab"]);
  EXPECT_EQ(ours["model"]["merges"], theirs["model"]["merges"]);
  EXPECT_EQ(ours["pre_tokenizer"], theirs["pre_tokenizer"]);
  EXPECT_EQ(ours["added_tokens"], theirs["added_tokens"]);
}

class TrainedPattern : public testing::TestWithParam<const char*> {};

TEST_P(TrainedPattern, GivesTheSameFileEveryTimeAndEveryTextBack) {
  TokenizerTrainConfig config = small_config();
  config.pattern = GetParam();
  const Tokenizer tokenizer = train_on(config, training_text());
  EXPECT_EQ(tokenizer.vocab_size(), 400);
  EXPECT_EQ(tokenizer.end_id(), 0);
  EXPECT_EQ(tokenizer.pad_id(), 1);
  EXPECT_EQ(saved_json(tokenizer), saved_json(train_on(config, training_text())));
  for (const std::string& text : tests::golden_texts())
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);

  const tests::TempFolder folder;
  tokenizer.save(folder.path());
  EXPECT_EQ(Tokenizer::load(folder.path()).hash(), tokenizer.hash());
}

INSTANTIATE_TEST_SUITE_P(Patterns, TrainedPattern,
                         testing::Values("gpt2", "llama3", "qwen2", "o200k"),
                         [](const auto& info) { return std::string(info.param); });

TEST(TrainTokenizer, ReadsTextAndRowsPlainAndCompressed) {
  const tests::TempFolder folder;
  const std::string text = training_text(),
                    row = base::compact_json(base::Json{{"text", text}}) + "\n";
  base::write_file(folder / "a.txt", text);
  base::write_file(folder / "a.jsonl", row);
  const gzFile gz = gzopen((folder / "a.txt.gz").c_str(), "wb");
  gzwrite(gz, text.data(), static_cast<unsigned>(text.size()));
  gzclose(gz);
  std::string packed(ZSTD_compressBound(row.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), row.data(), row.size(), 3));
  base::write_file(folder / "a.jsonl.zst", packed);
  const std::string expected = saved_json(train_on(small_config(), text));
  for (const char* name : {"a.txt", "a.jsonl", "a.txt.gz", "a.jsonl.zst"}) {
    TokenizerTrainConfig config = small_config();
    config.files = {(folder / name).string()};
    EXPECT_EQ(saved_json(train_tokenizer(config)), expected) << name;
  }
}

TEST(TrainTokenizer, DoesNotLearnFromSpecialTokensInTheText) {
  std::string text = training_text(), with_special;
  for (const char c : text)
    with_special += c == '.' ? std::string(".<|end|><|end|><|end|><|end|>") : std::string(1, c);
  const auto vocabulary = base::parse_sorted_json(
      saved_json(train_on(small_config(), with_special)), "t")["model"]["vocab"];
  for (const auto& [token, id] : vocabulary.items())
    EXPECT_TRUE(id < 2 || token.find("<|") == token.npos) << token;
}

TEST(TrainTokenizer, StopsWhereTheTextHasNoMoreToGive) {
  EXPECT_EQ(train_on(small_config(), "abababab").vocab_size(), 258 + 2);  // ab and abab
}

TEST(TrainTokenizer, RefusesWhatCannotBe) {
  TokenizerTrainConfig config = small_config();
  config.vocab_size = 257;
  expect_user_error(
      base::kBadUsage,
      {"tokenizer.train.vocab_size is 257", "256 bytes and 2 special tokens need at least 258"},
      [&] { train_on(config, "a"); });
  config = small_config();
  config.pad = config.end;
  expect_user_error(base::kBadUsage, {"tokenizer.train.pad", "end token"},
                    [&] { train_on(config, "a"); });
  config = small_config();
  expect_user_error(base::kBadUsage, {"tokenizer.train.files is empty"},
                    [&] { train_tokenizer(config); });
  config.files = {"/nowhere/a.txt"};
  expect_user_error(base::kBadData, {"/nowhere/a.txt"}, [&] { train_tokenizer(config); });
}

TEST(TokenizerCommands, EncodeAndDecodeFiles) {
  const tests::TempFolder folder;
  const Tokenizer tokenizer = tests::golden_tokenizer("llama3");
  base::write_file(folder / "in.jsonl",
                   "{\"text\": \"Let there be light\"}\n\n{\"text\": \"a<|endoftext|>\\u00e9\"}\n");
  EXPECT_EQ(encode_file(tokenizer, folder / "in.jsonl", folder / "ids.jsonl", false), 2);
  EXPECT_EQ(decode_file(tokenizer, folder / "ids.jsonl", folder / "back.jsonl"), 2);
  EXPECT_EQ(base::read_file(folder / "back.jsonl"),
            "{\"text\":\"Let there be light\"}\n{\"text\":\"a<|endoftext|>é\"}\n");
  encode_file(tokenizer, folder / "in.jsonl", folder / "led.jsonl", true);
  EXPECT_EQ(base::read_file(folder / "led.jsonl").substr(0, 18), "{\"input_ids\":[420,");

  base::write_file(folder / "bad.jsonl", "{\"text\": \"a\"}\n{\"txt\": \"b\"}\n");
  expect_user_error(base::kBadData, {"bad.jsonl:2", "'text'"}, [&] {
    encode_file(tokenizer, folder / "bad.jsonl", folder / "no.jsonl", false);
  });
  base::write_file(folder / "bad.jsonl", "{\"input_ids\": [1, 99999]}\n");
  expect_user_error(base::kBadData, {"bad.jsonl:1", "99999", "421"},
                    [&] { decode_file(tokenizer, folder / "bad.jsonl", folder / "no.jsonl"); });
  EXPECT_FALSE(base::fs::exists(folder / "no.jsonl"));
}

}  // namespace
}  // namespace strata::data
