// How fast the ranks could multiply at best: what "mfu" is a share of.
#pragma once

namespace strata::trainer {

class Session;

/// Floating-point operations a second of all ranks together in precision.compute. On the CPU
/// measured with one matrix product while the other ranks measure too, a GPU's by its data sheet
/// (dense); NaN for an unknown GPU. Collective.
double peak_flops(Session& session);

}  // namespace strata::trainer
