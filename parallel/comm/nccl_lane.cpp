#include "parallel/comm/nccl_lane.h"

#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <exception>
#include <utility>

#include "base/error.h"

namespace strata::parallel {
namespace {

class Event {
 public:
  Event() {
    check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreate");
  }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(cudaStream_t stream) {
    check_cuda(cudaEventRecord(event_, stream), "cudaEventRecord");
  }
  void hold_back(cudaStream_t stream) const {
    check_cuda(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent");
  }
  bool passed() const { return cudaEventQuery(event_) == cudaSuccess; }

 private:
  cudaEvent_t event_ = nullptr;
};

// Where an operation lies on its stream; asked by the watchdog, whose thread may outlive the Work.
class Passage : public Probe {
 public:
  bool started() override { return begin.passed(); }
  bool finished() override { return end.passed(); }
  Event begin, end;
};

class NcclWork : public Work {
 public:
  NcclWork(std::shared_ptr<Passage> passage, std::vector<at::Tensor> tensors, c10::Device device)
      : passage_(std::move(passage)), tensors_(std::move(tensors)), device_(device) {}

  void wait() override {
    passage_->end.hold_back(c10::cuda::getCurrentCUDAStream(device_.index()));
    tensors_.clear();
  }

 private:
  std::shared_ptr<Passage> passage_;
  std::vector<at::Tensor> tensors_;
  c10::Device device_;
};

}  // namespace

void check_nccl(ncclResult_t result, const char* call) {
  if (result == ncclSuccess) return;
  throw base::InternalError(
      fmt::format("{}: {} ({})", call, ncclGetErrorString(result), ncclGetLastError(nullptr)));
}

void check_cuda(cudaError_t result, const char* call) {
  if (result != cudaSuccess) {
    throw base::InternalError(fmt::format("{}: {}", call, cudaGetErrorString(result)));
  }
}

NcclLane::NcclLane(ncclComm_t comm, c10::Device device)
    : comm_(comm),
      device_(device),
      stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, device.index())) {}

NcclLane::~NcclLane() {
  // While an exception unwinds, the others may never come to destroy theirs.
  if (std::uncaught_exceptions() == 0) {
    ncclCommDestroy(comm_);
  } else {
    ncclCommAbort(comm_);
  }
}

WorkPtr NcclLane::run(std::vector<at::Tensor> tensors, TraceRing& trace,
                      const std::function<void(cudaStream_t)>& launch) const {
  const c10::cuda::CUDAGuard on_device(device_);
  Event ready;
  ready.record(c10::cuda::getCurrentCUDAStream(device_.index()));
  ready.hold_back(stream_);
  auto passage = std::make_shared<Passage>();
  passage->begin.record(stream_);
  {
    const c10::cuda::CUDAStreamGuard on_stream(stream_);
    launch(stream_);
  }
  passage->end.record(stream_);
  trace.watch_latest(passage);
  return std::make_unique<NcclWork>(std::move(passage), std::move(tensors), device_);
}

}  // namespace strata::parallel
