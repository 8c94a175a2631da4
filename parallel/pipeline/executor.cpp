#include "parallel/pipeline/executor.h"

#include <ATen/ops/empty.h>

#include <map>
#include <utility>

#include "base/error.h"

namespace strata::parallel {
namespace {

using Place = std::pair<int, int>;  // chunk of this stage, micro-batch

// One run of the program: what has arrived, what was computed, what is on its way.
class ScheduleRun {
 public:
  ScheduleRun(const Schedule& schedule, Communicator& pipeline, Stage& stage)
      : schedule_(schedule),
        pipeline_(pipeline),
        stage_(stage),
        alone_(schedule.shape.stages == 1) {}

  void perform(const Action& action) {
    const Place place{action.chunk, action.microbatch};
    switch (action.op) {
      case Op::kForward: {
        Tensors outputs = stage_.forward(action.chunk, action.microbatch, take(inputs_, place));
        give(std::move(outputs), outputs_[place], inputs_, {action.chunk + 1, action.microbatch});
        break;
      }
      case Op::kBackward:
      case Op::kInputGrad: {
        const bool defer = action.op == Op::kInputGrad;
        Tensors grads =
            stage_.backward(action.chunk, action.microbatch, take(output_grads_, place), defer);
        give(std::move(grads), input_grads_[place], output_grads_,
             {action.chunk - 1, action.microbatch});
        break;
      }
      case Op::kWeightGrad:
        stage_.weight_grad(action.chunk, action.microbatch);
        break;
      case Op::kSendActivation:
        send(take(outputs_, place), next(), kActivation);
        break;
      case Op::kRecvActivation:
        inputs_[place] = receive(stage_.boundary(action.microbatch), previous(), kActivation);
        break;
      case Op::kSendGrad:
        send(take(input_grads_, place), previous(), kGradient);
        break;
      case Op::kRecvGrad:
        output_grads_[place] = receive(stage_.boundary(action.microbatch), next(), kGradient);
        break;
    }
  }

  void finish() {
    for (auto& [work, kept] : sends_) work->wait();
  }

 private:
  static Tensors take(std::map<Place, Tensors>& from, Place place) {
    auto node = from.extract(place);
    return node.empty() ? Tensors{} : std::move(node.mapped());
  }

  // A chunk's result waits to be sent; where one rank holds all chunks, it lies ready for the
  // neighbour without a message.
  void give(Tensors result, Tensors& unsent, std::map<Place, Tensors>& waiting, Place neighbour) {
    if (!alone_) {
      unsent = std::move(result);
    } else if (neighbour.first >= 0 && neighbour.first < schedule_.shape.chunks_per_stage) {
      waiting[neighbour] = std::move(result);
    }
  }

  int next() const { return (pipeline_.rank() + 1) % pipeline_.size(); }
  int previous() const { return (pipeline_.rank() + pipeline_.size() - 1) % pipeline_.size(); }

  void send(Tensors tensors, int peer, Channel channel) {
    for (at::Tensor& tensor : tensors) {
      // The tensor lives in the list until its message is done: an activation may be freed by its
      // owner before.
      auto& [work, kept] = sends_.emplace_back(nullptr, tensor.contiguous());
      const P2p message{true, &kept, peer, channel};
      work = pipeline_.exchange({&message, 1});
    }
  }

  Tensors receive(const std::vector<TensorSpec>& specs, int peer, Channel channel) {
    Tensors tensors;
    std::vector<P2p> messages;
    for (const TensorSpec& spec : specs) {
      tensors.push_back(
          at::empty(spec.shape, at::TensorOptions().dtype(spec.dtype).device(pipeline_.device())));
    }
    for (at::Tensor& tensor : tensors) messages.push_back({false, &tensor, peer, channel});
    pipeline_.exchange(messages)->wait();
    return tensors;
  }

  const Schedule& schedule_;
  Communicator& pipeline_;
  Stage& stage_;
  const bool alone_;
  std::map<Place, Tensors> inputs_, outputs_, output_grads_, input_grads_;
  std::vector<std::pair<WorkPtr, at::Tensor>> sends_;
};

}  // namespace

PipelineExecutor::PipelineExecutor(Schedule lowered, Communicator& pipeline)
    : schedule_(std::move(lowered)), pipeline_(pipeline) {
  base::ensure(schedule_.shape.stages == pipeline_.size(),
               "a schedule for another number of stages");
  check(schedule_);
}

PipelineExecutor::~PipelineExecutor() = default;

void PipelineExecutor::run(Stage& stage) {
  ScheduleRun run(schedule_, pipeline_, stage);
  for (const Action& action : schedule_.program[static_cast<size_t>(pipeline_.rank())])
    run.perform(action);
  run.finish();
}

}  // namespace strata::parallel
