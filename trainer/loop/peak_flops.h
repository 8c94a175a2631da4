// How fast the ranks could multiply at best: what "mfu" is a share of.
#pragma once

namespace strata::trainer {

class Session;

/// The peak of precision.compute. Of a GPU by its data sheet (dense), NaN for an unknown one. A CPU
/// measures itself, in the precision that its products are made in (bf16 without bf16 units: fp32):
/// each call multiplies once more and the best so far counts, since one product alone may meet a
/// busy moment.
class PeakFlops {
 public:
  explicit PeakFlops(Session& session);
  /// Floating-point operations a second of all ranks together. Collective.
  double measure();

 private:
  Session& session_;
  double best_ = 0;  ///< this rank's own
};

}  // namespace strata::trainer
