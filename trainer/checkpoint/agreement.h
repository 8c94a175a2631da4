// Ranks that agree on what went wrong, so that all of them fail alike.
#pragma once

#include <exception>
#include <string>

#include "base/error.h"
#include "parallel/comm/communicator.h"

namespace strata::trainer {

/// Runs `act`; what it throws comes back as a text, "" = nothing.
template <class Act>
std::string error_of(const Act& act) {
  try {
    act();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

/// The first rank's complaint, on every rank; "" where none has one. Collective.
std::string first_complaint(parallel::Communicator& world, const std::string& mine);

/// Throws the first rank's complaint on every rank as a UserError. Collective.
void fail_together(parallel::Communicator& world, base::ExitCode exit_code,
                   const std::string& mine);

}  // namespace strata::trainer
