// Conveniences over a Communicator: operations waited for at once, host numbers and texts.
// Know only the public door; work over every backend (host numbers travel in the group's own
// memory).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "parallel/comm/communicator.h"

namespace strata::parallel {

void all_reduce_wait(Communicator& comm, at::Tensor& inout, ReduceOp op = ReduceOp::kSum);
void all_gather_wait(Communicator& comm, at::Tensor& out, const at::Tensor& in);
void reduce_scatter_wait(Communicator& comm, at::Tensor& out, const at::Tensor& in,
                         ReduceOp op = ReduceOp::kSum);
void broadcast_wait(Communicator& comm, at::Tensor& inout, int root);

/// Host numbers over all members: the same bits on each.
double all_sum(Communicator& comm, double value);
double all_max(Communicator& comm, double value);
double all_min(Communicator& comm, double value);
/// Element by element, in place.
void all_reduce_numbers(Communicator& comm, std::span<double> values, ReduceOp op = ReduceOp::kSum);

/// The root's text, on every member. Texts of the others are ignored.
std::string broadcast_string(Communicator& comm, std::string text, int root = 0);
/// Every member's text in rank order on rank 0; empty elsewhere.
std::vector<std::string> gather_strings(Communicator& comm, const std::string& text);

}  // namespace strata::parallel
