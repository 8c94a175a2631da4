#include "trainer/session/session.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "parallel/comm/collectives.h"
#include "parallel/comm/world.h"
#include "trainer/config/changes.h"
#include "trainer/session/folder_lock.h"
#include "trainer/session/stop_request.h"

namespace strata::trainer {
namespace {

/// How the ranks of one host share it.
struct Neighbours {
  int rank = 0, count = 1;
};

Neighbours neighbours(parallel::Communicator& world) {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  const std::vector<std::string> gathered = parallel::gather_strings(world, host);
  std::string joined;
  for (const std::string& name : gathered) joined += name + "\n";
  joined = parallel::broadcast_string(world, joined);
  Neighbours result{0, 0};
  size_t begin = 0;
  for (int rank = 0; rank < world.size(); ++rank) {
    const size_t end = joined.find('\n', begin);
    if (joined.compare(begin, end - begin, host) == 0) {
      if (rank < world.rank()) ++result.rank;
      ++result.count;
    }
    begin = end + 1;
  }
  return result;
}

int bound_cores() {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

int choose_threads(const base::AutoInt& wanted, const Neighbours& here) {
  if (wanted) return static_cast<int>(*wanted);
  if (std::getenv("OMP_NUM_THREADS") != nullptr) return at::get_num_threads();
  return std::max(1, bound_cores() / here.count);
}

/// On a GPU some of LibTorch's kernels add in an order that differs from run to run, and have
/// slower ones beside them that do not. Processors always add in one order.
void take_deterministic_kernels(bool wanted) {
  at::Context& torch = at::globalContext();
  torch.setDeterministicAlgorithms(wanted, /*warn_only=*/true);
  torch.setDeterministicFillUninitializedMemory(false);
}

}  // namespace

Session::Session(parallel::Communicator& world, base::Log& log, LoadedRun run,
                 const StopRequest* stop)
    : log_(log), run_(std::move(run)), stop_(stop) {
  const Neighbours here = neighbours(world);
  at::set_num_threads(choose_threads(config().run.threads, here));
  const parallel::MeshLayout layout = parallel::resolve_layout(config().parallel, world.size());
  const c10::Device device = choose_device(config().run.device, here.rank);
  if (device.is_cuda()) take_deterministic_kernels(config().run.deterministic);
  std::unique_ptr<parallel::Communicator> ranks =
      device.is_cuda() ? parallel::make_nccl_world(world, device.index())
                       : world.split(0, world.rank(), "mesh");
  context_ = std::make_unique<parallel::ParallelContext>(std::move(ranks), layout);
  watchdog_ = std::make_unique<parallel::Watchdog>(this->world(), config().run.hang_timeout);
}

Session::~Session() = default;

bool Session::stop_asked() { return stop_ != nullptr && stop_->anywhere(world()); }

void Session::open_folder() {
  const std::filesystem::path log_folder = folder() / "log";
  if (is_main_rank()) {
    refuse_changes(folder(), run_);
    std::error_code error;
    std::filesystem::create_directories(log_folder, error);
    if (error)
      throw base::UserError(base::kDiskTrouble,
                            fmt::format("{}: {}", log_folder.string(), error.message()));
    lock_ = std::make_unique<FolderLock>(folder());
    base::write_file(folder() / "config.yaml", dump_run(run_));
  }
  world().barrier();
  log_.open_file(log_folder / fmt::format("rank_{}.log", context_->rank()));
  watchdog_.reset();
  watchdog_ = std::make_unique<parallel::Watchdog>(log_folder / "heartbeat", world(),
                                                   config().run.hang_timeout);
}

void Session::set_step(int64_t step) { watchdog_->set_step(step); }

}  // namespace strata::trainer
