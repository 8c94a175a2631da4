#include "data/tokenizer/merge_word.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <queue>

namespace strata::data {
namespace {

constexpr size_t kShortWord = 32;

void merge_short_word(std::vector<int32_t>& ids, const PairTable& merges) {
  size_t count = ids.size();
  std::array<Merge, kShortWord> merge_at;  // of ids[i] with ids[i + 1]
  for (size_t i = 0; i + 1 < count; ++i) merge_at[i] = merges.find(ids[i], ids[i + 1]);
  while (count > 1) {
    const auto* first =
        std::min_element(merge_at.data(), merge_at.data() + count - 1,
                         [](const Merge& a, const Merge& b) { return a.rank < b.rank; });
    if (first->rank == Merge::kNone) break;
    const auto at = static_cast<size_t>(first - merge_at.data());
    ids[at] = first->id;
    std::copy(ids.begin() + at + 2, ids.begin() + count, ids.begin() + at + 1);
    std::copy(merge_at.begin() + at + 1, merge_at.begin() + count - 1, merge_at.begin() + at);
    --count;
    if (at > 0) merge_at[at - 1] = merges.find(ids[at - 1], ids[at]);
    if (at + 1 < count) merge_at[at] = merges.find(ids[at], ids[at + 1]);
  }
  ids.resize(count);
}

/// A word as a linked list, so that a merge touches only its neighbours.
struct Link {
  int32_t id;
  int32_t previous, next;  // -1 at the ends
  bool gone = false;       // merged into the link before it
};

struct Candidate {
  uint32_t rank;
  int32_t at;
  int32_t id;
};

struct LaterCandidate {
  bool operator()(const Candidate& a, const Candidate& b) const {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  }
};

void merge_long_word(std::vector<int32_t>& ids, const PairTable& merges) {
  const auto count = static_cast<int32_t>(ids.size());
  std::vector<Link> links(ids.size());
  std::vector<Candidate> initial;
  for (int32_t i = 0; i < count; ++i) {
    links[i] = {ids[i], i - 1, i + 1 < count ? i + 1 : -1};
    const Merge merge = i + 1 < count ? merges.find(ids[i], ids[i + 1]) : Merge{};
    if (merge.rank != Merge::kNone) initial.push_back({merge.rank, i, merge.id});
  }
  std::priority_queue candidates(LaterCandidate{}, std::move(initial));
  const auto propose = [&](int32_t at) {
    if (at < 0 || links[at].next < 0) return;
    const Merge merge = merges.find(links[at].id, links[links[at].next].id);
    if (merge.rank != Merge::kNone) candidates.push({merge.rank, at, merge.id});
  };

  while (!candidates.empty()) {
    const Candidate candidate = candidates.top();
    candidates.pop();
    Link& link = links[candidate.at];
    if (link.gone || link.next < 0) continue;
    Link& right = links[link.next];
    if (merges.find(link.id, right.id).id != candidate.id)
      continue;  // a neighbour has changed since
    link.id = candidate.id;
    right.gone = true;
    link.next = right.next;
    if (link.next >= 0) links[link.next].previous = candidate.at;
    propose(link.previous);
    propose(candidate.at);
  }

  ids.clear();
  for (int32_t at = 0; at >= 0; at = links[at].next) ids.push_back(links[at].id);
}

}  // namespace

void merge_word(std::vector<int32_t>& ids, const PairTable& merges) {
  if (ids.size() < 2) return;
  if (ids.size() <= kShortWord) {
    merge_short_word(ids, merges);
  } else {
    merge_long_word(ids, merges);
  }
}

}  // namespace strata::data
