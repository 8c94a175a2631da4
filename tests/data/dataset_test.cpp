// Datasets: windows that keep documents apart, rows of ids with the shift made, bad rows named,
// formats found.
#include "data/dataset.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "data/datasets/format.h"
#include "data/datasets/windows.h"
#include "tests/data/byte_codec.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace strata::data {
namespace {

constexpr int32_t kEnd = ByteCodec::kEnd;
using Ids = std::vector<int32_t>;

Row only_row(const Dataset& dataset, int64_t sample) {
  std::vector<Row> rows;
  dataset.get(sample, rows);
  EXPECT_EQ(rows.size(), 1u);
  return rows.at(0);
}

std::unique_ptr<MemoryTokens> tokens_of(const std::vector<Ids>& documents) {
  auto tokens = std::make_unique<MemoryTokens>(std::vector<uint16_t>(300, 2));
  for (const Ids& document : documents) tokens->add_document(document);
  return tokens;
}

TEST(Windows, EveryTokenButTheFirstIsATargetOnceAndTheLastComesFromTheNextWindow) {
  Ids ids(23);
  for (int32_t i = 0; i < 23; ++i) ids[static_cast<size_t>(i)] = i + 10;
  const WindowDataset windows(tokens_of({ids}), 5, false, "w");
  ASSERT_EQ(windows.size(), 5);  // 22 targets in fives
  Ids targets;
  for (int64_t i = 0; i < windows.size(); ++i) {
    const Row row = only_row(windows, i);
    EXPECT_EQ(row.length(), windows.length(i));
    EXPECT_EQ(row.tokens.front(), 10 + 5 * i);
    targets.insert(targets.end(), row.targets.begin(), row.targets.end());
    EXPECT_EQ(row.positions.front(), 0);
    EXPECT_EQ(row.positions.back(), row.length() - 1);
    EXPECT_EQ(row.bytes, 2 * row.length());
  }
  EXPECT_EQ(targets, Ids(ids.begin() + 1, ids.end()));
  EXPECT_EQ(only_row(windows, 4).length(), 2);
}

TEST(Windows, KeepDocumentsApart) {
  const WindowDataset windows(tokens_of({{1, 2, kEnd}, {3, kEnd}, {4, 5, 6, kEnd}}), 8, false, "w");
  const Row row = only_row(windows, 0);
  EXPECT_EQ(row.tokens, (Ids{1, 2, kEnd, 3, kEnd, 4, 5, 6}));
  EXPECT_EQ(row.targets, (Ids{2, kEnd, kNoTarget, kEnd, kNoTarget, 5, 6, kEnd}));
  EXPECT_EQ(row.documents, (Ids{0, 0, 0, 1, 1, 2, 2, 2}));
  EXPECT_EQ(row.positions, (Ids{0, 1, 2, 0, 1, 0, 1, 2}));
  EXPECT_EQ(row.weights, (std::vector<float>{1, 1, 0, 1, 0, 1, 1, 1}));
  EXPECT_EQ(row.bytes, 12);
}

TEST(Windows, ADocumentThatBeginsWithTheNextWindowEndsThisOnesTargets) {
  const WindowDataset windows(tokens_of({{1, 2, kEnd}, {3, 4, kEnd}}), 3, false, "w");
  EXPECT_EQ(only_row(windows, 0).targets, (Ids{2, kEnd, kNoTarget}));
  EXPECT_EQ(only_row(windows, 0).documents, (Ids{0, 0, 0}));
  EXPECT_EQ(only_row(windows, 1).targets, (Ids{4, kEnd}));
  EXPECT_EQ(only_row(windows, 1).positions, (Ids{0, 1}));
}

TEST(Windows, CrossDocumentsWhenAsked) {
  const WindowDataset windows(tokens_of({{1, kEnd}, {3, 4, kEnd}}), 4, true, "w");
  const Row row = only_row(windows, 0);
  EXPECT_EQ(row.targets, (Ids{kEnd, 3, 4, kEnd}));
  EXPECT_EQ(row.documents, (Ids{0, 0, 0, 0}));
  EXPECT_EQ(row.positions, (Ids{0, 1, 2, 3}));
}

TEST(Batches, PadOnTheRightAndTellWhetherAMaskIsNeeded) {
  const Row one = one_document_row({5, 6}, {6, kNoTarget});
  const std::vector<Row> rows{one, Row{}};
  const Batch batch = make_batch(rows, std::vector<int64_t>{7, -1}, 3);
  EXPECT_EQ(batch.tokens, (Ids{5, 6, 0, 0, 0, 0}));
  EXPECT_EQ(batch.targets, (Ids{6, kNoTarget, kNoTarget, kNoTarget, kNoTarget, kNoTarget}));
  EXPECT_EQ(batch.weights, (std::vector<float>{1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(batch.documents, (Ids{0, 0, -1, -1, -1, -1}));
  EXPECT_EQ(batch.document_tokens, (Ids{2, 2, 0, 0, 0, 0}));
  EXPECT_TRUE(batch.one_document);
  Row two = one;
  two.documents = {0, 1};
  EXPECT_FALSE(make_batch(std::vector<Row>{one, two}, std::vector<int64_t>{1, 2}, 2).one_document);
}

TEST(Batches, DocumentsKeepTheirLengthWhereRowsAreCut) {
  Row row = one_document_row({1, 2, 3, 4, 5, 6, 7}, {2, 3, 4, 5, 6, 7, kNoTarget});
  row.documents = {0, 0, 0, 0, 0, 1, 1};
  const Batch whole = make_batch({&row, 1}, std::vector<int64_t>{0}, 8);
  EXPECT_EQ(whole.document_tokens, (Ids{5, 5, 5, 5, 5, 2, 2, 0}));
  EXPECT_EQ(cut_rows(whole, 0, 2).document_tokens, (Ids{5, 5, 2, 0}));
  EXPECT_EQ(take_rows(whole, std::vector<int64_t>{0}).document_tokens, whole.document_tokens);
}

class Files : public testing::Test {
 protected:
  std::unique_ptr<Dataset> open(const std::string& name, const std::string& content) {
    base::write_file(folder_ / name, content);
    return open_dataset(folder_ / name, context());
  }
  void refuses(const std::string& name, const std::string& content, const std::string& why) {
    tests::expect_user_error(base::kBadData, {why}, [&] { open(name, content); });
  }
  DatasetContext context() { return {config_, sequence_, with_codec_ ? &codec_ : nullptr, vocab_}; }

  tests::TempFolder folder_;
  DataConfig config_;
  ByteCodec codec_;
  int64_t sequence_ = 4, vocab_ = 0;
  bool with_codec_ = true;
};

TEST_F(Files, RowsOfIdsAreOneSequenceEachAndNeedNoTokenizer) {
  with_codec_ = false;
  const auto data = open("a.jsonl",
                         "{\"input_ids\": [7, 8, 9]}\n\n{\"labels\": [-100, -100, 3, 4], "
                         "\"input_ids\": [1, 2, 3, 4]}");
  ASSERT_EQ(data->size(), 2);
  EXPECT_EQ(only_row(*data, 0).tokens, (Ids{7, 8}));
  EXPECT_EQ(only_row(*data, 0).targets, (Ids{8, 9}));
  EXPECT_EQ(data->length(1), 3);
  const Row row = only_row(*data, 1);
  EXPECT_EQ(row.tokens, (Ids{1, 2, 3}));
  EXPECT_EQ(row.targets, (Ids{kNoTarget, 3, 4}));
  EXPECT_EQ(row.weights, (std::vector<float>{0, 1, 1}));
  EXPECT_EQ(row.documents, (Ids{0, 0, 0}));
}

TEST_F(Files, LongRowsAreRefusedCutOrLeftOut) {
  const std::string rows =
      "{\"input_ids\": [1, 2, 3, 4, 5]}\n{\"input_ids\": [1, 2, 3, 4, 5, 6]}\n{\"input_ids\": [8, "
      "9]}\n";
  refuses("a.jsonl", rows, "a.jsonl:2: key 'input_ids' holds 6 ids");
  config_.too_long = "truncate";
  auto data = open("a.jsonl", rows);
  ASSERT_EQ(data->size(), 3);
  EXPECT_EQ(only_row(*data, 1).targets, (Ids{2, 3, 4, 5}));
  EXPECT_NE(data->describe().find("1 of them cut to 5 ids"), std::string::npos) << data->describe();
  config_.too_long = "drop";
  data = open("a.jsonl", rows);
  ASSERT_EQ(data->size(), 2);
  EXPECT_EQ(only_row(*data, 1).tokens, (Ids{8}));
  EXPECT_NE(data->describe().find("1 rows of more than 5 ids left out"), std::string::npos)
      << data->describe();
}

TEST_F(Files, ABadRowIsNamedByFileAndLine) {
  vocab_ = 100;
  const std::string good = "{\"input_ids\": [1, 2]}\n\n";
  const std::pair<std::string, std::string> cases[] = {
      {"{\"input_ids\": [1, 2}", "a.jsonl:3:"},
      {"[1, 2]", "a.jsonl:3:"},
      {"{\"other\": [1, 2]}", "a.jsonl:3: key 'input_ids' is missing"},
      {"{\"input_ids\": \"1 2\"}", "a.jsonl:3: key 'input_ids'"},
      {"{\"input_ids\": [1, 100]}",
       "a.jsonl:3: key 'input_ids' holds 100 at place 1; token ids are whole numbers from 0 to 99"},
      {"{\"input_ids\": [1, -100]}", "a.jsonl:3: key 'input_ids' holds -100"},
      {"{\"input_ids\": [1, 2.5]}", "a.jsonl:3: key 'input_ids' holds 2.5"},
      {"{\"input_ids\": [1]}", "a.jsonl:3: key 'input_ids' needs two ids"},
      {"{\"input_ids\": [1, 2], \"labels\": [1]}",
       "a.jsonl:3: key 'labels' holds 1 labels for 2 ids"},
      {"{\"input_ids\": [1, 2], \"labels\": [-1, 2]}", "a.jsonl:3: key 'labels' holds -1"},
  };
  for (const auto& [row, expected] : cases) refuses("a.jsonl", good + row + "\n", expected);
  refuses("b.jsonl", "{\"text\": \"a\"}\n{\"text\": 5}\n", "b.jsonl:2: key 'text'");
}

TEST_F(Files, TheFormatIsFoundFromTheKeysOrSaid) {
  EXPECT_NE(open("a.jsonl", "{\"text\": \"hi\"}\n")->describe().find("documents"),
            std::string::npos);
  EXPECT_NE(open("b.jsonl", "{\"text\": \"hi\", \"input_ids\": [1, 2]}\n")
                ->describe()
                .find("rows of input_ids"),
            std::string::npos);
  config_.format = "text";
  EXPECT_NE(
      open("b.jsonl", "{\"text\": \"hi\", \"input_ids\": [1, 2]}\n")->describe().find("documents"),
      std::string::npos);
  config_.format = "auto";
  refuses("c.jsonl", "{\"txt\": \"hi\"}\n", "c.jsonl:1: no format has the keys txt");
  config_.columns = {{"text", "txt"}};
  EXPECT_EQ(only_row(*open("c.jsonl", "{\"txt\": \"hi\"}\n"), 0).tokens, (Ids{'h', 'i'}));
  config_.columns = {{"input_ids", "ids"}, {"labels", "y"}};
  EXPECT_EQ(only_row(*open("d.jsonl", "{\"ids\": [1, 2], \"y\": [1, -100]}\n"), 0).targets,
            (Ids{kNoTarget}));
  refuses("e.jsonl", "\n", "holds no rows");
  tests::expect_user_error(base::kBadData, {"absent.jsonl"},
                           [&] { open_dataset(folder_ / "absent.jsonl", context()); });
  with_codec_ = false;
  config_.columns.clear();
  tests::expect_user_error(base::kBadUsage, {"tokenizer.path"},
                           [&] { open("f.jsonl", "{\"text\": \"hi\"}\n"); });
}

TEST_F(Files, TextRowsAndTextFilesBecomeWindowsWithEndTokens) {
  sequence_ = 100;
  const Row row =
      only_row(*open("a.jsonl", "{\"text\": \"ab\"}\n{\"text\": \"\"}\n{\"text\": \"c\"}\n"), 0);
  EXPECT_EQ(row.tokens, (Ids{'a', 'b', kEnd, 'c'}));
  EXPECT_EQ(row.targets, (Ids{'b', kEnd, kNoTarget, kEnd}));
  EXPECT_EQ(row.bytes, 1);
  EXPECT_EQ(only_row(*open("a.txt", "one\ntwo"), 0).targets,
            (Ids{'n', 'e', '\n', 't', 'w', 'o', kEnd}));
  refuses("bad.txt", "one\ntw\xff", "bad.txt:2: byte 6 of the file (0xff) is not UTF-8");
}

TEST_F(Files, CompressedRowsAreLookedUpToo) {
  const std::string rows = "{\"input_ids\": [1, 2]}\n{\"input_ids\": [3, 4]}\n";
  const gzFile file = gzopen((folder_ / "a.jsonl.gz").c_str(), "wb");
  gzwrite(file, rows.data(), static_cast<unsigned>(rows.size()));
  gzclose(file);
  const auto data = open_dataset(folder_ / "a.jsonl.gz", context());
  ASSERT_EQ(data->size(), 2);
  EXPECT_EQ(only_row(*data, 1).tokens, (Ids{3}));
  EXPECT_EQ(data->fingerprint(), open("a.jsonl", rows)->fingerprint());
  EXPECT_NE(data->fingerprint(), open("a.jsonl", rows + rows)->fingerprint());
}

}  // namespace
}  // namespace strata::data
