// Runs a program as a user would and keeps what it said.
#pragma once

#include <string>
#include <string_view>

namespace strata::tests {

struct CommandResult {
  int exit_code;         ///< 128 + n after signal n, as in a shell
  std::string out, err;  ///< stdout and stderr, whole
};

/// Runs one line in bash and waits for it.
CommandResult run_command(const std::string& line);

}  // namespace strata::tests
