// Manifests, listings, pruning and tidying of checkpoint folders; one rank's saves under failing
// disks and kills.
#include <ATen/Parallel.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <random>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/params/grad_sink.h"
#include "tests/parallel/toy_model.h"
#include "tests/support/temp_folder.h"
#include "trainer/checkpoint/folder.h"
#include "trainer/checkpoint/manifest.h"
#include "trainer/checkpoint/reader.h"
#include "trainer/checkpoint/writer.h"

namespace strata::trainer {
namespace {

namespace fs = std::filesystem;

Manifest example() {
  Manifest manifest;
  manifest.step = 300;
  manifest.score = 2.718281828459045;
  manifest.models = {{"policy/", 299}, {"critic/", 300}};
  manifest.files = {{"parameters_stage00_000.safetensors", "parameters", 5'000'000'000, 0xdeadbeef},
                    {"run_state.json", "run_state", 2, 7}};
  return manifest;
}

TEST(Manifest, ComesBackAsItWas) {
  const tests::TempFolder folder;
  folder.write("manifest.json", manifest_text(example()));
  EXPECT_EQ(read_manifest(folder.path()), example());
}

TEST(Manifest, AnyFlippedBitIsNoticed) {
  const tests::TempFolder folder;
  const std::string text = manifest_text(example());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 7)));
    folder.write("manifest.json", damaged);
    EXPECT_THROW(read_manifest(folder.path()), base::UserError) << "byte " << i << ": " << text[i];
  }
  for (size_t length : {size_t{0}, size_t{1}, text.size() / 2, text.size() - 1}) {
    folder.write("manifest.json", text.substr(0, length));
    EXPECT_THROW(read_manifest(folder.path()), base::UserError) << length;
  }
}

std::vector<CheckpointEntry> entries(std::vector<std::pair<int64_t, double>> steps_and_scores) {
  std::vector<CheckpointEntry> all;
  for (const auto& [step, score] : steps_and_scores) {
    CheckpointEntry entry;
    entry.step = step;
    entry.manifest.score = score;
    all.push_back(entry);
  }
  return all;
}

std::vector<int64_t> steps(const std::vector<CheckpointEntry>& some) {
  std::vector<int64_t> steps;
  for (const CheckpointEntry& entry : some) steps.push_back(entry.step);
  return steps;
}

TEST(Pruning, KeepsTheNewestTheRoundAndTheBest) {
  const auto all = entries({{100, 5.0}, {200, 3.0}, {300, 4.0}, {400, 4.5}, {500, 4.6}});
  EXPECT_EQ(steps(prunable(all, {.keep_last = 2})), (std::vector<int64_t>{100, 200, 300}));
  EXPECT_EQ(steps(prunable(all, {.keep_last = 1, .keep_every = 200})),
            (std::vector<int64_t>{100, 300}));
  EXPECT_EQ(steps(prunable(all, {.keep_last = 1, .keep_best = true})),
            (std::vector<int64_t>{100, 300, 400}));
  EXPECT_TRUE(prunable(all, {.keep_last = 9}).empty());
}

TEST(Pruning, DamagedOnesDoNotCountAndGoWhenASoundOneFollows) {
  auto all = entries({{100, 1.0}, {200, 1.0}, {300, 1.0}, {400, 1.0}});
  all[1].problem = all[3].problem = "damaged";
  EXPECT_EQ(steps(prunable(all, {.keep_last = 1})), (std::vector<int64_t>{100, 200}));
  EXPECT_EQ(steps(prunable(all, {.keep_last = 2})), (std::vector<int64_t>{200}));
}

/// A toy model whose parameters all hold one number.
struct Toy {
  std::unique_ptr<parallel::ParallelContext> context = parallel::make_single_context();
  parallel::ParamStore params{*context, {}};
  std::unique_ptr<parallel::DistributedOptimizer> optimizer;

  Toy() {
    tests::add_toy_params(params);
    params.materialize(1);
    optimizer =
        std::make_unique<parallel::DistributedOptimizer>(params, parallel::OptimizerConfig{});
  }
  CheckpointModel model() { return {"", &params, optimizer.get()}; }
  void fill(int64_t number) {
    for (int32_t i = 0; i < static_cast<int32_t>(params.params().size()); ++i) {
      const auto& shape = params.params()[static_cast<size_t>(i)].spec.shard.global_shape;
      params.set_whole(parallel::ParamId{i}, at::full(shape, static_cast<float>(number)));
    }
    optimizer->set_updates(number);
  }
  bool holds(int64_t number) const {
    for (int32_t i = 0; i < static_cast<int32_t>(params.params().size()); ++i) {
      const parallel::ParamId id{i};
      if (!params.trains(id)) continue;
      if (!at::equal(params.use(id), at::full(params.use(id).sizes(), static_cast<float>(number))))
        return false;
    }
    return optimizer->updates() == number;
  }
  void save(CheckpointWriter& writer, int64_t step, std::string_view state = "{}",
            std::optional<double> score = {}) {
    fill(step);
    const CheckpointModel one = model();
    writer.save(step, {&one, 1}, state, score);
  }
};

