// data prepare: the same shards for any number of ranks, what is finished and sound is kept, what
// is not is made anew, bad rows are named; verify lists every fault; inspect marks what is trained.
#include "data/prepare.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <zlib.h>
#include <zstd.h>

#include <map>

#include "base/error.h"
#include "base/file.h"
#include "data/datasets/format.h"
#include "data/inspect.h"
#include "data/prepare_plan.h"
#include "data/token_stream.h"
#include "data/verify.h"
#include "tests/data/byte_codec.h"
#include "tests/data/damage.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace strata::data {
namespace {

namespace fs = std::filesystem;

void write_gz(const fs::path& path, const std::string& text) {
  const gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
}

void write_zst(const fs::path& path, const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  base::write_file(path, packed);
}

class Prepare : public testing::Test {
 protected:
  void SetUp() override {
    std::string rows, other;
    for (int i = 0; i < 60; ++i)
      rows += fmt::format("{{\"text\": \"row {} {}\"}}\n", i,
                          std::string(static_cast<size_t>(i * 7 % 50), 'x'));
    for (int i = 0; i < 40; ++i)
      other += fmt::format("{{\"id\": {}, \"text\": \"packed row {}\"}}\n", i, i);
    base::write_file(folder_ / "a.jsonl", rows + "\n{\"text\": \"\"}\n");
    base::write_file(folder_ / "b.txt", "A whole text\nof two lines\n");
    write_gz(folder_ / "c.jsonl.gz", other);
    write_zst(folder_ / "d.jsonl.zst", other);
    write_zst(folder_ / "e.txt.zst", "another text");
    config_.inputs = {folder_ / "a.jsonl", folder_ / "b.txt", folder_ / "c.jsonl.gz",
                      folder_ / "d.jsonl.zst", folder_ / "e.txt.zst"};
    config_.out = folder_ / "shards";
  }

