// The file through which ranks see each other when communication is stuck: a page of each rank
// (comm/trace.h), mapped by its owner, read by all. On one host it is memory, with or without a
// name; over several it goes through the shared run folder. Knows no timeouts.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "parallel/comm/communicator.h"

namespace strata::parallel {

/// Whether the ranks of `world` are on more than one host. Collective.
bool spans_hosts(Communicator& world);

using TracePages = std::vector<std::unique_ptr<TracePage>>;  ///< [world rank]

class HeartbeatFile {
 public:
  /// Makes a fresh file for the ranks of `world` and maps the own page. Collective. UserError
  /// (kDiskTrouble).
  HeartbeatFile(const std::filesystem::path& path, Communicator& world);
  /// The same without a name, for ranks of one host.
  explicit HeartbeatFile(Communicator& world);
  ~HeartbeatFile();
  HeartbeatFile(const HeartbeatFile&) = delete;
  HeartbeatFile& operator=(const HeartbeatFile&) = delete;

  TracePage* own_page() const { return own_page_; }
  /// What all ranks have written, as it is now.
  TracePages read_pages() const;
  /// Hands the own page to the other hosts (a no-op where there are none).
  void publish() const;

  /// Tells all ranks that the job is to end as hung; and whether one has told so.
  void declare_hang();
  bool hang_declared() const;

 private:
  struct Notice;  // the first page: what concerns all
  void map_pages(Communicator& world);
  void* map_page(int index) const;

  std::filesystem::path path_;  ///< empty: without a name
  int file_ = -1;
  int ranks_;
  bool several_hosts_;
  TracePage* own_page_ = nullptr;
  Notice* notice_ = nullptr;
};

}  // namespace strata::parallel