void ignore_warning(std::string_view) {}

TEST(Checkpoints, ComeBackAsTheyWere) {
  const tests::TempFolder run;
  Toy toy;
  for (bool async : {false, true}) {
    CheckpointWriter writer(run.path(), *toy.context, {.keep_last = 3, .async = async});
    for (int64_t step : {10, 20, 30, 40})
      toy.save(writer, step, "{\"at\": " + std::to_string(step) + "}");
    writer.settle(true);
    EXPECT_EQ(steps(list_checkpoints(run.path())), (std::vector<int64_t>{20, 30, 40}));
    const auto newest = find_checkpoint(run.path(), *toy.context, ignore_warning);
    ASSERT_TRUE(newest);
    EXPECT_EQ(newest->filename(), "step_00000040");
    toy.fill(0);
    const CheckpointReader reader(*newest);
    EXPECT_EQ(reader.step(), 40);
    EXPECT_EQ(reader.run_state(), "{\"at\": 40}");
    reader.read(toy.model());
    EXPECT_TRUE(toy.holds(40));
  }
}

TEST(Checkpoints, AnAsynchronousSaveHoldsTheStateOfItsCall) {
  const tests::TempFolder run;
  Toy toy;
  CheckpointWriter writer(run.path(), *toy.context, {.async = true});
  toy.save(writer, 10);
  toy.fill(11);  // training goes on
  writer.settle(true);
  CheckpointReader(checkpoint_folder(run.path(), 10)).read(toy.model());
  EXPECT_TRUE(toy.holds(10));
}

TEST(Checkpoints, ARunWithoutAnyHasNone) {
  const tests::TempFolder run;
  const Toy toy;
  EXPECT_FALSE(find_checkpoint(run.path(), *toy.context, ignore_warning));
}

void flip_a_byte(const fs::path& file) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(-5, std::ios::end);
  const int byte = stream.get();
  stream.seekp(-5, std::ios::end);
  stream.put(static_cast<char>(byte ^ 1));
}

TEST(Checkpoints, ADamagedNewestIsNamedAndTheOneBeforeIsUsed) {
  Toy toy;
  for (const char* victim : {"manifest.json", "run_state.json", "exp_avg_stage00_000.safetensors",
                             "parameters_stage00_000.safetensors"}) {
    const tests::TempFolder run;
    CheckpointWriter writer(run.path(), *toy.context, {});
    toy.save(writer, 1);
    toy.save(writer, 2, "{\"some\": \"state\"}");
    flip_a_byte(checkpoint_folder(run.path(), 2) / victim);
    EXPECT_FALSE(verify_checkpoint(checkpoint_folder(run.path(), 2)).empty()) << victim;
    EXPECT_TRUE(verify_checkpoint(checkpoint_folder(run.path(), 1)).empty());
    std::string warning;
    const auto found =
        find_checkpoint(run.path(), *toy.context, [&](std::string_view line) { warning = line; });
    EXPECT_EQ(found, checkpoint_folder(run.path(), 1)) << victim;
    EXPECT_NE(warning.find("step_00000002"), std::string::npos) << warning;
    EXPECT_NE(warning.find(victim), std::string::npos) << warning;

    fs::remove(checkpoint_folder(run.path(), 1) / victim);
    try {
      find_checkpoint(run.path(), *toy.context, ignore_warning);
      ADD_FAILURE() << "none is sound";
    } catch (const base::UserError& error) {
      EXPECT_EQ(error.exit_code, base::kBadCheckpoint);
    }
  }
}

TEST(Checkpoints, SavingAStepAgainReplacesIt) {
  const tests::TempFolder run;
  Toy toy;
  CheckpointWriter writer(run.path(), *toy.context, {});
  toy.save(writer, 5, "first");
  toy.save(writer, 5, "second");
  EXPECT_EQ(steps(list_checkpoints(run.path())), (std::vector<int64_t>{5}));
  EXPECT_EQ(CheckpointReader(checkpoint_folder(run.path(), 5)).run_state(), "second");
  EXPECT_EQ(std::distance(fs::directory_iterator(checkpoints_folder(run.path())),
                          fs::directory_iterator()),
            1);
}

TEST(Checkpoints, LeftoversOfAKillAreTidied) {
  const tests::TempFolder run;
  Toy toy;
  {
    CheckpointWriter writer(run.path(), *toy.context, {});
    toy.save(writer, 5);
  }
  const fs::path all = checkpoints_folder(run.path());
  fs::create_directories(all / ".step_00000006.new");
  fs::rename(all / "step_00000005",
             all / ".step_00000005.old.123");  // killed between the two renames
  fs::create_directories(all / ".step_00000005.new");
  const CheckpointWriter writer(run.path(), *toy.context, {});
  EXPECT_EQ(std::distance(fs::directory_iterator(all), fs::directory_iterator()), 1);
  EXPECT_EQ(find_checkpoint(run.path(), *toy.context, ignore_warning), all / "step_00000005");
}

