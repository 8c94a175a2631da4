// The formats of answers and conversations: what good rows give, how bad ones are refused, what is
// cut, which jobs take which form; packing; sets of prompts.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "base/file.h"
#include "data/datasets/format.h"
#include "data/datasets/packed.h"
#include "data/datasets/prompts.h"
#include "tests/data/byte_codec.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace strata::data {
namespace {

constexpr int32_t kEnd = ByteCodec::kEnd;
using Ids = std::vector<int32_t>;

Ids bytes(const std::string& text) { return Ids(text.begin(), text.end()); }

/// A byte codec that knows its end token in a text, as templates need.
class MarkedCodec : public ByteCodec {
 public:
  Ids encode_document(std::string_view text) const override {
    constexpr std::string_view kMark = "<|end|>";
    Ids ids;
    for (size_t at = 0; at < text.size();) {
      if (text.substr(at).starts_with(kMark)) {
        ids.push_back(kEnd);
        at += kMark.size();
      } else {
        ids.push_back(static_cast<unsigned char>(text[at++]));
      }
    }
    return ids;
  }
};

class RowFormats : public testing::Test {
 protected:
  std::unique_ptr<Dataset> open(const std::string& content, std::vector<RowKind> kinds = kAll) {
    base::write_file(folder_ / "rows.jsonl", content);
    return open_dataset(folder_ / "rows.jsonl", context(std::move(kinds)));
  }
  void refuses(const std::string& content, std::vector<std::string> pieces) {
    pieces.insert(pieces.begin(), "rows.jsonl");
    tests::expect_user_error(base::kBadData, pieces, [&] { open(content); });
  }
  DatasetContext context(std::vector<RowKind> kinds = kAll) {
    DatasetContext context{config_, sequence_, &codec_, 300};
    context.chat = &chat_;
    context.kinds = std::move(kinds);
    context.packing = packing_;
    context.train_on_prompts = train_on_prompts_;
    return context;
  }
  std::vector<Row> rows(const Dataset& dataset, int64_t sample) {
    std::vector<Row> rows;
    dataset.get(sample, rows);
    EXPECT_EQ(static_cast<int64_t>(rows.size()), dataset.rows_per_sample());
    int64_t longest = 0;
    for (const Row& row : rows) longest = std::max(longest, row.length());
    EXPECT_EQ(longest, dataset.length(sample));
    return rows;
  }
  /// The text of a row's trained targets, its end token as $.
  static std::string trained(const Row& row) {
    std::string text;
    for (const int32_t target : row.targets) {
      if (target == kEnd) text += '$';
      if (target >= 0 && target < 256) text += static_cast<char>(target);
    }
    return text;
  }

  inline static const std::vector<RowKind> kAll = all_row_kinds();
  tests::TempFolder folder_;
  DataConfig config_;
  MarkedCodec codec_;
  ChatTemplate chat_{"plain", codec_};
  int64_t sequence_ = 40;
  bool packing_ = false, train_on_prompts_ = false;
};

TEST_F(RowFormats, CompletionsTrainTheAnswerAndItsEnd) {
  const auto data = open(R"({"prompt": "2+2=", "completion": "4"})");
  const Row row = rows(*data, 0)[0];
  EXPECT_EQ(row.tokens, bytes("2+2=4"));
  EXPECT_EQ(row.targets, (Ids{kNoTarget, kNoTarget, kNoTarget, '4', kEnd}));
  EXPECT_EQ(row.bytes, 1);
  train_on_prompts_ = true;
  EXPECT_EQ(trained(rows(*open(R"({"prompt": "2+2=", "completion": "4"})"), 0)[0]), "+2=4$");
}

TEST_F(RowFormats, MessagesTrainEveryAssistantsTurn) {
  sequence_ = 100;
  const auto data = open(
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, )"
      R"({"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]})");
  EXPECT_EQ(trained(rows(*data, 0)[0]), "b$d$");
}

TEST_F(RowFormats, ColumnsAreMapped) {
  config_.columns = {{"prompt", "question"}, {"completion", "reply"}};
  EXPECT_EQ(trained(rows(*open(R"({"question": "q", "reply": "r"})"), 0)[0]), "r$");
  refuses("{\"question\": \"q\", \"reply\": \"r\"}\n{\"question\": \"q\", \"reply\": 4}",
          {":2", "key 'reply' holds a number"});
}

