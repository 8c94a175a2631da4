// Whether a config, a model and a layout of ranks fit one another: all that can be known before a
// folder or a parameter is made. `strata check` asks the same for ranks that are not there.
#pragma once

#include <string>

#include "model/config.h"
#include "parallel/mesh/layout.h"
#include "parallel/pipeline/schedule.h"

namespace strata::trainer {

struct RunConfig;

/// UserError (kBadUsage) with the nearest legal values where a step's rows cannot be dealt out:
/// batch.global to micro-batches and data ranks, batch.sequence to context ranks, a micro-batch's
/// tokens to tensor ranks (parallel.sequence).
void check_rows_fit(const RunConfig& config, const parallel::MeshLayout& layout);

/// Rows are padded to multiples of so many tokens, so that context ranks can share each row and,
/// with parallel.sequence, tensor ranks the tokens of each micro-batch.
int64_t length_unit(const RunConfig& config, const parallel::MeshLayout& layout);

/// UserError (kBadUsage) with the legal values where heads cannot be dealt out to the tensor ranks,
/// or layers to the stages and chunks; `whose` says which model that is.
void check_model_fits(const RunConfig& config, const model::ModelConfig& model,
                      const parallel::MeshLayout& layout, const std::string& whose = "the model");

/// The order of a step on `rows` rows, the last micro-batches of which may be padding. UserError as
/// make_schedule() says.
parallel::Schedule schedule_of_step(const RunConfig& config, const parallel::MeshLayout& layout,
                                    int64_t rows);

}  // namespace strata::trainer
