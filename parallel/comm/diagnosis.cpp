#include "parallel/comm/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace strata::parallel {
namespace {

double as_seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

// One rank waits for another, in one of its operations.
struct Wait {
  int for_rank;
  bool entered;  // the other has come to the same call and has not left it
};

class Onlooker {
 public:
  explicit Onlooker(const Scene& scene) : scene_(scene) {}

  const TracePage& page(int rank) const { return *scene_.pages[static_cast<size_t>(rank)]; }
  int ranks() const { return static_cast<int>(scene_.pages.size()); }

  bool is_silent(int rank) const {
    return scene_.now_ns - page(rank).beat_ns > scene_.silent_after_ns;
  }

  // Nothing will come of this rank by itself: it is gone, or it does something else.
  bool is_at_fault(int rank) const {
    const RankState state = page(rank).state;
    return is_silent(rank) || state == RankState::kFinished || state == RankState::kFailed ||
           page(rank).blocked() == nullptr;
  }

  // Whom `rank` waits for; those that have not entered its call come alone where there are any.
  std::vector<Wait> waits_of(int rank) const {
    const TraceEntry* entry = page(rank).blocked();
    if (entry == nullptr) return {};
    if (entry->op == CommOp::kExchange) return {{entry->peer, false}};
    const TraceGroup& group = page(rank).groups[entry->group];
    std::vector<Wait> behind, inside;
    for (int other = 0; other < ranks(); ++other) {
      const TraceGroup* same = find_group(page(other), group);
      if (other == rank || same == nullptr) continue;
      if (same->entered < entry->group_sequence) {
        behind.push_back({other, false});
      } else if (is_inside(other, *entry)) {
        inside.push_back({other, true});
      }
    }
    return behind.empty() ? inside : behind;
  }

  // All members have come to the call that `rank` is in.
  bool all_are_inside(int rank) const {
    const TraceEntry* entry = page(rank).blocked();
    if (entry == nullptr || entry->op == CommOp::kExchange) return false;
    const std::vector<Wait> waits = waits_of(rank);
    return static_cast<int>(waits.size()) + 1 == page(rank).groups[entry->group].size &&
           std::all_of(waits.begin(), waits.end(), [](const Wait& wait) { return wait.entered; });
  }

  // The call of another member with the same number in the same group, if it is another call.
  const TraceEntry* mismatch(int rank, int* other) const {
    const TraceEntry* entry = page(rank).blocked();
    if (entry == nullptr || entry->op == CommOp::kExchange) return nullptr;
    for (*other = 0; *other < ranks(); ++*other) {
      const TraceEntry* theirs = page(*other).blocked();
      if (theirs != nullptr && same_call_place(*theirs, *entry) &&
          (theirs->op != entry->op || std::strcmp(theirs->dtype, entry->dtype) != 0 ||
           (theirs->bytes != entry->bytes && entry->op != CommOp::kAllToAll))) {
        return theirs;
      }
    }
    return nullptr;
  }

 private:
  static const TraceGroup* find_group(const TracePage& page, const TraceGroup& wanted) {
    const auto* end = page.groups + TracePage::kGroups;
    const auto* found = std::find_if(page.groups, end, [&](const TraceGroup& group) {
      return group.leader == wanted.leader && group.size == wanted.size &&
             std::strncmp(group.name, wanted.name, sizeof group.name) == 0;
    });
    return found == end ? nullptr : found;
  }

  static bool same_call_place(const TraceEntry& a, const TraceEntry& b) {
    return a.group_sequence == b.group_sequence && std::strcmp(a.group_name, b.group_name) == 0;
  }

  bool is_inside(int rank, const TraceEntry& call) const {
    const TraceEntry* entry = page(rank).blocked();
    return entry != nullptr && same_call_place(*entry, call);
  }