TEST_F(RowFormats, ColumnsAreMappedInEveryForm) {
  const auto mapped = [&](decltype(config_.columns) columns, const std::string& content) {
    config_.columns = std::move(columns);
    return open(content);
  };
  const auto pairs =
      mapped({{"prompt", "q"}, {"chosen", "better"}, {"rejected", "worse"}, {"margin", "by"}},
             R"({"q": "p", "better": "good", "worse": "bad", "by": 2})");
  EXPECT_EQ(trained(rows(*pairs, 0)[0]), "good$");
  EXPECT_EQ(trained(rows(*pairs, 0)[1]), "bad$");
  EXPECT_EQ(rows(*pairs, 0)[0].columns.at("margin"), 2);

  const auto rankings = mapped({{"prompt", "q"}, {"answers", "all"}, {"ranks", "order"}},
                               R"({"q": "p", "all": ["a", "b"], "order": [2, 1]})");
  EXPECT_EQ(rows(*rankings, 0)[0].columns.at("rank"), 2);

  const auto ratings = mapped({{"answer", "text"}, {"rating", "stars"}, {"grader", "who"}},
                              "{\"prompt\": \"p\", \"text\": \"a\", \"stars\": 1, \"who\": 1}\n"
                              "{\"prompt\": \"p\", \"text\": \"b\", \"stars\": 3, \"who\": 1}");
  EXPECT_FLOAT_EQ(rows(*ratings, 1)[0].columns.at("rating"), 1);
  EXPECT_EQ(trained(rows(*ratings, 1)[0]), "b$");

  const auto labels = mapped({{"completion", "reply"}, {"label", "liked"}},
                             "{\"prompt\": \"p\", \"reply\": \"a\", \"liked\": true}\n"
                             "{\"prompt\": \"p\", \"reply\": \"b\", \"liked\": false}");
  EXPECT_EQ(trained(rows(*labels, 0)[0]), "a$");
  EXPECT_EQ(rows(*labels, 0)[0].columns.at("label"), 1);
  EXPECT_EQ(rows(*labels, 1)[0].columns.at("label"), 0);

  config_.columns = {{"prompt", "question"}};
  base::write_file(folder_ / "p.jsonl", R"({"question": "2+2="})");
  const PromptSet prompts((folder_ / "p.jsonl").string(), context(), 20);
  EXPECT_EQ(prompts.at(0).ids, bytes("2+2="));
}

TEST_F(RowFormats, BadConversationsAreNamed) {
  const std::string user = R"({"role": "user", "content": "a"})";
  refuses("{\"messages\": [" + user + "]}", {":1", "no assistant's turn"});
  refuses("{\"messages\": []}", {":1", "holds no messages"});
  refuses(R"({"messages": [{"role": "robot", "content": "a"}]})", {"has the role 'robot'"});
  refuses(R"({"messages": [{"role": "user"}]})", {"message 0 has no string under 'content'"});
  refuses("{\"messages\": [" + user + ", {\"role\": \"system\", \"content\": \"s\"}]}",
          {"message 1 is the system's"});
  refuses("{\"prompt\": \"p\", \"completion\": [" + user + "]}", {"the prompt is a string"});
}

TEST_F(RowFormats, LongRowsLoseTheEndOfTheirAnswer) {
  sequence_ = 4;
  const std::string row = R"({"prompt": "ab", "completion": "cdefgh"})";
  refuses(row, {":1", "key 'completion'", "makes a row of 9 ids", "data.too_long"});
  config_.too_long = "truncate";
  const auto data = open(row);
  EXPECT_EQ(trained(rows(*data, 0)[0]), "cde");
  EXPECT_NE(data->describe().find("1 of them cut to 5 ids"), std::string::npos);
  refuses(R"({"prompt": "abcdef", "completion": "c"})", {"nothing of it is left to train on"});
  config_.too_long = "drop";
  EXPECT_EQ(open(row + "\n" + R"({"prompt": "a", "completion": "b"})")->size(), 1);
}

TEST_F(RowFormats, PairsGiveTwoRowsWithAllTokens) {
  const auto data = open(R"({"prompt": "p", "chosen": "good", "rejected": "bad", "margin": 2})"
                         "\n"
                         R"({"prompt": "p", "chosen": "x", "rejected": "y", "tie": true})"
                         "\n"
                         R"({"prompt": "p", "chosen": "x", "rejected": "y", "preference": 0.5, )"
                         R"("weight": 3})");
  const auto pair = rows(*data, 0);
  Ids whole = bytes("pgood");
  whole.push_back(kEnd);
  EXPECT_EQ(pair[0].tokens, whole);
  EXPECT_EQ(pair[0].targets.back(), kNoTarget);
  EXPECT_EQ(trained(pair[0]), "good$");
  EXPECT_EQ(trained(pair[1]), "bad$");
  EXPECT_EQ(pair[1].columns.at("margin"), 2);
  EXPECT_EQ(pair[0].columns.at("weight"), 1);
  EXPECT_EQ(pair[0].columns.at("tie"), 0);
  EXPECT_EQ(rows(*data, 1)[0].columns.at("tie"), 1);
  EXPECT_EQ(rows(*data, 2)[1].columns.at("tie"), 1);
  EXPECT_EQ(rows(*data, 2)[1].columns.at("weight"), 3);
}

