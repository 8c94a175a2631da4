// Attention of sequences that are cut over ranks: keys and values travel round the ring of these
// ranks while each attends with its own queries. (Liu et al., "Ring Attention with Blockwise
// Transformers for Near-Infinite Context", 2023.) Knows no cut: every block of keys brings its
// places and documents along, so any one is right.
#pragma once

#include "kernels/attention.h"
#include "parallel/comm/communicator.h"

namespace strata::parallel {

/// kernels::attention_forward of this rank's queries over the keys and values of all ranks.
/// options.mask.query_place_t says where the own tokens stand in the whole rows; every query sees
/// its own key. Parts are merged in fp32. All ranks have blocks of one shape. Collective.
kernels::AttentionForward ring_attention_forward(Communicator& ring,
                                                 const kernels::QueryKeyValue& own,
                                                 const kernels::AttentionOptions& options);

/// Its way back: what the queries of all ranks say of a block's keys and values is summed in fp32
/// on the way round. Collective.
void ring_attention_backward(Communicator& ring, const at::Tensor& grad_out_bthd,
                             const kernels::QueryKeyValue& own,
                             const kernels::AttentionForward& forward,
                             const kernels::AttentionOptions& options,
                             kernels::QueryKeyValue& grads);

}  // namespace strata::parallel