  const Scene& scene_;
};

std::string last_seen(const Scene& scene, const TracePage& page) {
  if (page.beat_ns == 0) return "it was never seen";
  if (page.state == RankState::kFinished) return "it has finished its work";
  if (page.state == RankState::kFailed) return "it has left with an error";
  const std::string when = fmt::format("last seen {:.1f} s ago at step {}",
                                       as_seconds(scene.now_ns - page.beat_ns), page.step.load());
  if (scene.now_ns - page.beat_ns > scene.silent_after_ns) {
    return fmt::format("it was {}: stopped, or its host is out of reach", when);
  }
  const TraceEntry* last = page.find(page.sequence);
  if (page.blocked() != nullptr || last == nullptr || last->finished_ns == 0) {
    return fmt::format("it is alive, {}", when);
  }
  return fmt::format("it is alive and has been outside communication for {:.1f} s, since {}; {}",
                     as_seconds(scene.now_ns - last->finished_ns), describe(*last), when);
}

// "rank 2 has not entered all_reduce #7 of group 'data' ..., where rank 0 waits".
std::string blame(const Scene& scene, int culprit) {
  const Onlooker onlooker(scene);
  for (int rank = 0; rank < onlooker.ranks(); ++rank) {
    for (const Wait& wait : onlooker.waits_of(rank)) {
      if (wait.for_rank != culprit) continue;
      const TraceEntry& entry = *onlooker.page(rank).blocked();
      const char* verb = entry.op == CommOp::kExchange ? "has not answered"
                         : wait.entered                ? "is stuck in"
                                                       : "has not entered";
      return fmt::format("rank {} {} {}, where rank {} waits; {}", culprit, verb, describe(entry),
                         rank, last_seen(scene, onlooker.page(culprit)));
    }
  }
  return fmt::format("rank {}: {}", culprit, last_seen(scene, onlooker.page(culprit)));
}

}  // namespace

std::vector<int> ranks_behind(const Scene& scene, int from) {
  const Onlooker onlooker(scene);
  std::vector<bool> seen(scene.pages.size(), false);
  std::vector<int> to_visit{from}, behind;
  seen[static_cast<size_t>(from)] = true;
  while (!to_visit.empty()) {
    const int rank = to_visit.back();
    to_visit.pop_back();
    for (const Wait& wait : onlooker.waits_of(rank)) {
      if (seen[static_cast<size_t>(wait.for_rank)]) continue;
      seen[static_cast<size_t>(wait.for_rank)] = true;
      (onlooker.is_at_fault(wait.for_rank) ? behind : to_visit).push_back(wait.for_rank);
    }
  }
  std::sort(behind.begin(), behind.end());
  return behind;
}

bool waits_for_a_busy_rank(const Scene& scene, int from) {
  const Onlooker onlooker(scene);
  return std::ranges::any_of(ranks_behind(scene, from), [&](int rank) {
    const RankState state = onlooker.page(rank).state;
    return !onlooker.is_silent(rank) && state != RankState::kFinished &&
           state != RankState::kFailed;
  });
}

std::string explain_hang(const Scene& scene, int from) {
  const Onlooker onlooker(scene);
  std::string lines;
  const std::vector<int> behind = ranks_behind(scene, from);
  constexpr size_t kNamed = 8;
  for (size_t i = 0; i < std::min(kNamed, behind.size()); ++i) {
    lines += fmt::format("  {}\n", blame(scene, behind[i]));
  }
  if (behind.size() > kNamed) lines += fmt::format("  and {} more ranks\n", behind.size() - kNamed);
  if (!behind.empty()) return lines;

  int other = 0;
  if (const TraceEntry* theirs = onlooker.mismatch(from, &other)) {
    return fmt::format("  the calls do not match: rank {} is in {}, rank {} in {}\n", from,
                       describe(*onlooker.page(from).blocked()), other, describe(*theirs));
  }
  if (onlooker.all_are_inside(from)) {
    const TraceEntry& entry = *onlooker.page(from).blocked();
    return fmt::format(
        "  every rank of group '{}' is inside {}: messages do not arrive; is the "
        "network between the hosts up?\n",
        entry.group_name, describe(entry));
  }
  lines = "  the ranks wait for each other:\n";
  for (int rank = 0; rank < onlooker.ranks(); ++rank) {
    const TraceEntry* entry = onlooker.page(rank).blocked();
    if (entry != nullptr) lines += fmt::format("    rank {} in {}\n", rank, describe(*entry));
  }
  return lines;
}

std::string describe_ranks(const Scene& scene, int count) {
  std::string lines;
  for (const auto& page : scene.pages) {
    lines += fmt::format("  rank {} (host {}, pid {}, step {}): {}\n", page->rank, page->host,
                         page->pid, page->step.load(), last_seen(scene, *page));
    lines += describe_operations(*page, count);
  }
  return lines;
}

}  // namespace strata::parallel
