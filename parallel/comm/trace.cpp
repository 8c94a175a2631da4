#include "parallel/comm/trace.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.h"

namespace strata::parallel {
namespace {

// Copies `text` into a fixed field of a page, cut to fit and always ended by a zero.
template <size_t N>
void put_text(char (&field)[N], std::string_view text) {
  const size_t length = std::min(text.size(), N - 1);
  std::memcpy(field, text.data(), length);
  std::memset(field + length, 0, N - length);
}

std::string readable_bytes(int64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  const double kib = static_cast<double>(bytes) / 1024;
  if (kib < 1024) return fmt::format("{:.1f} KiB", kib);
  if (kib < 1024 * 1024) return fmt::format("{:.1f} MiB", kib / 1024);
  return fmt::format("{:.1f} GiB", kib / 1024 / 1024);
}

std::string readable_time(int64_t ns) {
  const auto seconds = static_cast<std::time_t>(ns / 1'000'000'000);
  return fmt::format("{:%H:%M:%S}.{:03}", fmt::localtime(seconds), ns / 1'000'000 % 1000);
}

std::string whom(const TraceEntry& entry) {
  if (entry.op == CommOp::kBroadcast) return fmt::format(", from rank {}", entry.peer);
  if (entry.op != CommOp::kExchange) return "";
  const char* verb = !entry.receives ? "to" : !entry.sends ? "from" : "with";
  return fmt::format(", {} rank {}, channel {}", verb, entry.peer, entry.channel);
}

}  // namespace

std::string_view name_of(CommOp op) {
  switch (op) {
    case CommOp::kAllReduce:
      return "all_reduce";
    case CommOp::kAllGather:
      return "all_gather";
    case CommOp::kReduceScatter:
      return "reduce_scatter";
    case CommOp::kAllToAll:
      return "all_to_all";
    case CommOp::kBroadcast:
      return "broadcast";
    case CommOp::kExchange:
      return "exchange";
    case CommOp::kBarrier:
      return "barrier";
    case CommOp::kSplit:
      return "split";
  }
  return "unknown";
}

int64_t wall_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

const TraceEntry* TracePage::find(uint64_t wanted) const {
  const TraceEntry& candidate = entries[wanted % kEntries];
  return wanted > 0 && candidate.sequence == wanted ? &candidate : nullptr;
}

const TraceEntry* TracePage::blocked() const {
  return blocked_since_ns.load() == 0 ? nullptr : find(blocked_in.load());
}

TraceRing::TraceRing(int world_rank) : home_(new TracePage{}), page_(home_.get()) {
  page_->rank = world_rank;
  page_->pid = getpid();
  char host[64] = {};
  gethostname(host, sizeof host - 1);
  put_text(page_->host, host);
}

TraceEntry& TraceRing::entry(uint64_t sequence) const {
  return page_->entries[sequence % TracePage::kEntries];
}

int TraceRing::add_group(std::string_view name, std::span<const int> world_ranks) {
  auto* groups = page_->groups;
  auto* free = std::find_if(groups, groups + TracePage::kGroups,
                            [](const TraceGroup& g) { return g.name[0] == 0; });
  base::ensure(free != groups + TracePage::kGroups, "too many groups of ranks alive at once");
  free->leader = world_ranks.front();
  free->size = static_cast<int32_t>(world_ranks.size());
  free->entered = 0;
  put_text(free->name, name);
  return static_cast<int>(free - groups);
}

void TraceRing::remove_group(int group) { put_text(page_->groups[group].name, ""); }

uint64_t TraceRing::begin(int group, const TraceCall& call) {
  TraceGroup& of = page_->groups[group];
  const uint64_t sequence = page_->sequence.load() + 1;
  TraceEntry now{};
  now.sequence = sequence;
  now.group_sequence = of.entered.load() + 1;
  now.bytes = call.bytes;
  now.started_ns = wall_clock_ns();
  now.peer = call.peer;
  now.group = static_cast<int16_t>(group);
  now.op = call.op;
  now.channel = static_cast<uint8_t>(call.channel);
  now.sends = call.sends;
  now.receives = call.receives;
  put_text(now.dtype, call.dtype);
  put_text(now.group_name, of.name);
  entry(sequence) = now;
  page_->sequence.store(sequence);
  of.entered.store(now.group_sequence);
  return sequence;
}

void TraceRing::enter_wait(uint64_t sequence) {
  page_->blocked_in.store(sequence);
  page_->blocked_since_ns.store(wall_clock_ns());
}

void TraceRing::leave_wait() { page_->blocked_since_ns.store(0); }

void TraceRing::finish(uint64_t sequence) {
  TraceEntry& done = entry(sequence);
  if (done.sequence == sequence && !done.probed) done.finished_ns = wall_clock_ns();
}

void TraceRing::watch_latest(std::shared_ptr<Probe> probe) {
  const uint64_t sequence = page_->sequence.load();
  entry(sequence).probed = true;
  const std::lock_guard lock(watched_mutex_);
  watched_.push_back({sequence, std::move(probe)});
}

void TraceRing::poll_probes() {
  const std::lock_guard lock(watched_mutex_);
  if (watched_.empty()) return;
  std::erase_if(watched_, [this](const Watched& watched) {
    if (!watched.probe->finished()) return false;
    TraceEntry& done = entry(watched.sequence);
    if (done.sequence == watched.sequence) done.finished_ns = wall_clock_ns();
    return true;
  });
  const auto running = std::find_if(watched_.begin(), watched_.end(),
                                    [](const Watched& w) { return w.probe->started(); });
  if (running == watched_.end()) {
    const TraceEntry* blocked = page_->blocked();
    if (blocked != nullptr && blocked->probed) leave_wait();
  } else if (page_->blocked_in.load() != running->sequence) {
    enter_wait(running->sequence);
  }
}

void TraceRing::move_to(TracePage* page) {
  std::memcpy(static_cast<void*>(page), page_, sizeof(TracePage));
  page_ = page;
}

void TraceRing::move_home() {
  if (page_ != home_.get()) move_to(home_.get());
}

std::string TraceRing::dump(int count) const { return describe_operations(*page_, count); }

std::string describe(const TraceEntry& entry) {
  const std::string size = entry.bytes == 0 ? ""
                                            : fmt::format(" ({} {}{})", readable_bytes(entry.bytes),
                                                          entry.dtype, whom(entry));
  return fmt::format("{} #{} of group '{}'{}", name_of(entry.op), entry.group_sequence,
                     entry.group_name, size);
}

std::string describe_operations(const TracePage& page, int count) {
  const uint64_t last = page.sequence.load();
  const uint64_t shown =
      std::min<uint64_t>({last, static_cast<uint64_t>(count), TracePage::kEntries});
  std::string lines;
  for (uint64_t sequence = last - shown + 1; sequence <= last; ++sequence) {
    const TraceEntry* entry = page.find(sequence);
    if (entry == nullptr) continue;
    const int64_t ns = entry->finished_ns - entry->started_ns;
    const std::string ended = entry->finished_ns == 0
                                  ? "not done"
                                  : fmt::format("took {:.3f} ms", static_cast<double>(ns) / 1e6);
    lines +=
        fmt::format("    {} {}, {}\n", readable_time(entry->started_ns), describe(*entry), ended);
  }
  return lines;
}

}  // namespace strata::parallel
