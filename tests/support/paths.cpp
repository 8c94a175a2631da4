#include "tests/support/paths.h"

namespace strata::tests {

std::filesystem::path tests_folder() { return STRATA_TESTS_FOLDER; }

}  // namespace strata::tests
