#include "parallel/comm/watchdog.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>

#include "base/error.h"
#include "parallel/comm/diagnosis.h"
#include "parallel/comm/heartbeat.h"
#include "parallel/comm/launcher.h"

namespace strata::parallel {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kShownOperations = 6;  // of each rank on the console; hang.txt has them all
constexpr duration<double> kGrace{3.0};
constexpr unsigned kLauncherSeconds = 20;  // more than it needs if it can reach all hosts

// Ten looks per timeout, at least one a second.
duration<double> tick_of(double timeout_seconds) {
  return duration<double>(std::clamp(timeout_seconds / 10, 0.02, 1.0));
}

// Leaves without asking anybody: MPI may hang, too. mpirun and srun see the code and end the other
// ranks.
[[noreturn]] void end_process() {
  std::fflush(nullptr);
  end_stuck_launcher_after(kLauncherSeconds);
  _exit(base::kRankLost);
}

}  // namespace

class Watchdog::Watch {
 public:
  /// `folder`: of the full report; empty: there is none, and busy ranks are waited for.
  Watch(const std::filesystem::path& folder, std::unique_ptr<HeartbeatFile> file,
        Communicator& world, double timeout_seconds)
      : folder_(folder),
        rank_(world.rank()),
        timeout_(timeout_seconds),
        tick_(tick_of(timeout_seconds)),
        trace_(world.trace()),
        file_(std::move(file)) {
    trace_.move_to(file_->own_page());
    page().state = RankState::kRunning;
    beat();
    thread_ = std::thread([this] { look_again_and_again(); });
  }

  ~Watch() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stop_.notify_one();
    thread_.join();
    page().state = std::uncaught_exceptions() > 0 ? RankState::kFailed : RankState::kFinished;
    beat();
    trace_.move_home();
  }

  void set_step(int64_t step) { page().step = step; }

 private:
  TracePage& page() const { return *file_->own_page(); }

  void beat() {
    page().beat_ns = wall_clock_ns();
    file_->publish();
  }

  void look_again_and_again() {
    auto last = steady_clock::now();
    uint64_t blocked_in = 0;
    duration<double> blocked_for{0};
    std::unique_lock lock(mutex_);
    while (!stop_.wait_for(lock, tick_, [this] { return stopping_; })) {
      beat();
      trace_.poll_probes();
      if (file_->hang_declared()) end_after_grace();

      // Time is counted in looks: while the whole job is stopped (Ctrl-Z, a suspended laptop),
      // nobody is late.
      const auto now = steady_clock::now();
      const duration<double> lived = std::min<duration<double>>(now - last, 2 * tick_);
      last = now;
      const TraceEntry* entry = page().blocked();
      const uint64_t sequence = entry == nullptr ? 0 : entry->sequence;
      blocked_for =
          sequence != 0 && sequence == blocked_in ? blocked_for + lived : duration<double>{0};
      blocked_in = sequence;
      if (blocked_for >= timeout_) end_hung_job(sequence);
    }
  }

  // Returns only where the operation came to its end after all.
  void end_hung_job(uint64_t sequence) {
    // 1. Raise the hand, and let the others who wait raise theirs.
    page().state = RankState::kHung;
    beat();
    std::this_thread::sleep_for(2 * tick_);
    const TraceEntry* entry = page().blocked();
    if (entry == nullptr || entry->sequence != sequence) {
      page().state = RankState::kRunning;
      return;
    }
    // 2. The lowest of them speaks.
    const TracePages pages = file_->read_pages();
    const auto is_patient = [&](int rank) {
      return folder_.empty() && waits_for_a_busy_rank(scene_of(pages), rank);
    };
    if (is_patient(rank_)) {
      page().state = RankState::kRunning;
      return;
    }
    const auto speaker = std::find_if(pages.begin(), pages.end(), [&](const auto& page) {
      return page->state == RankState::kHung && !is_patient(page->rank);
    });
    if (speaker == pages.end() || (*speaker)->rank == rank_) {
      report(pages);
      file_->declare_hang();
      // 3. It goes first, so that the launcher sees its code; the others follow by themselves.
      std::this_thread::sleep_for(milliseconds(200));
      end_process();
    }
    end_after_grace();
  }

  [[noreturn]] static void end_after_grace() {
    std::this_thread::sleep_for(kGrace);
    end_process();
  }

  Scene scene_of(const TracePages& pages) const {
    return {.pages = pages,
            .now_ns = wall_clock_ns(),
            .silent_after_ns = static_cast<int64_t>(std::max(1.0, 5 * tick_.count()) * 1e9)};
  }

  void report(const TracePages& pages) const {
    const Scene scene = scene_of(pages);
    const TraceEntry* entry = page().blocked();
    const std::string head =
        fmt::format("error: rank {} has waited in {} for more than run.hang_timeout = {:g} s\n{}",
                    rank_, entry == nullptr ? "a communication" : describe(*entry),
                    timeout_.count(), explain_hang(scene, rank_));
    std::string more;
    if (!folder_.empty()) {
      const std::filesystem::path full = folder_ / "hang.txt";
      std::ofstream(full) << head << describe_ranks(scene, TracePage::kEntries);
      more = fmt::format(" (more in {})", full.string());
    }
    fmt::print(stderr, "{}  last operations of each rank{}:\n{}", head, more,
               describe_ranks(scene, kShownOperations));
    std::fflush(stderr);
  }

  std::filesystem::path folder_;
  int rank_;
  duration<double> timeout_, tick_;
  TraceRing& trace_;
  std::unique_ptr<HeartbeatFile> file_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

Watchdog::Watchdog(const std::filesystem::path& file, Communicator& world, double timeout_seconds) {
  if (world.size() == 1) return;
  watch_ = std::make_unique<Watch>(file.parent_path(), std::make_unique<HeartbeatFile>(file, world),
                                   world, timeout_seconds);
}

Watchdog::Watchdog(Communicator& world, double timeout_seconds) {
  if (world.size() == 1 || spans_hosts(world)) return;
  watch_ = std::make_unique<Watch>(std::filesystem::path(), std::make_unique<HeartbeatFile>(world),
                                   world, timeout_seconds);
}

Watchdog::~Watchdog() = default;

void Watchdog::set_step(int64_t step) {
  if (watch_ != nullptr) watch_->set_step(step);
}

}  // namespace strata::parallel
