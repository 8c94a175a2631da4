// Ids and texts equal to those of the `tokenizers` library, for every kind of tokenizer that is
// read; and what the library has no say in: streaming, damaged bytes, long words, threads, the
// roles of tokens, saving.
#include "data/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/file.h"
#include "tests/data/tokenizer_golden.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace strata::data {
namespace {

using tests::changed_tokenizer;
using tests::expect_user_error;
using tests::golden_tokenizer;
using Ids = std::vector<int32_t>;

const auto kNoChange = [](base::SortedJson&) {};

class GoldenTokenizer : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTokenizer, GivesTheIdsAndTextsOfTheLibrary) {
  const Tokenizer tokenizer = golden_tokenizer(GetParam());
  const auto golden =
      base::read_sorted_json(tests::tokenizer_golden(GetParam() + std::string(".ids.json")));
  const std::vector<std::string> texts = tests::golden_texts();
  ASSERT_EQ(texts.size(), golden["rows"].size());
  EXPECT_EQ(tokenizer.vocab_size(), golden["vocab_size"].get<int64_t>());
  EXPECT_EQ(tokenizer.encode("a", true), golden["with_special"].get<Ids>());
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto& row = golden["rows"][i];
    const auto ids = row["ids"].get<Ids>();
    EXPECT_EQ(tokenizer.encode(texts[i]), ids) << i << ": " << texts[i];
    EXPECT_EQ(tokenizer.decode(ids), row.value("text", texts[i])) << i << ": " << texts[i];
    EXPECT_EQ(tokenizer.decode_plain(ids), row.value("plain", texts[i])) << i << ": " << texts[i];
  }
}

