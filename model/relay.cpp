#include "model/relay.h"

#include <ATen/ops/empty.h>

#include "model/decoder.h"
#include "parallel/mesh/context.h"
#include "parallel/params/param_store.h"

namespace strata::model {
namespace {

void pass_on(parallel::Communicator& pipeline, at::Tensor& hidden_nd, bool send, int peer) {
  const parallel::P2p message{
      .send = send, .tensor = &hidden_nd, .peer = peer, .channel = parallel::kActivation};
  pipeline.exchange({&message, 1})->wait();
}

}  // namespace

at::Tensor relay(const Decoder& decoder, const std::vector<int64_t>& hidden_shape,
                 const std::function<at::Tensor(int chunk, const at::Tensor& hidden_nd)>& run) {
  const parallel::ParallelContext& context = decoder.context();
  parallel::Communicator& pipeline = context.along(parallel::kPipelineAxis);
  const int stages = pipeline.size(), stage = pipeline.rank();
  const auto& store = decoder.params().options();
  at::Tensor hidden_nd;
  for (int chunk = 0; chunk < decoder.chunk_count(); ++chunk) {
    if (stages > 1 && !decoder.is_first(chunk)) {
      hidden_nd =
          at::empty(hidden_shape, at::TensorOptions().dtype(store.compute).device(store.device));
      pass_on(pipeline, hidden_nd, /*send=*/false, (stage + stages - 1) % stages);
    }
    hidden_nd = run(chunk, hidden_nd);
    if (stages > 1 && !decoder.is_last(chunk)) {
      hidden_nd = hidden_nd.contiguous();
      pass_on(pipeline, hidden_nd, /*send=*/true, (stage + 1) % stages);
    }
  }
  return decoder.has_head() ? hidden_nd : at::Tensor();
}

int last_stage_root(const Decoder& decoder) {
  const parallel::ParallelContext& context = decoder.context();
  parallel::Coord root = context.coord();
  root.tensor = 0;
  root.pipeline = context.layout().pipeline() - 1;
  return context.layout().index_along(parallel::kModelAxes, context.layout().rank_of(root));
}

}  // namespace strata::model
