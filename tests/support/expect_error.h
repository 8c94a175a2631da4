// Expecting a UserError by its exit code and by pieces of its text.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace strata::tests {

/// Runs `act` and expects a UserError with this code whose text contains every one of `pieces`.
/// Returns the text.
template <class Act>
std::string expect_user_error(base::ExitCode code, const std::vector<std::string>& pieces,
                              Act act) {
  try {
    act();
  } catch (const base::UserError& error) {
    const std::string what = error.what();
    EXPECT_EQ(error.exit_code, code) << what;
    for (const auto& piece : pieces) {
      EXPECT_NE(what.find(piece), std::string::npos) << "'" << piece << "' is not in: " << what;
    }
    return what;
  }
  ADD_FAILURE() << "no UserError was thrown";
  return "";
}

}  // namespace strata::tests
