// The names of the tasks of `strata eval`, for the config's list of choices.
#pragma once

#include <string>
#include <vector>

namespace strata::trainer {

/// In the order of the table in tasks.cpp.
std::vector<std::string> task_names();

}  // namespace strata::trainer
