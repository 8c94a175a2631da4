// What a rank has communicated lately: a ring of the last operations in one page of plain memory.
// The Communicator's door records every call here; the watchdog (comm/watchdog.h) maps the page into a shared file, so that
// the ring of a stopped or dead rank can still be read by its peers. Knows neither tensors nor backends.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace strata::parallel {

enum class CommOp : uint8_t {
  kAllReduce, kAllGather, kReduceScatter, kAllToAll, kBroadcast, kExchange, kBarrier, kSplit
};
std::string_view name_of(CommOp op);

/// What the door says about a call.
struct TraceCall {
  CommOp op;
  int64_t bytes = 0;         ///< that this rank gives
  const char* dtype = "";    ///< static text
  int peer = -1;             ///< world rank: the root, or whom an exchange talks with (the first of them); -1 = all
  bool sends = false;        ///< an exchange: has it a send, a receive
  bool receives = false;
  int channel = 0;
};

/// One operation. Trivially copyable: it lies in shared memory and is read by other processes.
struct TraceEntry {
  enum class State : uint8_t { kStarted, kWaiting, kDone };
  uint64_t sequence;        ///< number of this operation in this process, from 1
  uint64_t group_sequence;  ///< number in its group, from 1: equal on all members for the same call
  int64_t bytes;
  int64_t started_ns, finished_ns;  ///< wall clock
  int32_t peer;
  int16_t group;
  CommOp op;
  State state;
  uint8_t channel;
  bool sends, receives;
  char dtype[9];
};

/// A group as it stands in the page. Members are those ranks whose pages hold the same name and leader.
struct TraceGroup {
  char name[32];
  int32_t leader;               ///< world rank of its first member
  int32_t size;
  std::atomic<uint64_t> entered;  ///< operations entered so far
};

enum class RankState : int32_t { kRunning, kFinished, kFailed, kHung };

/// All that is known of one rank: two pages of memory, all zero at first.
struct TracePage {
  static constexpr int kEntries = 64, kGroups = 32;
  std::atomic<int64_t> beat_ns;           ///< last sign of life of the watchdog thread, wall clock; 0 = none yet
  std::atomic<int64_t> blocked_since_ns;  ///< 0 = not inside a communication
  std::atomic<uint64_t> blocked_in;       ///< sequence of the operation it is in
  std::atomic<uint64_t> sequence;         ///< operations recorded so far
  std::atomic<int64_t> step;
  std::atomic<RankState> state;
  int32_t rank, pid, group_count;
  char host[64];
  TraceGroup groups[kGroups];
  TraceEntry entries[kEntries];
};
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::is_trivially_copyable_v<TraceEntry>);

/// An operation that runs elsewhere (on a GPU's stream), as the watchdog may ask about it from its own thread.
class Probe {
 public:
  virtual ~Probe() = default;
  virtual bool started() = 0;
  virtual bool finished() = 0;
};

class TraceRing {
 public:
  explicit TraceRing(int world_rank);

  /// Makes a group known; returns its number for record().
  int add_group(std::string_view name, std::span<const int> world_ranks);
  /// A call begins; returns its sequence number.
  uint64_t begin(int group, const TraceCall& call);
  /// The rank now waits inside operation `sequence` / no longer waits; finish() also ends the operation.
  void enter_wait(uint64_t sequence);
  void finish(uint64_t sequence);
  /// Hands over an operation that goes on after finish() would be too early: poll_probes() ends it.
  void watch(uint64_t sequence, std::shared_ptr<Probe> probe);
  /// Called by the watchdog's thread: ends finished operations and marks the rank blocked by one that started and hangs.
  void poll_probes();

  /// Continues on another page (shared memory of sizeof(TracePage) bytes that outlives the ring), keeping what is recorded.
  void move_to(TracePage* page);
  const TracePage& page() const { return *page_; }
  TracePage& page() { return *page_; }

  /// The last `count` operations as readable lines, oldest first.
  std::string dump(int count = TracePage::kEntries) const;

 private:
  TraceEntry& entry(uint64_t sequence) { return page_->entries[sequence % TracePage::kEntries]; }

  std::unique_ptr<TracePage> own_page_;
  TracePage* page_;
  struct Watched {
    uint64_t sequence;
    std::shared_ptr<Probe> probe;
  };
  std::mutex watched_mutex_;
  std::deque<Watched> watched_;
};

/// The last `count` operations of any rank's page, a line each.
std::string describe_operations(const TracePage& page, int count);
/// "all_reduce #12 of group 'data' (4.0 MB float)"
std::string describe(const TracePage& page, const TraceEntry& entry);

}  // namespace strata::parallel