TEST_F(RowFormats, PairsMayBeWholeConversations) {
  sequence_ = 100;
  const std::string user = R"({"role": "user", "content": "q"})";
  const auto turn = [](const std::string& text) {
    return R"({"role": "assistant", "content": ")" + text + "\"}";
  };
  const auto data = open("{\"chosen\": [" + user + ", " + turn("yes") + "], \"rejected\": [" +
                         user + ", " + turn("no") + "]}");
  EXPECT_EQ(trained(rows(*data, 0)[0]), "yes$");
  EXPECT_EQ(trained(rows(*data, 0)[1]), "no$");
  refuses("{\"chosen\": [" + user + "], \"rejected\": [" + user + "]}",
          {"should begin with the same turns"});
  refuses(R"({"prompt": "p", "chosen": "x", "rejected": "y", "preference": 0.7})",
          {"key 'preference' is 0.7"});
}

TEST_F(RowFormats, RankingsAreFilledUpToTheLongest) {
  const auto data = open(R"({"prompt": "p", "answers": ["a", "b"], "ranks": [2, 1]})"
                         "\n"
                         R"({"prompt": "p", "answers": ["a", "b", "c"], "ranks": [1, 1, 2]})");
  ASSERT_EQ(data->rows_per_sample(), 3);
  const auto two = rows(*data, 0), three = rows(*data, 1);
  EXPECT_EQ(two[0].columns.at("rank"), 2);
  EXPECT_EQ(two[2].columns.at("rank"), -1);
  EXPECT_EQ(two[2].length(), 1);
  EXPECT_EQ(two[2].weights[0], 0);
  EXPECT_EQ(three[1].columns.at("rank"), 1);
  EXPECT_EQ(trained(three[2]), "c$");
  refuses(R"({"prompt": "p", "answers": ["a", "b"], "ranks": [1]})", {"1 ranks for 2 answers"});
  refuses(R"({"prompt": "p", "answers": ["a"], "ranks": [1]})", {"fewer than two answers"});
  refuses(R"({"prompt": "p", "answers": ["a", 3], "ranks": [1, 2]})", {"key 'answers' holds"});
  refuses(R"({"prompt": "p", "answers": ["a", "b"], "ranks": [1, "x"]})", {"key 'ranks'"});
}

TEST_F(RowFormats, RatingsAreNormalisedPerGrader) {
  const auto data = open(R"({"prompt": "p", "answer": "a", "rating": 1, "grader": "ann"})"
                         "\n"
                         R"({"prompt": "p", "answer": "b", "rating": 3, "grader": "ann"})"
                         "\n"
                         R"({"prompt": "p", "answer": "c", "rating": 5, "grader": 7})"
                         "\n"
                         R"({"prompt": "p", "answer": "d", "rating": 4})");
  EXPECT_FLOAT_EQ(rows(*data, 0)[0].columns.at("rating"), -1);
  EXPECT_FLOAT_EQ(rows(*data, 1)[0].columns.at("rating"), 1);
  EXPECT_FLOAT_EQ(rows(*data, 2)[0].columns.at("rating"), 0);  // the only one of its grader
  EXPECT_FLOAT_EQ(rows(*data, 3)[0].columns.at("rating"), 4);  // no grader: as it is
  EXPECT_EQ(trained(rows(*data, 1)[0]), "b$");
  refuses(R"({"prompt": "p", "answer": "a", "rating": "good"})", {"key 'rating' holds"});
}

TEST_F(RowFormats, LabelledAnswersComeWithAMismatchedOne) {
  const auto data = open(R"({"prompt": "p", "completion": "a", "label": true})"
                         "\n"
                         R"({"prompt": "q", "completion": "long", "label": 0})");
  const auto first = rows(*data, 0), second = rows(*data, 1);
  EXPECT_EQ(trained(first[0]), "a$");
  EXPECT_EQ(first[0].columns.at("label"), 1);
  EXPECT_EQ(first[0].columns.at("kl"), 0);
  EXPECT_EQ(first[1].tokens[0], 'p');
  EXPECT_EQ(trained(first[1]), "long$");
  EXPECT_EQ(first[1].columns.at("kl"), 1);
  EXPECT_EQ(second[0].columns.at("label"), 0);
  EXPECT_EQ(second[1].tokens[0], 'q');
  EXPECT_EQ(trained(second[1]), "a$");
  refuses(R"({"prompt": "p", "completion": "a", "label": true})", {"two rows are needed"});
  refuses(R"({"prompt": "p", "completion": "a", "label": "yes"})", {"key 'label' is \"yes\""});
}

