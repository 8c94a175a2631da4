// Where the tests' own files lie. Compiled into one file only, so that the others compile alike in
// every clone.
#pragma once

#include <filesystem>

namespace strata::tests {

/// The source folder tests/: tests_folder() / "data" / "tokenizer.json".
std::filesystem::path tests_folder();

}  // namespace strata::tests