TEST(Checkpoints, AModelThatDiffersIsRefused) {
  const tests::TempFolder run;
  Toy toy;
  CheckpointWriter writer(run.path(), *toy.context, {});
  toy.save(writer, 1);
  const CheckpointReader reader(checkpoint_folder(run.path(), 1));
  const auto complaint = [&](const char* name, std::vector<int64_t> shape, bool with_toy) {
    parallel::ParamStore other(*toy.context, {});
    if (with_toy) tests::add_toy_params(other);
    other.add(name, {.shard = parallel::replicated(std::move(shape), 0, 1)});
    other.materialize(1);
    try {
      reader.read({"", &other, nullptr});
    } catch (const base::UserError& error) {
      EXPECT_EQ(error.exit_code, base::kBadCheckpoint);
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_NE(complaint("embedding.weights", {13, 6}, true).find("did you mean 'embedding.weight'"),
            std::string::npos);
  EXPECT_NE(complaint("embedding.weight", {13, 7}, false).find("[13, 6]"), std::string::npos);
  EXPECT_NE(complaint("embedding.weight", {13, 6}, false).find("the model has 1"),
            std::string::npos);
}

TEST(Checkpoints, SeveralModelsShareOne) {
  const tests::TempFolder run;
  Toy policy, critic;
  CheckpointWriter writer(run.path(), *policy.context, {});
  policy.fill(3);
  critic.fill(4);
  CheckpointModel models[] = {policy.model(), critic.model()};
  models[0].prefix = "policy/";
  models[1].prefix = "critic/";
  writer.save(9, models, "{}");
  policy.fill(0);
  critic.fill(0);
  const CheckpointReader reader(checkpoint_folder(run.path(), 9));
  for (const CheckpointModel& model : models) reader.read(model);
  EXPECT_TRUE(policy.holds(3));
  EXPECT_TRUE(critic.holds(4));
  EXPECT_EQ(stored_tensors(checkpoint_folder(run.path(), 9)).front().name,
            "critic/embedding.weight");
}

/// No file may grow beyond `bytes` while this lives: writes fail as on a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST(Checkpoints, AFullDiskIsAnErrorAndTheOlderOneStays) {
  const tests::TempFolder run;
  Toy toy;
  for (bool async : {false, true}) {
    CheckpointWriter writer(run.path(), *toy.context, {.keep_last = 1, .async = async});
    toy.save(writer, 1);
    writer.settle(true);
    for (rlim_t bytes :
         {0, 100, 3000}) {  // nothing fits; the small files do; some of the large ones do
      const FullDisk full(bytes);
      try {
        toy.save(writer, 2);
        writer.settle(true);
        ADD_FAILURE() << "nothing was said of the full disk";
      } catch (const base::UserError& error) {
        EXPECT_EQ(error.exit_code, base::kDiskTrouble) << error.what();
      }
      EXPECT_EQ(std::distance(fs::directory_iterator(checkpoints_folder(run.path())),
                              fs::directory_iterator()),
                1);
      EXPECT_EQ(find_checkpoint(run.path(), *toy.context, ignore_warning),
                checkpoint_folder(run.path(), 1));
    }
    toy.save(writer, 2);
    writer.settle(true);
    EXPECT_EQ(steps(list_checkpoints(run.path())), (std::vector<int64_t>{2}));
    fs::remove_all(checkpoints_folder(run.path()));
  }
}

/// SIGKILL at random moments of a process that saves all the time, now and then the same step
/// again.
TEST(Checkpoints, AKillAtAnyMomentLeavesASoundOne) {
  at::set_num_threads(1);  // no thread pool: the child of a fork would miss it
  const tests::TempFolder run;
  std::mt19937 random(7);
  int64_t last = 0;
  for (int round = 0; round < 12; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      Toy toy;
      CheckpointWriter writer(run.path(), *toy.context, {.keep_last = 1, .async = round % 2 == 1});
      for (int64_t save = last * 2 + 2;; ++save)
        toy.save(writer, save / 2, std::to_string(save / 2));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 200));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);

    Toy toy;
    const CheckpointWriter tidies(run.path(), *toy.context, {});
    const auto newest = find_checkpoint(run.path(), *toy.context,
                                        [](std::string_view line) { ADD_FAILURE() << line; });
    if (!newest) continue;  // killed before its first save was done
    const CheckpointReader reader(*newest);
    reader.read(toy.model());
    EXPECT_TRUE(toy.holds(reader.step()));
    EXPECT_EQ(reader.run_state(), std::to_string(reader.step()));
    EXPECT_GE(reader.step(), last) << "a checkpoint was lost";
    last = reader.step();
  }
  EXPECT_GT(last, 0);
}

}  // namespace
}  // namespace strata::trainer
