// A trace of some steps for chrome://tracing or Perfetto: what every operator took, on each rank.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace strata::trainer {

class Profile {
 public:
  /// `steps` is log.profile: empty, or [first, last]. Traces go to RUN/log/trace_rank_N.json.
  Profile(const std::vector<int64_t>& steps, const std::filesystem::path& run, int rank);
  ~Profile();

  void before(int64_t step);  ///< starts recording at the first step
  void after(int64_t step);   ///< writes the file after the last one

 private:
  void write();
  int64_t first_ = 0, last_ = -1;
  std::filesystem::path file_;
  bool recording_ = false;
};

}  // namespace strata::trainer
