// The loops of flat_raw.h in a program without a GPU: no tensor of a GPU can get here.
#include "base/error.h"
#include "kernels/flat_raw.h"

namespace strata::kernels::cuda {
namespace {
[[noreturn]] void refuse_flat() { throw base::InternalError("this program has no GPU kernels"); }
}  // namespace

void adamw(const AdamwRaw&) { refuse_flat(); }
void accumulate(const AccumulateRaw&) { refuse_flat(); }
void add_rows(const AddRowsRaw&) { refuse_flat(); }
void square_sums(const SquaresRaw&) { refuse_flat(); }

}  // namespace strata::kernels::cuda
