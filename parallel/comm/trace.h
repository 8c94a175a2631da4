// What a rank has communicated lately: a ring of the last operations in one page of plain memory.
// The Communicator's door records every call here; the watchdog (comm/watchdog.h) lays the page
// into a shared file, so that the ring of a stopped or dead rank can still be read by its peers.
// Knows neither tensors nor backends.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace strata::parallel {

enum class CommOp : uint8_t {
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kAllToAll,
  kBroadcast,
  kExchange,
  kBarrier,
  kSplit,
};
std::string_view name_of(CommOp op);

/// What the door says about a call.
struct TraceCall {
  CommOp op;
  int64_t bytes = 0;            ///< of the caller's tensors
  std::string_view dtype = "";  ///< "float", "c10::BFloat16" ... cut to 15 letters
  int peer =
      -1;  ///< world rank: the root, or the first that an exchange talks with; -1: all members
  bool sends = false;  ///< an exchange only: has it a send, has it a receive
  bool receives = false;
  int channel = 0;
};

/// One operation. Trivially copyable: it lies in shared memory and is read by other processes.
struct TraceEntry {
  uint64_t sequence;        ///< number of this operation in this process, from 1
  uint64_t group_sequence;  ///< number in its group, from 1: equal on all members for the same call
  int64_t bytes;
  int64_t started_ns, finished_ns;  ///< wall clock; finished_ns is 0 while it runs
  int32_t peer;
  int16_t group;
  CommOp op;
  uint8_t channel;
  bool sends, receives;
  bool probed;  ///< it runs elsewhere: a Probe tells when it is done
  char dtype[16];
  char group_name[32];
};

/// A group as it stands in the page. Its members are the ranks whose pages hold the same name and
/// leader.
struct TraceGroup {
  char name[32];   ///< "" = free
  int32_t leader;  ///< world rank of the first member
  int32_t size;
  std::atomic<uint64_t> entered;  ///< operations entered so far
};

enum class RankState : int32_t { kRunning, kFinished, kFailed, kHung };

/// All that is known of one rank; all zero at first.
struct TracePage {
  static constexpr int kEntries = 64;
  static constexpr int kGroups = 64;
  std::atomic<int64_t> beat_ns;           ///< last sign of life, wall clock; 0 = none yet
  std::atomic<int64_t> blocked_since_ns;  ///< 0 = not inside a communication
  std::atomic<uint64_t> blocked_in;       ///< sequence of the operation it is or was in
  std::atomic<uint64_t> sequence;         ///< operations recorded so far
  std::atomic<int64_t> step;
  std::atomic<RankState> state;
  int32_t rank;
  int32_t pid;
  char host[64];
  TraceGroup groups[kGroups];
  TraceEntry entries[kEntries];

  /// The operation with this number, or null where the ring has gone past it.
  const TraceEntry* find(uint64_t sequence) const;
  /// The operation that the rank waits in, or null.
  const TraceEntry* blocked() const;
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);
static_assert(std::is_trivially_copyable_v<TraceEntry>);

/// An operation that runs elsewhere (on a GPU's stream), as the watchdog asks about it from its own
/// thread.
class Probe {
 public:
  virtual ~Probe() = default;
  virtual bool started() = 0;
  virtual bool finished() = 0;
};

/// Written by the one thread that communicates, but for poll_probes(), which the watchdog's thread
/// calls.
class TraceRing {
 public:
  explicit TraceRing(int world_rank);

  /// Makes a group known; returns its number for begin(). A group that is gone gives its place
  /// back.
  int add_group(std::string_view name, std::span<const int> world_ranks);
  void remove_group(int group);

  /// A call begins; returns its sequence number.
  uint64_t begin(int group, const TraceCall& call);
  /// From here to leave_wait() the caller waits inside operation `sequence`.
  void enter_wait(uint64_t sequence);
  void leave_wait();
  /// The operation is done (where a probe watches it: only its start is).
  void finish(uint64_t sequence);
  /// The latest operation runs on after its call: `probe` tells when it starts and ends.
  void watch_latest(std::shared_ptr<Probe> probe);
  /// Ends the operations whose probe says so; the oldest one that started and did not end blocks
  /// the rank.
  void poll_probes();

  /// Continues on another page (zeroed memory that outlives the ring), keeping what is recorded.
  void move_to(TracePage* page);
  /// Back to memory of its own.
  void move_home();
  TracePage& page() const { return *page_; }

  /// The last `count` operations as readable lines, oldest first.
  std::string dump(int count = TracePage::kEntries) const;

 private:
  struct Watched {
    uint64_t sequence;
    std::shared_ptr<Probe> probe;
  };
  TraceEntry& entry(uint64_t sequence) const;

  std::unique_ptr<TracePage> home_;
  TracePage* page_;
  std::mutex watched_mutex_;
  std::deque<Watched> watched_;
};

/// Nanoseconds of the wall clock, the one that all pages use.
int64_t wall_clock_ns();
/// "all_reduce #12 of group 'data' (4.0 MiB float)"
std::string describe(const TraceEntry& entry);
/// The last `count` operations of a page, a line each, oldest first.
std::string describe_operations(const TracePage& page, int count);

}  // namespace strata::parallel
