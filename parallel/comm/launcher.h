// The program that started the ranks, where it may be as stuck as they are: Open MPI's mpirun waits
// for ever for a host that the network no longer reaches, and would hold the whole allocation.
#pragma once

namespace strata::parallel {

/// Leaves a small process behind that ends the launcher, `seconds` from now, if it is an
/// mpirun that still runs then. Does nothing on ranks that mpirun did not start itself. Safe to
/// call from any thread, right before _exit().
void end_stuck_launcher_after(unsigned seconds);

}  // namespace strata::parallel
