#include "model/shared_choices.h"

#include <ATen/ops/empty.h>

#include "model/decoder.h"
#include "parallel/comm/collectives.h"
#include "parallel/mesh/context.h"

namespace strata::model {
namespace {

at::Tensor as_numbers(const std::vector<Choice>& choices) {
  const at::Tensor numbers =
      at::empty({static_cast<int64_t>(choices.size()), 2}, at::TensorOptions().dtype(at::kDouble));
  double* number = numbers.mutable_data_ptr<double>();
  for (const Choice& choice : choices) {
    *number++ = choice.token;
    *number++ = choice.logprob;
  }
  return numbers;
}

}  // namespace

SharedChoices::SharedChoices(const Decoder& decoder, int64_t rows,
                             const std::function<std::vector<Choice>()>& choose) {
  const parallel::ParallelContext& context = decoder.context();
  parallel::Communicator& tensor = context.along(parallel::kTensorAxis);
  parallel::Communicator& pipeline = context.along(parallel::kPipelineAxis);
  const int last = pipeline.size() - 1;
  const auto message = [&](bool send, int peer) {
    // Against the stream of activations, which choices must not wait for.
    const parallel::P2p one{
        .send = send, .tensor = &travelling_, .peer = peer, .channel = parallel::kGradient};
    messages_.push_back(pipeline.exchange({&one, 1}));
  };
  travelling_ =
      at::empty({rows, 2}, at::TensorOptions().dtype(at::kDouble).device(pipeline.device()));
  if (pipeline.rank() != last) {
    message(/*send=*/false, last);
    return;
  }
  if (tensor.rank() == 0) travelling_.copy_(as_numbers(choose()));
  if (tensor.size() > 1) parallel::broadcast_wait(tensor, travelling_, 0);
  for (int stage = 0; stage < last; ++stage) message(/*send=*/true, stage);
}

std::vector<Choice> SharedChoices::get() {
  for (const parallel::WorkPtr& message : messages_) message->wait();
  messages_.clear();
  const at::Tensor numbers = travelling_.cpu();
  const double* number = numbers.const_data_ptr<double>();
  std::vector<Choice> choices(static_cast<size_t>(numbers.size(0)));
  for (Choice& choice : choices) {
    choice.token = static_cast<int32_t>(*number++);
    choice.logprob = static_cast<float>(*number++);
  }
  return choices;
}

}  // namespace strata::model
