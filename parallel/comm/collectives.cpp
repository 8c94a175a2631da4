#include "parallel/comm/collectives.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstring>

namespace strata::parallel {
namespace {

at::Tensor empty_on(const Communicator& comm, int64_t elements, at::ScalarType dtype) {
  return at::empty({elements}, at::TensorOptions().dtype(dtype).device(comm.device()));
}

at::Tensor text_tensor(const Communicator& comm, const std::string& text) {
  const auto bytes = static_cast<int64_t>(text.size());
  at::Tensor host = at::empty({bytes}, at::kByte);
  std::memcpy(host.data_ptr(), text.data(), text.size());
  return host.to(comm.device());
}

std::string text_of(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU);
  return {static_cast<const char*>(host.const_data_ptr()), static_cast<size_t>(host.numel())};
}

double all_reduce_number(Communicator& comm, double value, ReduceOp op) {
  all_reduce_numbers(comm, {&value, 1}, op);
  return value;
}

}  // namespace

void all_reduce_wait(Communicator& comm, at::Tensor& inout, ReduceOp op) {
  comm.all_reduce(inout, op)->wait();
}

void all_gather_wait(Communicator& comm, at::Tensor& out, const at::Tensor& in) {
  comm.all_gather(out, in)->wait();
}

void reduce_scatter_wait(Communicator& comm, at::Tensor& out, const at::Tensor& in, ReduceOp op) {
  comm.reduce_scatter(out, in, op)->wait();
}

void broadcast_wait(Communicator& comm, at::Tensor& inout, int root) {
  comm.broadcast(inout, root)->wait();
}

double all_sum(Communicator& comm, double value) {
  return all_reduce_number(comm, value, ReduceOp::kSum);
}

double all_max(Communicator& comm, double value) {
  return all_reduce_number(comm, value, ReduceOp::kMax);
}

double all_min(Communicator& comm, double value) {
  return all_reduce_number(comm, value, ReduceOp::kMin);
}

void all_reduce_numbers(Communicator& comm, std::span<double> values, ReduceOp op) {
  if (comm.size() == 1) return;
  const auto count = static_cast<int64_t>(values.size());
  const at::Tensor host = at::from_blob(values.data(), {count}, at::kDouble);
  at::Tensor there = host.to(comm.device());
  all_reduce_wait(comm, there, op);
  if (there.data_ptr() != host.data_ptr()) host.copy_(there);
}

std::string broadcast_string(Communicator& comm, std::string text, int root) {
  if (comm.size() == 1) return text;
  const bool is_root = comm.rank() == root;
  const double bytes = all_max(comm, is_root ? static_cast<double>(text.size()) : 0);
  at::Tensor letters =
      is_root ? text_tensor(comm, text) : empty_on(comm, static_cast<int64_t>(bytes), at::kByte);
  broadcast_wait(comm, letters, root);
  return text_of(letters);
}

std::vector<std::string> gather_strings(Communicator& comm, const std::string& text) {
  const auto members = static_cast<size_t>(comm.size());
  std::vector<double> sizes(members, 0);
  sizes[static_cast<size_t>(comm.rank())] = static_cast<double>(text.size());
  all_reduce_numbers(comm, sizes);

  at::Tensor mine = text_tensor(comm, text);
  if (comm.rank() != 0) {
    const P2p message{.send = true, .tensor = &mine, .peer = 0, .channel = kBulk};
    if (!text.empty()) comm.exchange({&message, 1})->wait();
    return {};
  }
  std::vector<at::Tensor> letters(members);
  std::vector<P2p> messages;
  for (size_t member = 1; member < members; ++member) {
    if (sizes[member] == 0) continue;
    letters[member] = empty_on(comm, static_cast<int64_t>(sizes[member]), at::kByte);
    messages.push_back({false, &letters[member], static_cast<int>(member), kBulk});
  }
  comm.exchange(messages)->wait();
  std::vector<std::string> texts(members);
  texts[0] = text;
  for (const P2p& message : messages) {
    texts[static_cast<size_t>(message.peer)] = text_of(*message.tensor);
  }
  return texts;
}

}  // namespace strata::parallel