  /// Several ranks, each a process of its own.
  void run(int size, int64_t piece_bytes = 500) {
    void* shared = mmap(nullptr, sizeof(pthread_barrier_t), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    auto* meeting = static_cast<pthread_barrier_t*>(shared);
    pthread_barrierattr_t between_processes;
    pthread_barrierattr_init(&between_processes);
    pthread_barrierattr_setpshared(&between_processes, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(meeting, &between_processes, static_cast<unsigned>(size));
    for (int rank = 0; rank < size; ++rank) {
      if (fork() != 0) continue;
      try {
        prepare(request(rank, size, piece_bytes, [&] { pthread_barrier_wait(meeting); }));
      } catch (const std::exception& error) {
        fmt::print(stderr, "rank {}: {}\n", rank, error.what());
        _exit(1);
      }
      _exit(0);
    }
    for (int rank = 0; rank < size; ++rank) {
      int status = 0;
      wait(&status);
      EXPECT_EQ(status, 0);
    }
    munmap(shared, sizeof(pthread_barrier_t));
  }

  PrepareResult run_alone() {
    return prepare(request(0, 1, 500, [] {}));
  }

  PrepareRequest request(int rank, int size, int64_t piece_bytes, std::function<void()> barrier) {
    PrepareRequest request{config_, codec_};
    request.rank = rank;
    request.size = size;
    request.piece_bytes = piece_bytes;
    request.barrier = std::move(barrier);
    request.save_tokenizer = [](const fs::path& folder) {
      base::write_file(folder / "tokenizer.json", "{}");
    };
    return request;
  }

  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> files;
    for (const auto& item : fs::recursive_directory_iterator(config_.out)) {
      if (item.is_regular_file())
        files[fs::relative(item.path(), config_.out)] = base::read_file(item.path());
    }
    return files;
  }

  std::string text_of_shards() const {
    const ShardFolder shards(config_.out);
    std::vector<int32_t> ids(static_cast<size_t>(shards.token_count()));
    shards.read(0, ids);
    return codec_.decode(ids);
  }

  tests::TempFolder folder_;
  PrepareConfig config_;
  ByteCodec codec_;
};

TEST_F(Prepare, KeepsEveryDocumentInOrder) {
  const PrepareResult result = run_alone();
  EXPECT_EQ(result.files_kept, 0);
  EXPECT_EQ(result.files_written, static_cast<int64_t>(result.manifest.shards.size()));
  EXPECT_GT(result.files_written, 5);
  EXPECT_EQ(result.empty_documents, 1);
  std::string expected;
  for (int i = 0; i < 60; ++i)
    expected +=
        fmt::format("row {} {}<|end|>", i, std::string(static_cast<size_t>(i * 7 % 50), 'x'));
  expected += "A whole text\nof two lines\n<|end|>";
  for (int twice = 0; twice < 2; ++twice) {
    for (int i = 0; i < 40; ++i) expected += fmt::format("packed row {}<|end|>", i);
  }
  expected += "another text<|end|>";
  EXPECT_EQ(text_of_shards(), expected);
  const ShardFolder shards(config_.out);
  EXPECT_EQ(shards.document_count(), 142);
  EXPECT_EQ(shards.token_count(), shards.text_bytes() + 142);
  EXPECT_TRUE(verify_shards(config_.out).empty());
  EXPECT_TRUE(fs::exists(tokenizer_of_shards(config_.out) / "tokenizer.json"));
}

TEST_F(Prepare, TheFilesDoNotDependOnTheNumberOfRanks) {
  run(1);
  const auto alone = files();
  for (int ranks : {2, 3, 8}) {
    fs::remove_all(config_.out);
    run(ranks);
    EXPECT_EQ(files(), alone) << ranks;
  }
}

TEST_F(Prepare, WhereTheInputIsCutChangesNoToken) {
  run(1, 500);
  const std::string expected = text_of_shards();
  for (int64_t piece_bytes : {50, 1000, 1 << 20}) {
    fs::remove_all(config_.out);
    run(2, piece_bytes);
    EXPECT_EQ(text_of_shards(), expected) << piece_bytes;
    EXPECT_TRUE(verify_shards(config_.out).empty());
  }
}

TEST_F(Prepare, FinishedFilesAreKept) {
  run_alone();
  const auto before = files();
  const PrepareResult again = run_alone();
  EXPECT_EQ(again.files_written, 0);
  EXPECT_EQ(files(), before);

  tests::flip_byte(fs::path(config_.out) / again.manifest.shards[2].file, 3000);
  fs::remove(fs::path(config_.out) / again.manifest.shards[4].file);
  base::write_file(fs::path(config_.out) / "00999-000.h5", "left over");
  const PrepareResult mended = run_alone();
  EXPECT_EQ(mended.files_written, 2);
  EXPECT_EQ(files(), before);
}

TEST_F(Prepare, GoesOnAfterAStopAtAnyFile) {
  run_alone();
  const auto whole = files();
  const auto shards = static_cast<int>(run_alone().manifest.shards.size());
  struct Stop {};
  for (int stop_after : {1, 3, shards - 1}) {
    fs::remove_all(config_.out);
    PrepareRequest stopped = request(0, 1, 500, [] {});
    int finished = 0;
    stopped.progress = [&](int64_t, int64_t) {
      finished = 0;
      for (const auto& item : fs::directory_iterator(config_.out))
        finished += item.path().extension() == ".h5";
      if (finished >= stop_after) throw Stop{};
    };
    fs::create_directories(config_.out);
    EXPECT_THROW(prepare(stopped), Stop);
    EXPECT_FALSE(fs::exists(fs::path(config_.out) / kShardManifestName));
    EXPECT_THROW(ShardFolder{config_.out}, base::UserError);
    const PrepareResult result = run_alone();
    EXPECT_EQ(result.files_kept, stop_after);
    EXPECT_EQ(result.files_written, shards - stop_after);
    EXPECT_EQ(files(), whole);
  }
}

TEST_F(Prepare, ChangedInputsAndTokenizersAreDoneAnew) {
  const PrepareResult first = run_alone();
  base::write_file(folder_ / "b.txt", "A whole tale\nof two lines\n");  // as long as before
  const PrepareResult changed = run_alone();
  EXPECT_GE(changed.files_written, 1);
  EXPECT_LE(changed.files_written, 3);  // the parts of one piece
  EXPECT_NE(text_of_shards().find("A whole tale"), std::string::npos);
  EXPECT_NE(changed.manifest.fingerprint(), first.manifest.fingerprint());

  codec_ = ByteCodec("other bytes");
  EXPECT_EQ(run_alone().files_kept, 0);
  const DataConfig data;
  const ByteCodec old;
  EXPECT_THROW(open_dataset(config_.out, {data, 8, &old}), base::UserError);
  EXPECT_NO_THROW(open_dataset(config_.out, {data, 8, &codec_}));
}

TEST_F(Prepare, ABadRowIsNamedWhereverItStands) {
  std::string rows;
  for (int i = 0; i < 100; ++i) rows += fmt::format("{{\"text\": \"row {}\"}}\n", i);
  base::write_file(folder_ / "bad.jsonl", rows + "{\"text\": 5}\n");
  config_.inputs = {folder_ / "bad.jsonl"};
  tests::expect_user_error(base::kBadData, {"bad.jsonl:101: key 'text' holds a number"},
                           [&] { run_alone(); });
  config_.inputs = {folder_ / "absent.jsonl"};
  EXPECT_THROW(run_alone(), base::UserError);
  base::write_file(folder_ / "empty.jsonl", "\n");
  config_.inputs = {folder_ / "empty.jsonl"};
  EXPECT_THROW(run_alone(), base::UserError);
}

TEST_F(Prepare, ShardsAndTheirSourceGiveEqualSamples) {
  config_.inputs = {folder_ / "a.jsonl"};
  run_alone();
  const DataConfig data;
  const DatasetContext context{data, 33, &codec_};
  const auto shards = open_dataset(config_.out, context),
             rows = open_dataset(folder_ / "a.jsonl", context);
  ASSERT_EQ(shards->size(), rows->size());
  for (int64_t i = 0; i < shards->size(); ++i) {
    std::vector<Row> a, b;
    shards->get(i, a);
    rows->get(i, b);
    EXPECT_EQ(a[0].tokens, b[0].tokens);
    EXPECT_EQ(a[0].targets, b[0].targets);
    EXPECT_EQ(a[0].documents, b[0].documents);
    EXPECT_EQ(a[0].positions, b[0].positions);
    EXPECT_EQ(a[0].bytes, b[0].bytes);
  }
}

TEST_F(Prepare, VerifyListsEveryFault) {
  const PrepareResult result = run_alone();
  const fs::path out = config_.out;
  const auto& shards = result.manifest.shards;
  fs::remove(out / shards[0].file);
  tests::flip_byte(out / shards[1].file, 2500);
  fs::resize_file(out / shards[2].file, fs::file_size(out / shards[2].file) - 40);
  fs::copy_file(out / shards[4].file, out / shards[3].file, fs::copy_options::overwrite_existing);
  const std::vector<std::string> faults = verify_shards(out);
  for (size_t s = 0; s < 4; ++s) {
    const bool named = std::ranges::any_of(
        faults, [&](const std::string& fault) { return fault.find(shards[s].file) != fault.npos; });
    EXPECT_TRUE(named) << shards[s].file << "\n" << fmt::format("{}", fmt::join(faults, "\n"));
  }
  tests::flip_byte(out / kShardManifestName, 60);
  EXPECT_EQ(verify_shards(out).size(), 1u);
  EXPECT_THROW(verify_shards(out / "absent.h5"), base::UserError);
}

TEST_F(Prepare, InspectShowsWhatIsTrained) {
  config_.inputs = {folder_ / "b.txt", folder_ / "e.txt.zst"};
  run_alone();
  const DataConfig data;
  const Inspection shards = inspect(config_.out, {data, 64, &codec_}, 3);
  const std::string text = inspection_text(shards, "<", ">");
  EXPECT_NE(text.find("documents       2"), std::string::npos) << text;
  EXPECT_NE(text.find("A< whole text\nof two lines\n<|end|>>a<nother text<|end|>>"),
            std::string::npos)
      << text;
  EXPECT_EQ(inspection_json(shards)["rows"].size(), 1u);
  base::write_file(folder_ / "ids.jsonl",
                   "{\"input_ids\": [7, 8, 9], \"labels\": [-100, -100, 9]}\n");
  const Inspection ids = inspect(folder_ / "ids.jsonl", {data, 64}, 3);
  EXPECT_NE(inspection_text(ids, "<", ">").find("[7 8]<[9]>"), std::string::npos)
      << inspection_text(ids, "<", ">");
}

TEST(Plan, CutsOnlyWhatCanBeCut) {
  const InputFile rows{"a.jsonl", 25, true, false}, text{"b.txt", 7, false, false},
      packed{"c.jsonl.gz", 30, true, true};
  const InputFile inputs[] = {text, rows, packed, text, text};
  const std::vector<Piece> expected{{{0, 0, 7}, {1, 0, 3}},
                                    {{1, 3, 13}},
                                    {{1, 13, 23}},
                                    {{1, 23, 25}, {2, 0, 30}},
                                    {{3, 0, 7}, {4, 0, 7}}};
  EXPECT_EQ(plan_pieces(inputs, 10), expected);
}

TEST(Plan, PiecesGrowWithTheCorpus) {
  const auto suggested = [](int64_t bytes) {
    const InputFile half{"a.jsonl", bytes / 2, true, false};
    return suggested_piece_bytes(std::vector<InputFile>{half, half});
  };
  constexpr int64_t kMiB = 1 << 20;
  EXPECT_EQ(suggested(0), kMiB);
  EXPECT_EQ(suggested(15 * kMiB), kMiB);
  EXPECT_EQ(suggested(200 * kMiB), 4 * kMiB);
  EXPECT_EQ(suggested(100000 * kMiB), 64 * kMiB);
  EXPECT_EQ(suggested(1000000 * kMiB), 256 * kMiB);
}

}  // namespace
}  // namespace strata::data
