#include "trainer/loop/profile.h"

#include <fmt/format.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include <cstdlib>

namespace strata::trainer {
namespace {

namespace profiler = torch::autograd::profiler;
namespace settings = torch::profiler::impl;

const std::set<settings::ActivityType> kActivities{settings::ActivityType::CPU};

}  // namespace

Profile::Profile(const std::vector<int64_t>& steps, const std::filesystem::path& run, int rank)
    : file_(run / "log" / fmt::format("trace_rank_{}.json", rank)) {
  if (steps.empty()) return;
  first_ = steps.front();
  last_ = steps.back();
  // Kineto, which records, complains of a missing GPU on standard error unless told otherwise.
  setenv("KINETO_LOG_LEVEL", "5", /*overwrite=*/0);
}

Profile::~Profile() {
  if (recording_) write();
}

void Profile::before(int64_t step) {
  if (step != first_ || last_ < first_) return;
  const settings::ProfilerConfig config(settings::ProfilerState::KINETO,
                                        /*report_input_shapes=*/true);
  profiler::prepareProfiler(config, kActivities);
  profiler::enableProfiler(
      config, kActivities,
      {at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION, at::RecordScope::USER_SCOPE});
  recording_ = true;
}

void Profile::after(int64_t step) {
  if (recording_ && step == last_) write();
}

void Profile::write() {
  recording_ = false;
  profiler::disableProfiler()->save(file_.string());
}

}  // namespace strata::trainer
