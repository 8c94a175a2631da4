// One NCCL communicator and the stream it works on. What runs in a lane starts after the caller's
// current stream and goes on beside it; operations of one lane follow each other, those of
// different lanes do not wait for one another.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAStream.h>
#include <nccl.h>

#include <functional>
#include <memory>
#include <vector>

#include "parallel/comm/communicator.h"

namespace strata::parallel {

/// Throws InternalError with NCCL's or CUDA's own words unless all is well.
void check_nccl(ncclResult_t result, const char* call);
void check_cuda(cudaError_t result, const char* call);

class NcclLane {
 public:
  /// Takes over `comm`, whose ranks run on the GPU `device`.
  NcclLane(ncclComm_t comm, c10::Device device);
  ~NcclLane();
  NcclLane(const NcclLane&) = delete;
  NcclLane& operator=(const NcclLane&) = delete;

  ncclComm_t comm() const { return comm_; }
  /// Runs `launch`, which starts NCCL calls on the given stream; torch operations in it run on that
  /// stream, too. The result keeps `tensors` until it is waited for; `trace` learns when the
  /// operation starts and ends.
  WorkPtr run(std::vector<at::Tensor> tensors, TraceRing& trace,
              const std::function<void(cudaStream_t)>& launch) const;

 private:
  ncclComm_t comm_;
  c10::Device device_;
  c10::cuda::CUDAStream stream_;
};

}  // namespace strata::parallel