TEST_P(GoldenTokenizer, StreamsTheTextThatDecodeHas) {
  const Tokenizer tokenizer = golden_tokenizer(GetParam());
  uint32_t random = 1;
  for (int round = 0; round < 300; ++round) {
    Ids ids;
    for (int i = 0; i < 12; ++i) {
      random = random * 1664525 + 1013904223;
      ids.push_back(
          static_cast<int32_t>((random >> 8) % static_cast<uint32_t>(tokenizer.vocab_size())));
    }
    StreamDecoder stream(tokenizer);
    std::string text;
    for (const int32_t id : ids) text += stream.push(id);
    EXPECT_EQ(text + stream.finish(), tokenizer.decode_plain(ids));
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, GoldenTokenizer,
                         testing::Values("gpt2", "gpt2_prefix_space", "llama3", "qwen2", "o200k",
                                         "smollm", "llama2", "llama2_added", "mistral", "metaspace",
                                         "words"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Tokenizer, StreamHoldsBackHalfACharacter) {
  const Tokenizer tokenizer = golden_tokenizer("gpt2");
  const Ids ids = tokenizer.encode("a\U0001F44D");
  ASSERT_EQ(ids.size(), 5u);
  StreamDecoder stream(tokenizer);
  EXPECT_EQ(stream.push(ids[0]), "a");
  for (int i = 1; i < 4; ++i) EXPECT_EQ(stream.push(ids[i]), "");
  EXPECT_EQ(stream.push(ids[4]), "\U0001F44D");
  EXPECT_EQ(stream.finish(), "");
}

TEST(Tokenizer, ReadsDamagedBytesAsReplacementCharacters) {
  const Tokenizer tokenizer = golden_tokenizer("gpt2");
  EXPECT_EQ(tokenizer.encode("a\xff\xc3"), tokenizer.encode("a\ufffd\ufffd"));
  EXPECT_EQ(tokenizer.encode("\xe2\x82z\xed\xa0\x80\xf4\x90"),
            tokenizer.encode("\ufffdz\ufffd\ufffd\ufffd\ufffd\ufffd"));
}

TEST(Tokenizer, EncodesOneLongWordInTime) {
  const auto start = std::chrono::steady_clock::now();
  for (const char* name : {"gpt2", "llama3", "o200k", "llama2", "mistral"}) {
    const Tokenizer tokenizer = golden_tokenizer(name);
    std::string word, spaces(1 << 19, ' ');
    while (word.size() < 1 << 20) word += "thelight";
    EXPECT_TRUE(tokenizer.decode(tokenizer.encode(word)) == word) << name;
    // What a decoder strips from the beginning is not there again.
    EXPECT_GE(tokenizer.decode(tokenizer.encode(spaces)).size(), spaces.size() - 1) << name;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(Tokenizer, EncodesInSeveralThreadsAtOnce) {
  const Tokenizer tokenizer = golden_tokenizer("qwen2");
  const std::vector<std::string> texts = tests::golden_texts();
  std::vector<Ids> expected;
  for (const std::string& text : texts) expected.push_back(tokenizer.encode(text));
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 4 * texts.size(); ++i) {
        const size_t which = (i * 7 + static_cast<size_t>(t)) % texts.size();
        wrong[t] += tokenizer.encode(texts[which]) != expected[which];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(Tokenizer, PutsABeginningTokenOnlyWhereTheFilesSaySo) {
  const auto plain = golden_tokenizer("gpt2").encode("light");
  const auto with_config = [](const std::string& config) {
    return changed_tokenizer("gpt2", kNoChange, config).encode("light", true);
  };
  EXPECT_EQ(with_config(R"({"bos_token": "<|endoftext|>"})"), plain);
  const Ids led = with_config(R"({"bos_token": "<|endoftext|>", "add_bos_token": true})");
  ASSERT_EQ(led.size(), plain.size() + 1);
  EXPECT_EQ(led[0], 0);
  // transformers' Llama class follows add_bos_token, other classes the post-processor.
  const auto llama = [](const std::string& config) {
    return changed_tokenizer("llama2", kNoChange, config).added_before().size();
  };
  EXPECT_EQ(
      llama(R"({"bos_token": "<s>", "add_bos_token": false, "tokenizer_class": "LlamaTokenizer"})"),
      0u);
  EXPECT_EQ(
      llama(R"({"bos_token": "<s>", "add_bos_token": true, "tokenizer_class": "LlamaTokenizer"})"),
      1u);
  EXPECT_EQ(llama(R"({"bos_token": "<s>", "tokenizer_class": "PreTrainedTokenizerFast"})"), 1u);
}

TEST(Tokenizer, KnowsWhichTokensEndAndPad) {
  EXPECT_EQ(golden_tokenizer("llama2").end_id(), 2);  // by its usual name
  EXPECT_EQ(golden_tokenizer("gpt2").pad_id(), std::nullopt);
  const auto named = changed_tokenizer(
      "qwen2", kNoChange,
      R"({"eos_token": {"content": "<|im_end|>"}, "pad_token": "<|endoftext|>"})");
  EXPECT_EQ(named.end_id(), named.id_of("<|im_end|>"));
  EXPECT_EQ(named.pad_id(), named.id_of("<|endoftext|>"));
  // As in transformers, a named token that is in no vocabulary is added behind it.
  const auto added = changed_tokenizer("gpt2", kNoChange, R"({"pad_token": "[PAD]"})");
  EXPECT_EQ(added.pad_id(), 420);
  EXPECT_EQ(added.vocab_size(), 421);
  EXPECT_EQ(added.encode("[PAD]"), Ids{420});
}

TEST(Tokenizer, CountsTheBytesOfTokens) {
  for (const char* name : {"gpt2", "llama3", "smollm", "mistral"}) {
    const Tokenizer tokenizer = golden_tokenizer(name);
    for (const std::string& text : tests::golden_texts()) {
      if (text.find('<') != text.npos || text.find("▁") != text.npos)
        continue;  // special tokens count nothing, a mark one byte
      const bool mark_before = std::string(name) == "mistral" && !text.empty() && text[0] != ' ';
      int64_t bytes = mark_before ? -1 : 0;
      for (const int32_t id : tokenizer.encode(text, true)) bytes += tokenizer.byte_length(id);
      EXPECT_EQ(bytes, static_cast<int64_t>(text.size())) << name << ": " << text;
    }
  }
  EXPECT_EQ(golden_tokenizer("gpt2").byte_length(0), 0);
}

TEST(Tokenizer, SavesWhatItReadAndTheChatTemplate) {
  const tests::TempFolder folder;
  auto tokenizer = changed_tokenizer("qwen2", kNoChange,
                                     R"({"eos_token": "<|im_end|>", "model_max_length": 99})");
  EXPECT_EQ(tokenizer.chat_template(), "");
  tokenizer.set_chat_template("{{ messages }}\n");
  tokenizer.save(folder / "saved");
  const Tokenizer again = Tokenizer::load(folder / "saved");
  EXPECT_EQ(again.chat_template(), "{{ messages }}\n");
  EXPECT_EQ(again.hash(), tokenizer.hash());
  EXPECT_EQ(again.end_id(), tokenizer.end_id());
  const auto config = base::read_json(folder / "saved/tokenizer_config.json");
  EXPECT_EQ(config["model_max_length"], 99);
  EXPECT_EQ(config["tokenizer_class"], "PreTrainedTokenizerFast");
  EXPECT_EQ(config["model_input_names"], base::Json({"input_ids", "attention_mask"}));
  base::write_file(folder / "saved/chat_template.jinja", "from its own file");
  EXPECT_EQ(Tokenizer::load(folder / "saved").chat_template(), "from its own file");
}

TEST(Tokenizer, SavesTheEndTokenThatItGuessed) {
  const tests::TempFolder folder;
  golden_tokenizer("llama2").save(folder.path());
  EXPECT_EQ(base::read_json(folder / "tokenizer_config.json")["eos_token"], "</s>");
}

TEST(Tokenizer, HashFollowsTheIdsAndNotTheSpelling) {
  const std::string hash = golden_tokenizer("gpt2").hash();
  const auto merges_as_strings = [](base::SortedJson& json) {
    for (auto& merge : json["model"]["merges"])
      merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  };
  EXPECT_EQ(changed_tokenizer("gpt2", merges_as_strings).hash(), hash);
  EXPECT_EQ(changed_tokenizer("gpt2", kNoChange, R"({"chat_template": "x"})").hash(), hash);
  EXPECT_NE(changed_tokenizer("gpt2", [](auto& json) { json["model"]["merges"].erase(5); }).hash(),
            hash);
  EXPECT_NE(changed_tokenizer("gpt2", kNoChange, R"({"pad_token": "[PAD]"})").hash(), hash);
}

TEST(Tokenizer, RefusesByNameWhatItDoesNotSupport) {
  const auto refused = [](const std::string& name, const std::vector<std::string>& pieces,
                          const auto& change) {
    expect_user_error(base::kBadUsage, pieces, [&] { changed_tokenizer(name, change); });
  };
  refused("gpt2", {"pre_tokenizer 'UnicodeScripts' is not supported", "Split"},
          [](auto& json) { json["pre_tokenizer"]["type"] = "UnicodeScripts"; });
  refused("qwen2", {"normalizer 'NFKC' is not supported"},
          [](auto& json) { json["normalizer"]["type"] = "NFKC"; });
  refused("gpt2", {"decoder 'WordPiece' is not supported"},
          [](auto& json) { json["decoder"]["type"] = "WordPiece"; });
  refused("gpt2", {"post_processor 'BertProcessing' is not supported"},
          [](auto& json) { json["post_processor"]["type"] = "BertProcessing"; });
  refused("gpt2", {"model.type", "'Unigram'"},
          [](auto& json) { json["model"]["type"] = "Unigram"; });
  refused("gpt2", {"model.dropout"}, [](auto& json) { json["model"]["dropout"] = 0.1; });
  refused("gpt2", {"model.continuing_subword_prefix"},
          [](auto& json) { json["model"]["continuing_subword_prefix"] = "##"; });
  refused("gpt2", {"model.merges", "vocabulary lacks"},
          [](auto& json) { json["model"]["vocab"].erase("Ġthe"); });
  refused("gpt2", {"model.vocab", "is missing"}, [](auto& json) { json["model"].erase("vocab"); });
  refused("llama3", {"'&&'"}, [](auto& json) {
    json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "[\\p{L}&&a-z]+";
  });
}

TEST(Tokenizer, SaysWhichFileIsMissingOrDamaged) {
  const tests::TempFolder folder;
  expect_user_error(base::kBadUsage, {"no tokenizer at", "tokenizer.json"},
                    [&] { Tokenizer::load(folder.path()); });
  base::write_file(folder / "tokenizer.json", "{\"model\": ");
  expect_user_error(base::kBadUsage, {"tokenizer.json", "not valid JSON"},
                    [&] { Tokenizer::load(folder / "tokenizer.json"); });
}

}  // namespace
}  // namespace strata::data
