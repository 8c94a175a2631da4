// Tokens over the tensor axis: gathered, summed, cut. Where the axis has one rank all of these give
// their argument back.
#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

#include "parallel/comm/communicator.h"
#include "parallel/layers/pass.h"

namespace strata::parallel {

/// A result that is on its way. The tensor may be read after wait().
class Pending {
 public:
  explicit Pending(at::Tensor ready) : result_(std::move(ready)) {}
  Pending(at::Tensor result, WorkPtr work) : result_(std::move(result)), work_(std::move(work)) {}
  at::Tensor wait() {
    if (work_) work_->wait();
    work_.reset();
    return result_;
  }

 private:
  at::Tensor result_;
  WorkPtr work_;
};

/// All ranks' rows: [n / ranks, d] -> [n, d] with pass.sequence, else x itself.
Pending gather_tokens(Communicator& axis, const at::Tensor& x_nd, const Pass& pass);
/// The sum over ranks: all rows, or with pass.sequence this rank's [n / ranks, d]. May use x's
/// memory.
Pending sum_tokens(Communicator& axis, at::Tensor x_nd, const Pass& pass);
/// This rank's rows of something that every rank has whole: a view with pass.sequence, else x
/// itself.
at::Tensor own_tokens(const Communicator& axis, const at::Tensor& x, const Pass& pass);

}  // namespace strata::parallel
