// Checkpoints over layouts: what any layout saves is the same bytes and loads on any other, on more
// or fewer ranks.
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>

#include "base/safetensors.h"
#include "parallel/comm/collectives.h"
#include "parallel/optimizer/distributed_optimizer.h"
#include "parallel/params/gather.h"
#include "parallel/params/grad_sink.h"
#include "tests/parallel/layouts.h"
#include "tests/parallel/toy_model.h"
#include "tests/support/temp_folder.h"
#include "trainer/checkpoint/folder.h"
#include "trainer/checkpoint/reader.h"
#include "trainer/checkpoint/writer.h"

namespace strata::trainer {
namespace {

namespace fs = std::filesystem;
namespace sp = strata::parallel;

constexpr int kSamples = 12;

/// Rank 0's new folder, known to all ranks.
class SharedFolder {
 public:
  explicit SharedFolder(sp::Communicator& world) : world_(world) {
    if (world.rank() == 0) own_ = std::make_unique<tests::TempFolder>();
    path_ = sp::broadcast_string(world, own_ ? own_->path().string() : "");
  }
  ~SharedFolder() { world_.barrier(); }
  const fs::path& path() const { return path_; }

 private:
  sp::Communicator& world_;
  std::unique_ptr<tests::TempFolder> own_;
  fs::path path_;
};

struct Toy {
  sp::ParamStore params;
  std::unique_ptr<sp::DistributedOptimizer> optimizer;
  sp::GradSink sink;