TEST_F(RowFormats, AJobIsToldWhichFormsItTakes) {
  base::write_file(folder_ / "rows.jsonl", R"({"prompt": "p", "chosen": "x", "rejected": "y"})");
  tests::expect_user_error(
      base::kBadData, {"rows of chosen+rejected", "this job takes", "prompt+completion | messages"},
      [&] { open_dataset(folder_ / "rows.jsonl", context({RowKind::kText})); });
}

// ---- packing

TEST_F(RowFormats, PacksKeepRowsApartAndLoseNothing) {
  sequence_ = 10;
  std::string content;
  for (const char* answer : {"abc", "defgh", "i", "jkl", "mn"})
    content += fmt::format("{{\"prompt\": \"p\", \"completion\": \"{}\"}}\n", answer);
  const auto single = open(content);
  packing_ = true;
  const auto packed = open(content);
  ASSERT_LT(packed->size(), single->size());
  std::string of_single, of_packed;
  for (int64_t i = 0; i < single->size(); ++i) of_single += trained(rows(*single, i)[0]);
  for (int64_t i = 0; i < packed->size(); ++i) {
    const Row row = rows(*packed, i)[0];
    EXPECT_LE(row.length(), 10);
    of_packed += trained(row);
    for (size_t t = 0; t < row.tokens.size(); ++t) {
      const bool begins = t == 0 || row.documents[t] != row.documents[t - 1];
      EXPECT_EQ(row.positions[t], begins ? 0 : row.positions[t - 1] + 1);
      if (begins) {
        EXPECT_EQ(row.tokens[t], 'p');
      }
    }
    // The last token of a row is never trained to predict the next row's first.
    for (size_t t = 1; t < row.tokens.size(); ++t) {
      if (row.documents[t] != row.documents[t - 1]) {
        EXPECT_EQ(row.targets[t - 1], kEnd);
      }
    }
  }
  std::ranges::sort(of_single);
  std::ranges::sort(of_packed);
  EXPECT_EQ(of_packed, of_single);
}

TEST(FirstFit, FillsTheFirstBinThatHasRoom) {
  const auto bins = first_fit({6, 5, 4, 3, 5, 1}, 10);
  EXPECT_EQ(bins, (std::vector<std::vector<int64_t>>{{0, 2}, {1, 3, 5}, {4}}));
  EXPECT_TRUE(first_fit({}, 10).empty());
}

// ---- prompts

TEST_F(RowFormats, PromptsKeepTheirRows) {
  const auto set_of = [&](const std::string& content) {
    base::write_file(folder_ / "p.jsonl", content);
    return PromptSet((folder_ / "p.jsonl").string(), context(), 20);
  };
  const PromptSet set = set_of(R"({"prompt": "2+2=", "answer": "4"})"
                               "\n"
                               R"({"prompt": [{"role": "user", "content": "q"}]})"
                               "\n"
                               R"({"input_ids": [1, 2]})");
  ASSERT_EQ(set.size(), 3);
  EXPECT_EQ(set.at(0).ids, bytes("2+2="));
  EXPECT_EQ(set.row(0)["answer"], "4");
  EXPECT_TRUE(set.at(2).where.ends_with("p.jsonl:3")) << set.at(2).where;
  EXPECT_EQ(codec_.decode(set.at(1).ids), "user:\nq<|end|>assistant:\n");
  EXPECT_EQ(set.at(2).ids, (Ids{1, 2}));
  tests::expect_user_error(base::kBadData, {"p.jsonl:1", "has 30 tokens"},
                           [&] { set_of("{\"prompt\": \"" + std::string(30, 'a') + "\"}"); });
  tests::expect_user_error(base::kBadData, {"p.jsonl:1", "is empty"},
                           [&] { set_of(R"({"prompt": ""})"); });
  config_.too_long = "truncate";
  const PromptSet cut = set_of("{\"prompt\": \"" + std::string(30, 'a') + "bc\"}");
  EXPECT_EQ(cut.at(0).ids.size(), 20u);
  EXPECT_EQ(cut.at(0).ids.back(), 'c');
}

}  // namespace
}  // namespace strata::data