  Toy(const sp::ParallelContext& context, const sp::StoreOptions& options, uint64_t seed = 1)
      : params(context, options), sink(params) {
    tests::add_toy_params(params);
    params.materialize(seed);
    sp::OptimizerConfig config;
    config.clip = 3;
    optimizer = std::make_unique<sp::DistributedOptimizer>(params, config);
  }
  CheckpointModel model() { return {"", &params, optimizer.get()}; }
  void train(int step) {
    const sp::Communicator& group = params.context().gradients();
    const int share = kSamples / group.size();
    optimizer->zero_grad(share);
    for (int i = 0; i < share; ++i)
      tests::add_toy_gradients(params, sink, step, group.rank() * share + i);
    optimizer->reduce_grads();
    EXPECT_TRUE(optimizer->step(0.05));
  }
  void save(const fs::path& run, int step) {
    CheckpointWriter writer(run, params.context(), {.keep_last = 99});
    const CheckpointModel one = model();
    writer.save(step, {&one, 1}, "state");
  }
};

/// Tensor name and quantity -> bytes, whatever files they lie in.
std::map<std::string, std::string> contents(const fs::path& checkpoint) {
  std::map<std::string, std::string> bytes;
  for (const Manifest::File& file : read_manifest(checkpoint).files) {
    if (file.quantity == Manifest::kRunState) continue;
    const base::SafetensorsReader reader(checkpoint / file.name);
    for (const auto& [name, info] : reader.tensors()) {
      const auto span = reader.bytes(info);
      bytes[file.quantity + " " + name] = {reinterpret_cast<const char*>(span.data()), span.size()};
    }
  }
  return bytes;
}

sp::StoreOptions options(at::ScalarType compute, int zero) {
  return {.compute = compute, .zero = zero, .bucket_elements = 96};
}

/// Saved on one rank, loaded and trained and saved on every layout, loaded on one rank again: the
/// bytes of a run that was never cut.
TEST(Trap26Resharding, EveryLayoutReadsAndWritesTheSameBytes) {
  const auto world = sp::make_mpi_world();
  const auto alone = sp::make_single_context();
  for (at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
    const SharedFolder run(*world);
    Toy one(*alone, options(compute, 0));
    for (int s = 1; s <= 2; ++s) one.train(s);
    const fs::path mine = run.path() / std::to_string(world->rank());
    one.save(mine, 2);
    for (int s = 3; s <= 4; ++s) one.train(s);
    one.save(mine, 4);
    const auto at_two = contents(checkpoint_folder(mine, 2)),
               at_four = contents(checkpoint_folder(mine, 4));
    EXPECT_GT(at_two.size(), 60u);
    world->barrier();

    int number = 0;
    for (const sp::MeshLayout& layout : tests::layouts_of_world()) {
      const auto context = tests::context_of(layout);
      const int zero = (number + (compute == at::kFloat ? 0 : 1)) % 4;
      const std::string where = layout.summary() + ", zero " + std::to_string(zero);
      const fs::path theirs = run.path() / ("layout" + std::to_string(number++));
      Toy some(*context, options(compute, zero), 2);
      const CheckpointReader reader(checkpoint_folder(run.path() / "0", 2));
      reader.read(some.model());
      EXPECT_EQ(some.optimizer->updates(), 2);
      some.save(theirs, 2);
      EXPECT_EQ(contents(checkpoint_folder(theirs, 2)), at_two) << where;
      for (int s = 3; s <= 4; ++s) some.train(s);
      some.save(theirs, 4);
      EXPECT_EQ(contents(checkpoint_folder(theirs, 4)), at_four) << where;
      world->barrier();
    }
  }
}

/// Saved on all ranks, loaded on worlds of every smaller size.
TEST(Checkpoint, LoadsOnFewerRanks) {
  const auto world = sp::make_mpi_world();
  const SharedFolder run(*world);
  const auto context = tests::context_of(sp::MeshLayout(1, 1, world->size(), 1));
  Toy all(*context, options(at::kBFloat16, 1));
  all.train(1);
  all.save(run.path(), 1);
  const auto saved = contents(checkpoint_folder(run.path(), 1));
  for (int ranks = 1; ranks <= world->size(); ++ranks) {
    // The first `ranks` form a world; each of the others one of its own.
    const int color = world->rank() < ranks ? 0 : world->rank();
    auto smaller = world->split(color, world->rank(), "smaller" + std::to_string(ranks));
    const int data = smaller->size();
    const sp::ParallelContext fewer(std::move(smaller), sp::MeshLayout(1, 1, data, 1));
    Toy some(fewer, options(at::kFloat, 2), 2);
    CheckpointReader(checkpoint_folder(run.path(), 1)).read(some.model());
    const fs::path again = run.path() / ("again" + std::to_string(ranks)) / std::to_string(color);
    some.save(again, 1);
    EXPECT_EQ(contents(checkpoint_folder(again, 1)), saved) << ranks;
    world->barrier();
  }
}

/// A disk that is full for one rank alone fails the save on all of them.
TEST(Trap25CheckpointCompleteness, OneRanksFullDiskFailsAll) {
  const auto world = sp::make_mpi_world();
  for (const sp::MeshLayout& layout :
       {sp::MeshLayout(1, 1, 1, world->size()), sp::MeshLayout(1, 1, world->size(), 1)}) {
    const SharedFolder run(*world);
    const auto context = tests::context_of(layout);
    Toy toy(*context, options(at::kFloat, 1));
    toy.save(run.path(), 1);

    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const bool is_writer =
        layout.pipeline() > 1 ? world->rank() == world->size() - 1 : world->rank() == 0;
    const rlimit limit{1000, before.rlim_max};
    if (is_writer) setrlimit(RLIMIT_FSIZE, &limit);
    std::string complaint;
    try {
      toy.save(run.path(), 2);
    } catch (const base::UserError& error) {
      EXPECT_EQ(error.exit_code, base::kDiskTrouble);
      complaint = error.what();
    }
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_NE(complaint.find("step 2"), std::string::npos) << complaint;
    world->barrier();
    const auto found = find_checkpoint(run.path(), *context, [](std::string_view) {});
    EXPECT_EQ(found, checkpoint_folder(run.path(), 1));
  }
}

}  // namespace
}  // namespace strata::trainer
